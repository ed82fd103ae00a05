#include "common/crypto/kdf.h"

#include "common/crypto/framed_blake2b.h"

namespace fedspend {

struct KeyDerivation::State {
  FramedBlake2b blake;
};

KeyDerivation::KeyDerivation(std::string_view label, std::span<const std::uint8_t, 32> secret)
    : state_(new State{FramedBlake2b(label, secret)}) {}

KeyDerivation::~KeyDerivation() = default;

KeyDerivation& KeyDerivation::field(ByteSpan bytes) {
  state_->blake.field(bytes);
  return *this;
}

KeyDerivation& KeyDerivation::u32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes;
  store_u32(bytes, value);
  return field(bytes);
}

KeyDerivation& KeyDerivation::u64(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  store_u64(bytes, value);
  return field(bytes);
}

SecretBytes<32> KeyDerivation::finish() {
  SecretBytes<32> key;
  state_->blake.finish(key.expose_mutable());
  return key;
}

}  // namespace fedspend
