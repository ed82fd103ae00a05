#pragma once
// What is derived from a client's keys of a round, and how (SECAGG.md, "Keys", "Masks", "Rounds"):
//   pairwise mask  k_ij = KDF("pair", DH(r_i, R_j), sid, lo, hi, R_lo, R_hi), lo and hi the two ids in order. lo adds, hi subtracts
//   self mask      KDF("self", b_i, sid, i), added
//   commitment     K_i = H("bcom", task, round (u64), i, b_i)
//   shares i -> j  key KDF("share", X25519(C_i, C_j), sid, i, j, C_i, C_j), associated data sid || i || j || x_j (u32), plaintext the
//                  share of r_i, then the share of b_i, 32 bytes each; x_j is j's coordinate around i (graph.h)
// KDF is common/crypto/kdf.h, H common/crypto/hash.h, the sealed form common/crypto/aead.h. SECAGG.md leaves the label and the fields
// of the share key open; these bind it to session, direction and both public keys. Test vectors: tests/vectors/key_schedule.txt.
// Thread-safe (no state).

#include <array>
#include <cstdint>

#include "common/crypto/aead.h"
#include "common/crypto/hash.h"
#include "common/crypto/key_agreement.h"
#include "common/crypto/ristretto.h"
#include "common/crypto/scalar.h"
#include "common/ids.h"
#include "common/result.h"
#include "common/secagg/masks.h"

namespace fedspend {

// The mask between `own` and `peer` as `own` applies it; the coordinator, who has reconstructed the secret of a client that dropped,
// computes what its neighbours applied with the opposite sign. own != peer (a programmer's mistake). malformed: own_secret is 0.
struct PairEnd {
  ClientId id;
  RistrettoPoint key;  // R
};
Result<Mask> pair_mask(const SecretScalar& own_secret, const PairEnd& own, const PairEnd& peer, const SessionId& session);

Mask self_mask(const SecretScalar& self_secret, const ClientId& client, const SessionId& session);

Hash256 self_mask_commitment(const SecretScalar& self_secret, const ClientId& client, const TaskId& task, RoundId round);

struct SharePair {
  SecretScalar mask_share;  // of r
  SecretScalar self_share;  // of b
};
inline constexpr std::size_t kSealedSharesBytes = 64 + kSealedOverheadBytes;

// Shares between two neighbours in both directions; X25519 is computed once, at the start. Wiped in the end.
class ShareChannel {
 public:
  ShareChannel(const SessionId& session, const ClientId& own_id, const AgreementKey& own_key, const ClientId& peer_id, const AgreementPublicKey& peer_key);

  // Own shares for the peer, who is at `coordinate` around oneself. Both are canonical scalars.
  Bytes seal(std::uint32_t coordinate, std::span<const std::uint8_t, 32> mask_share, std::span<const std::uint8_t, 32> self_share,
             RandomSource& random) const;
  // The peer's shares for oneself, who is at `coordinate` around the peer. malformed: a wrong length (case 25), or a share that is
  // not canonical (case 9); unauthorized: not sealed by this peer for this client, session and coordinate (cases 7 and 8).
  Result<SharePair> open(std::uint32_t coordinate, ByteSpan sealed) const;

 private:
  struct Party {
    ClientId id;
    AgreementPublicKey key;
  };
  AeadKey key(const Party& dealer, const Party& holder) const;
  std::array<std::uint8_t, 100> associated_data(const Party& dealer, const Party& holder, std::uint32_t coordinate) const;
  SessionId session_;
  Party own_;
  Party peer_;
  SecretBytes<32> shared_;
};

}  // namespace fedspend
