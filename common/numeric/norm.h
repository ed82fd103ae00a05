#pragma once
// The L2 norm of an update, as the clip and the quantizer both see it: squares of floats are exact in double and are summed in
// eight lanes in a fixed order, so that every device finds the same value and the loop vectorises without -ffast-math.
// Not finite exactly when a value is not: the largest float squared, 2^32 times, is far below the largest double.

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace fedspend {

inline double norm_l2(std::span<const float> values) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  const std::size_t whole = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      const double square = value * value;
      sums[lane] += square;
    }
  }
  for (std::size_t i = whole; i < values.size(); ++i) {
    const double value = values[i];
    const double square = value * value;
    sums[i - whole] += square;
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

}  // namespace fedspend
