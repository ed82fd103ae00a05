#pragma once
// The control messages of secure aggregation, in the order of a round (PROTOCOL.md, "Secure aggregation"; Bonawitz et al. 2017,
// Bell et al. 2020). Plain structs; keys, shares and certificates are bytes here, and the machines of common/secagg parse them.
// Limits stand beside the fields and are checked when decoding. Bitmaps: common/secagg/position_set.h. Byte layout: WIRE.md.

#include <array>
#include <cstdint>
#include <vector>

#include "common/bytes.h"
#include "common/crypto/hash.h"
#include "common/crypto/identity.h"

namespace fedspend {

inline constexpr std::uint32_t kMaxRosterClients = 100'000;
inline constexpr std::uint32_t kMaxNeighbours = 1'024;
inline constexpr std::size_t kMaxBitmapBytes = (kMaxRosterClients + 7) / 8;
// A proof has at most a hash for each level above each of the leaves: log2(100,000) < 17.
inline constexpr std::size_t kMaxLeafProofHashes = 17;
inline constexpr std::size_t kMaxRosterProofHashes = (kMaxNeighbours + 1) * kMaxLeafProofHashes;
inline constexpr std::size_t kSealedShareBytes = 104;  // two scalars and the overhead of common/crypto/aead.h
inline constexpr std::size_t kCertificateWireBytes = 88;

// The public halves of a client's keys of one round.
struct RoundKeys {
  std::array<std::uint8_t, 32> agreement{};  // C_i, X25519
  std::array<std::uint8_t, 32> mask{};       // R_i, ristretto255
  Hash256 commitment{};                      // K_i, to the self mask b_i
  auto operator<=>(const RoundKeys&) const = default;
};

// device -> coordinator: "I have an update". Session id of the assignment. Signed.
struct AdvertiseKeys {
  RoundKeys keys;
};

// A neighbour as the coordinator shows it: the signature is that of the neighbour's own AdvertiseKeys.
struct NeighbourKeys {
  std::uint32_t position = 0;  // in the roster
  IdentityPublicKey identity;
  std::array<std::uint8_t, kCertificateWireBytes> certificate{};
  RoundKeys keys;
  Signature signature{};
};

// coordinator -> device: who takes part. From here on the session id is that of the roster (session_terms.h).
struct RosterView {
  std::uint32_t clients = 0;              // n
  Hash256 root{};
  Hash256 beacon{};
  Signature beacon_signature{};           // of the external beacon; all zero: the beacon is the roster's own
  std::uint32_t position = 0;             // of the receiver
  std::vector<NeighbourKeys> neighbours;  // k, by the coordinate of each around the receiver
  std::vector<Hash256> proof;             // for the receiver and its neighbours
};

// device -> coordinator: for each neighbour, by its coordinate, the sealed shares of r_i and b_i. Signed.
struct ShareKeys {
  Bytes sealed;  // k * kSealedShareBytes
};

// coordinator -> device: who has shared keys, and what they sealed for the receiver.
struct DeliverShares {
  Bytes sharing;  // U2, a bitmap over the roster
  Bytes sealed;   // of the neighbours in U2, by their coordinate around the receiver
};

// device -> coordinator: y_i. Bulk frame: packed ring vector. Signed.
struct MaskedInput {
  Hash256 bulk_hash{};      // H("update", packed bytes)
  std::uint32_t count = 0;  // values
  std::uint8_t bits = 0;    // width of each, 1 ... 32
};

// coordinator -> device: whose masked inputs are in the sum.
struct Survivors {
  Bytes survivors;             // U3, a bitmap over the roster
  Hash256 inputs_root{};       // Merkle root of the hashes H(y) of U3, by rising position
  std::vector<Hash256> proof;  // for the receiver's own
};

// device -> coordinator: "unmask this set and no other". Its signature is what the quorum consists of. Signed.
struct SignSurvivors {
  Hash256 choice{};  // H("survivors", sid, U2, U3, inputs_root)
};

// coordinator -> device: the quorum. Bulk frame: `signers` records, then the proof (common/secagg/quorum.h).
struct Quorum {
  std::uint32_t signers = 0;
};

// device -> coordinator: of each neighbour in U2 whose shares opened, by coordinate: the share of b_j if j is in U3, else of r_j. Signed.
struct Unmask {
  Bytes opened;  // a bitmap over the coordinates 1 ... k (bit 0 is coordinate 1)
  Bytes shares;  // 32 bytes for each of them
};

}  // namespace fedspend
