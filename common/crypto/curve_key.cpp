#include "common/crypto/curve_key.h"

#include <sodium.h>

#include <utility>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {

static_assert(crypto_scalarmult_SCALARBYTES == 32 && crypto_scalarmult_BYTES == 32);

CurveKeyPair CurveKeyPair::generate(RandomSource& random) {
  SecretBytes<32> secret;
  random.fill(secret.expose_mutable());
  return from_secret(std::move(secret));
}

CurveKeyPair CurveKeyPair::from_secret(SecretBytes<32> secret) {
  initialize_crypto();
  CurveKeyPair pair;
  FEDSPEND_CHECK(crypto_scalarmult_base(pair.public_key.bytes.data(), secret.expose().data()) == 0, "X25519 of the base point");
  pair.secret_key = std::move(secret);
  return pair;
}

}  // namespace fedspend
