#include "common/crypto/hash.h"

#include "common/crypto/framed_blake2b.h"

namespace fedspend {

struct Hasher::State {
  FramedBlake2b blake;
};

Hasher::Hasher(std::string_view label) : state_(new State{FramedBlake2b(label)}) {}

Hasher::~Hasher() = default;

Hasher& Hasher::field(ByteSpan bytes) {
  state_->blake.field(bytes);
  return *this;
}

Hasher& Hasher::u8(std::uint8_t value) { return field(ByteSpan(&value, 1)); }

Hasher& Hasher::u32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes;
  store_u32(bytes, value);
  return field(bytes);
}

Hasher& Hasher::u64(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  store_u64(bytes, value);
  return field(bytes);
}

Hash256 Hasher::finish() {
  Hash256 digest;
  state_->blake.finish(digest);
  return digest;
}

}  // namespace fedspend
