// The round machine's gate: whom a message is from, and whether it is taken up at all.

#include <algorithm>

#include "common/protocol/codec.h"
#include "coordinator/round_machine.h"

namespace fedspend::coordinator {
namespace {

DropReason reason_of(std::optional<Exclusion> exclusion) {
  if (!exclusion) return DropReason::not_enrolled;
  return *exclusion == Exclusion::revoked ? DropReason::revoked : DropReason::expired;
}

}  // namespace

Effects RoundMachine::on_message(const MessageReceived& message, Millis now) {
  Effects effects;
  tally_.bytes_up += message.frames.size();
  renew_quotas_when_done(now);
  const Result<Envelope> envelope = open_envelope(message.frames.control);
  if (!within_gateway_quota(message, envelope ? &envelope->sender : nullptr, gateway_use_)) return drop(DropReason::gateway_quota, std::nullopt, effects), effects;
  if (!envelope) {
    if (envelope.error().code == ErrorCode::refused) {  // decodable, but of a version that is not spoken here
      send(message.peer, ComeBack{.reason = ComeBackReason::version}, SessionId{}, nullptr, effects);
      drop(DropReason::version, std::nullopt, effects);
    } else {
      drop(DropReason::undecodable, std::nullopt, effects);
    }
    return effects;
  }
  const EnrolledDevice* device = enrolment_.find(envelope->sender);
  if (device == nullptr) return drop(reason_of(enrolment_.exclusion_of(envelope->sender)), std::nullopt, effects), effects;
  if (!may_speak_for(message.transport_key, *device)) return drop(DropReason::wrong_transport, std::nullopt, effects), effects;
  const ClientId client = device->id;
  const auto is_signed = [&] { return message.signature.is_right_ ? *message.signature.is_right_ : verify_envelope(*envelope, device->identity); };
  // On the device's own connection the handshake has shown who speaks; behind a gateway the signature alone does.
  const bool is_direct = device->transport == message.transport_key;
  if (!is_direct && !is_signed()) return drop(DropReason::bad_signature, std::nullopt, effects), effects;
  if (!within_quota(client)) return drop(DropReason::quota, std::nullopt, effects), effects;
  if (signs_late(*envelope, client)) return std::get<Aggregating>(phase_).signers.insert(client), effects;
  if (is_direct && !is_signed()) return drop(DropReason::bad_signature, std::nullopt, effects), effects;
  const Result<Message> decoded = decode_body(envelope->type, envelope->body);
  if (!decoded) return drop(DropReason::undecodable, client, effects), effects;
  if (!has_bulk_frame(envelope->type) && !message.frames.bulk_bytes().empty()) return drop(DropReason::undecodable, client, effects), effects;

  if (const auto* check_in = std::get_if<CheckIn>(&*decoded)) {
    on_check_in(message.peer, client, *check_in, now, effects);
  } else if (const auto* update = std::get_if<Update>(&*decoded)) {
    on_update(message.peer, client, *envelope, *update, message.frames, now, effects);
  } else if (std::holds_alternative<Decline>(*decoded)) {
    on_decline(client, *envelope, now, effects);
  } else if (is_from_device(envelope->type)) {
    on_secure_message(message.peer, *device, *envelope, *decoded, message.frames, now, effects);
  } else {
    drop(DropReason::wrong_type, client, effects);
  }
  return effects;
}

bool RoundMachine::is_gateway(const CurvePublicKey& key) const {
  return std::find(options_.gateways.begin(), options_.gateways.end(), key) != options_.gateways.end();
}

bool RoundMachine::may_speak_for(const CurvePublicKey& key, const EnrolledDevice& device) const { return device.transport == key || is_gateway(key); }

bool RoundMachine::within_gateway_quota(const MessageReceived& message, const ClientId* sender, std::vector<GatewayUse>& used) const {
  const auto found = std::find(options_.gateways.begin(), options_.gateways.end(), message.transport_key);
  if (found == options_.gateways.end()) return true;
  GatewayUse& use = used.at(static_cast<std::size_t>(found - options_.gateways.begin()));
  const GatewayQuota& quota = options_.gateway_quota;
  const std::uint64_t devices = enrolment_.devices().size();
  const std::uint64_t bytes_per_device = quota.bytes_per_device != 0 ? quota.bytes_per_device : 2 * largest_bulk_bytes(plan_) + (std::uint64_t{256} << 10);
  const std::uint64_t size = message.frames.size();
  const auto fits = [&](const Brought& brought, std::uint64_t of_so_many) {
    return brought.messages < quota.messages_per_device * of_so_many && size <= bytes_per_device * of_so_many - brought.bytes &&
           (brought.connections.contains(message.peer) || brought.connections.size() < quota.connections_per_device * of_so_many);
  };
  const auto add = [&](Brought& brought) {
    ++brought.messages;
    brought.bytes += size;
    brought.connections.insert(message.peer);
  };
  if (!fits(use.in_all, devices)) return false;
  if (sender != nullptr && enrolment_.find(*sender) != nullptr) {
    Brought& of_device = use.of_device[*sender];
    if (!fits(of_device, std::min<std::uint64_t>(GatewayQuota::kDevicesShare, devices))) return false;
    add(of_device);
  }
  add(use.in_all);
  return true;
}

void RoundMachine::renew_quotas_when_done(Millis now) {
  auto* done = std::get_if<Done>(&phase_);
  if (done == nullptr || now < done->quota_since + options_.selection_timeout) return;
  done->quota_since = now;
  messages_.clear();
  gateway_use_.assign(options_.gateways.size(), {});
}

bool RoundMachine::within_quota(const ClientId& client) {
  return ++messages_[client] <= options_.max_messages_per_device_and_round;
}

void RoundMachine::check_signatures(std::span<MessageReceived> messages, Executor& executor) const {
  struct Check {
    MessageReceived* message;
    Envelope envelope;
    const EnrolledDevice* device;
  };
  std::vector<Check> checks;
  std::unordered_map<ClientId, std::uint32_t> used;  // of the quota, once these messages before it are taken
  std::vector<GatewayUse> gateway_use = options_.gateways.empty() ? std::vector<GatewayUse>() : gateway_use_;  // likewise
  for (MessageReceived& message : messages) {
    const Result<Envelope> envelope = open_envelope(message.frames.control);
    if (!within_gateway_quota(message, envelope ? &envelope->sender : nullptr, gateway_use) || !envelope) continue;
    const EnrolledDevice* device = enrolment_.find(envelope->sender);
    if (device == nullptr || !may_speak_for(message.transport_key, *device)) continue;
    if (device->transport != message.transport_key) {  // a gateway's: on_message looks at the signature before the quota
      checks.push_back({&message, *envelope, device});
      continue;
    }
    const auto counted = messages_.find(device->id);
    std::uint32_t& of_device = used.try_emplace(device->id, counted == messages_.end() ? 0 : counted->second).first->second;
    if (++of_device <= options_.max_messages_per_device_and_round && !signs_late(*envelope, device->id)) checks.push_back({&message, *envelope, device});
  }
  executor.for_each(checks.size(), [&](std::size_t i) { checks[i].message->signature.is_right_ = verify_envelope(checks[i].envelope, checks[i].device->identity); });
}

}  // namespace fedspend::coordinator
