#pragma once
// Ed25519 identities: a device's identity and the bank's release key. Source: RFC 8032; libsodium crypto_sign.
// Every message of a device is signed over H("msg", type, session id, sender, body); identity is that signature, never the
// transport session alone. Thread-safe once made.

#include <array>
#include <cstdint>

#include "common/bytes.h"
#include "common/crypto/secret.h"
#include "common/ids.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

using Signature = std::array<std::uint8_t, 64>;

struct IdentityPublicKey {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const IdentityPublicKey&) const = default;
};

// ClientId = H("id", identity key).
ClientId client_id_of(const IdentityPublicKey& key);

class IdentityKey {
 public:
  static IdentityKey generate(RandomSource& random);
  static IdentityKey from_seed(const SecretBytes<32>& seed);

  const IdentityPublicKey& public_key() const { return public_key_; }
  Signature sign(ByteSpan message) const;
  const SecretBytes<32>& seed() const { return seed_; }  // for the key file only

 private:
  IdentityKey() = default;
  SecretBytes<32> seed_;
  SecretBytes<64> secret_;
  IdentityPublicKey public_key_;
};

// False for a wrong signature, a non-canonical one and a low-order key.
[[nodiscard]] bool verify(const IdentityPublicKey& key, ByteSpan message, const Signature& signature);

}  // namespace fedspend
