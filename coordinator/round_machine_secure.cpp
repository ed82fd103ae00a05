// The round machine's part in secure aggregation: deadlines, connections, who is waited for. The protocol is common/secagg's.

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/protocol/certificate.h"
#include "common/secagg/plan_check.h"
#include "coordinator/round_machine.h"

namespace fedspend::coordinator {

Status check_supported(const Plan& plan) { return check_rounds(plan); }

std::size_t largest_bulk_bytes(const Plan& plan) {
  const std::size_t vectors = std::max<std::size_t>(4 * plan.model.parameter_count, packed_size(plan.ring_length(), plan.aggregation.bits));
  return plan.aggregation.mode == Aggregation::secure ? std::max(vectors, max_quorum_bytes(plan.devices_asked(), plan.devices_asked())) : vectors;
}

void RoundMachine::begin_aggregating(std::unordered_map<ClientId, Asked> asked, const AssignmentTerms& terms, Millis now) {
  Result<SessionTerms> session_terms = make_session_terms(plan_, RoundId{rounds_done_ + 1}, terms.session, terms.cohort, clip_norm_l2_);
  FEDSPEND_CHECK(session_terms.has_value(), "a cohort between the plan's least and all that it asks, and a clip norm of its range");
  Beacon& beacon = plan_.aggregation.beacon == BeaconSource::external ? *options_.external_beacon : roster_beacon_;
  phase_ = Aggregating{.assignment = terms.session,
                       .attempt = terms.attempt,
                       .since = now,
                       .deadline = terms.deadline,
                       .asked = std::move(asked),
                       .gone = {},
                       .signers = {},
                       .aggregator = std::make_unique<Aggregator>(std::move(*session_terms), beacon)};
}

void RoundMachine::on_secure_message(const PeerId& peer, const EnrolledDevice& device, const Envelope& envelope, const Message& message, const Frames& frames, Millis now,
                                     Effects& effects) {
  const ClientId& client = device.id;
  auto* aggregating = std::get_if<Aggregating>(&phase_);
  const bool advertises = envelope.type == MessageType::advertise_keys;
  const bool is_of_session = aggregating != nullptr && (advertises ? envelope.session == aggregating->assignment
                                                                   : !envelope.session.is_zero() && envelope.session == aggregating->aggregator->session());
  if (!is_of_session) {
    // Of a session that is over, or never was: the device need not go on. What was accepted then is not told any more.
    const bool was_asked = closed_ && closed_->session == envelope.session && closed_->asked.contains(client);
    drop(was_asked ? DropReason::late : DropReason::wrong_session, client, effects);
    return reply_to_update(peer, envelope.session, was_asked ? UpdateStatus::late : UpdateStatus::refused, effects);
  }
  const auto asked = aggregating->asked.find(client);
  if (asked == aggregating->asked.end() || aggregating->gone.contains(client)) return drop(DropReason::not_assigned, client, effects);
  asked->second.peer = peer;
  const Verdict verdict = give_to_aggregator(*aggregating, device, envelope, message, frames);
  if (envelope.type == MessageType::sign_survivors) aggregating->signers.insert(client);
  if (verdict != Verdict::accepted) return answer_out_of_turn(peer, client, envelope.session, verdict, effects);
  asked->second.answered = true;
  if (envelope.type == MessageType::unmask) reply_to_update(peer, envelope.session, UpdateStatus::accepted, effects);
  if (is_phase_complete(*aggregating)) advance_aggregation(now, effects);
}

bool RoundMachine::signs_late(const Envelope& envelope, const ClientId& client) const {
  const auto* aggregating = std::get_if<Aggregating>(&phase_);
  return aggregating != nullptr && envelope.type == MessageType::sign_survivors && envelope.session == aggregating->aggregator->session() &&
         aggregating->aggregator->phase() == "revealing" && aggregating->aggregator->is_awaited(client) && !aggregating->gone.contains(client) &&
         !aggregating->signers.contains(client);
}

Verdict RoundMachine::give_to_aggregator(Aggregating& aggregating, const EnrolledDevice& device, const Envelope& envelope, const Message& message, const Frames& frames) {
  Aggregator& aggregator = *aggregating.aggregator;
  if (const auto* keys = std::get_if<AdvertiseKeys>(&message))
    return aggregator.on_advertise_keys(device.identity, encode_certificate(device.certificate), *keys, envelope.signature);
  if (const auto* shares = std::get_if<ShareKeys>(&message)) return aggregator.on_share_keys(device.id, *shares);
  if (const auto* masked = std::get_if<MaskedInput>(&message)) return aggregator.on_masked_input(device.id, *masked, frames.bulk_bytes());
  if (const auto* choice = std::get_if<SignSurvivors>(&message)) return aggregator.on_sign_survivors(device.id, *choice, envelope.signature);
  const auto* unmask = std::get_if<Unmask>(&message);
  FEDSPEND_CHECK(unmask != nullptr, "a device's message of secure aggregation");
  return aggregator.on_unmask(device.id, *unmask);
}

void RoundMachine::answer_out_of_turn(const PeerId& peer, const ClientId& client, const SessionId& session, Verdict verdict, Effects& effects) {
  const auto& aggregating = std::get<Aggregating>(phase_);
  switch (verdict) {
    case Verdict::accepted: return;
    case Verdict::equivocation: return drop(DropReason::equivocation, client, effects);
    case Verdict::bad_contents: return drop(DropReason::bad_update, client, effects);
    case Verdict::not_awaited: drop(DropReason::not_assigned, client, effects); break;
    case Verdict::duplicate:
    case Verdict::wrong_phase: break;
  }
  // A device that has not heard what came next says again what it said last: it is told.
  if (const std::optional<Outgoing> next = aggregating.aggregator->message_for(client))
    return send(peer, next->message, aggregating.aggregator->session(), next->bulk, effects);
  if (verdict == Verdict::duplicate) {
    if (aggregating.aggregator->phase() == "revealing" && aggregating.aggregator->has_answered(client)) reply_to_update(peer, session, UpdateStatus::duplicate, effects);
    return;  // it waits for the others
  }
  if (verdict == Verdict::wrong_phase) {
    if (aggregating.aggregator->has_answered(client)) return;  // an old message, held up on the way
    drop(DropReason::late, client, effects);
  }
  reply_to_update(peer, session, UpdateStatus::late, effects);
}

void RoundMachine::note_gone(const ClientId& client, Millis now, Effects& effects) {
  auto& aggregating = std::get<Aggregating>(phase_);
  const auto asked = aggregating.asked.find(client);
  if (asked == aggregating.asked.end() || !aggregating.gone.insert(client).second) return drop(DropReason::not_assigned, client, effects);
  asked->second.answered = true;
  ++tally_.declined;
  if (is_phase_complete(aggregating)) advance_aggregation(now, effects);
}

bool RoundMachine::is_phase_complete(const Aggregating& aggregating) const {
  const Aggregator& aggregator = *aggregating.aggregator;
  if (aggregator.session().is_zero()) {  // advertising
    if (aggregator.advertised() >= plan_.federation.cohort) return true;
    return std::all_of(aggregating.asked.begin(), aggregating.asked.end(), [](const auto& entry) { return entry.second.answered; });
  }
  if (aggregator.is_complete()) return true;
  // Asked after each message: the work is that of those who are gone, not of the whole roster.
  const auto gone = std::count_if(aggregating.gone.begin(), aggregating.gone.end(), [&](const ClientId& client) { return aggregator.is_awaited(client); });
  return aggregator.awaited_count() == static_cast<std::uint32_t>(gone);
}

void RoundMachine::advance_aggregation(Millis now, Effects& effects) {
  auto& aggregating = std::get<Aggregating>(phase_);
  Aggregator& aggregator = *aggregating.aggregator;
  tally_.advertised = aggregator.advertised();
  if (const Status advanced = aggregator.advance(); !advanced) {
    for (const ClientId& dealer : aggregator.dealers_at_fault()) exclude(dealer, effects);
    return abort_aggregation(advanced.error().message, now, effects);
  }
  if (std::unique_ptr<Unmasking> unmasking = aggregator.phase() == "closed" ? aggregator.take_unmasking() : nullptr) {
    const SessionId session = aggregator.session();
    AwaitingSum awaiting{session, aggregating.since, aggregator.contributors(), aggregator.parameters()};
    if (const Status charged = charge(session, awaiting.contributors, &awaiting.parameters, effects); !charged) return abort_aggregation(charged.error().message, now, effects);
    closed_ = Closed{session, std::move(aggregating.asked)};
    phase_ = std::move(awaiting);
    effects.emplace_back(ComputeSum{session, std::move(unmasking)});
    return;
  }
  aggregating.deadline = now + Millis(plan_.aggregation.phase_deadline_ms);
  effects.emplace_back(WakeAt{aggregating.deadline});
  send_phase_messages(aggregating, effects);
}

void RoundMachine::send_phase_messages(const Aggregating& aggregating, Effects& effects) {
  const Aggregator& aggregator = *aggregating.aggregator;
  for (const ClientId& client : aggregator.awaited()) {
    if (aggregating.gone.contains(client)) continue;
    const std::optional<Outgoing> message = aggregator.message_for(client);
    FEDSPEND_CHECK(message.has_value(), "whoever is waited for is sent something");
    send(aggregating.asked.at(client).peer, message->message, aggregator.session(), message->bulk, effects);
  }
}

void RoundMachine::abort_aggregation(std::string why, Millis now, Effects& effects) {
  auto aggregating = std::move(std::get<Aggregating>(phase_));
  tally_.collection_time = now - aggregating.since;
  const SessionId session = aggregating.aggregator->session().is_zero() ? aggregating.assignment : aggregating.aggregator->session();
  std::vector<ClientId> told;
  for (const auto& [client, asked] : aggregating.asked) {
    const bool is_done = aggregating.aggregator->phase() == "revealing" && aggregating.aggregator->has_answered(client);  // and was told so
    if (asked.answered && !is_done && !aggregating.gone.contains(client)) told.push_back(client);
  }
  std::sort(told.begin(), told.end());
  for (const ClientId& client : told) reply_to_update(aggregating.asked.at(client).peer, session, UpdateStatus::aborted, effects);
  closed_ = Closed{session, std::move(aggregating.asked)};
  abort_round(std::move(why), now, effects);
}

void RoundMachine::exclude(const ClientId& dealer, Effects& effects) {
  excluded_[dealer] = rounds_done_ + options_.rounds_excluded;
  pool_.erase(dealer);
  drop(DropReason::excluded, dealer, effects);
}

Effects RoundMachine::on_sum_computed(const SumComputed& computed, Millis now) {
  Effects effects;
  auto* awaiting = std::get_if<AwaitingSum>(&phase_);
  FEDSPEND_CHECK(awaiting != nullptr && awaiting->session == computed.session, "SumComputed answers ComputeSum");
  tally_.collection_time = now - awaiting->since;
  if (!computed.outcome) {
    for (const ClientId& dealer : computed.outcome.error().dealers) exclude(dealer, effects);
    abort_round(computed.outcome.error().why, now, effects);
    return effects;
  }
  for (const ClientId& holder : computed.outcome->wrong_holders) drop(DropReason::bad_share, holder, effects);
  const Decoded decoded = decode(computed.outcome->sum, *awaiting);
  tally_.contributors = std::move(awaiting->contributors);
  publish_mean(decoded.mean, decoded.next_clip_norm_l2, now, effects);
  return effects;
}

}  // namespace fedspend::coordinator
