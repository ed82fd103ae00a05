#pragma once
// The quorum: q clients who signed one survivor set, as every survivor gets it before it unmasks anything (SECAGG.md, "unmask").
// Two quorums share more than gamma n signers, so an honest one, and an honest client signs one set in a session: so no two sets
// are ever unmasked (cases 13 and 14). Bulk frame: q records in the order of their positions, then one Merkle proof for all of
// them (merkle_tree.h says why it is as strong as a proof for each):
//   position (u32) || identity key (32) || keys hash (32) || certificate (88) || signature (64)          220 bytes
// The leaf of the roster is merkle_leaf_hash(identity key || keys hash), keys hash = H("round-keys", C, R, K): a signer is shown to be on the
// roster without all of its keys. The signature is that of the signer's own SignSurvivors message. Thread-safe (no state).

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/executor.h"
#include "common/protocol/messages.h"
#include "common/result.h"
#include "common/secagg/credentials.h"
#include "common/secagg/position_set.h"

namespace fedspend {

inline constexpr std::size_t kQuorumRecordBytes = 220;

Hash256 hash_of_round_keys(const RoundKeys& keys);
Hash256 roster_leaf(const IdentityPublicKey& identity, const Hash256& keys_hash);
// H("survivors", sid, U2, U3, inputs root): what a client signs, once in a session.
Hash256 survivor_choice(const SessionId& session, const PositionSet& sharing, const PositionSet& survivors, const Hash256& inputs_root);

struct QuorumSigner {
  std::uint32_t position = 0;
  IdentityPublicKey identity;
  Hash256 keys_hash{};
  std::array<std::uint8_t, kCertificateWireBytes> certificate{};
  Signature signature{};
};

// Signers by rising position, and the roster's proof for them.
Bytes encode_quorum(std::span<const QuorumSigner> signers, std::span<const Hash256> proof);
std::size_t max_quorum_bytes(std::uint32_t quorum, std::uint32_t clients);  // of the bulk frame, for the transport's cap

struct QuorumExpectation {
  SessionId session;
  Hash256 roster_root{};
  std::uint32_t clients = 0;  // n
  std::uint32_t quorum = 0;   // q
  Hash256 choice{};           // that this client has signed
  const PositionSet& survivors;
};
// malformed: the length, or positions that do not rise; refused: fewer or more than q, a signer who is not in U3, an identity twice (case 5);
// unauthorized: not on the roster, a certificate, or a signature over another set (case 14). The length is checked before anything is read.
Status check_quorum(const QuorumExpectation& expected, std::uint32_t signers, ByteSpan bulk, std::uint64_t now_s, Credentials& credentials, Executor& executor);

}  // namespace fedspend
