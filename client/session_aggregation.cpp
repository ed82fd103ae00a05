// The session's part in secure aggregation: what is recorded before what leaves. The protocol is common/secagg's.

#include <algorithm>
#include <cmath>
#include <utility>

#include "client/session.h"
#include "client/update_pipeline.h"
#include "common/crypto/secret.h"
#include "common/numeric/norm.h"
#include "common/protocol/model_file.h"
#include "common/secagg/session_privacy.h"

namespace fedspend::client {
namespace {

Effects ignored(std::string why) { return {Ignored{std::move(why)}}; }

template <class T>
void wipe_values(std::span<T> values) {
  wipe(MutableByteSpan(reinterpret_cast<std::uint8_t*>(values.data()), values.size_bytes()));
}

}  // namespace

void Session::WipingDelete::operator()(std::vector<float>* update) const {
  if (update == nullptr) return;
  wipe_values(std::span(*update));
  delete update;
}

bool Session::is_at_cap(const TaskId& task, std::uint32_t max_participations) {
  const Result<std::uint32_t> participations = services_.record.participations(task);
  return !participations || *participations >= max_participations;
}

// Nothing leaves, not even a refusal: that this device has spent what it may is its own affair (case 28).
Effects Session::keep_silent(const Error& error, Leaving of, Millis now) {
  return idle_until(now + jittered(options_.permanent_backoff), {Refused{DeclineReason::record, error.message, std::move(of)}});
}

Effects Session::spent(Leaving of, Millis now) {
  return keep_silent({ErrorCode::refused, "this device has taken part as often as it may, and is silent"}, std::move(of), now);
}

Effects Session::advertise(const Training& training, std::vector<float>& update, Millis now) {
  Aggregating at;
  at.update.reset(new std::vector<float>(std::move(update)));
  if (at.update->size() != training.plan->model.parameter_count)
    return decline(training.session, DeclineReason::training_failed, "the trainer gave another number of values than the plan has", now);
  Bytes values = weights_to_bytes(*at.update);
  at.digest = hash_of_update(values);
  wipe(values);
  // One that is not finite counts as zero (case 30).
  const double norm = norm_l2(*at.update);
  at.is_zero = norm == 0 || !std::isfinite(norm);
  // The same update again would tell more than what was charged for it (case 29). Zero is no update.
  if (!at.is_zero) {
    const Result<bool> known = services_.record.has_contributed(at.digest);
    if (!known) return forbidden(training.session, known.error(), now);
    if (*known) return forbidden(training.session, {ErrorCode::conflict, "this update is in a sum already"}, now);
  }
  at.assignment = training.session;
  at.round = training.round;
  at.plan = training.plan;
  at.plan_hash = training.plan_hash;
  at.participant = std::make_unique<Participant>(*training.secure, identity_->public_key(), services_.random, services_.credentials,
                                                 options_.policy.beacon_key);
  // The coordinator may wait for others until its own deadline, and then has five phases.
  at.deadline = training.deadline + 5 * Millis(training.plan->aggregation.phase_deadline_ms);
  const AdvertiseKeys message = at.participant->advertise_keys();
  phase_ = std::move(at);
  return answer(std::get<Aggregating>(phase_), message, nullptr, now);
}

Effects Session::on_aggregation(const Envelope& envelope, const Message& message, const Frames& frames, Millis now) {
  auto* at = std::get_if<Aggregating>(&phase_);
  if (at == nullptr) return ignored("a message of secure aggregation that was not waited for");
  if (const auto* roster = std::get_if<RosterView>(&message)) return on_roster(*at, envelope, *roster, now);
  if (envelope.session != at->participant->session()) return ignored("a message of another session of secure aggregation");
  if (const auto* shares = std::get_if<DeliverShares>(&message)) return on_shares(*at, *shares, now);
  if (const auto* survivors = std::get_if<Survivors>(&message)) return on_survivors(*at, *survivors, now);
  if (const auto* quorum = std::get_if<Quorum>(&message)) return on_quorum(*at, *quorum, frames.bulk_bytes(), now);
  return ignored("a message that a coordinator does not send");
}

Effects Session::on_roster(Aggregating& at, const Envelope& envelope, const RosterView& roster, Millis now) {
  const Result<ShareKeys> shares = at.participant->on_roster(roster, envelope.session, services_.unix_time_s());
  if (!shares) return give_up(at.assignment, shares.error(), now);
  if (const Status recorded = services_.record.record_answered(at.plan->task, at.round, envelope.session); !recorded)
    return forbidden(envelope.session, recorded.error(), now);
  return answer(at, *shares, nullptr, now);
}

Effects Session::on_shares(Aggregating& at, const DeliverShares& shares, Millis now) {
  if (const Status taken = at.participant->on_shares(shares); !taken) return give_up(at.participant->session(), taken.error(), now);
  const SessionId session = at.participant->session();
  const auto update = std::move(at.update);
  Result<RingVector> encoded = encode_update(*at.plan, *at.participant, *update, services_.random);
  if (!encoded) return give_up(session, encoded.error(), now);
  Result<MaskedVector> masked = at.participant->mask(std::move(*encoded));
  if (!masked) return give_up(session, masked.error(), now);
  const Result<PrivacyCost> cost = device_cost(*at.plan, at.participant->parameters());
  if (!cost) return give_up(session, cost.error(), now);
  // Spent since it was asked, by a session of another run of this device: silent like one that was at its cap before (case 28).
  if (const Status charged = services_.record.charge_participation(at.plan->task, at.round, session, *cost, participation_limits(options_.policy, *at.plan)); !charged)
    return charged.error().code == ErrorCode::refused ? keep_silent(charged.error(), leaving(MessageType::masked_input), now) : forbidden(session, charged.error(), now);
  return answer(at, masked->message, std::move(masked->packed), now);
}

Effects Session::on_survivors(Aggregating& at, const Survivors& survivors, Millis now) {
  const Result<SignSurvivors> choice = at.participant->on_survivors(survivors);
  if (!choice) return give_up(at.participant->session(), choice.error(), now);
  if (const Status recorded = services_.record.record_survivor_choice(at.participant->session(), choice->choice); !recorded)
    return forbidden(at.participant->session(), recorded.error(), now);
  return answer(at, *choice, nullptr, now);
}

Effects Session::on_quorum(Aggregating& at, const Quorum& quorum, ByteSpan bulk, Millis now) {
  const Result<Unmask> unmask = at.participant->on_quorum(quorum, bulk, services_.unix_time_s(), services_.executor);
  if (!unmask) return give_up(at.participant->session(), unmask.error(), now);
  if (!at.is_zero) {
    if (const Status recorded = services_.record.record_update(at.participant->session(), at.digest); !recorded)
      return forbidden(at.participant->session(), recorded.error(), now);
  }
  return answer(at, *unmask, nullptr, now);
}

Effects Session::answer(Aggregating& at, const Message& message, std::shared_ptr<const Bytes> bulk, Millis now) {
  const bool has_roster = !at.participant->session().is_zero();
  Result<Bytes> sealed = seal_from_device(message, has_roster ? at.participant->session() : at.assignment, id_, *identity_);
  if (!sealed) return unsigned_message(sealed.error(), now);
  at.last = Frames{std::move(*sealed), std::move(bulk)};
  at.last_type = type_of(message);
  at.bytes_sent += at.last.size();
  at.retry_at = std::min(now + retry_interval(at), std::max(at.deadline, now + Millis(1)));
  return {Send{at.last, leaving(at.last_type)}, WakeAt{at.retry_at}};
}

// Once there is a roster, well within a phase, so that one message that is lost does not cost the device its part. Before that the
// coordinator may wait for others as long as a training takes, and counts what it is sent.
Millis Session::retry_interval(const Aggregating& at) const {
  if (at.participant->session().is_zero()) return options_.reply_timeout;
  return std::min(options_.reply_timeout, std::max(Millis(at.plan->aggregation.phase_deadline_ms) / 3, Millis(1)));
}

// A message out of turn changes nothing: the network may have repeated it. Anything else that fails a check ends the session.
Effects Session::give_up(const SessionId& session, const Error& error, Millis now) {
  if (error.code == ErrorCode::conflict) return ignored(error.message);
  return decline(session, DeclineReason::secure_aggregation, error.message, now);
}

Effects Session::forbidden(const SessionId& session, const Error& error, Millis now) {
  return decline(session, DeclineReason::record, "the device's record: " + error.message, now);
}

}  // namespace fedspend::client
