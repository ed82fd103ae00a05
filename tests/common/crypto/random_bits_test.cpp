#include "common/crypto/random_bits.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <vector>

#include "common/crypto/random.h"

namespace fedspend {
namespace {

TEST_CASE("the bits are those of the source, in order, however they are taken") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom cuts(seed), source(seed + 1), again(seed + 1);
    std::vector<std::uint8_t> stream(8192);
    again.fill(stream);
    RandomBits bits(source);
    std::size_t at = 0;  // 32-bit little-endian words, least significant bit first, are bytes least significant bit first
    for (int i = 0; i < 2000; ++i) {
      const auto count = static_cast<unsigned>(1 + cuts.below(32));
      const std::uint32_t taken = bits.take(count);
      for (unsigned bit = 0; bit < count; ++bit, ++at) RC_ASSERT((taken >> bit & 1U) == (std::uint32_t{stream[at / 8]} >> (at % 8) & 1U));
      RC_ASSERT(std::uint64_t{taken} >> count == 0U);
    }
  }));
}

}  // namespace
}  // namespace fedspend
