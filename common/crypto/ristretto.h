#pragma once
// Points of ristretto255, a group of prime order: R_i = r_i B, the public halves of the pairwise masks (SECAGG.md, "Keys"). A
// RistrettoPoint is always a canonical encoding and never the identity. libsodium 1.0.18 accepts both the identity and an encoding
// with bit 255 set (SECAGG.md names the first alone), so both are checked here.
// Source: RFC 9496; libsodium crypto_scalarmult_ristretto255. Test vectors: tests/vectors/ristretto255_rfc9496.txt.
// Thread-safe once made.

#include <array>
#include <cstdint>

#include "common/bytes.h"
#include "common/crypto/scalar.h"
#include "common/crypto/secret.h"
#include "common/result.h"

namespace fedspend {

class RistrettoPoint {
 public:
  // Exactly 32 bytes, the canonical encoding of a point other than the identity; malformed otherwise (cases 21 and 22).
  static Result<RistrettoPoint> parse(ByteSpan bytes);
  // scalar * B; malformed for 0, whose product is the identity.
  static Result<RistrettoPoint> base_times(const SecretScalar& scalar);

  const std::array<std::uint8_t, 32>& bytes() const { return bytes_; }
  auto operator<=>(const RistrettoPoint&) const = default;

 private:
  RistrettoPoint() = default;
  std::array<std::uint8_t, 32> bytes_{};
};

// The encoding of scalar * point: the Diffie-Hellman secret of r_i and R_j. The same for both sides. Feed it to a KeyDerivation.
// malformed for the scalar 0.
Result<SecretBytes<32>> diffie_hellman(const SecretScalar& scalar, const RistrettoPoint& point);

}  // namespace fedspend
