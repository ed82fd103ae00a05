#include "common/numeric/rotation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "common/check.h"
#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/numeric/walsh_hadamard.h"

namespace fedspend {
namespace {

// values[i] times -1 where bit i of `signs` is set. Exact, and zero becomes minus zero.
void flip(std::span<const std::uint8_t> signs, std::span<float> values) {
  constexpr std::array<std::uint32_t, 8> kBits{1, 2, 4, 8, 16, 32, 64, 128};
  for (std::size_t byte = 0; byte * 8 < values.size(); ++byte) {
    const std::uint32_t bits = signs[byte];
    float* eight = values.data() + byte * 8;
    const std::size_t count = std::min<std::size_t>(8, values.size() - byte * 8);
    if (count < 8) {
      for (std::size_t i = 0; i < count; ++i) eight[i] = (bits & kBits[i]) != 0 ? -eight[i] : eight[i];
      continue;
    }
    for (std::size_t i = 0; i < 8; ++i) {
      const std::uint32_t sign = (bits & kBits[i]) != 0 ? 0x80000000U : 0U;
      eight[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(eight[i]) ^ sign);
    }
  }
}

void flip_signs(const SessionId& session, std::span<float> values) {
  SeededRandom stream(Hasher("rotation").field(session.bytes).finish());
  std::array<std::uint8_t, 1024> signs;
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), signs.size() * 8);
    stream.fill(std::span(signs).first((count + 7) / 8));
    flip(signs, values.first(count));
    values = values.subspan(count);
  }
}

}  // namespace

std::size_t rotated_size(std::size_t length) {
  FEDSPEND_CHECK(length >= 1 && length <= std::size_t{1} << 31, "a length of 1 to 2^31");
  return std::bit_ceil(length);
}

void rotate(const SessionId& session, std::span<float> values) {
  flip_signs(session, values);
  walsh_hadamard(values);
}

void rotate_back(const SessionId& session, std::span<float> values) {
  walsh_hadamard(values);
  flip_signs(session, values);
}

}  // namespace fedspend
