#include "coordinator/round_machine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/check.h"
#include "common/overloaded.h"
#include "common/protocol/certificate.h"
#include "common/protocol/model_file.h"
#include "common/protocol/plan_quantizer.h"
#include "common/secagg/plan_check.h"

namespace fedspend::coordinator {
namespace {

double norm_l2(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

std::vector<ClientId> sorted_ids(const auto& map) {
  std::vector<ClientId> ids;
  ids.reserve(map.size());
  for (const auto& [id, value] : map) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

std::string_view to_string(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::undecodable: return "undecodable";
    case DropReason::version: return "version";
    case DropReason::not_enrolled: return "not_enrolled";
    case DropReason::revoked: return "revoked";
    case DropReason::expired: return "expired";
    case DropReason::wrong_transport: return "wrong_transport";
    case DropReason::bad_signature: return "bad_signature";
    case DropReason::quota: return "quota";
    case DropReason::wrong_type: return "wrong_type";
    case DropReason::wrong_session: return "wrong_session";
    case DropReason::late: return "late";
    case DropReason::not_assigned: return "not_assigned";
    case DropReason::bad_update: return "bad_update";
    case DropReason::equivocation: return "equivocation";
    case DropReason::wrong_population: return "wrong_population";
    case DropReason::excluded: return "excluded";
    case DropReason::bad_share: return "bad_share";
    case DropReason::spent: return "spent";
    case DropReason::gateway_quota: return "gateway_quota";
  }
  return "undecodable";
}

Result<std::unique_ptr<RoundMachine>> RoundMachine::create(SignedPlan signed_plan, const IdentityPublicKey& release_key, Checkpoint checkpoint,
                                                           EnrolmentList enrolment, MachineOptions options, CohortChooser& chooser, RandomSource& random) {
  FEDSPEND_ASSIGN(Plan plan, open_plan(signed_plan, release_key));
  FEDSPEND_TRY(check_supported(plan));
  if (plan.aggregation.mode == Aggregation::secure && plan.aggregation.beacon == BeaconSource::external && options.external_beacon == nullptr)
    return fail(ErrorCode::refused, "the plan asks for an external beacon, and there is none", "give the coordinator one, or sign a plan with aggregation.beacon = \"roster\"");
  const std::vector<float>& weights = checkpoint.weights;
  if (weights.size() != plan.model.parameter_count)
    return fail(ErrorCode::invalid_argument, "the model has " + std::to_string(weights.size()) + " parameters, the plan " + std::to_string(plan.model.parameter_count),
                "give the initial model that was made for this plan");
  if (!all_finite(weights))
    return fail(ErrorCode::invalid_argument, "the model has values that are not finite", "no device would take it: give another initial model");
  std::optional<Quantizer> quantizer;
  if (plan.privacy.mode != PrivacyMode::distributed) {
    FEDSPEND_ASSIGN(quantizer, make_quantizer(plan, plan.aggregation.clip_norm_l2));
  }
  std::optional<CentralGaussian> central;
  if (plan.privacy.mode == PrivacyMode::central) {
    FEDSPEND_ASSIGN(central, make_central_gaussian(plan));
  }
  if (checkpoint.clip_norm_l2 == 0 && (checkpoint.rounds_done == 0 || !plan.privacy.has_adaptive_clip())) checkpoint.clip_norm_l2 = plan.aggregation.clip_norm_l2;
  FEDSPEND_TRY(check_round_clip_norm(plan, checkpoint.clip_norm_l2));
  FEDSPEND_ASSIGN(auto optimizer, make_server_optimizer(plan.server, plan.federation.rounds));
  if (checkpoint.rounds_done == 0 && checkpoint.optimizer_state.empty()) checkpoint.optimizer_state = optimizer->initial_state(weights.size());
  FEDSPEND_TRY(optimizer->check_state(checkpoint.optimizer_state, weights.size()));
  return std::unique_ptr<RoundMachine>(
      new RoundMachine(std::move(signed_plan), std::move(plan), std::move(checkpoint), std::move(enrolment), options, chooser, random, {std::move(quantizer), std::move(central)}, std::move(optimizer)));
}

RoundMachine::RoundMachine(SignedPlan signed_plan, Plan plan, Checkpoint checkpoint, EnrolmentList enrolment, MachineOptions options, CohortChooser& chooser,
                           RandomSource& random, Decoders decoders, std::unique_ptr<ServerOptimizer> optimizer)
    : signed_plan_(std::move(signed_plan)), plan_(std::move(plan)), plan_hash_(hash_of_plan(signed_plan_.bytes)), enrolment_(std::move(enrolment)), options_(options),
      chooser_(chooser), random_(random), quantizer_(std::move(decoders.quantizer)), central_(std::move(decoders.central)), limits_(privacy_limits(plan_)), ledger_(std::move(checkpoint.ledger)), optimizer_(std::move(optimizer)),
      optimizer_state_(std::make_shared<const std::vector<float>>(std::move(checkpoint.optimizer_state))), clip_norm_l2_(checkpoint.clip_norm_l2), rounds_done_(checkpoint.rounds_done), phase_(Selecting{}) {
  auto shared = std::make_shared<const std::vector<float>>(std::move(checkpoint.weights));
  const ModelHash hash = hash_of_weights(weights_to_bytes(*shared));
  set_weights(std::move(shared), hash);
  gateway_use_.resize(options_.gateways.size());
  lower_limits();
}

void RoundMachine::set_weights(std::shared_ptr<const std::vector<float>> weights, const ModelHash& hash) {
  weights_ = std::move(weights);
  weights_bytes_ = std::make_shared<const Bytes>(weights_to_bytes(*weights_));
  model_hash_ = hash;
}

std::string_view RoundMachine::phase() const {
  return std::visit(Overloaded{[](const Selecting&) { return std::string_view("selecting"); }, [](const Collecting&) { return std::string_view("collecting"); },
                               [](const Aggregating& at) { return at.aggregator->phase(); }, [](const AwaitingSum&) { return std::string_view("unmasking"); },
                               [](const Publishing&) { return std::string_view("publishing"); }, [](const Done&) { return std::string_view("finished"); }},
                    phase_);
}

Effects RoundMachine::start(Millis now) {
  Effects effects;
  if (rounds_done_ >= plan_.federation.rounds) {
    finish({}, now, effects);
  } else {
    begin_selecting(now, effects);
  }
  return effects;
}

Effects RoundMachine::step(const Event& event, Millis now) {
  return std::visit(Overloaded{[&](const MessageReceived& e) { return on_message(e, now); }, [&](const Wake&) { return on_wake(now); },
                               [&](const ModelStored& e) { return on_model_stored(e, now); }, [&](const SumComputed& e) { return on_sum_computed(e, now); }},
                    event);
}

Effects RoundMachine::on_wake(Millis now) {
  Effects effects;
  release_long_held(now, effects);
  if (const auto* selecting = std::get_if<Selecting>(&phase_)) {
    const Millis ends = selecting->since + options_.selection_timeout;
    if (now < ends) effects.emplace_back(WakeAt{ends});
    try_select(now, effects);
    if (std::holds_alternative<Selecting>(phase_) && now >= ends) {
      const bool enough = pool_.size() >= plan_.least_asked();
      abort_round(enough ? "none of the devices that checked in were chosen"
                         : "not enough devices checked in: " + std::to_string(pool_.size()) + " of at least " + std::to_string(plan_.least_asked()),
                  now, effects);
    }
  } else if (auto* collecting = std::get_if<Collecting>(&phase_)) {
    if (now >= collecting->deadline) {
      close(now, effects);
    } else {
      effects.emplace_back(WakeAt{collecting->deadline});
    }
  } else if (auto* aggregating = std::get_if<Aggregating>(&phase_)) {
    if (now >= aggregating->deadline) {
      advance_aggregation(now, effects);
    } else {
      effects.emplace_back(WakeAt{aggregating->deadline});
    }
  }
  return effects;
}

// Clocks differ: a certificate that ends here within a day may have ended there.
bool RoundMachine::is_certified_for_a_round(const ClientId& client) const {
  if (!options_.unix_time_s) return true;
  const EnrolledDevice* device = enrolment_.find(client);
  return device != nullptr && !is_expired(device->certificate, options_.unix_time_s() + kCertificateClockTolerance_s);
}

void RoundMachine::on_check_in(const PeerId& peer, const ClientId& client, const CheckIn& check_in, Millis now, Effects& effects) {
  if (check_in.population != plan_.population) {
    send(peer, ComeBack{.reason = ComeBackReason::wrong_population, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
    return drop(DropReason::wrong_population, client, effects);
  }
  if (!negotiate_version(check_in.version_min, check_in.version_max)) {
    send(peer, ComeBack{.reason = ComeBackReason::version, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
    return drop(DropReason::version, client, effects);
  }
  if (std::holds_alternative<Done>(phase_)) {
    return send(peer, ComeBack{.reason = ComeBackReason::finished, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
  }
  if (!is_certified_for_a_round(client)) {
    send(peer, ComeBack{.reason = ComeBackReason::not_enrolled, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
    return drop(DropReason::expired, client, effects);
  }
  const Waiting waiting{peer, check_in.have_plan, check_in.have_model, now};
  if (auto* collecting = std::get_if<Collecting>(&phase_)) {
    // Asked, and has not answered: the assignment was lost, or the device began anew. It is the same session.
    if (const auto asked = collecting->asked.find(client); asked != collecting->asked.end() && !asked->second.answered) {
      asked->second.peer = peer;
      return send_assignment(waiting, {collecting->session, collecting->attempt, static_cast<std::uint32_t>(collecting->asked.size()), collecting->deadline}, now, effects);
    }
  } else if (auto* aggregating = std::get_if<Aggregating>(&phase_); aggregating != nullptr && aggregating->aggregator->session().is_zero()) {
    if (const auto asked = aggregating->asked.find(client); asked != aggregating->asked.end() && !asked->second.answered) {
      asked->second.peer = peer;
      return send_assignment(waiting, {aggregating->assignment, aggregating->attempt, static_cast<std::uint32_t>(aggregating->asked.size()), aggregating->deadline}, now, effects);
    }
  }
  if (const auto out = excluded_.find(client); out != excluded_.end() && rounds_done_ + 1 <= out->second) {
    send(peer, ComeBack{.reason = ComeBackReason::not_selected, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
    return drop(DropReason::excluded, client, effects);
  }
  if (!may_contribute(client)) {
    send(peer, ComeBack{.reason = ComeBackReason::not_selected, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
    return drop(DropReason::spent, client, effects);
  }
  if (pool_.size() >= options_.max_pool && !pool_.contains(client)) {
    return send(peer, ComeBack{.reason = ComeBackReason::busy, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
  }
  pool_.insert_or_assign(client, waiting);
  if (now + options_.longest_hold < release_at_) {
    release_at_ = now + options_.longest_hold;
    effects.emplace_back(WakeAt{release_at_});
  }
  if (std::holds_alternative<Selecting>(phase_)) try_select(now, effects);
}

void RoundMachine::release_long_held(Millis now, Effects& effects) {
  if (now >= release_at_) {
    release_at_ = Millis::max();
    for (auto held = pool_.begin(); held != pool_.end();) {
      const Millis ends = held->second.since + options_.longest_hold;
      if (now < ends) {
        release_at_ = std::min(release_at_, ends);
        ++held;
      } else {
        send(held->second.peer, ComeBack{.reason = ComeBackReason::not_selected, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
        held = pool_.erase(held);
      }
    }
  }
  if (pool_.empty()) {
    release_at_ = Millis::max();
  } else {
    effects.emplace_back(WakeAt{release_at_});
  }
}

void RoundMachine::begin_selecting(Millis now, Effects& effects) {
  if (std::string why = why_no_round_can_be(); !why.empty()) return finish(std::move(why), now, effects);
  phase_ = Selecting{now, std::nullopt};
  ++attempt_;
  effects.emplace_back(WakeAt{now + options_.selection_timeout});
  try_select(now, effects);
}

void RoundMachine::try_select(Millis now, Effects& effects) {
  auto& selecting = std::get<Selecting>(phase_);
  const FederationSpec& federation = plan_.federation;
  if (now >= release_at_) release_long_held(now, effects);
  release_spent(effects);
  if (pool_.size() < plan_.least_asked()) {
    selecting.enough_since.reset();
    return;
  }
  if (!selecting.enough_since) selecting.enough_since = now;
  const std::uint32_t asked = plan_.devices_asked();
  const std::uint32_t full = federation.selection_pool == 0 ? asked : federation.selection_pool;
  // A window that is longer than the selection may last must not turn enough devices into an abort.
  const Millis window_ends = std::min(*selecting.enough_since + Millis(federation.selection_window_ms), selecting.since + options_.selection_timeout);
  if (pool_.size() < full && now < window_ends) {
    effects.emplace_back(WakeAt{window_ends});
    return;
  }
  const std::vector<ClientId> pool = sorted_ids(pool_);
  if (const auto chosen = chooser_.choose(pool, asked, RoundId{rounds_done_ + 1})) {
    begin_round(*chosen, now, effects);
  } else {
    effects.emplace_back(WakeAt{now + std::max(Millis(federation.selection_window_ms), Millis(1))});
  }
}

void RoundMachine::begin_round(const std::vector<ClientId>& chosen, Millis now, Effects& effects) {
  FEDSPEND_CHECK(!chosen.empty(), "a chooser that chooses somebody");
  const Millis selection_began = std::get<Selecting>(phase_).since;
  std::unordered_map<ClientId, Asked> asked;
  for (const ClientId& client : chosen) {
    const auto waiting = pool_.find(client);
    FEDSPEND_CHECK(waiting != pool_.end(), "a chooser that chooses from the pool");
    const bool is_new = asked.emplace(client, Asked{waiting->second.peer, false, std::nullopt}).second;
    FEDSPEND_CHECK(is_new, "a chooser that chooses nobody twice");
  }
  AssignmentTerms terms{.session = {}, .attempt = {}, .cohort = static_cast<std::uint32_t>(chosen.size()), .deadline = now + Millis(plan_.federation.round_deadline_ms)};
  const RoundId round{rounds_done_ + 1};
  random_.fill(terms.attempt);
  if (const auto given = chooser_.attempt(round)) terms.attempt = *given;
  tally_.nonce = terms.attempt;
  terms.session = session_id(plan_.task, round, model_hash_, plan_hash_, terms.cohort, terms.attempt);
  for (const ClientId& client : chosen) {
    const auto waiting = pool_.find(client);
    send_assignment(waiting->second, terms, now, effects);
    pool_.erase(waiting);
  }
  tally_.asked = sorted_ids(asked);
  tally_.selection_time = now - selection_began;
  effects.emplace_back(WakeAt{terms.deadline});
  if (plan_.aggregation.mode == Aggregation::secure) {
    begin_aggregating(std::move(asked), terms, now);
  } else {
    phase_ = Collecting{.session = terms.session,
                        .attempt = terms.attempt,
                        .since = now,
                        .deadline = terms.deadline,
                        .asked = std::move(asked),
                        .sum = RingVector(plan_.ring_length(), plan_.aggregation.bits)};
  }
}

void RoundMachine::send_assignment(const Waiting& device, const AssignmentTerms& terms, Millis now, Effects& effects) {
  Assignment assignment;
  assignment.task = plan_.task;
  assignment.round = RoundId{rounds_done_ + 1};
  assignment.attempt = terms.attempt;
  assignment.cohort = terms.cohort;
  assignment.deadline_ms = static_cast<std::uint32_t>(std::max<std::int64_t>((terms.deadline - now).count(), 1));
  assignment.clip_norm_l2 = clip_norm_l2_;
  assignment.plan_hash = plan_hash_;
  assignment.model_hash = model_hash_;
  if (device.have_plan != plan_hash_) {
    assignment.plan = signed_plan_.bytes;
    assignment.plan_signature = signed_plan_.signature;
  }
  send(device.peer, assignment, terms.session, device.have_model == model_hash_ ? nullptr : weights_bytes_, effects);
}

void RoundMachine::on_update(const PeerId& peer, const ClientId& client, const Envelope& envelope, const Update& update, const Frames& frames, Millis now,
                             Effects& effects) {
  auto* collecting = std::get_if<Collecting>(&phase_);
  if (collecting == nullptr || envelope.session != collecting->session) return on_late_update(peer, client, envelope, update, effects);
  const auto found = collecting->asked.find(client);
  if (found == collecting->asked.end()) return drop(DropReason::not_assigned, client, effects);
  Asked& asked = found->second;
  if (asked.update_hash) {
    if (*asked.update_hash != update.bulk_hash) drop(DropReason::equivocation, client, effects);
    return reply_to_update(peer, envelope.session, UpdateStatus::duplicate, effects);
  }
  if (asked.answered) return drop(DropReason::not_assigned, client, effects);  // it had declined
  // Lengths before anything is allocated or hashed.
  const ByteSpan bulk = frames.bulk_bytes();
  const bool shaped = update.count == plan_.model.parameter_count && update.bits == plan_.aggregation.bits && bulk.size() == packed_size(update.count, update.bits);
  Result<RingVector> ring = shaped && hash_of_update(bulk) == update.bulk_hash ? RingVector::unpack(bulk, update.count, update.bits)
                                                                               : Result<RingVector>(fail(ErrorCode::malformed, "not an update of this plan"));
  if (!ring) {
    drop(DropReason::bad_update, client, effects);
    return reply_to_update(peer, envelope.session, UpdateStatus::refused, effects);
  }
  collecting->sum.add(*ring);
  asked.update_hash = update.bulk_hash;
  asked.answered = true;
  ++collecting->accepted;
  ++collecting->answered;
  tally_.contributors.push_back(client);
  reply_to_update(peer, envelope.session, UpdateStatus::accepted, effects);
  close_if_complete(now, effects);
}

void RoundMachine::on_late_update(const PeerId& peer, const ClientId& client, const Envelope& envelope, const Update& update, Effects& effects) {
  if (!closed_ || closed_->session != envelope.session) {
    // For instance of a session that ended when the coordinator began anew: the device need not try again.
    drop(DropReason::wrong_session, client, effects);
    return reply_to_update(peer, envelope.session, UpdateStatus::refused, effects);
  }
  const auto asked = closed_->asked.find(client);
  if (asked == closed_->asked.end()) return drop(DropReason::not_assigned, client, effects);
  if (asked->second.update_hash == update.bulk_hash) return reply_to_update(peer, envelope.session, UpdateStatus::duplicate, effects);
  drop(asked->second.update_hash ? DropReason::equivocation : DropReason::late, client, effects);
  reply_to_update(peer, envelope.session, UpdateStatus::late, effects);
}

void RoundMachine::on_decline(const ClientId& client, const Envelope& envelope, Millis now, Effects& effects) {
  if (auto* aggregating = std::get_if<Aggregating>(&phase_)) {
    const bool is_of_session = envelope.session == aggregating->assignment || (!envelope.session.is_zero() && envelope.session == aggregating->aggregator->session());
    if (!is_of_session) return drop(DropReason::wrong_session, client, effects);
    return note_gone(client, now, effects);
  }
  auto* collecting = std::get_if<Collecting>(&phase_);
  if (collecting == nullptr || envelope.session != collecting->session) return drop(DropReason::wrong_session, client, effects);
  const auto asked = collecting->asked.find(client);
  if (asked == collecting->asked.end() || asked->second.answered) return drop(DropReason::not_assigned, client, effects);
  asked->second.answered = true;
  ++collecting->answered;
  ++tally_.declined;
  close_if_complete(now, effects);
}

void RoundMachine::close_if_complete(Millis now, Effects& effects) {
  const auto& collecting = std::get<Collecting>(phase_);
  if (collecting.accepted >= plan_.federation.cohort || collecting.answered == collecting.asked.size()) close(now, effects);
}

void RoundMachine::close(Millis now, Effects& effects) {
  auto collecting = std::move(std::get<Collecting>(phase_));
  tally_.collection_time = now - collecting.since;
  const SessionId session = collecting.session;
  closed_ = Closed{session, std::move(collecting.asked)};
  if (collecting.accepted < plan_.min_reports()) {
    return abort_round("too few updates: " + std::to_string(collecting.accepted) + " of at least " + std::to_string(plan_.min_reports()), now, effects);
  }
  if (const Status charged = charge(session, tally_.contributors, nullptr, effects); !charged) return abort_round(charged.error().message, now, effects);
  publish_mean(mean_of(collecting.sum, collecting.accepted), clip_norm_l2_, now, effects);
}

void RoundMachine::publish_mean(std::span<const float> mean, double next_clip_norm_l2, Millis now, Effects& effects) {
  auto next = std::make_shared<std::vector<float>>(*weights_);
  auto state = std::make_shared<std::vector<float>>(*optimizer_state_);  // a copy: what is not published has not moved
  const RoundId round{rounds_done_ + 1};
  optimizer_->apply(round, *next, *state, mean);
  if (!all_finite(*next)) return abort_round("the model would not be finite", now, effects);
  tally_.update_norm_l2 = norm_l2(mean);
  Publishing publishing{next, state, hash_of_weights(weights_to_bytes(*next)), next_clip_norm_l2, round};
  RoundSummary summary = take_summary();
  summary.published = true;
  if (plan_.privacy.has_noise()) {
    summary.most_participations = ledger_.most_participations();
    summary.epsilon = ledger_.worst().epsilon(plan_.privacy.delta);
  }
  effects.emplace_back(Publish{publishing.weights, publishing.optimizer_state, publishing.hash, next_clip_norm_l2, std::move(summary)});
  phase_ = std::move(publishing);
}

Effects RoundMachine::on_model_stored(const ModelStored& stored, Millis now) {
  Effects effects;
  auto* publishing = std::get_if<Publishing>(&phase_);
  FEDSPEND_CHECK(publishing != nullptr && publishing->round == stored.round, "ModelStored answers Publish");
  set_weights(std::move(publishing->weights), publishing->hash);
  optimizer_state_ = std::move(publishing->optimizer_state);
  clip_norm_l2_ = publishing->next_clip_norm_l2;
  rounds_done_ = stored.round.value;
  attempt_ = 0;
  if (rounds_done_ < plan_.federation.rounds) {
    begin_selecting(now, effects);
    return effects;
  }
  finish({}, now, effects);
  return effects;
}

void RoundMachine::finish(std::string why_early, Millis now, Effects& effects) {
  phase_ = Done{now};
  for (const auto& [client, waiting] : pool_) {
    send(waiting.peer, ComeBack{.reason = ComeBackReason::finished, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
  }
  pool_.clear();
  effects.emplace_back(Finished{std::move(why_early)});
}

void RoundMachine::abort_round(std::string why, Millis now, Effects& effects) {
  if (const auto* selecting = std::get_if<Selecting>(&phase_)) tally_.selection_time = now - selecting->since;
  RoundSummary summary = take_summary();
  summary.why_aborted = std::move(why);
  summary.contributors.clear();
  effects.emplace_back(RoundAborted{std::move(summary)});
  begin_selecting(now, effects);
}

RoundSummary RoundMachine::take_summary() {
  RoundSummary summary = std::exchange(tally_, RoundSummary{});
  summary.round = RoundId{rounds_done_ + 1};
  summary.attempt = attempt_;
  summary.clip_norm_l2 = clip_norm_l2_;
  std::sort(summary.contributors.begin(), summary.contributors.end());
  messages_.clear();
  gateway_use_.assign(options_.gateways.size(), {});
  return summary;
}

void RoundMachine::reply_to_update(const PeerId& peer, const SessionId& session, UpdateStatus status, Effects& effects) {
  send(peer, UpdateReply{status, plan_.federation.retry_after_ms}, session, nullptr, effects);
}

void RoundMachine::send(const PeerId& peer, const Message& message, const SessionId& session, std::shared_ptr<const Bytes> bulk, Effects& effects) {
  Frames frames{seal_from_coordinator(message, session), std::move(bulk)};
  tally_.bytes_down += frames.size();
  effects.emplace_back(Send{peer, std::move(frames)});
}

void RoundMachine::drop(DropReason reason, std::optional<ClientId> client, Effects& effects) {
  ++tally_.dropped[reason];
  effects.emplace_back(Dropped{reason, client});
}

}  // namespace fedspend::coordinator
