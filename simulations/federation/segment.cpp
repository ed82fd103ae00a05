#include "simulations/federation/segment.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "simulations/federation/recorded_chooser.h"
#include "simulations/federation/segment_loop.h"

namespace fedspend::simulations {
namespace {

constexpr unsigned kMaxAbortedInARow = 5;

constexpr int rank_of(EventKind kind) { return kind <= EventKind::to_device ? 0 : static_cast<int>(kind); }

bool is_later(const Event& a, const Event& b) {
  if (a.time != b.time) return a.time > b.time;
  if (rank_of(a.kind) != rank_of(b.kind)) return rank_of(a.kind) > rank_of(b.kind);
  return a.sequence > b.sequence;
}

}  // namespace

Status Segment::begin() {
  if (setup_.options.recorded.empty()) {
    chooser_ = std::make_unique<coordinator::UniformChooser>(random_);
  } else {
    const bool is_secure = setup_.plan.aggregation.mode == Aggregation::secure;
    FEDSPEND_ASSIGN(auto chooser, make_recorded_chooser(setup_.options.recorded, setup_.enrolment, is_secure ? setup_.plan.least_asked() : 0));
    recorded_ = chooser.get();
    chooser_ = std::move(chooser);
  }
  coordinator::Checkpoint from{.rounds_done = state_.rounds_done, .weights = state_.weights, .optimizer_state = state_.optimizer_state, .clip_norm_l2 = state_.clip_norm_l2, .ledger = state_.ledger};
  coordinator::MachineOptions options;
  options.selection_timeout = setup_.world().selection_timeout;
  FEDSPEND_ASSIGN(machine_, coordinator::RoundMachine::create(setup_.signed_plan, setup_.release_key, std::move(from), setup_.enrolment, options, *chooser_, random_));
  begin_devices();
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

std::uint64_t Segment::push(Event event) {
  event.sequence = ++sequence_;
  events_.push_back(std::move(event));
  std::push_heap(events_.begin(), events_.end(), is_later);
  return sequence_;
}

Event Segment::pop() {
  std::pop_heap(events_.begin(), events_.end(), is_later);
  Event event = std::move(events_.back());
  events_.pop_back();
  return event;
}

Status Segment::handle(Event event) {
  now_ = event.time;
  switch (event.kind) {
    case EventKind::to_coordinator: {
      const auto& enrolled = setup_.enrolment.devices()[event.device];
      return take(machine_->step(coordinator::MessageReceived{PeerId{std::to_string(event.device)}, enrolled.transport, std::move(event.frames)}, now_));
    }
    case EventKind::to_device: receive(std::move(event)); return {};
    case EventKind::trained: return finish_training(event.device);
    case EventKind::connection_lost:
      if (devices_[event.device].connection_event == event.sequence) lose_connection(event.device, now_);
      return {};
    case EventKind::connection_restored:
      if (devices_[event.device].connection_event == event.sequence) restore_connection(event.device);
      return {};
    case EventKind::device_alarm: wake_devices(event.device); return {};
    case EventKind::machine_alarm:
      if (machine_alarm_ != now_) return {};  // an earlier one has come instead
      machine_alarm_ = Millis::max();
      return take(machine_->step(coordinator::Wake{}, now_));
  }
  return {};
}

Status Segment::take(coordinator::Effects effects) {
  for (coordinator::Effect& effect : effects) {
    if (end_) return {};
    if (auto* send = std::get_if<coordinator::Send>(&effect)) {
      std::size_t device = 0;
      const std::string& peer = send->peer.value;
      std::from_chars(peer.data(), peer.data() + peer.size(), device);
      const Millis arrives = now_ + class_of(device).latency + transfer_time(send->frames.size(), setup_.characters[device].down_bits_per_second);
      push({.time = arrives, .kind = EventKind::to_device, .device = device, .frames = std::move(send->frames)});
    } else if (const auto* wake = std::get_if<coordinator::WakeAt>(&effect)) {
      const Millis time = std::max(wake->time, now_);
      if (time >= machine_alarm_) continue;  // the earliest stays: the machine says again what it still waits for
      machine_alarm_ = time;
      push({.time = time, .kind = EventKind::machine_alarm});
    } else if (auto* publish = std::get_if<coordinator::Publish>(&effect)) {
      FEDSPEND_TRY(on_published(*publish));
    } else if (const auto* compute = std::get_if<coordinator::ComputeSum>(&effect)) {
      FEDSPEND_TRY(take(machine_->step(coordinator::SumComputed{compute->session, compute->unmasking->run(executor_)}, now_)));
    } else if (const auto* aborted = std::get_if<coordinator::RoundAborted>(&effect)) {
      FEDSPEND_TRY(on_aborted(*aborted));
    } else if (const auto* finished = std::get_if<coordinator::Finished>(&effect)) {
      if (!finished->why_early.empty())
        return fail(ErrorCode::refused, finished->why_early, "lower federation.rounds, raise privacy.max_participations (with privacy.noise_multiplier), or take a population with more eligible clients");
      end_ = SegmentEnd::finished;
    }
  }
  return {};
}

Status Segment::on_published(coordinator::Publish& publish) {
  aborted_in_a_row_ = 0;
  published_at_ = now_;
  state_.rounds_done = publish.summary.round.value;
  state_.weights = *publish.weights;
  state_.optimizer_state = *publish.optimizer_state;
  state_.clip_norm_l2 = publish.next_clip_norm_l2;
  report(publish.summary, publish.hash, publish.weights);
  if (!end_ && state_.rounds_done == last_round_ && state_.rounds_done < setup_.plan.federation.rounds) end_ = SegmentEnd::boundary;
  if (end_) return {};
  return take(machine_->step(coordinator::ModelStored{publish.summary.round}, now_));
}

Status Segment::on_aborted(const coordinator::RoundAborted& aborted) {
  report(aborted.summary, ModelHash{}, machine_->weights());
  ++aborted_in_a_row_;
  const Millis patience = setup_.world().patience;
  if (patience == Millis(0) ? aborted_in_a_row_ < kMaxAbortedInARow : now_ - published_at_ < patience) return {};
  const std::uint32_t cap = setup_.options.policy.max_participations;
  const auto silent = std::ranges::count_if(state_.devices, [&](const DeviceState& device) { return device.participations >= cap; });
  return fail(ErrorCode::timeout, "round " + std::to_string(aborted.summary.round.value) + " was aborted " + std::to_string(aborted_in_a_row_) + " times in a row: " +
                                      aborted.summary.why_aborted,
              "lower federation.cohort or min_cohort, or take a population with more eligible clients (" + std::to_string(devices_.size()) + " here)" +
                  (silent == 0 ? "" : "; " + std::to_string(silent) + " of them have spent the policy's max_participations and are silent"));
}

void Segment::report(const coordinator::RoundSummary& summary, const ModelHash& hash, std::shared_ptr<const std::vector<float>> weights) {
  count_participation(summary);
  if (!on_round_(SimulatedRound{summary, hash, std::move(weights), now_, std::exchange(tally_, {})})) end_ = SegmentEnd::stopped;
}

void Segment::count_participation(const coordinator::RoundSummary& summary) {
  const coordinator::EnrolledDevice* const first = setup_.enrolment.devices().data();
  for (const ClientId& client : summary.asked) ++state_.devices[static_cast<std::size_t>(setup_.enrolment.find(client) - first)].asked;
  for (const ClientId& client : summary.contributors) ++state_.devices[static_cast<std::size_t>(setup_.enrolment.find(client) - first)].contributed;
}

Result<SegmentEnd> run_segment(const FederationSetup& setup, FederationState& state, const Federation::OnRound& on_round) {
  Segment segment(setup, state, on_round);
  FEDSPEND_TRY(segment.begin());
  return segment.run();
}

}  // namespace fedspend::simulations
