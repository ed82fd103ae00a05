#include "simulations/federation/segment.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "client/local_training.h"
#include "client/session.h"
#include "common/check.h"
#include "common/crypto/random.h"
#include "simulations/federation/recorded_chooser.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {
namespace {

constexpr unsigned kMaxAbortedInARow = 5;
// Trainings that are computed together; more would only keep more updates in memory.
constexpr std::size_t kTrainingsAtOnce = 256;

// A device's randomness in one segment. A few bytes, as there may be a hundred thousand of them: the stream is opened at each draw.
class DeviceRandom final : public RandomSource {
 public:
  DeviceRandom(std::uint64_t seed, std::uint64_t rounds_done, std::string_view client) : seed_(seed), rounds_done_(rounds_done), client_(client) {}
  void fill(MutableByteSpan out) override {
    SeededRandom stream(Hasher("sim-session").u64(seed_).u64(rounds_done_).field(client_).finish());
    stream.seek_block(next_block_);
    stream.fill(out);
    next_block_ += (out.size() + 63) / 64;
  }

 private:
  std::uint64_t seed_;
  std::uint64_t rounds_done_;
  std::string_view client_;
  std::uint64_t next_block_ = 0;
};

// Of one instant in this order: all messages, then what was trained, then the devices' alarms, then the coordinator's, who thus
// sees all that come at the same time.
enum class EventKind : std::uint8_t { to_coordinator, to_device, trained, device_alarm, machine_alarm };
constexpr int rank_of(EventKind kind) { return kind <= EventKind::to_device ? 0 : static_cast<int>(kind); }

struct Event {
  Millis time{};
  EventKind kind{};
  std::uint64_t sequence = 0;
  std::size_t device = 0;
  Frames frames = {};
};
bool is_later(const Event& a, const Event& b) {
  if (a.time != b.time) return a.time > b.time;
  if (rank_of(a.kind) != rank_of(b.kind)) return rank_of(a.kind) > rank_of(b.kind);
  return a.sequence > b.sequence;
}

struct Device {
  std::unique_ptr<client::Session> session = {};  // made when it first wakes
  DeviceRandom random;
  Millis alarm = Millis::max();                     // the newest replaces: a session has one thing to wait for
  std::optional<client::StartTraining> training = {};    // to be computed
  std::optional<client::Effects> trained = {};           // what the session does once it is
};

class Segment {
 public:
  Segment(const FederationSetup& setup, FederationState& state, const Federation::OnRound& on_round)
      : setup_(setup), state_(state), on_round_(on_round), now_(state.clock),
        random_(Hasher("sim-coordinator").u64(setup.options.seed).u64(state.rounds_done).finish()),
        last_round_((state.rounds_done / setup.options.segment_rounds + 1) * setup.options.segment_rounds) {}

  Status begin();
  Result<SegmentEnd> run();

 private:
  void push(Event event);
  Event pop();
  bool next_is(EventKind kind) const { return !events_.empty() && events_.front().time == now_ && events_.front().kind == kind; }
  void set_alarm(std::size_t device, Millis time);
  Status handle(Event event);
  void wake_devices(std::size_t first);
  void finish_trainings(std::size_t first);
  void compute_trainings();
  void make_session(std::size_t device);
  void take(std::size_t device, client::Effects effects);
  Status take(coordinator::Effects effects);
  void report(const coordinator::RoundSummary& summary, const ModelHash& hash, std::shared_ptr<const std::vector<float>> weights);
  void count_participation(const coordinator::RoundSummary& summary);
  void store_state();

  const FederationSetup& setup_;
  FederationState& state_;
  const Federation::OnRound& on_round_;
  Millis now_;
  SeededRandom random_;
  std::uint64_t last_round_;
  client::MemoryCache cache_;
  std::unique_ptr<coordinator::CohortChooser> chooser_;
  std::unique_ptr<coordinator::RoundMachine> machine_;
  std::vector<Device> devices_;
  std::vector<Event> events_;  // a heap
  std::uint64_t sequence_ = 0;
  Millis machine_alarm_ = Millis::max();
  std::vector<std::size_t> to_train_;
  std::optional<SegmentEnd> end_;
  unsigned aborted_in_a_row_ = 0;
};

Status Segment::begin() {
  if (setup_.options.recorded.empty()) {
    chooser_ = std::make_unique<coordinator::UniformChooser>(random_);
  } else {
    FEDSPEND_ASSIGN(chooser_, make_recorded_chooser(setup_.options.recorded, setup_.enrolment));
  }
  coordinator::Checkpoint from{.rounds_done = state_.rounds_done, .weights = state_.weights, .optimizer_state = state_.optimizer_state};
  FEDSPEND_ASSIGN(machine_, coordinator::RoundMachine::create(setup_.signed_plan, setup_.release_key, std::move(from), setup_.enrolment, {}, *chooser_, random_));
  cache_.keep({std::make_shared<const Plan>(setup_.plan), setup_.signed_plan, setup_.plan_hash});
  devices_.reserve(setup_.client_of_device.size());
  for (std::size_t i = 0; i < setup_.client_of_device.size(); ++i) {
    devices_.push_back({.random = DeviceRandom(setup_.options.seed, state_.rounds_done, setup_.clients[setup_.client_of_device[i]].label)});
    set_alarm(i, std::max(state_.devices[i].next_check_in, now_));
  }
  return take(machine_->start(now_));
}

Result<SegmentEnd> Segment::run() {
  while (!end_) {
    if (events_.empty()) return fail(ErrorCode::internal, "the simulated federation has nothing left to do");
    FEDSPEND_TRY(handle(pop()));
  }
  store_state();
  return *end_;
}

void Segment::push(Event event) {
  event.sequence = sequence_++;
  events_.push_back(std::move(event));
  std::push_heap(events_.begin(), events_.end(), is_later);
}

Event Segment::pop() {
  std::pop_heap(events_.begin(), events_.end(), is_later);
  Event event = std::move(events_.back());
  events_.pop_back();
  return event;
}

void Segment::set_alarm(std::size_t device, Millis time) {
  devices_[device].alarm = time;
  push({.time = time, .kind = EventKind::device_alarm, .device = device});
}

Status Segment::handle(Event event) {
  now_ = event.time;
  switch (event.kind) {
    case EventKind::to_coordinator: {
      const auto& enrolled = setup_.enrolment.devices()[event.device];
      return take(machine_->step(coordinator::MessageReceived{PeerId{std::to_string(event.device)}, enrolled.transport, std::move(event.frames)}, now_));
    }
    case EventKind::to_device:
      take(event.device, devices_[event.device].session->step(client::FramesReceived{std::move(event.frames)}, now_));
      return {};
    case EventKind::trained: finish_trainings(event.device); return {};
    case EventKind::device_alarm: wake_devices(event.device); return {};
    case EventKind::machine_alarm:
      if (machine_alarm_ != now_) return {};  // an earlier one has come instead
      machine_alarm_ = Millis::max();
      return take(machine_->step(coordinator::Wake{}, now_));
  }
  return {};
}

// All whose alarm is of this instant: each signs its check-in, so they do it in parallel.
void Segment::wake_devices(std::size_t first) {
  std::vector<std::size_t> woken;
  const auto add = [&](std::size_t device) {
    if (devices_[device].alarm != now_) return;  // the alarm was replaced
    devices_[device].alarm = Millis::max();
    woken.push_back(device);
  };
  add(first);
  while (next_is(EventKind::device_alarm)) add(pop().device);
  std::vector<client::Effects> effects(woken.size());
  for_each_index(woken.size(), setup_.options.threads, [&](std::size_t i, unsigned) {
    if (!devices_[woken[i]].session) make_session(woken[i]);
    effects[i] = devices_[woken[i]].session->step(client::Wake{}, now_);
  });
  for (std::size_t i = 0; i < woken.size(); ++i) take(woken[i], std::move(effects[i]));
}

void Segment::make_session(std::size_t device) {
  const std::string& label = setup_.clients[setup_.client_of_device[device]].label;
  client::SessionOptions options;
  options.population = setup_.plan.population;
  options.software = "fedspend-sim";
  options.release_key = setup_.release_key;
  options.policy = setup_.options.policy;
  if (state_.devices[device].holds_plan) options.held_plan = setup_.plan_hash;
  devices_[device].session = std::make_unique<client::Session>(std::move(options), simulated_identity(setup_.options.seed, label), devices_[device].random, cache_);
  static_cast<void>(devices_[device].session->start(now_));  // it wakes at once: this is its alarm
}

void Segment::finish_trainings(std::size_t first) {
  if (!devices_[first].trained) compute_trainings();
  take(first, *std::exchange(devices_[first].trained, std::nullopt));
}

void Segment::compute_trainings() {
  const auto count = static_cast<std::ptrdiff_t>(std::min(to_train_.size(), kTrainingsAtOnce));
  const std::vector<std::size_t> batch(to_train_.begin(), to_train_.begin() + count);
  to_train_.erase(to_train_.begin(), to_train_.begin() + count);
  for_each_index(batch.size(), setup_.options.threads, [&](std::size_t i, unsigned worker) {
    Device& device = devices_[batch[i]];
    const client::StartTraining start = *std::exchange(device.training, std::nullopt);
    const client::TrainingFinished outcome = client::train_locally(*setup_.trainers[worker], start, setup_.clients[setup_.client_of_device[batch[i]]].rows);
    device.trained = device.session->step(outcome, now_);  // clipping, rounding, packing and signing are the device's work
  });
}

void Segment::take(std::size_t device, client::Effects effects) {
  for (client::Effect& effect : effects) {
    if (auto* send = std::get_if<client::Send>(&effect)) {
      push({.time = now_, .kind = EventKind::to_coordinator, .device = device, .frames = std::move(send->frames)});
    } else if (auto* start = std::get_if<client::StartTraining>(&effect)) {
      state_.devices[device].holds_plan = true;
      devices_[device].training = std::move(*start);
      to_train_.push_back(device);
      push({.time = now_, .kind = EventKind::trained, .device = device});
    } else if (const auto* wake = std::get_if<client::WakeAt>(&effect)) {
      set_alarm(device, wake->time);
    }
  }
}

Status Segment::take(coordinator::Effects effects) {
  for (coordinator::Effect& effect : effects) {
    if (end_) return {};
    if (auto* send = std::get_if<coordinator::Send>(&effect)) {
      std::size_t device = 0;
      const std::string& peer = send->peer.value;
      std::from_chars(peer.data(), peer.data() + peer.size(), device);
      push({.time = now_, .kind = EventKind::to_device, .device = device, .frames = std::move(send->frames)});
    } else if (const auto* wake = std::get_if<coordinator::WakeAt>(&effect)) {
      const Millis time = std::max(wake->time, now_);
      if (time >= machine_alarm_) continue;  // the earliest stays: the machine says again what it still waits for
      machine_alarm_ = time;
      push({.time = time, .kind = EventKind::machine_alarm});
    } else if (auto* publish = std::get_if<coordinator::Publish>(&effect)) {
      aborted_in_a_row_ = 0;
      state_.rounds_done = publish->summary.round.value;
      state_.weights = *publish->weights;
      state_.optimizer_state = *publish->optimizer_state;
      report(publish->summary, publish->hash, publish->weights);
      if (!end_ && state_.rounds_done == last_round_ && state_.rounds_done < setup_.plan.federation.rounds) end_ = SegmentEnd::boundary;
      if (end_) return {};
      FEDSPEND_TRY(take(machine_->step(coordinator::ModelStored{publish->summary.round}, now_)));
    } else if (const auto* aborted = std::get_if<coordinator::RoundAborted>(&effect)) {
      report(aborted->summary, ModelHash{}, machine_->weights());
      if (++aborted_in_a_row_ >= kMaxAbortedInARow)
        return fail(ErrorCode::timeout, "round " + std::to_string(aborted->summary.round.value) + " was aborted " + std::to_string(aborted_in_a_row_) +
                                            " times in a row: " + aborted->summary.why_aborted,
                    "lower federation.cohort or min_cohort, or take a population with more eligible clients (" + std::to_string(devices_.size()) + " here)");
    } else if (std::holds_alternative<coordinator::Finished>(effect)) {
      end_ = SegmentEnd::finished;
    }
  }
  return {};
}

void Segment::report(const coordinator::RoundSummary& summary, const ModelHash& hash, std::shared_ptr<const std::vector<float>> weights) {
  count_participation(summary);
  if (!on_round_(SimulatedRound{summary, hash, std::move(weights), now_})) end_ = SegmentEnd::stopped;
}

void Segment::count_participation(const coordinator::RoundSummary& summary) {
  const coordinator::EnrolledDevice* const first = setup_.enrolment.devices().data();
  for (const ClientId& client : summary.asked) ++state_.devices[static_cast<std::size_t>(setup_.enrolment.find(client) - first)].asked;
  for (const ClientId& client : summary.contributors) ++state_.devices[static_cast<std::size_t>(setup_.enrolment.find(client) - first)].contributed;
}

// As after a restart of the coordinator: who waited to be asked checks in at once; who was at work is told to come again later.
void Segment::store_state() {
  state_.clock = now_;
  const Millis retry(setup_.plan.federation.retry_after_ms);
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const Device& device = devices_[i];
    const std::string_view phase = device.session ? device.session->phase() : "idle";
    state_.devices[i].next_check_in = phase == "idle" ? device.alarm : phase == "checked-in" ? now_ : now_ + retry;
  }
}

}  // namespace

Result<SegmentEnd> run_segment(const FederationSetup& setup, FederationState& state, const Federation::OnRound& on_round) {
  Segment segment(setup, state, on_round);
  FEDSPEND_TRY(segment.begin());
  return segment.run();
}

}  // namespace fedspend::simulations
