#pragma once
// X25519 with keys that live for one round: C_i of SECAGG.md, which encrypts shares to neighbours. (The transport's long-term
// keys are CurveKeyPair.) A peer's key is parsed before it is used, and parse() refuses what crypto_scalarmult lets through:
// u >= p and bit 255, so that a key has one encoding, and the points of low order, whose product every attacker knows.
// Source: RFC 7748, sections 5, 6.1 and 7; libsodium crypto_scalarmult. Test vectors: tests/vectors/x25519_agreement.txt.
// Thread-safe once made.

#include <array>
#include <cstdint>

#include "common/bytes.h"
#include "common/crypto/secret.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

class AgreementPublicKey {
 public:
  // 32 bytes, u < p = 2^255 - 19, not of low order; malformed otherwise (cases 22 and 23).
  static Result<AgreementPublicKey> parse(ByteSpan bytes);

  const std::array<std::uint8_t, 32>& bytes() const { return bytes_; }
  auto operator<=>(const AgreementPublicKey&) const = default;

 private:
  friend class AgreementKey;
  AgreementPublicKey() = default;
  std::array<std::uint8_t, 32> bytes_{};
};

class AgreementKey {
 public:
  static AgreementKey generate(RandomSource& random);
  static AgreementKey from_secret(SecretBytes<32> secret);  // any 32 bytes; X25519 clamps them

  const AgreementPublicKey& public_key() const { return public_key_; }
  // X25519(secret, peer): the same for both sides. Feed it to a KeyDerivation together with both public keys, never use it as a
  // key itself (RFC 7748, section 6.1).
  SecretBytes<32> agree(const AgreementPublicKey& peer) const;

 private:
  AgreementKey() = default;
  SecretBytes<32> secret_;
  AgreementPublicKey public_key_;
};

}  // namespace fedspend
