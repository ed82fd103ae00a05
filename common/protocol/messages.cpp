#include "common/protocol/messages.h"

#include <algorithm>

namespace fedspend {
namespace {

MessageType type_for(const CheckIn&) { return MessageType::check_in; }
MessageType type_for(const Assignment&) { return MessageType::assignment; }
MessageType type_for(const ComeBack&) { return MessageType::come_back; }
MessageType type_for(const Update&) { return MessageType::update; }
MessageType type_for(const UpdateReply&) { return MessageType::update_reply; }
MessageType type_for(const Decline&) { return MessageType::decline; }
MessageType type_for(const AdvertiseKeys&) { return MessageType::advertise_keys; }
MessageType type_for(const RosterView&) { return MessageType::roster_view; }
MessageType type_for(const ShareKeys&) { return MessageType::share_keys; }
MessageType type_for(const DeliverShares&) { return MessageType::deliver_shares; }
MessageType type_for(const MaskedInput&) { return MessageType::masked_input; }
MessageType type_for(const Survivors&) { return MessageType::survivors; }
MessageType type_for(const SignSurvivors&) { return MessageType::sign_survivors; }
MessageType type_for(const Quorum&) { return MessageType::quorum; }
MessageType type_for(const Unmask&) { return MessageType::unmask; }

}  // namespace

MessageType type_of(const Message& message) {
  return std::visit([](const auto& alternative) { return type_for(alternative); }, message);
}

std::string_view to_string(MessageType type) noexcept {
  switch (type) {
    case MessageType::check_in: return "check_in";
    case MessageType::assignment: return "assignment";
    case MessageType::come_back: return "come_back";
    case MessageType::update: return "update";
    case MessageType::update_reply: return "update_reply";
    case MessageType::decline: return "decline";
    case MessageType::advertise_keys: return "advertise_keys";
    case MessageType::roster_view: return "roster_view";
    case MessageType::share_keys: return "share_keys";
    case MessageType::deliver_shares: return "deliver_shares";
    case MessageType::masked_input: return "masked_input";
    case MessageType::survivors: return "survivors";
    case MessageType::sign_survivors: return "sign_survivors";
    case MessageType::quorum: return "quorum";
    case MessageType::unmask: return "unmask";
  }
  return "unknown";
}

std::string_view to_string(ComeBackReason reason) noexcept {
  switch (reason) {
    case ComeBackReason::not_selected: return "not_selected";
    case ComeBackReason::busy: return "busy";
    case ComeBackReason::finished: return "finished";
    case ComeBackReason::not_enrolled: return "not_enrolled";
    case ComeBackReason::wrong_population: return "wrong_population";
    case ComeBackReason::version: return "version";
    case ComeBackReason::malformed: return "malformed";
  }
  return "unknown";
}

std::string_view to_string(UpdateStatus status) noexcept {
  switch (status) {
    case UpdateStatus::accepted: return "accepted";
    case UpdateStatus::duplicate: return "duplicate";
    case UpdateStatus::late: return "late";
    case UpdateStatus::refused: return "refused";
    case UpdateStatus::aborted: return "aborted";
  }
  return "unknown";
}

std::string_view to_string(DeclineReason reason) noexcept {
  switch (reason) {
    case DeclineReason::policy: return "policy";
    case DeclineReason::plan_signature: return "plan_signature";
    case DeclineReason::not_eligible: return "not_eligible";
    case DeclineReason::training_failed: return "training_failed";
    case DeclineReason::model_mismatch: return "model_mismatch";
    case DeclineReason::cancelled: return "cancelled";
    case DeclineReason::record: return "record";
    case DeclineReason::secure_aggregation: return "secure_aggregation";
  }
  return "unknown";
}

Result<std::uint16_t> negotiate_version(std::uint16_t peer_min, std::uint16_t peer_max) {
  const std::uint16_t lowest = std::max(peer_min, kProtocolVersionMin);
  const std::uint16_t highest = std::min(peer_max, kProtocolVersionMax);
  if (peer_min <= peer_max && lowest <= highest) return highest;
  return fail(ErrorCode::refused,
              "no common protocol version: the peer speaks " + std::to_string(peer_min) + " to " + std::to_string(peer_max) +
                  ", this program " + std::to_string(kProtocolVersionMin) + " to " + std::to_string(kProtocolVersionMax),
              "update the older of the two programs");
}

SessionId session_id(const TaskId& task, RoundId round, const ModelHash& model, const PlanHash& plan, std::uint32_t cohort,
                     const std::array<std::uint8_t, 16>& attempt) {
  Hasher hasher("sid");
  hasher.field(task.bytes).u64(round.value).field(model.bytes).field(plan.bytes).u32(cohort).field(ByteSpan(attempt));
  return hash_as<SessionId>(hasher);
}

ModelHash hash_of_weights(ByteSpan float32_little_endian) {
  Hasher hasher("model");
  hasher.field(float32_little_endian);
  return hash_as<ModelHash>(hasher);
}

Hash256 hash_of_update(ByteSpan packed) {
  Hasher hasher("update");
  return hasher.field(packed).finish();
}

}  // namespace fedspend
