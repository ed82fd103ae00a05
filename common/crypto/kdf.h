#pragma once
// KDF of SECAGG.md ("Keys", "Masks"): BLAKE2b-256 keyed with the 32-byte secret, over the very framing of common/crypto/hash.h,
//   u64 length || "fedspend/v1/" label || u64 length || field ...
// so that a label and a list of fields have one input. It stands where HKDF would (libsodium 1.0.18 has none): the secret may be
// a uniform key, a scalar or the encoding of a Diffie-Hellman point, since keyed BLAKE2b takes the place of both extract and
// expand when it is taken for a random oracle. One output of 32 bytes for each label and list. Source: RFC 7693, section 2.9;
// test vectors: tests/vectors/kdf_blake2b.txt. One per thread; the state is wiped.

#include <cstdint>
#include <memory>
#include <string_view>

#include "common/bytes.h"
#include "common/crypto/secret.h"

namespace fedspend {

class KeyDerivation {
 public:
  KeyDerivation(std::string_view label, std::span<const std::uint8_t, 32> secret);  // the secret is borrowed for this call
  ~KeyDerivation();
  KeyDerivation(const KeyDerivation&) = delete;
  KeyDerivation& operator=(const KeyDerivation&) = delete;

  KeyDerivation& field(ByteSpan bytes);
  KeyDerivation& u32(std::uint32_t value);  // little-endian
  KeyDerivation& u64(std::uint64_t value);
  SecretBytes<32> finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fedspend
