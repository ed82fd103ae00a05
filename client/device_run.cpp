// One run of a device: a session, its connection, and a thread that trains.

#include <algorithm>
#include <optional>
#include <utility>

#include "client/device_state.h"
#include "client/training_thread.h"
#include "common/check.h"

namespace fedspend::client {
namespace {

constexpr Millis kConditionsInterval{1'000}; // and the longest wait: what else there is to see wakes the link
constexpr Millis kNoAnswer{600'000};         // of a coordinator that holds a check-in
constexpr Millis kLongestRun = std::chrono::hours(24);  // whatever plan and coordinator say
constexpr std::int64_t kLongestPause_s = std::int64_t{7} * 86'400 * 6 / 5;  // what a coordinator may ask for, and its jitter
constexpr std::int64_t kLatestTime_s = 253'402'300'799;  // the end of the year 9999
constexpr int kMessagesPerTurn = 64;         // then cancellation, conditions and the alarm are looked at
constexpr int kMostIgnoredLogged = 100;

bool is_update(MessageType type) { return type == MessageType::masked_input || type == MessageType::update; }

HistoryKind kind_of(const Leaving& leaving) {
  if (leaving.type == MessageType::check_in) return HistoryKind::checked_in;
  if (leaving.type == MessageType::decline) return HistoryKind::refused;
  if (!is_update(leaving.type)) return HistoryKind::control;
  if (leaving.is_again) return HistoryKind::contributed_again;
  return leaving.type == MessageType::update ? HistoryKind::contributed_open : HistoryKind::contributed;
}

DevicePhase phase_of(std::string_view name) {
  if (name == "checked-in") return DevicePhase::checked_in;
  if (name == "training") return DevicePhase::training;
  if (name == "aggregating") return DevicePhase::aggregating;
  return name == "reporting" ? DevicePhase::reporting : DevicePhase::idle;
}

// The vault's lock, held and given back. What the session leaves half done meanwhile is its own: one thread steps it, and what lies on the vault is
// whole between two calls.
class Inside {
 public:
  explicit Inside(std::unique_lock<std::mutex>& lock) : lock_(lock) { lock_.lock(); }
  ~Inside() { lock_.unlock(); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  std::unique_lock<std::mutex>& lock_;
};
class Outside {
 public:
  explicit Outside(std::unique_lock<std::mutex>& lock) : lock_(lock), was_held_(lock.owns_lock()) {
    if (was_held_) lock_.unlock();
  }
  ~Outside() {
    if (was_held_) lock_.lock();
  }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  std::unique_lock<std::mutex>& lock_;
  const bool was_held_;
};

// The device's key, for the session: a function of the host's, which is called without the vault's lock.
class OutsideSigner final : public IdentitySigner {
 public:
  OutsideSigner(IdentitySigner& signer, std::unique_lock<std::mutex>& lock) : signer_(signer), lock_(lock) {}
  const IdentityPublicKey& public_key() const override { return signer_.public_key(); }
  Result<Signature> sign(ByteSpan message) override {
    const Outside outside(lock_);
    return signer_.sign(message);
  }

 private:
  IdentitySigner& signer_;
  std::unique_lock<std::mutex>& lock_;
};

// The run itself. What it is asked to send goes only if consent, conditions and the history allow it at that moment.
class Run {
  // A function of the host's that is called in there gives the lock back for so long (Outside).
  template <class Work>
  auto locked(const Work& work) {
    const Inside inside(lock_);
    return work();
  }
  Millis now() { return state_.clock.now(); }

 public:
  Run(Device::State& state, std::unique_ptr<DeviceLink> link)
      : state_(state), link_(std::move(link)), training_(state.options, [this] { link_->wake(); }), session_(make_session(state)), broken_readings_(state.clock.broken_readings()), begun_(now()) {
    show(link_.get());
  }
  ~Run() { show(nullptr); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  RunReport to_the_end() {
    take(locked([&] { return session_.start(begun_); }));
    step(Wake{});
    connections_ = link_->connections();
    if (!report_.has_value() && session_.is_idle()) {
      outcome_ = RunOutcome::no_consent;
      words_ = "nothing is consented to";
      finish(alarm_);
    }
    while (!report_.has_value()) turn();
    training_.stop();
    if (std::exchange(phase_, DevicePhase::idle) != DevicePhase::idle) state_.host.phase(DevicePhase::idle);
    return std::move(*report_);
  }

 private:
  // To those who wake it: a cancel or a withdrawal that came before is seen without that.
  void show(DeviceLink* link) {
    const std::lock_guard lock(state_.link_mutex);
    state_.run_link = link;
  }

  Session make_session(Device::State& state) {
    SessionOptions options;
    options.population = state.options.population;
    options.release_key = state.options.release_key;
    options.policy = state.options.policy;
    options.hold_timeout = kNoAnswer;
    options.transient_backoff = state.options.transient_backoff;
    options.permanent_backoff = state.options.permanent_backoff;
    options.shortest_retry = state.options.transient_backoff / 15;  // a minute of the default's quarter of an hour
    locked([&] {
      options.held_plan = state.held_plan;
      options.held_model = state.held_model;
    });
    return Session(std::move(options), std::make_unique<OutsideSigner>(*state.signer, lock_),
                   SessionServices{.random = state.random,
                                   .cache = *state.cache,
                                   .record = *state.record,
                                   .credentials = *state.credentials,
                                   .executor = state.executor,
                                   .unix_time_s =
                                       [this, &state] {
                                         const Outside outside(lock_);
                                         return static_cast<std::uint64_t>(std::max<std::int64_t>(state.host.unix_time_s(), 0));
                                       },
                                   .consents = [this](std::string_view purpose) { return consents_to(purpose); }});
  }

  void step(const Event& event) {
    if (report_.has_value()) return;
    const Millis at = now();
    take(locked([&] { return session_.step(event, at); }));
  }

  void turn() {
    if (!may_go_on()) return;
    link_->speaks_soon(training_.is_there());
    if (const Status waited = link_->wait(std::clamp(alarm_ - now(), Millis(0), kConditionsInterval)); !waited) return stop_because(RunOutcome::failed, waited.error().message);
    if (!may_go_on()) return;
    // The session asks for the consent at every event.
    if (!locked([&] { return session_is_allowed(); }) || now() >= alarm_) step(Wake{});
    if (auto finished = training_.take()) {
      training_.stop();
      training_words_ = finished->threw ? "an exception inside the training" : std::move(finished->words);
      step(finished->event);
    }
    receive();
    check_connection();
  }

  // What ends a run from outside: the host, its clock, the conditions, the time.
  bool may_go_on() {
    if (report_.has_value()) return false;
    if (state_.is_cancelled()) {
      stop_because(RunOutcome::cancelled, "the host cancelled");
    } else if (now() - begun_ > kLongestRun) {
      stop_because(RunOutcome::failed, "the run took longer than a day");
    } else if (state_.clock.broken_readings() != broken_readings_) {
      stop_because(RunOutcome::failed, "the host's monotonic clock went back, or is below 0");
    } else {
      check_conditions_now(false);
    }
    return !report_.has_value();
  }

  // Once a second, and before each training and message.
  void check_conditions_now(bool at_once) {
    const Millis time = now();
    if (!at_once && conditions_at_ && time < *conditions_at_) return;
    conditions_at_ = time + kConditionsInterval;
    if (const Status allowed = check_conditions(state_.options.rules, state_.host.conditions()); !allowed) stop_because(RunOutcome::conditions, allowed.error().message);
  }
  bool allowed_now() {
    if (!report_.has_value()) check_conditions_now(true);
    return !report_.has_value() && may_go_on();
  }

  // Of the plan in hand; before there is one, of any.
  bool session_is_allowed() const {
    const bool has_plan = last_leaving_.plan != nullptr && phase_ != DevicePhase::checked_in;
    return has_plan ? consents_to(last_leaving_.plan->purpose) : consents_to_something();
  }
  // As it was when this run began, and since: a consent that was withdrawn and given again is for the next run.
  bool consents_to(std::string_view purpose) const { return state_.consents_to(purpose) && !state_.withdrawing.came_after(withdrawals_before_, purpose); }
  bool consents_to_something() const {
    return std::ranges::any_of(state_.options.policy.purposes, [this](const std::string& purpose) { return consents_to(purpose); });
  }

  // A coordinator that sends without end is not listened to without end.
  void receive() {
    for (int i = 0; i < kMessagesPerTurn && may_go_on(); ++i) {
      Result<std::optional<Frames>> frames = link_->receive();
      if (!frames) return stop_because(RunOutcome::failed, frames.error().message);
      if (!frames->has_value()) return;
      step(FramesReceived{std::move(**frames)});
    }
  }

  void check_connection() {
    if (report_.has_value()) return;
    const Status state = link_->check(now());
    if (!state) {
      const Error& error = state.error();
      return stop_because(error.code == ErrorCode::unauthorized ? RunOutcome::not_accepted_here : RunOutcome::unreachable, error.hint.empty() ? error.message : error.message + "; " + error.hint);
    }
    const std::uint64_t before = std::exchange(connections_, link_->connections());
    if (is_connection_restored(before, connections_)) step(ConnectionRestored{});
  }

  // Ends the round in silence; the words are this engine's, whatever the session says of it.
  void stop_because(RunOutcome outcome, std::string words) {
    if (report_.has_value()) return;
    outcome_ = outcome;
    words_ = std::move(words);
    training_.stop();
    const Millis time = now();
    const Effects effects = locked([&] { return session_.step(Cancel{}, time); });
    Millis at = now() + state_.options.transient_backoff;
    for (const Effect& effect : effects)
      if (const auto* wake = std::get_if<WakeAt>(&effect)) at = wake->time;
    HistoryEntry entry = entry_of(last_leaving_);
    entry.kind = HistoryKind::stopped;
    entry.note = words_;
    static_cast<void>(note(std::move(entry)));  // nothing leaves any more
    finish(at);
  }

  void finish(Millis come_back_at) {
    const Millis wait = std::clamp(come_back_at - now(), Millis(0), Millis(kLongestPause_s * 1'000));
    report_ = RunReport{outcome_, words_.empty() ? std::string(to_string(outcome_)) : words_, wait, bytes_sent_};
  }

  Status note(HistoryEntry entry) {
    entry.time_s = state_.host.unix_time_s();
    Status kept = locked([&] { return state_.log->append(std::move(entry)); });
    if (!kept) state_.host.log(true, "the history could not be written: " + kept.error().message);
    return kept;
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

  // With what was spent by then; `refusal`: what a Decline is for.
  Result<HistoryEntry> entry_of(const Send& message, const Refused* refusal) {
    HistoryEntry entry = entry_of(message.leaving);
    entry.kind = kind_of(message.leaving);
    entry.bytes = message.frames.size();
    entry.note = entry.kind == HistoryKind::refused && refusal != nullptr ? refusal->why : std::string(to_string(message.leaving.type)) + (message.leaving.is_again ? ", sent again" : "");
    if (message.leaving.plan != nullptr) {
      entry.delta = state_.options.policy.delta;
      FEDSPEND_ASSIGN(const PrivacyAccount spent, locked([&] { return state_.record->account_in_all(); }));
      entry.epsilon_after = spent.participations == 0 ? 0 : spent.epsilon(entry.delta);
    }
    return entry;
  }

  // A refusal of a plan may be of one whose purpose is not consented to; everything else needs the purpose's consent, and all of it some consent.
  bool may_leave(const Leaving& leaving) const {
    if (leaving.plan == nullptr || leaving.type == MessageType::decline) return consents_to_something();
    return consents_to(leaving.plan->purpose);
  }

  void send(const Send& message, const Refused* refusal) {
    last_leaving_ = message.leaving;
    Result<HistoryEntry> entry = entry_of(message, refusal);
    if (!entry) return stop_because(RunOutcome::failed, entry.error().message);
    if (!allowed_now()) return;
    if (const Status kept = note(std::move(*entry)); !kept) return stop_because(RunOutcome::failed, "the history could not be written: " + kept.error().message);
    // The last moment, and under the lock that a withdrawal takes: once one has returned, nothing more goes.
    const bool may = locked([&] {
      if (!may_leave(message.leaving) || state_.is_cancelled()) return false;
      // Not sent: the session's own time-out decides what is next.
      if (link_->send(message.frames)) bytes_sent_ += message.frames.size();
      return true;
    });
    if (may) return;
    if (state_.is_cancelled()) stop_because(RunOutcome::cancelled, "the host cancelled");
    else stop_because(RunOutcome::withdrawn, "the customer withdrew");
  }

  void train(StartTraining& start) {
    last_leaving_ = Leaving{.type = MessageType::assignment, .plan = start.plan, .plan_hash = start.plan_hash, .round = start.round};
    if (!allowed_now()) return;
    TrainingRows rows;
    rows.now_s = state_.host.unix_time_s();
    Device::State::Warnings warnings;
    locked([&] {
      state_.held_plan = start.plan_hash;
      state_.held_model = start.model_hash;
      warnings = state_.tidy(rows.now_s);
      rows.retention_days = state_.options.limits.days_for(start.plan->purpose);
      if (state_.options.examples) return;
      const std::span<const models::Transaction> own = state_.transactions->transactions_for(start.plan->purpose, rows.now_s);
      rows.transactions.assign(own.begin(), own.end());
    });
    state_.warn(warnings);
    training_.start(std::move(start), std::move(rows));
  }

  void take(Effects effects) {
    const auto refusal = std::ranges::find_if(effects, [](const Effect& effect) { return std::holds_alternative<Refused>(effect); });
    const Refused* const refused = refusal == effects.end() ? nullptr : std::get_if<Refused>(&*refusal);
    std::optional<Millis> wake;
    bool is_over = false;
    for (Effect& effect : effects) {
      if (report_.has_value()) return;
      if (const auto* message = std::get_if<Send>(&effect)) {
        send(*message, refused);
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
    if (const auto* reported = std::get_if<Reported>(&effect)) {
      outcome_ = reported->status == UpdateStatus::accepted ? RunOutcome::contributed : RunOutcome::not_accepted;
      words_ = "the coordinator's answer: " + std::string(to_string(reported->status));
    } else if (const auto* refused = std::get_if<Refused>(&effect)) {
      conclude_refusal(*refused);
    } else if (const auto* withdrawn = std::get_if<Withdrawn>(&effect)) {
      outcome_ = RunOutcome::withdrawn;
      words_ = "the customer withdrew";
      static_cast<void>(note({.kind = HistoryKind::stopped, .purpose = withdrawn->purpose, .note = words_}));
    } else if (std::holds_alternative<Ended>(effect)) {
      outcome_ = RunOutcome::finished;
      words_ = "the federation is finished";
    } else if (const auto* turned_away = std::get_if<TurnedAway>(&effect)) {
      outcome_ = RunOutcome::turned_away;
      words_ = "the coordinator does not take this device: " + std::string(to_string(turned_away->reason));
    } else if (const auto* ignored = std::get_if<Ignored>(&effect); ignored != nullptr && ++ignored_ <= kMostIgnoredLogged) {
      state_.host.log(false, "a message was ignored: " + ignored->why);
    }
  }

  // The entry of one that was said was written before it was sent; of silence it is written here.
  void conclude_refusal(const Refused& refused) {
    const bool is_failure = refused.reason == DeclineReason::training_failed;
    outcome_ = is_failure ? RunOutcome::failed : RunOutcome::refused;
    words_ = is_failure && !training_words_.empty() ? "the training failed: " + training_words_ : refused.why;
    if (last_leaving_.type == MessageType::decline) return;
    HistoryEntry entry = entry_of(refused.of);
    entry.kind = HistoryKind::refused;
    entry.note = refused.why;
    if (const Status kept = note(std::move(entry)); !kept) stop_because(RunOutcome::failed, "the history could not be written: " + kept.error().message);
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
  std::unique_lock<std::mutex> lock_{state_.vault_mutex, std::defer_lock};  // of this run's thread
  const std::uint64_t withdrawals_before_ = state_.withdrawing.count();
  std::unique_ptr<DeviceLink> link_;
  TrainingThread training_;
  Session session_;
  std::uint64_t broken_readings_;  // of the host's clock, when it began
  Millis begun_;
  Leaving last_leaving_;           // or what is trained for
  RunOutcome outcome_ = RunOutcome::failed;
  std::string words_;
  std::string training_words_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t connections_ = 0;
  int ignored_ = 0;
  Millis alarm_{};
  std::optional<Millis> conditions_at_;
  DevicePhase phase_ = DevicePhase::idle;
  bool was_busy_ = false;
  std::optional<RunReport> report_;
};

}  // namespace

void Device::State::wake_run() {
  const std::lock_guard lock(link_mutex);
  if (run_link != nullptr) run_link->wake();
}

// The pause is kept as (moment it was begun, moment it ends, configuration) on the wall clock; of another configuration it is over: what was mended is
// tried at once. In the process that began it the device's clock decides; after a
// restart a clock that stands before the beginning has gone back, and the pause begins anew from there: it is never longer than it was. A
// clock that was set forward between two processes shortens it, which costs a check-in that the coordinator answers with a ComeBack.
Result<Millis> Device::State::time_to_wait(const Moment& moment) {
  if (not_before) return std::max(*not_before - moment.at, Millis(0));
  FEDSPEND_ASSIGN(const std::optional<Bytes> kept, setting(Setting::pacing));
  if (!kept) return Millis(0);
  const bool names_configuration = kept->size() == 16 + 32;  // an older store's does not
  if (kept->size() != 16 && !names_configuration) return fail(ErrorCode::malformed, "the device's pause is damaged");
  const auto begun_s = static_cast<std::int64_t>(load_u64(ByteSpan(*kept).first(8)));
  const auto until_s = static_cast<std::int64_t>(load_u64(ByteSpan(*kept).subspan(8, 8)));
  if (begun_s < 0 || begun_s > kLatestTime_s || until_s < begun_s || until_s > kLatestTime_s + kLongestPause_s) return fail(ErrorCode::malformed, "the device's pause is damaged");
  if (options.forgets_pause || (names_configuration && !std::ranges::equal(ByteSpan(*kept).subspan(16), options.configuration))) return Millis(0);
  const std::int64_t pause_s = std::min(until_s - begun_s, kLongestPause_s);
  const std::int64_t now_s = std::clamp<std::int64_t>(moment.now_s, 0, kLatestTime_s);
  const std::int64_t left_s = now_s < begun_s ? pause_s : std::max<std::int64_t>(pause_s - (now_s - begun_s), 0);
  not_before = moment.at + Millis(left_s * 1'000);
  return Millis(left_s * 1'000);
}

Status Device::State::keep_wait(Millis wait, const Moment& moment) {
  wait = std::clamp(wait, Millis(0), Millis(kLongestPause_s * 1'000));
  not_before = moment.at + wait;
  const std::int64_t now_s = std::clamp<std::int64_t>(moment.now_s, 0, kLatestTime_s);
  const std::int64_t until_s = now_s + (wait.count() + 999) / 1'000;
  Bytes content(16 + 32);
  store_u64(MutableByteSpan(content).first(8), static_cast<std::uint64_t>(now_s));
  store_u64(MutableByteSpan(content).subspan(8, 8), static_cast<std::uint64_t>(until_s));
  std::ranges::copy(options.configuration, content.begin() + 16);
  return keep_setting(Setting::pacing, content);
}

Result<RunReport> Device::State::run() {
  const auto not_now = [&](RunOutcome outcome, std::string words, Millis wait) { return RunReport{outcome, std::move(words), wait, 0}; };
  const Moment before = moment();
  {
    const std::lock_guard lock(vault_mutex);
    if (const Status enrolled = check_enrolment(before.now_s); !enrolled) return not_now(RunOutcome::not_enrolled, enrolled.error().message, options.permanent_backoff);
    if (!consents_to_something()) return not_now(RunOutcome::no_consent, "nothing is consented to", options.permanent_backoff);
    FEDSPEND_ASSIGN(const Millis left, time_to_wait(before));
    if (left > Millis(0)) return not_now(RunOutcome::too_early, "it is too early", left);
  }
  if (const Status allowed = check_conditions(options.rules, host.conditions()); !allowed)
    return not_now(RunOutcome::conditions, allowed.error().message, options.transient_backoff);
  if (!options.connect) return fail(ErrorCode::invalid_argument, "no way to the coordinator was given");
  if (options.release_key == IdentityPublicKey{}) return fail(ErrorCode::invalid_argument, "no release key was given, whose plans count");
  // A crash in the middle must not make a device that checks in again and again.
  const Moment begun = moment();
  {
    const std::lock_guard lock(vault_mutex);
    FEDSPEND_TRY(keep_wait(options.transient_backoff, begun));
  }
  FEDSPEND_ASSIGN(std::unique_ptr<DeviceLink> link, options.connect({.curve = *curve, .id = id, .signer = *signer, .random = random}));
  RunReport report = Run(*this, std::move(link)).to_the_end();
  const Moment ended = moment();
  Status kept;
  {
    const std::lock_guard lock(vault_mutex);
    kept = keep_wait(report.come_back_in, ended);
  }
  // In this process it is kept in any case, and after a restart there is the one from the beginning.
  if (!kept) host.log(true, "the pause could not be kept: " + kept.error().message);
  return report;
}

}  // namespace fedspend::client
