#include "common/crypto/key_agreement.h"

#include <sodium.h>

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {
namespace {

using Coordinate = std::array<std::uint8_t, 32>;

constexpr Coordinate kFieldPrime = [] {  // 2^255 - 19, little-endian
  Coordinate p;
  p.fill(0xff);
  p.front() = 0xed;
  p.back() = 0x7f;
  return p;
}();

// The canonical u of every point of order 1, 2, 4 or 8 on the curve and on its twist: 0, 1, p - 1, and the two of order 8.
constexpr std::array<Coordinate, 5> kLowOrder{{
    {},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
     0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
     0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
}};

// Little-endian numbers compare from the last byte. Public keys are public: no need of constant time.
bool is_below(const Coordinate& a, const Coordinate& b) {
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

}  // namespace

static_assert(crypto_scalarmult_SCALARBYTES == 32 && crypto_scalarmult_BYTES == 32);

Result<AgreementPublicKey> AgreementPublicKey::parse(ByteSpan bytes) {
  AgreementPublicKey key;
  if (bytes.size() != key.bytes_.size())
    return fail(ErrorCode::malformed, "X25519 key: " + std::to_string(bytes.size()) + " bytes, 32 expected");
  std::ranges::copy(bytes, key.bytes_.begin());
  if (!is_below(key.bytes_, kFieldPrime))  // bit 255 makes it larger, too
    return fail(ErrorCode::malformed, "X25519 key: not the canonical encoding of a coordinate (bit 255, or u >= p)");
  if (std::ranges::find(kLowOrder, key.bytes_) != kLowOrder.end()) return fail(ErrorCode::malformed, "X25519 key: a point of low order");
  return key;
}

AgreementKey AgreementKey::generate(RandomSource& random) {
  SecretBytes<32> secret;
  random.fill(secret.expose_mutable());
  return from_secret(std::move(secret));
}

AgreementKey AgreementKey::from_secret(SecretBytes<32> secret) {
  initialize_crypto();
  AgreementKey key;
  FEDSPEND_CHECK(crypto_scalarmult_base(key.public_key_.bytes_.data(), secret.expose().data()) == 0, "X25519 of the base point");
  key.secret_ = std::move(secret);
  return key;
}

SecretBytes<32> AgreementKey::agree(const AgreementPublicKey& peer) const {
  SecretBytes<32> shared;
  // crypto_scalarmult fails for points of low order alone, and parse() has refused those.
  FEDSPEND_CHECK(crypto_scalarmult(shared.expose_mutable().data(), secret_.expose().data(), peer.bytes_.data()) == 0,
                 "X25519 with a parsed key");
  return shared;
}

}  // namespace fedspend
