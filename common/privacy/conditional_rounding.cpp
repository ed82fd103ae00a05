#include "common/privacy/conditional_rounding.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"

namespace fedspend {
namespace {

__extension__ using Wide = unsigned __int128;

// A uniform 32-bit number is below `threshold`; its low half is drawn only where the high half leaves it open.
inline bool draw_below(std::uint32_t threshold, RandomBits& bits) {
  const std::uint32_t high = bits.take(16);
  if (high != threshold >> 16) return high < threshold >> 16;
  return bits.take(16) < (threshold & 0xffff);
}

bool fits(std::span<const float> values, double scale) {
  return std::ranges::all_of(values, [scale](float value) { return std::abs(value * scale) < 0x1p31 - 1; });  // false for NaN
}

// |rounded|^2. Each |rounded[i]| < 2^31, so no sum of fewer than 2^64 squares overflows.
Wide round_once(std::span<const float> values, double scale, RandomBits& bits, std::span<std::int32_t> rounded) {
  Wide squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double steps = values[i] * scale;
    const double floor = std::floor(steps);
    const auto up_below = static_cast<std::uint32_t>((steps - floor) * 0x1p32);  // the difference is exact
    const std::int64_t integer = static_cast<std::int64_t>(floor) + (draw_below(up_below, bits) ? 1 : 0);
    squares += static_cast<std::uint64_t>(integer * integer);
    rounded[i] = static_cast<std::int32_t>(integer);
  }
  return squares;
}

}  // namespace

Result<unsigned> round_conditionally(std::span<const float> values, double scale, std::uint64_t squared_norm_bound, RandomBits& bits,
                                     std::span<std::int32_t> rounded) {
  FEDSPEND_CHECK(rounded.size() == values.size(), "a place for every rounded value");
  FEDSPEND_CHECK(scale > 0 && squared_norm_bound < std::uint64_t{1} << 62, "a scale above 0 and a bound below 2^62");
  if (fits(values, scale)) {
    for (unsigned tries = 1; tries <= kRoundingTries; ++tries)
      if (round_once(values, scale, bits, rounded) <= squared_norm_bound) return tries;
  }
  std::ranges::fill(rounded, 0);
  return fail(ErrorCode::limit, "conditional rounding: no rounding of the vector is within the bound of its norm");
}

}  // namespace fedspend
