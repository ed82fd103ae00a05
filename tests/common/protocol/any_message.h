#pragma once
// Any message that keeps its limits, for properties over all of them, and whether two are the same, field by field: apart from the codec.

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "common/protocol/messages.h"

namespace fedspend::testing {

inline std::string any_text() {
  auto text = *rc::gen::container<std::string>(rc::gen::inRange<char>(0x20, 0x7f));
  text.resize(std::min(text.size(), kMaxTextBytes));
  return text;
}
template <class Array>
Array any_array() {
  Array out;
  for (auto& byte : out) byte = *rc::gen::arbitrary<std::uint8_t>();
  return out;
}
inline Bytes any_bytes() { return *rc::gen::arbitrary<Bytes>(); }
inline std::uint32_t any_u32() { return *rc::gen::arbitrary<std::uint32_t>(); }
inline std::uint32_t any_count() { return *rc::gen::inRange<std::uint32_t>(1, kMaxRosterClients + 1); }
inline std::uint8_t any_width() { return *rc::gen::inRange<std::uint8_t>(1, 33); }
template <class Enum>
Enum any_enum(Enum last) {
  return static_cast<Enum>(*rc::gen::inRange(0, static_cast<int>(last) + 1));
}
inline std::vector<Hash256> any_hashes(std::size_t most) {
  std::vector<Hash256> hashes(*rc::gen::inRange<std::size_t>(0, most + 1));
  for (Hash256& hash : hashes) hash = any_array<Hash256>();
  return hashes;
}
inline RoundKeys any_keys() { return {any_array<Hash256>(), any_array<Hash256>(), any_array<Hash256>()}; }
inline NeighbourKeys any_neighbour() {
  return {any_u32(), {any_array<Hash256>()}, any_array<std::array<std::uint8_t, kCertificateWireBytes>>(), any_keys(), any_array<Signature>()};
}

inline Assignment any_assignment() {
  Assignment a;
  a.task.bytes = any_array<std::array<std::uint8_t, 16>>();
  a.round = RoundId{*rc::gen::arbitrary<std::uint64_t>()};
  a.attempt = any_array<std::array<std::uint8_t, 16>>();
  a.cohort = any_u32();
  a.deadline_ms = any_u32();
  a.clip_norm_l2 = std::ldexp(1.0 + any_u32(), *rc::gen::inRange(-1000, 900));
  a.plan_hash.bytes = any_array<Hash256>();
  a.model_hash.bytes = any_array<Hash256>();
  a.plan = any_bytes();
  a.plan_signature = any_array<Signature>();
  return a;
}
inline RosterView any_roster_view() {
  RosterView view{.clients = any_count(),
                  .root = any_array<Hash256>(),
                  .beacon = any_array<Hash256>(),
                  .beacon_signature = any_array<Signature>(),
                  .position = any_u32(),
                  .neighbours = {},
                  .proof = any_hashes(20)};
  view.neighbours.resize(*rc::gen::inRange<std::size_t>(0, 4));
  for (NeighbourKeys& neighbour : view.neighbours) neighbour = any_neighbour();
  return view;
}

inline Message any_message() {
  const std::uint16_t version_min = *rc::gen::inRange<std::uint16_t>(1, 1000);
  const std::uint16_t version_max = *rc::gen::inRange<std::uint16_t>(version_min, 2000);
  switch (static_cast<MessageType>(*rc::gen::inRange(1, 16))) {
    case MessageType::check_in: return CheckIn{version_min, version_max, any_text(), any_text(), {any_array<Hash256>()}, {any_array<Hash256>()}};
    case MessageType::assignment: return any_assignment();
    case MessageType::come_back: return ComeBack{any_enum(ComeBackReason::malformed), any_u32(), version_min, version_max};
    case MessageType::update: return Update{any_array<Hash256>(), any_u32(), any_width()};
    case MessageType::update_reply: return UpdateReply{any_enum(UpdateStatus::aborted), any_u32()};
    case MessageType::decline: return Decline{any_enum(DeclineReason::secure_aggregation)};
    case MessageType::advertise_keys: return AdvertiseKeys{any_keys()};
    case MessageType::roster_view: return any_roster_view();
    case MessageType::share_keys: return ShareKeys{any_bytes()};
    case MessageType::deliver_shares: return DeliverShares{any_bytes(), any_bytes()};
    case MessageType::masked_input: return MaskedInput{any_array<Hash256>(), any_u32(), any_width()};
    case MessageType::survivors: return Survivors{any_bytes(), any_array<Hash256>(), any_hashes(kMaxLeafProofHashes)};
    case MessageType::sign_survivors: return SignSurvivors{any_array<Hash256>()};
    case MessageType::quorum: return Quorum{any_count()};
    case MessageType::unmask: break;
  }
  Unmask unmask{any_bytes(), any_bytes()};
  unmask.opened.resize(std::min<std::size_t>(unmask.opened.size(), (kMaxNeighbours + 7) / 8));
  return unmask;
}

inline bool same(const CheckIn& a, const CheckIn& b) {
  return a.version_min == b.version_min && a.version_max == b.version_max && a.population == b.population && a.software == b.software &&
         a.have_plan == b.have_plan && a.have_model == b.have_model;
}
inline bool same(const Assignment& a, const Assignment& b) {
  return a.version == b.version && a.task == b.task && a.round == b.round && a.attempt == b.attempt && a.cohort == b.cohort &&
         a.deadline_ms == b.deadline_ms && a.clip_norm_l2 == b.clip_norm_l2 && a.plan_hash == b.plan_hash && a.model_hash == b.model_hash && a.plan == b.plan &&
         a.plan_signature == b.plan_signature;
}
inline bool same(const ComeBack& a, const ComeBack& b) {
  return a.reason == b.reason && a.retry_after_ms == b.retry_after_ms && a.version_min == b.version_min && a.version_max == b.version_max;
}
inline bool same(const Update& a, const Update& b) { return a.bulk_hash == b.bulk_hash && a.count == b.count && a.bits == b.bits; }
inline bool same(const UpdateReply& a, const UpdateReply& b) { return a.status == b.status && a.retry_after_ms == b.retry_after_ms; }
inline bool same(const Decline& a, const Decline& b) { return a.reason == b.reason; }
inline bool same(const AdvertiseKeys& a, const AdvertiseKeys& b) { return a.keys == b.keys; }
inline bool same(const NeighbourKeys& a, const NeighbourKeys& b) {
  return a.position == b.position && a.identity == b.identity && a.certificate == b.certificate && a.keys == b.keys && a.signature == b.signature;
}
inline bool same(const RosterView& a, const RosterView& b) {
  return a.clients == b.clients && a.root == b.root && a.beacon == b.beacon && a.beacon_signature == b.beacon_signature && a.position == b.position && a.proof == b.proof &&
         std::ranges::equal(a.neighbours, b.neighbours, [](const auto& x, const auto& y) { return same(x, y); });
}
inline bool same(const ShareKeys& a, const ShareKeys& b) { return a.sealed == b.sealed; }
inline bool same(const DeliverShares& a, const DeliverShares& b) { return a.sharing == b.sharing && a.sealed == b.sealed; }
inline bool same(const MaskedInput& a, const MaskedInput& b) { return a.bulk_hash == b.bulk_hash && a.count == b.count && a.bits == b.bits; }
inline bool same(const Survivors& a, const Survivors& b) { return a.survivors == b.survivors && a.inputs_root == b.inputs_root && a.proof == b.proof; }
inline bool same(const SignSurvivors& a, const SignSurvivors& b) { return a.choice == b.choice; }
inline bool same(const Quorum& a, const Quorum& b) { return a.signers == b.signers; }
inline bool same(const Unmask& a, const Unmask& b) { return a.opened == b.opened && a.shares == b.shares; }
template <class A, class B>
bool same(const A&, const B&) {
  return false;
}

}  // namespace fedspend::testing
