#include "common/secagg/key_schedule.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/crypto/kdf.h"

namespace fedspend {
Result<Mask> pair_mask(const SecretScalar& own_secret, const PairEnd& own, const PairEnd& peer, const SessionId& session) {
  FEDSPEND_CHECK(own.id != peer.id, "two clients");
  FEDSPEND_ASSIGN(const SecretBytes<32> shared, diffie_hellman(own_secret, peer.key));
  const bool own_is_low = own.id < peer.id;
  const PairEnd& low = own_is_low ? own : peer;
  const PairEnd& high = own_is_low ? peer : own;
  KeyDerivation kdf("pair", shared.expose());
  kdf.field(session.bytes).field(low.id.bytes).field(high.id.bytes).field(low.key.bytes()).field(high.key.bytes());
  return Mask{.key = {.bytes = kdf.finish()}, .sign = own_is_low ? MaskSign::add : MaskSign::subtract};
}

Mask self_mask(const SecretScalar& self_secret, const ClientId& client, const SessionId& session) {
  KeyDerivation kdf("self", self_secret.expose());
  kdf.field(session.bytes).field(client.bytes);
  return {.key = {.bytes = kdf.finish()}, .sign = MaskSign::add};
}

Hash256 self_mask_commitment(const SecretScalar& self_secret, const ClientId& client, const TaskId& task, RoundId round) {
  return Hasher("bcom").field(task.bytes).u64(round.value).field(client.bytes).field(self_secret.expose()).finish();
}

ShareChannel::ShareChannel(const SessionId& session, const ClientId& own_id, const AgreementKey& own_key, const ClientId& peer_id,
                           const AgreementPublicKey& peer_key)
    : session_(session), own_{own_id, own_key.public_key()}, peer_{peer_id, peer_key}, shared_(own_key.agree(peer_key)) {}

AeadKey ShareChannel::key(const Party& dealer, const Party& holder) const {
  KeyDerivation kdf("share", shared_.expose());
  kdf.field(session_.bytes).field(dealer.id.bytes).field(holder.id.bytes).field(dealer.key.bytes()).field(holder.key.bytes());
  return {.bytes = kdf.finish()};
}

std::array<std::uint8_t, 100> ShareChannel::associated_data(const Party& dealer, const Party& holder, std::uint32_t coordinate) const {
  std::array<std::uint8_t, 100> data;
  auto end = std::ranges::copy(session_.bytes, data.begin()).out;
  end = std::ranges::copy(dealer.id.bytes, end).out;
  std::ranges::copy(holder.id.bytes, end);
  store_u32(MutableByteSpan(data).last(4), coordinate);
  return data;
}

Bytes ShareChannel::seal(std::uint32_t coordinate, std::span<const std::uint8_t, 32> mask_share, std::span<const std::uint8_t, 32> self_share,
                         RandomSource& random) const {
  SecretBytes<64> plaintext;
  std::ranges::copy(mask_share, plaintext.expose_mutable().begin());
  std::ranges::copy(self_share, plaintext.expose_mutable().begin() + 32);
  return fedspend::seal(key(own_, peer_), associated_data(own_, peer_, coordinate), plaintext.expose(), random);
}

Result<SharePair> ShareChannel::open(std::uint32_t coordinate, ByteSpan sealed) const {
  SecretBytes<64> plaintext;
  FEDSPEND_TRY(open_sealed(key(peer_, own_), associated_data(peer_, own_, coordinate), sealed, plaintext.expose_mutable()));
  SharePair shares;
  FEDSPEND_ASSIGN(shares.mask_share, SecretScalar::parse(plaintext.expose().first<32>()));
  FEDSPEND_ASSIGN(shares.self_share, SecretScalar::parse(plaintext.expose().last<32>()));
  return shares;
}

}  // namespace fedspend
