#include "common/crypto/identity.h"

#include <sodium.h>

#include <algorithm>

#include "common/check.h"
#include "common/crypto/hash.h"
#include "common/crypto/random.h"

namespace fedspend {

static_assert(crypto_sign_SEEDBYTES == 32 && crypto_sign_PUBLICKEYBYTES == 32);
static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_BYTES == 64);

ClientId client_id_of(const IdentityPublicKey& key) {
  Hasher hasher("id");
  hasher.field(key.bytes);
  return hash_as<ClientId>(hasher);
}

IdentityKey IdentityKey::generate(RandomSource& random) {
  SecretBytes<32> seed;
  random.fill(seed.expose_mutable());
  return from_seed(seed);
}

IdentityKey IdentityKey::from_seed(const SecretBytes<32>& seed) {
  initialize_crypto();
  IdentityKey key;
  std::ranges::copy(seed.expose(), key.seed_.expose_mutable().begin());
  FEDSPEND_CHECK(crypto_sign_seed_keypair(key.public_key_.bytes.data(), key.secret_.expose_mutable().data(), seed.expose().data()) == 0,
                 "a key pair from 32 bytes");
  return key;
}

Signature IdentityKey::sign(ByteSpan message) const {
  Signature signature;
  FEDSPEND_CHECK(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret_.expose().data()) == 0,
                 "Ed25519 signs");
  return signature;
}

// libsodium 1.0.18 (built without ED25519_COMPAT) itself refuses S >= L, a low-order R, and a key that is low-order or not
// canonical; the tests hold it to that. A key with a torsion part and a part of full order is accepted, as in RFC 8032.
bool verify(const IdentityPublicKey& key, ByteSpan message, const Signature& signature) {
  initialize_crypto();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.bytes.data()) == 0;
}

}  // namespace fedspend
