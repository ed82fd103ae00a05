#pragma once
// H of SECAGG.md: BLAKE2b-256, without a key, over
//   u64 length || "fedspend/v1/" label || u64 length || field || u64 length || field ...
// where every length counts the bytes that follow it and is little-endian, so that no two different lists of a label and fields
// have the same input. Integers enter as little-endian fields of their own width. Test vectors: tests/vectors/hash_framing.txt.
// One Hasher per thread. The state is wiped, because a field can be a secret. Source: RFC 7693; libsodium crypto_generichash.

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/bytes.h"

namespace fedspend {

using Hash256 = std::array<std::uint8_t, 32>;

class Hasher {
 public:
  explicit Hasher(std::string_view label);
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Hasher& field(ByteSpan bytes);
  Hasher& field(std::string_view text) { return field(as_bytes(text)); }
  Hasher& u8(std::uint8_t value);
  Hasher& u32(std::uint32_t value);
  Hasher& u64(std::uint64_t value);
  Hash256 finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

template <class Id>
Id hash_as(Hasher& hasher) {
  static_assert(Id::kSize == 32);
  return Id{hasher.finish()};
}

}  // namespace fedspend
