#pragma once
// The long-term X25519 key pair of a CURVE transport session (CurveZMQ, rfc.zeromq.org/spec/26). It authenticates a connection,
// not a message. Text form: 64 hexadecimal digits.

#include <array>
#include <cstdint>

#include "common/crypto/secret.h"
#include "common/random_source.h"

namespace fedspend {

struct CurvePublicKey {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const CurvePublicKey&) const = default;
};

struct CurveKeyPair {
  CurvePublicKey public_key;
  SecretBytes<32> secret_key;

  static CurveKeyPair generate(RandomSource& random);
  static CurveKeyPair from_secret(SecretBytes<32> secret);
};

}  // namespace fedspend
