#include "common/secagg/quorum.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "common/check.h"
#include "common/protocol/codec.h"
#include "common/secagg/merkle_tree.h"

namespace fedspend {
namespace {

template <std::size_t Size>
void take(ByteSpan& rest, std::array<std::uint8_t, Size>& out) {
  std::ranges::copy(rest.first(Size), out.begin());
  rest = rest.subspan(Size);
}

QuorumSigner read_record(ByteSpan rest) {
  QuorumSigner signer;
  signer.position = load_u32(rest);
  rest = rest.subspan(4);
  take(rest, signer.identity.bytes);
  take(rest, signer.keys_hash);
  take(rest, signer.certificate);
  take(rest, signer.signature);
  return signer;
}

std::size_t levels_above(std::uint32_t clients) { return static_cast<std::size_t>(std::bit_width(clients - 1)); }

Result<std::vector<QuorumSigner>> read_signers(const QuorumExpectation& expected, ByteSpan bulk) {
  std::vector<QuorumSigner> signers;
  signers.reserve(expected.quorum);
  for (std::uint32_t i = 0; i < expected.quorum; ++i) {
    signers.push_back(read_record(bulk.subspan(i * kQuorumRecordBytes)));
    const QuorumSigner& signer = signers.back();
    if (i > 0 && signer.position <= signers[i - 1].position) return fail(ErrorCode::malformed, "quorum: positions that do not rise");
    if (!expected.survivors.contains(signer.position)) return fail(ErrorCode::refused, "quorum: a signer who is not among the survivors");
  }
  std::vector<IdentityPublicKey> identities;
  for (const QuorumSigner& signer : signers) identities.push_back(signer.identity);
  std::ranges::sort(identities);
  if (std::ranges::adjacent_find(identities) != identities.end()) return fail(ErrorCode::refused, "quorum: an identity signs twice");
  return signers;
}

Status check_on_roster(const QuorumExpectation& expected, std::span<const QuorumSigner> signers, ByteSpan proof_bytes) {
  std::vector<PlacedLeaf> leaves;
  for (const QuorumSigner& signer : signers) leaves.push_back({signer.position, roster_leaf(signer.identity, signer.keys_hash)});
  std::vector<Hash256> proof(proof_bytes.size() / sizeof(Hash256));
  for (Hash256& hash : proof) take(proof_bytes, hash);
  return verify_leaves(expected.roster_root, expected.clients, leaves, proof);
}

}  // namespace

Hash256 hash_of_round_keys(const RoundKeys& keys) { return Hasher("round-keys").field(keys.agreement).field(keys.mask).field(keys.commitment).finish(); }

Hash256 roster_leaf(const IdentityPublicKey& identity, const Hash256& keys_hash) {
  std::array<std::uint8_t, 64> contents;
  std::ranges::copy(keys_hash, std::ranges::copy(identity.bytes, contents.begin()).out);
  return merkle_leaf_hash(contents);
}

Hash256 survivor_choice(const SessionId& session, const PositionSet& sharing, const PositionSet& survivors, const Hash256& inputs_root) {
  return Hasher("survivors").field(session.bytes).field(sharing.bitmap()).field(survivors.bitmap()).field(inputs_root).finish();
}

std::size_t max_quorum_bytes(std::uint32_t quorum, std::uint32_t clients) {
  FEDSPEND_CHECK(clients >= 2 && quorum >= 1, "a quorum of a roster");
  return std::size_t{quorum} * (kQuorumRecordBytes + 32 * levels_above(clients));
}

Bytes encode_quorum(std::span<const QuorumSigner> signers, std::span<const Hash256> proof) {
  Bytes out;
  out.reserve(signers.size() * kQuorumRecordBytes + proof.size() * sizeof(Hash256));
  const auto put = [&](ByteSpan bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); };
  for (const QuorumSigner& signer : signers) {
    std::array<std::uint8_t, 4> position;
    store_u32(position, signer.position);
    put(position);
    put(signer.identity.bytes);
    put(signer.keys_hash);
    put(signer.certificate);
    put(signer.signature);
  }
  for (const Hash256& hash : proof) put(hash);
  return out;
}

Status check_quorum(const QuorumExpectation& expected, std::uint32_t count, ByteSpan bulk, std::uint64_t now_s, Credentials& credentials, Executor& executor) {
  if (count != expected.quorum)
    return fail(ErrorCode::refused, "quorum: " + std::to_string(count) + " signers, not " + std::to_string(expected.quorum));
  const std::size_t records = std::size_t{count} * kQuorumRecordBytes;
  if (bulk.size() < records || (bulk.size() - records) % sizeof(Hash256) != 0 || bulk.size() > max_quorum_bytes(count, expected.clients))
    return fail(ErrorCode::malformed, "quorum: " + std::to_string(bulk.size()) + " bytes for " + std::to_string(count) + " signers");
  FEDSPEND_ASSIGN(const std::vector<QuorumSigner> signers, read_signers(expected, bulk));
  FEDSPEND_TRY(check_on_roster(expected, signers, bulk.subspan(records)));

  std::vector<Status> checked(signers.size());
  std::atomic<bool> failed{false};
  executor.for_each(signers.size(), [&](std::size_t i) {
    if (failed.load()) return;  // one is enough
    const QuorumSigner& signer = signers[i];
    checked[i] = credentials.check_certificate(signer.identity, signer.certificate, now_s);
    const Hash256 digest = signed_digest(MessageType::sign_survivors, expected.session, client_id_of(signer.identity), expected.choice);
    if (checked[i] && !credentials.check_signature(signer.identity, digest, signer.signature))
      checked[i] = fail(ErrorCode::unauthorized, "quorum: a signature that is not over the set that this client has signed");
    if (!checked[i]) failed = true;
  });
  for (Status& status : checked) FEDSPEND_TRY(std::move(status));
  return {};
}

}  // namespace fedspend
