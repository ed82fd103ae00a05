#include "common/crypto/ristretto.h"

#include <sodium.h>

#include <algorithm>
#include <string>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {

static_assert(crypto_core_ristretto255_BYTES == 32 && crypto_scalarmult_ristretto255_SCALARBYTES == 32);

Result<RistrettoPoint> RistrettoPoint::parse(ByteSpan bytes) {
  initialize_crypto();
  RistrettoPoint point;
  if (bytes.size() != point.bytes_.size())
    return fail(ErrorCode::malformed, "ristretto255 point: " + std::to_string(bytes.size()) + " bytes, 32 expected");
  std::ranges::copy(bytes, point.bytes_.begin());
  if (sodium_is_zero(point.bytes_.data(), point.bytes_.size()) == 1) return fail(ErrorCode::malformed, "ristretto255 point: the identity");
  // libsodium 1.0.18 ignores bit 255, which would give every point a second encoding.
  if ((point.bytes_.back() & 0x80) != 0 || crypto_core_ristretto255_is_valid_point(point.bytes_.data()) != 1)
    return fail(ErrorCode::malformed, "ristretto255 point: not the canonical encoding of a point");
  return point;
}

Result<RistrettoPoint> RistrettoPoint::base_times(const SecretScalar& scalar) {
  initialize_crypto();
  RistrettoPoint point;
  if (crypto_scalarmult_ristretto255_base(point.bytes_.data(), scalar.expose().data()) != 0)
    return fail(ErrorCode::malformed, "ristretto255: the scalar 0 has no public key");
  return point;
}

Result<SecretBytes<32>> diffie_hellman(const SecretScalar& scalar, const RistrettoPoint& point) {
  SecretBytes<32> shared;
  // Fails for the identity alone, and so for the scalar 0 alone: the order of the group is prime and the point is not the identity.
  if (crypto_scalarmult_ristretto255(shared.expose_mutable().data(), scalar.expose().data(), point.bytes().data()) != 0)
    return fail(ErrorCode::malformed, "ristretto255: the scalar 0 agrees on nothing");
  return shared;
}

}  // namespace fedspend
