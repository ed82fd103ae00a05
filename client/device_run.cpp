// One run of a device: a session, its connection, and a thread that trains.

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <thread>
#include <utility>

#include "client/device_state.h"
#include "client/local_training.h"
#include "common/check.h"

namespace fedspend::client {
namespace {

constexpr Millis kLongestWait{50};           // so that cancellation and withdrawal are seen
constexpr Millis kWaitWhileTraining{5};
constexpr Millis kConditionsInterval{1'000};
constexpr Millis kNoAnswer{600'000};         // of a coordinator that holds a check-in
constexpr std::int64_t kLongestPause_s = 7 * 86'400;

HistoryKind kind_of(const Leaving& leaving) {
  if (leaving.type == MessageType::check_in) return HistoryKind::checked_in;
  if (!leaving.is_again && (leaving.type == MessageType::masked_input || leaving.type == MessageType::update)) return HistoryKind::contributed;
  return HistoryKind::control;
}

DevicePhase phase_of(std::string_view name) {
  if (name == "checked-in") return DevicePhase::checked_in;
  if (name == "training") return DevicePhase::training;
  if (name == "aggregating") return DevicePhase::aggregating;
  return name == "reporting" ? DevicePhase::reporting : DevicePhase::idle;
}

// Trains one update at a time on a thread of its own.
class TrainingThread {
 public:
  TrainingThread(const DeviceOptions& options) : options_(options) {}

  void start(StartTraining start, std::vector<models::Transaction> transactions) {
    stop();
    thread_ = std::jthread([this, given = std::move(start), rows = std::move(transactions)](std::stop_token token) mutable {
      TrainingFinished finished = train(given, std::move(rows), token);
      const std::lock_guard lock(mutex_);
      finished_ = std::move(finished);
    });
  }
  // Waits until it has stopped: between two batches.
  void stop() {
    thread_ = {};
    const std::lock_guard lock(mutex_);
    finished_.reset();
  }
  std::optional<TrainingFinished> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(finished_, std::nullopt);
  }
  bool is_there() const { return thread_.joinable(); }

 private:
  TrainingFinished train(const StartTraining& start, std::vector<models::Transaction> transactions, std::stop_token token) const {
    if (options_.examples) {
      Result<std::vector<models::Transaction>> given = options_.examples();
      if (!given) return {start.session, DeclineReason::training_failed};
      transactions = std::move(*given);
    }
    Result<std::unique_ptr<models::Trainer>> trainer = options_.make_trainer ? options_.make_trainer(start.plan->model) : models::make_trainer(start.plan->model);
    if (!trainer) return {start.session, DeclineReason::training_failed};
    const models::Vocabulary vocabulary(start.plan->model.categories);
    const std::vector<models::HistoryRow> rows = history_rows(transactions, vocabulary);
    return train_locally(**trainer, start, rows, token);
  }

  const DeviceOptions& options_;
  std::mutex mutex_;
  std::optional<TrainingFinished> finished_;
  std::jthread thread_;  // last: it ends before what it writes goes
};

// The run itself. What it is asked to send goes only if consent, conditions and the history allow it at that moment.
class Run {
 public:
  Run(Device::State& state, std::unique_ptr<DeviceLink> link) : state_(state), link_(std::move(link)), training_(state.options), session_(make_session(state)) {}

  template <class Work>
  auto locked(const Work& work) {
    const std::lock_guard lock(state_.vault_mutex);
    return work();
  }
  RunReport to_the_end() {
    const Millis begun = state_.host.monotonic();
    take(locked([&] { return session_.start(begun); }));
    take(locked([&] { return session_.step(Wake{}, state_.host.monotonic()); }));
    connections_ = link_->connections();
    if (!report_.has_value() && session_.is_idle()) {
      outcome_ = RunOutcome::refused;
      words_ = "this device has taken part as often as it may";
      finish(alarm_);
    }
    while (!report_.has_value()) turn();
    training_.stop();
    state_.host.phase(DevicePhase::idle);
    return std::move(*report_);
  }

 private:
  static Session make_session(Device::State& state) {
    SessionOptions options;
    options.population = state.options.population;
    options.release_key = state.options.release_key;
    options.policy = state.options.policy;
    options.hold_timeout = kNoAnswer;
    options.transient_backoff = state.options.transient_backoff;
    options.permanent_backoff = state.options.permanent_backoff;
    options.held_plan = state.held_plan;
    options.held_model = state.held_model;
    return Session(std::move(options), std::make_unique<BorrowedSigner>(*state.signer),
                   SessionServices{.random = state.random,
                                   .cache = *state.cache,
                                   .record = *state.record,
                                   .credentials = state.credentials,
                                   .executor = state.executor,
                                   .unix_time_s = [&state] { return static_cast<std::uint64_t>(std::max<std::int64_t>(state.host.unix_time_s(), 0)); },
                                   .consents = [&state](std::string_view purpose) { return state.consents_to(purpose); }});
  }

  void step(const Event& event) {
    if (!report_.has_value()) take(locked([&] { return session_.step(event, state_.host.monotonic()); }));
  }

  void turn() {
    const Millis now = state_.host.monotonic();
    const Millis longest = training_.is_there() ? kWaitWhileTraining : kLongestWait;
    if (const Status waited = link_->wait(std::clamp(alarm_ - now, Millis(0), longest)); !waited) return fail_with(RunOutcome::failed, waited.error().message);
    if (state_.cancel_requested.load()) {
      words_ = "the host cancelled";
      return step(Cancel{});
    }
    if (!report_.has_value() && !still_allowed()) return;
    // The session asks for the consent at every event.
    if (!locked([&] { return state_.consents_to_something(); }) || state_.host.monotonic() >= alarm_) step(Wake{});
    if (auto finished = training_.take()) {
      training_.stop();
      step(*finished);
    }
    receive();
    check_connection();
  }

  // Conditions, once a second and before each training and message.
  bool still_allowed(bool at_once = false) {
    const Millis now = state_.host.monotonic();
    if (!at_once && now < conditions_at_) return true;
    conditions_at_ = now + kConditionsInterval;
    const Status allowed = check_conditions(state_.options.rules, state_.host.conditions());
    if (allowed) return true;
    stop_because(RunOutcome::conditions, allowed.error().message);
    return false;
  }

  void receive() {
    while (!report_.has_value()) {
      Result<std::optional<Frames>> frames = link_->receive();
      if (!frames) return fail_with(RunOutcome::failed, frames.error().message);
      if (!frames->has_value()) return;
      step(FramesReceived{std::move(**frames)});
    }
  }

  void check_connection() {
    if (report_.has_value()) return;
    const Status state = link_->check(state_.host.monotonic());
    if (!state) return fail_with(state.error().code == ErrorCode::unauthorized ? RunOutcome::not_accepted_here : RunOutcome::unreachable, state.error().message);
    const std::uint64_t before = std::exchange(connections_, link_->connections());
    if (is_connection_restored(before, connections_)) step(ConnectionRestored{});
  }

  // Ends the round in silence; the words are this engine's, whatever the session says of it.
  void stop_because(RunOutcome outcome, std::string words) {
    outcome_ = outcome;
    words_ = std::move(words);
    training_.stop();
    const Effects effects = locked([&] { return session_.step(Cancel{}, state_.host.monotonic()); });
    Millis at = state_.host.monotonic() + state_.options.transient_backoff;
    for (const Effect& effect : effects)
      if (const auto* wake = std::get_if<WakeAt>(&effect)) at = wake->time;
    note({.kind = HistoryKind::stopped, .note = words_});
    finish(at);
  }
  void fail_with(RunOutcome outcome, std::string words) { stop_because(outcome, std::move(words)); }

  void finish(Millis come_back_at) {
    const Millis wait = std::max(come_back_at - state_.host.monotonic(), Millis(0));
    report_ = RunReport{outcome_, words_.empty() ? std::string(to_string(outcome_)) : words_, wait, bytes_sent_};
  }

  Status note(HistoryEntry entry) {
    entry.time_s = state_.host.unix_time_s();
    return locked([&]() -> Status {
      Status kept = state_.log->append(std::move(entry));
      if (!kept) state_.host.log(true, "the history could not be written: " + kept.error().message);
      return kept;
    });
  }

  HistoryEntry entry_of(const Leaving& leaving) const {
    HistoryEntry entry{.round = leaving.round};
    entry.plan = leaving.plan_hash;
    if (leaving.plan != nullptr) {
      entry.purpose = leaving.plan->purpose;
      entry.plan_name = leaving.plan->name;
      entry.model = leaving.plan->model.name;
    }
    return entry;
  }

  void send(const Send& message) {
    last_leaving_ = message.leaving;
    HistoryEntry entry = entry_of(message.leaving);
    entry.kind = kind_of(message.leaving);
    entry.bytes = message.frames.size();
    entry.note = std::string(to_string(message.leaving.type)) + (message.leaving.is_again ? ", sent again" : "");
    if (message.leaving.plan != nullptr) {
      entry.delta = state_.options.policy.delta;
      const Result<PrivacyAccount> spent = locked([&] { return state_.record->account_in_all(); });
      if (!spent) return stop_because(RunOutcome::failed, spent.error().message);
      entry.epsilon_after = spent->participations == 0 ? 0 : spent->epsilon(entry.delta);
    }
    if (!still_allowed(true)) return;
    if (state_.cancel_requested.load()) return stop_because(RunOutcome::cancelled, "the host cancelled");
    if (const Status kept = note(std::move(entry)); !kept) return stop_because(RunOutcome::failed, "the history could not be written: " + kept.error().message);
    // The last moment: a refusal of a plan is not for a plan that is consented to, everything else is.
    const bool may = message.leaving.plan == nullptr || message.leaving.type == MessageType::decline || state_.consents_to(message.leaving.plan->purpose);
    if (!may || (message.leaving.type == MessageType::check_in && !state_.consents_to_something())) return stop_because(RunOutcome::withdrawn, "the customer withdrew");
    // Not sent: the session's own time-out decides what is next.
    if (link_->send(message.frames)) bytes_sent_ += message.frames.size();
  }

  void train(StartTraining& start) {
    if (!still_allowed(true)) return;
    state_.held_plan = start.plan_hash;
    std::vector<models::Transaction> rows;
    if (!state_.options.examples) {
      locked([&] {
        const std::span<const models::Transaction> all = state_.transactions->transactions();
        rows.assign(all.begin(), all.end());
      });
    }
    training_.start(std::move(start), std::move(rows));
  }

  void take(Effects effects) {
    std::optional<Millis> wake;
    bool is_over = false;
    for (Effect& effect : effects) {
      if (report_.has_value()) return;
      if (const auto* message = std::get_if<Send>(&effect)) {
        send(*message);
      } else if (auto* start = std::get_if<StartTraining>(&effect)) {
        train(*start);
      } else if (std::holds_alternative<StopTraining>(effect)) {
        training_.stop();
      } else if (const auto* at = std::get_if<WakeAt>(&effect)) {
        wake = at->time;
      } else {
        is_over = true;
        conclude(effect);
      }
    }
    if (report_.has_value()) return;
    if (wake) alarm_ = *wake;
    announce();
    if (session_.is_idle() && (is_over || was_busy_)) finish(alarm_);
  }

  void conclude(const Effect& effect) {
    const auto stopped = [&](RunOutcome outcome, std::string words, std::string purpose) {
      outcome_ = outcome;
      if (words_.empty()) words_ = std::move(words);
      static_cast<void>(note({.kind = HistoryKind::stopped, .purpose = std::move(purpose), .note = words_}));
    };
    if (const auto* reported = std::get_if<Reported>(&effect)) {
      outcome_ = reported->status == UpdateStatus::accepted ? RunOutcome::contributed : RunOutcome::not_accepted;
      words_ = "the coordinator's answer: " + std::string(to_string(reported->status));
    } else if (const auto* refused = std::get_if<Refused>(&effect)) {
      outcome_ = RunOutcome::refused;
      words_ = refused->why;
      HistoryEntry entry = entry_of(last_leaving_);
      entry.kind = HistoryKind::refused;
      entry.note = refused->why;
      static_cast<void>(note(std::move(entry)));
    } else if (const auto* withdrawn = std::get_if<Withdrawn>(&effect)) {
      stopped(RunOutcome::withdrawn, "the customer withdrew", withdrawn->purpose);
    } else if (std::holds_alternative<Cancelled>(effect)) {
      stopped(RunOutcome::cancelled, "the host cancelled", {});
    } else if (std::holds_alternative<Ended>(effect)) {
      outcome_ = RunOutcome::finished;
      words_ = "the federation is finished";
    } else if (const auto* ignored = std::get_if<Ignored>(&effect)) {
      state_.host.log(false, "a message was ignored: " + ignored->why);
    }
  }

  void announce() {
    const DevicePhase phase = phase_of(session_.phase());
    if (phase != DevicePhase::idle) {
      was_busy_ = true;
      // What is said if it goes idle without a word: a ComeBack while it was checked in, otherwise no answer in time.
      outcome_ = phase == DevicePhase::checked_in ? RunOutcome::not_selected : RunOutcome::unreachable;
    }
    if (std::exchange(phase_, phase) != phase) state_.host.phase(phase);
  }

  Device::State& state_;
  std::unique_ptr<DeviceLink> link_;
  TrainingThread training_;
  Session session_;
  Leaving last_leaving_;
  RunOutcome outcome_ = RunOutcome::failed;
  std::string words_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t connections_ = 0;
  Millis alarm_{};
  Millis conditions_at_{};
  DevicePhase phase_ = DevicePhase::idle;
  bool was_busy_ = false;
  std::optional<RunReport> report_;
};

}  // namespace

// The pause is kept as (moment it was begun, moment it ends) on the wall clock. In the process that began it the monotonic clock decides; after a
// restart a clock that stands before the beginning has gone back, and the pause begins anew from there: it is never longer than it was. A
// clock that was set forward between two processes shortens it, which costs a check-in that the coordinator answers with a ComeBack.
Result<Millis> Device::State::time_to_wait() {
  if (not_before) return std::max(*not_before - host.monotonic(), Millis(0));
  FEDSPEND_ASSIGN(const std::optional<Bytes> kept, setting(Setting::pacing));
  if (!kept) return Millis(0);
  if (kept->size() != 16) return fail(ErrorCode::malformed, "the device's pause is damaged");
  const auto begun_s = static_cast<std::int64_t>(load_u64(ByteSpan(*kept).first(8)));
  const auto until_s = static_cast<std::int64_t>(load_u64(ByteSpan(*kept).subspan(8)));
  const std::int64_t pause_s = std::clamp<std::int64_t>(until_s - begun_s, 0, kLongestPause_s);
  const std::int64_t now_s = host.unix_time_s();
  const std::int64_t left_s = now_s < begun_s ? pause_s : std::max<std::int64_t>(pause_s - (now_s - begun_s), 0);
  not_before = host.monotonic() + Millis(left_s * 1'000);
  return Millis(left_s * 1'000);
}

Status Device::State::keep_wait(Millis wait) {
  not_before = host.monotonic() + wait;
  const std::int64_t now_s = host.unix_time_s();
  const std::int64_t until_s = now_s + std::min((wait.count() + 999) / 1'000, kLongestPause_s);
  Bytes content(16);
  store_u64(MutableByteSpan(content).first(8), static_cast<std::uint64_t>(now_s));
  store_u64(MutableByteSpan(content).subspan(8), static_cast<std::uint64_t>(until_s));
  return keep_setting(Setting::pacing, content);
}

Result<RunReport> Device::State::run() {
  const auto not_now = [&](RunOutcome outcome, std::string words, Millis wait) { return RunReport{outcome, std::move(words), wait, 0}; };
  {
    const std::lock_guard lock(vault_mutex);
    if (const Status enrolled = check_enrolment(); !enrolled) return not_now(RunOutcome::not_enrolled, enrolled.error().message, options.permanent_backoff);
    if (!consents_to_something()) return not_now(RunOutcome::no_consent, "nothing is consented to", options.permanent_backoff);
    FEDSPEND_ASSIGN(const Millis left, time_to_wait());
    if (left > Millis(0)) return not_now(RunOutcome::too_early, "it is too early", left);
  }
  if (const Status allowed = check_conditions(options.rules, host.conditions()); !allowed)
    return not_now(RunOutcome::conditions, allowed.error().message, options.transient_backoff);
  if (!options.connect) return fail(ErrorCode::invalid_argument, "no way to the coordinator was given");
  // A crash in the middle must not make a device that checks in again and again.
  {
    const std::lock_guard lock(vault_mutex);
    FEDSPEND_TRY(keep_wait(options.transient_backoff));
  }
  FEDSPEND_ASSIGN(std::unique_ptr<DeviceLink> link, options.connect({.curve = *curve, .id = id, .signer = *signer, .random = random}));
  RunReport report = Run(*this, std::move(link)).to_the_end();
  const std::lock_guard lock(vault_mutex);
  FEDSPEND_TRY(keep_wait(report.come_back_in));
  return report;
}

}  // namespace fedspend::client
