// The devices' side of a segment: when they are within reach, what takes them time, and where they drop out.

#include <atomic>
#include <unordered_set>
#include <utility>

#include "client/local_training.h"
#include "common/check.h"
#include "models/stock_models.h"
#include "simulations/federation/segment_loop.h"
#include "simulations/federation/shared_training.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {
namespace {

// Trainings that are computed together; more would only keep more updates in memory.
constexpr std::size_t kTrainingsAtOnce = 256;

bool is_of(const Frames& frames, MessageType type) {
  const Result<Envelope> envelope = open_envelope(frames.control);
  return envelope && envelope->type == type;
}

std::int64_t uniform(std::uint64_t random, std::int64_t below) { return below <= 0 ? 0 : static_cast<std::int64_t>((random >> 20) % static_cast<std::uint64_t>(below)); }

}  // namespace

void Segment::begin_devices() {
  cache_.keep({std::make_shared<const Plan>(setup_.plan), setup_.signed_plan, setup_.plan_hash, std::make_shared<const PrivacyCost>(setup_.cost)});
  devices_.reserve(setup_.client_of_device.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < setup_.client_of_device.size(); ++i) {
    order.push_back(i);
    devices_.push_back({.random = DeviceRandom(setup_.options.seed, first_round_, setup_.enrolment.devices()[i].label)});
  }
  // Those who come at the same instant come in any order: a round begins as soon as enough are there, and would otherwise begin with
  // the same first clients in every segment.
  SeededRandom shuffle(Hasher("sim-order").u64(setup_.options.seed).u64(first_round_).finish());
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[shuffle.below(i)]);
  for (const std::size_t i : order) {
    const Millis begin = first_round_ == 0 ? now_ + Millis(uniform(draw(i, Purpose::check_in), setup_.world().check_in_spread.count())) : now_;
    if (state_.devices[i].next_check_in != kNever) set_alarm(i, std::max(state_.devices[i].next_check_in, begin));
  }
}

std::uint64_t Segment::draw(std::size_t device, Purpose purpose) {
  return simulations::draw(setup_.characters[device], static_cast<std::uint64_t>(purpose), (first_round_ << 32) + devices_[device].draws++);
}

void Segment::set_alarm(std::size_t device, Millis time) {
  devices_[device].alarm = std::max(time, now_);
  push({.time = devices_[device].alarm, .kind = EventKind::device_alarm, .device = device});
}

// All whose alarm is of this instant: each may sign a check-in, so they do it in parallel.
void Segment::wake_devices(std::size_t first) {
  std::vector<std::size_t> woken;
  const auto add = [&](std::size_t device) {
    if (devices_[device].alarm != now_) return;  // the alarm was replaced
    devices_[device].alarm = Millis::max();
    if (is_ready_to_wake(device)) woken.push_back(device);
  };
  add(first);
  while (next_is(EventKind::device_alarm)) add(pop().device);
  std::vector<client::Effects> effects(woken.size());
  for_each_index(woken.size(), setup_.options.threads, [&](std::size_t i, unsigned) {
    if (!devices_[woken[i]].session) make_session(woken[i]);
    effects[i] = devices_[woken[i]].session->step(client::Wake{}, now_);
  });
  for (std::size_t i = 0; i < woken.size(); ++i) {
    for (const client::Effect& effect : effects[i]) tally_.too_slow += std::holds_alternative<client::StopTraining>(effect) ? 1U : 0U;
    take(woken[i], std::move(effects[i]));
  }
}

// A device that is away waits until it is there; one whose stay has ended while it waited for something has lost its connection.
bool Segment::is_ready_to_wake(std::size_t device) {
  Device& it = devices_[device];
  const bool is_idle = phase_of(device) == "idle";
  if (!is_idle && now_ < it.online_until) return true;
  if (!is_idle) {
    lose_connection(device, it.online_until);
    return false;
  }
  const Millis from = available_from(setup_.world(), setup_.characters[device], now_);
  if (from > now_) {
    if (from != kNever) set_alarm(device, from + Millis(uniform(draw(device, Purpose::check_in), setup_.world().check_in_spread.count())));
    return false;
  }
  it.online_until = available_until(setup_.world(), setup_.characters[device], now_);
  it.is_gone = happens(device, Purpose::drops_waiting, class_of(device).drop_waiting);
  return true;
}

void Segment::make_session(std::size_t device) {
  const std::string& label = setup_.enrolment.devices()[device].label;
  client::SessionOptions options;
  options.population = setup_.plan.population;
  options.software = "fedspend-sim";
  options.release_key = setup_.release_key;
  options.policy = setup_.options.policy;
  options.trains_torchscript = true;
  if (state_.devices[device].holds_plan) options.held_plan = setup_.plan_hash;
  Device& it = devices_[device];
  it.record = std::make_unique<SimulatedRecord>(state_.devices[device], setup_.cost, simulated_key("sim-record", setup_.options.seed, label));
  it.session = std::make_unique<client::Session>(std::move(options), simulated_identity(setup_.options.seed, label),
                                                 client::SessionServices{.random = it.random,
                                                                         .cache = cache_,
                                                                         .record = *it.record,
                                                                         .credentials = credentials_,
                                                                         .executor = serial_,
                                                                         .unix_time_s = [] { return kSimulatedWallClock_s; }});
  static_cast<void>(devices_[device].session->start(now_));  // it wakes at once: this is its alarm
}

// All that is delivered at this instant, to as many devices as there are before one comes again: what they do with it (keys, shares,
// masks) is done in parallel, and taken in the order of the messages.
void Segment::receive(Event first) {
  std::vector<Event> batch;
  std::unordered_set<std::size_t> receivers;
  const auto add = [&](Event event) {
    receivers.insert(event.device);
    if (is_delivered(event)) batch.push_back(std::move(event));
  };
  add(std::move(first));
  while (next_is(EventKind::to_device) && !receivers.contains(events_.front().device)) add(pop());
  std::vector<client::Effects> effects(batch.size());
  for_each_index(batch.size(), setup_.options.threads, [&](std::size_t i, unsigned) {
    effects[i] = devices_[batch[i].device].session->step(client::FramesReceived{std::move(batch[i].frames)}, now_);
  });
  for (std::size_t i = 0; i < batch.size(); ++i) take(batch[i].device, std::move(effects[i]));
}

bool Segment::is_delivered(const Event& event) {
  Device& it = devices_[event.device];
  if (it.training || it.trained) return false;  // it would ignore whatever comes now
  if (now_ >= it.online_until || it.is_gone) {
    const Millis time = std::min(now_, it.online_until);
    if (is_of(event.frames, MessageType::assignment)) ++(it.is_gone ? tally_.dropped_waiting : tally_.left);
    it.is_gone = false;
    lose_connection(event.device, time);
    return false;
  }
  if (is_of(event.frames, MessageType::update_reply) && happens(event.device, Purpose::reply_lost, class_of(event.device).reply_lost)) {
    ++tally_.replies_lost;
    return false;
  }
  return true;
}

void Segment::lose_connection(std::size_t device, Millis time) {
  Device& it = devices_[device];
  FEDSPEND_CHECK(!it.training && !it.trained, "a training that is known to come to its end");
  it.connection_event = 0;
  take(device, it.session->step(client::ConnectionLost{}, time));
}

void Segment::restore_connection(std::size_t device) {
  devices_[device].connection_event = 0;
  ++tally_.reconnected;
  take(device, devices_[device].session->step(client::ConnectionRestored{}, now_));
}

void Segment::send(std::size_t device, Frames frames) {
  Device& it = devices_[device];
  const DeviceClass& kind = class_of(device);
  const Millis sent = now_ + transfer_time(frames.size(), setup_.characters[device].up_bits_per_second);
  const bool is_masked_input = is_of(frames, MessageType::masked_input);
  if (is_masked_input && recorded_ != nullptr && recorded_->is_to_be_lost(setup_.enrolment.devices()[device].id)) {
    it.connection_event = push({.time = sent, .kind = EventKind::connection_lost, .device = device});
    return;
  }
  if (is_of(frames, MessageType::update) || is_masked_input) {
    const bool breaks = happens(device, Purpose::drops_sending, kind.drop_sending);
    if (breaks && happens(device, Purpose::reconnects, kind.reconnects)) {
      it.connection_event = push({.time = sent + std::max(kind.reconnect_after, Millis(1)), .kind = EventKind::connection_restored, .device = device});
      return;
    }
    if (breaks || sent >= it.online_until) {
      ++(breaks ? tally_.dropped_sending : tally_.left);
      it.connection_event = push({.time = std::min(sent, it.online_until), .kind = EventKind::connection_lost, .device = device});
      return;
    }
  }
  push({.time = sent + kind.latency, .kind = EventKind::to_coordinator, .device = device, .frames = std::move(frames)});
}

Millis Segment::training_time(std::size_t device) {
  const Plan& plan = setup_.plan;
  const std::uint64_t waits = class_of(device).wait_ms.median == 0 ? 0 : class_of(device).wait_ms.draw(draw(device, Purpose::wait));
  const std::uint64_t rate = setup_.characters[device].rows_per_second;
  if (rate == 0) return Millis(static_cast<std::int64_t>(waits));
  const std::size_t client = setup_.client_of_device[device];
  std::vector<models::HistoryRow> scratch;
  std::uint64_t rows = models::training_rows(plan.model, setup_.clients->history(client, scratch), plan.evaluation.holdout_fraction);
  if (plan.training.max_rows != 0) rows = std::min<std::uint64_t>(rows, plan.training.max_rows);
  return Millis(static_cast<std::int64_t>(waits + rows * plan.training.epochs * 1000 / rate));
}

// Whatever ends it first: it is done, the device drops out or goes away, or (the session's own alarm) the deadline passes.
void Segment::begin_training(std::size_t device, client::StartTraining start, Millis deadline) {
  Device& it = devices_[device];
  state_.devices[device].holds_plan = true;
  it.connection_event = 0;
  const Millis time = training_time(device);
  const Millis finish = now_ + time;
  const bool drops = happens(device, Purpose::drops_training, class_of(device).drop_training);
  const Millis lost = std::min(drops ? now_ + Millis(uniform(draw(device, Purpose::drop_time), time.count())) : kNever, it.online_until);
  if (lost < std::min(finish, deadline) || (drops && time == Millis(0))) {
    ++(lost < it.online_until ? tally_.dropped_training : tally_.left);
    it.connection_event = push({.time = lost, .kind = EventKind::connection_lost, .device = device});
    return;
  }
  if (finish >= deadline && finish > now_) return;
  it.training = std::move(start);
  it.clip_norm_l2 = machine_->clip_norm_l2();
  to_train_.push_back({finish, push({.time = finish, .kind = EventKind::trained, .device = device}), device});
}

Status Segment::finish_training(std::size_t device) {
  if (!devices_[device].trained) FEDSPEND_TRY(compute_trainings());
  take(device, *std::exchange(devices_[device].trained, std::nullopt));
  return {};
}

// Those that are done first. Nothing happens to these sessions before they are done, so they take that step ahead of their time.
Status Segment::compute_trainings() {
  std::sort(to_train_.begin(), to_train_.end(), [](const ToTrain& a, const ToTrain& b) { return a.finish != b.finish ? a.finish < b.finish : a.sequence < b.sequence; });
  const auto count = static_cast<std::ptrdiff_t>(std::min(to_train_.size(), kTrainingsAtOnce));
  const std::vector<ToTrain> batch(to_train_.begin(), to_train_.begin() + count);
  to_train_.erase(to_train_.begin(), to_train_.begin() + count);
  std::vector<TrainingTask> tasks;
  for (const ToTrain& item : batch) tasks.push_back({setup_.client_of_device[item.device], *std::exchange(devices_[item.device].training, std::nullopt), devices_[item.device].clip_norm_l2});
  std::atomic<std::size_t> diverged = 0;
  FEDSPEND_TRY(train_batch(
      tasks, setup_.options.threads, setup_.options.exchange,
      [&](const TrainingTask& task, unsigned worker) {
        if (setup_.options.made_updates)
          if (auto update = setup_.options.made_updates(task.client, task.clip_norm_l2)) return client::TrainingFinished{task.start.session, std::move(*update)};
        std::vector<models::HistoryRow> scratch;
        return client::train_locally(*setup_.trainers[worker], task.start, setup_.clients->history(task.client, scratch));
      },
      // Clipping, rounding, packing and signing are the device's work.
      [&](std::size_t i, const client::TrainingFinished& outcome) {
        Device& device = devices_[batch[i].device];
        diverged += outcome.diverged ? 1 : 0;
        device.trained = device.session->step(outcome, batch[i].finish);
      }));
  // A device that diverges sends zero and says nothing, so the rounds themselves would go on.
  diverged_in_a_row_ = diverged == batch.size() ? diverged_in_a_row_ + diverged : 0;
  if (diverged_in_a_row_ >= setup_.plan.federation.cohort)
    return fail(ErrorCode::limit, "training diverged on " + std::to_string(diverged_in_a_row_) + " devices in a row, in round " + std::to_string(tasks.front().start.round.value),
                "lower training.learning_rate or server.learning_rate, or set training.gradient_clip_l2");
  return {};
}

void Segment::take(std::size_t device, client::Effects effects) {
  client::StartTraining* start = nullptr;
  for (client::Effect& effect : effects) {
    if (auto* message = std::get_if<client::Send>(&effect)) {
      send(device, std::move(message->frames));
    } else if (std::holds_alternative<client::StartTraining>(effect)) {
      start = &std::get<client::StartTraining>(effect);
    } else if (const auto* wake = std::get_if<client::WakeAt>(&effect)) {
      set_alarm(device, wake->time);
    }
  }
  if (start != nullptr) begin_training(device, std::move(*start), devices_[device].alarm);
}

// As after a restart of the coordinator: who waited to be asked checks in at once; who was at work is told to come again later.
void Segment::store_state() {
  state_.clock = now_;
  state_.ledger = machine_->ledger();
  const Millis retry(setup_.plan.federation.retry_after_ms);
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const std::string_view phase = phase_of(i);
    const Millis reconnects = now_ + Millis(uniform(draw(i, Purpose::check_in), setup_.world().check_in_spread.count()));
    state_.devices[i].next_check_in = phase == "idle" ? devices_[i].alarm : phase == "checked-in" ? reconnects : now_ + retry;
  }
}

}  // namespace fedspend::simulations
