#pragma once
// The messages of vectors.txt as values, and the bytes that wire_vectors.py, the second implementation of WIRE.md, gives for them.

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/crypto/identity.h"
#include "common/protocol/messages.h"
#include "common/protocol/model_file.h"
#include "common/protocol/plan.h"
#include "tests/paths.h"

namespace fedspend::testing {

inline IdentityKey sample_key(std::uint8_t first_byte = 0) {
  SecretBytes<32> seed;
  for (std::size_t i = 0; i < 32; ++i) seed.expose_mutable()[i] = static_cast<std::uint8_t>(first_byte + i);
  return IdentityKey::from_seed(seed);
}

template <class Array>
Array filled(std::uint8_t byte) {
  Array array;
  array.fill(byte);
  return array;
}

// Bytes that differ from their neighbours, so that a field in another's place is seen.
inline Bytes pattern(std::size_t first, std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}
template <std::size_t Size>
std::array<std::uint8_t, Size> patterned(std::size_t first) {
  std::array<std::uint8_t, Size> array;
  std::ranges::copy(pattern(first, Size), array.begin());
  return array;
}
template <class... Firsts>
std::vector<Hash256> pattern_hashes(Firsts... firsts) {
  return {patterned<32>(static_cast<std::size_t>(firsts))...};
}
// Keys of a round whose 96 bytes on the wire are one pattern.
inline RoundKeys pattern_keys(std::size_t first) {
  return {.agreement = patterned<32>(first), .mask = patterned<32>(first + 32), .commitment = patterned<32>(first + 64)};
}

inline const std::vector<float> kSampleWeights{1.0f, -0.5f, 0.25f};

inline SignedPlan sample_signed_plan() {
  const ByteSpan text = as_bytes("schema = 1\n");
  return sign_plan(Bytes(text.begin(), text.end()), sample_key());
}

inline Assignment sample_assignment() {
  const SignedPlan plan = sample_signed_plan();
  Assignment assignment;
  assignment.task.bytes.fill(0x33);
  assignment.round = RoundId{7};
  for (std::uint8_t i = 0; i < 16; ++i) assignment.attempt[i] = i;
  assignment.cohort = 130;
  assignment.deadline_ms = 60'000;
  assignment.clip_norm_l2 = 0.75;
  assignment.plan_hash = hash_of_plan(plan.bytes);
  assignment.model_hash = hash_of_weights(weights_to_bytes(kSampleWeights));
  assignment.plan = plan.bytes;
  assignment.plan_signature = plan.signature;
  return assignment;
}

inline SessionId sample_session() {
  const Assignment a = sample_assignment();
  return session_id(a.task, a.round, a.model_hash, a.plan_hash, a.cohort, a.attempt);
}

inline std::vector<Message> sample_messages() {
  CheckIn check_in{.population = "kort-københavn", .software = "fedspend 0.1.0", .have_plan = {}, .have_model = {}};
  check_in.have_plan.bytes.fill(0x11);
  check_in.have_model.bytes.fill(0x22);
  const auto neighbour = [](std::uint32_t position) {
    return NeighbourKeys{.position = position,
                         .identity = {patterned<32>(position)},
                         .certificate = patterned<kCertificateWireBytes>(40 + position),
                         .keys = pattern_keys(80 + position),
                         .signature = patterned<64>(120 + position)};
  };
  const ByteSpan packed_values = as_bytes(std::string_view("\x01\0\0\x02\0\0\x03\0\0\xef\xcd\xab", 12));
  return {check_in,
          sample_assignment(),
          ComeBack{.reason = ComeBackReason::not_enrolled, .retry_after_ms = 300'000},
          Update{.bulk_hash = hash_of_update(packed_values), .count = 4, .bits = 24},
          UpdateReply{.status = UpdateStatus::duplicate, .retry_after_ms = 60'000},
          Decline{.reason = DeclineReason::not_eligible},
          AdvertiseKeys{pattern_keys(1)},
          RosterView{.clients = 12,
                     .root = patterned<32>(2),
                     .beacon = patterned<32>(3),
                     .beacon_signature = patterned<64>(14),
                     .position = 7,
                     .neighbours = {neighbour(9), neighbour(0)},
                     .proof = pattern_hashes(4, 5, 6)},
          ShareKeys{.sealed = pattern(7, 2 * kSealedShareBytes)},
          DeliverShares{.sharing = {0b1000'0011, 0b0000'1001}, .sealed = pattern(8, kSealedShareBytes)},
          MaskedInput{.bulk_hash = hash_of_update(Bytes{0x41, 0x8c, 0x0f, 0x0f}), .count = 6, .bits = 5},
          Survivors{.survivors = {0b1000'0001, 0b0000'1001}, .inputs_root = patterned<32>(9), .proof = pattern_hashes(10, 11)},
          SignSurvivors{.choice = patterned<32>(12)},
          Quorum{.signers = 9},
          Unmask{.opened = {0b0000'0101, 0b0000'0010}, .shares = pattern(13, 3 * 32)}};
}

inline Bytes vector_of(const std::string& name) {
  static const std::map<std::string, std::string> vectors = [] {
    std::map<std::string, std::string> read;
    std::ifstream file(tests::source_dir() + "/tests/common/protocol/vectors.txt");
    for (std::string key, hex; file >> key >> hex;) read.emplace(key, hex);
    return read;
  }();
  const auto found = vectors.find(name);
  if (found == vectors.end()) throw std::runtime_error("no vector " + name);
  return from_hex(found->second).value();
}

inline Bytes body_of(const Message& message) { return vector_of("body/" + std::string(to_string(type_of(message)))); }
inline Bytes frame_of(const Message& message) { return vector_of("frame/" + std::string(to_string(type_of(message)))); }

}  // namespace fedspend::testing
