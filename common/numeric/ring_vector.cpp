#include "common/numeric/ring_vector.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "common/check.h"

namespace fedspend {
namespace {

// Eight values of b bits are exactly b bytes. All loops go by such groups, with the width known at compile time, so that every
// shift and every offset is a constant.
constexpr std::size_t kGroup = 8;

constexpr bool is_width(unsigned bits) { return bits >= 1 && bits <= 32; }
constexpr std::uint32_t mask_of(unsigned bits) { return static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1); }

std::uint64_t little_endian(std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::little) return word;
  std::uint64_t swapped = 0;
  for (unsigned i = 0; i < 8; ++i) swapped |= ((word >> (8 * i)) & 0xff) << (56 - 8 * i);
  return swapped;
}

// kBits bytes out of eight values.
template <unsigned kBits>
inline void pack_group(const std::uint32_t* in, std::uint8_t* out) {
  std::uint64_t word = 0;
  unsigned filled = 0;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kGroup; ++i) {
    const std::uint64_t value = in[i];
    word |= value << filled;
    filled += kBits;
    if (filled >= 64) {
      word = little_endian(word);
      std::memcpy(out, &word, 8);
      out += 8;
      filled -= 64;
      word = filled == 0 ? 0 : value >> (kBits - filled);
    }
  }
  word = little_endian(word);
  std::memcpy(out, &word, filled / 8);
}

// Eight values out of kBits bytes; reads up to eight bytes from the start of each value.
template <unsigned kBits>
inline void unpack_group(const std::uint8_t* in, std::uint32_t* out) {
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kGroup; ++i) {
    std::uint64_t word;
    std::memcpy(&word, in + i * kBits / 8, 8);
    out[i] = static_cast<std::uint32_t>(little_endian(word) >> (i * kBits % 8)) & mask_of(kBits);
  }
}

// Widths of whole little-endian integers: plain loops that the compiler turns into vector instructions.
template <unsigned kBits>
using PlainInteger = std::conditional_t<kBits == 8, std::uint8_t, std::conditional_t<kBits == 16, std::uint16_t, std::uint32_t>>;
template <unsigned kBits>
constexpr bool kIsPlain = std::endian::native == std::endian::little && (kBits == 8 || kBits == 16 || kBits == 32);

template <unsigned kBits>
void pack_width(const std::uint32_t* in, std::size_t count, std::uint8_t* out) {
  if constexpr (kIsPlain<kBits>) {
    using Integer = PlainInteger<kBits>;
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = static_cast<Integer>(in[i]);
      std::memcpy(out + i * sizeof(Integer), &value, sizeof(Integer));
    }
    return;
  }
  const std::size_t groups = count / kGroup;
  for (std::size_t g = 0; g < groups; ++g) pack_group<kBits>(in + g * kGroup, out + g * kBits);
  if (const std::size_t rest = count % kGroup; rest > 0) {
    std::array<std::uint32_t, kGroup> last{};
    std::copy_n(in + groups * kGroup, rest, last.begin());
    std::array<std::uint8_t, kBits> bytes;
    pack_group<kBits>(last.data(), bytes.data());
    std::copy_n(bytes.begin(), packed_size(rest, kBits), out + groups * kBits);
  }
}

template <unsigned kBits>
void unpack_width(const std::uint8_t* in, std::size_t size, std::uint32_t* out, std::size_t count) {
  if constexpr (kIsPlain<kBits>) {
    using Integer = PlainInteger<kBits>;
    for (std::size_t i = 0; i < count; ++i) {
      Integer value;
      std::memcpy(&value, in + i * sizeof(Integer), sizeof(Integer));
      out[i] = value;
    }
    return;
  }
  // The last value of a group starts at byte 7b/8; the groups whose eight-byte loads would pass the end go through a copy.
  constexpr std::size_t kReach = 7 * kBits / 8 + 8;
  const std::size_t safe = size < kReach ? 0 : (size - kReach) / kBits + 1;
  const std::size_t direct = std::min(count / kGroup, safe);
  for (std::size_t g = 0; g < direct; ++g) unpack_group<kBits>(in + g * kBits, out + g * kGroup);
  for (std::size_t done = direct * kGroup; done < count; done += kGroup) {
    const std::size_t offset = done / kGroup * kBits;
    std::array<std::uint8_t, kReach> bytes{};
    std::copy_n(in + offset, std::min<std::size_t>(kBits, size - offset), bytes.begin());
    std::array<std::uint32_t, kGroup> values;
    unpack_group<kBits>(bytes.data(), values.data());
    std::copy_n(values.begin(), std::min(kGroup, count - done), out + done);
  }
}

using PackFunction = void (*)(const std::uint32_t*, std::size_t, std::uint8_t*);
using UnpackFunction = void (*)(const std::uint8_t*, std::size_t, std::uint32_t*, std::size_t);

template <unsigned... kIndex>
constexpr std::array<PackFunction, 32> pack_functions(std::integer_sequence<unsigned, kIndex...>) {
  return {pack_width<kIndex + 1>...};
}
template <unsigned... kIndex>
constexpr std::array<UnpackFunction, 32> unpack_functions(std::integer_sequence<unsigned, kIndex...>) {
  return {unpack_width<kIndex + 1>...};
}

constexpr auto kPack = pack_functions(std::make_integer_sequence<unsigned, 32>{});
constexpr auto kUnpack = unpack_functions(std::make_integer_sequence<unsigned, 32>{});

}  // namespace

std::size_t packed_size(std::size_t count, unsigned bits) {
  FEDSPEND_CHECK(is_width(bits), "a width of 1 to 32 bits");
  FEDSPEND_CHECK(std::uint64_t{count} >> 32 == 0, "fewer than 2^32 values");
  return static_cast<std::size_t>((std::uint64_t{count} * bits + 7) / 8);
}

RingVector::RingVector(std::size_t count, unsigned bits) : bits_(bits), values_(count) {
  FEDSPEND_CHECK(is_width(bits), "a width of 1 to 32 bits");
}

void RingVector::add(const RingVector& other) {
  FEDSPEND_CHECK(bits_ == other.bits_ && size() == other.size(), "vectors of one size and width");
  const std::uint32_t mask = mask_of(bits_);
  std::uint32_t* to = values_.data();
  const std::uint32_t* from = other.values_.data();
  const std::size_t count = values_.size();
  for (std::size_t i = 0; i < count; ++i) to[i] = (to[i] + from[i]) & mask;
}

std::int32_t RingVector::centred(std::size_t index) const {
  FEDSPEND_CHECK(index < values_.size(), "an index inside the vector");
  const unsigned spare = 32 - bits_;
  return static_cast<std::int32_t>(values_[index] << spare) >> spare;  // extends the sign bit of the b-bit number
}

Bytes RingVector::pack() const {
  std::uint32_t all = 0;
  for (const std::uint32_t value : values_) all |= value;
  FEDSPEND_CHECK(all <= mask_of(bits_), "every value below 2^bits");
  Bytes packed(packed_size(values_.size(), bits_));
  kPack[bits_ - 1](values_.data(), values_.size(), packed.data());
  return packed;
}

Result<RingVector> RingVector::unpack(ByteSpan packed, std::size_t count, unsigned bits) {
  if (!is_width(bits)) return fail(ErrorCode::malformed, "packed vector: a width of " + std::to_string(bits) + " bits; 1 to 32 are possible");
  if (std::uint64_t{count} >> 32 != 0) return fail(ErrorCode::malformed, "packed vector: " + std::to_string(count) + " values; fewer than 2^32 are possible");
  const std::size_t expected = packed_size(count, bits);
  if (packed.size() != expected)
    return fail(ErrorCode::malformed, "packed vector: " + std::to_string(packed.size()) + " bytes, " + std::to_string(expected) + " expected for " +
                                          std::to_string(count) + " values of " + std::to_string(bits) + " bits");
  const unsigned used_bits = static_cast<unsigned>(std::uint64_t{count} * bits % 8);
  if (used_bits != 0 && packed.back() >> used_bits != 0) return fail(ErrorCode::malformed, "packed vector: pad bits of the last byte are set");
  RingVector vector(count, bits);
  kUnpack[bits - 1](packed.data(), packed.size(), vector.values_.data(), count);
  return vector;
}

}  // namespace fedspend
