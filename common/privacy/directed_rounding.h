#pragma once
// Doubles that err upwards. An accountant may overstate what was spent, by little, and never understates it: sums and products
// that end up in a guarantee are rounded towards plus infinity, exactly where that is possible and by a stated margin elsewhere.
// Source: the error-free transformations of Knuth (two-sum) and Dekker (product by fused multiply-add). Stateless.

#include <cmath>
#include <limits>

namespace fedspend {

inline constexpr double kUnitRoundoff = 0x1p-53;

// The next double towards plus infinity; infinity stays.
inline double next_up(double x) { return std::nextafter(x, std::numeric_limits<double>::infinity()); }

// The smallest double that is not below a + b.
inline double add_up(double a, double b) {
  const double sum = a + b;
  if (!std::isfinite(sum)) return sum;
  const double b_seen = sum - a;
  const double rest = (a - (sum - b_seen)) + (b - b_seen);
  return rest > 0 ? next_up(sum) : sum;
}

// Not below a b, and at most one step above it; a, b >= 0, and 0 times infinity is 0.
inline double multiply_up(double a, double b) {
  if (a == 0 || b == 0) return 0;
  const double product = a * b;
  if (!std::isfinite(product)) return product;
  // Where the rest itself would be subnormal, it may be lost.
  if (product < 0x1p-960) return next_up(product);
  return std::fma(a, b, -product) > 0 ? next_up(product) : product;
}

// x of at least 0, known up to a relative error: a bound from above, never 0 for what was lost to underflow.
inline double enlarged(double x, double relative_error) { return next_up(x + x * (relative_error + 4 * kUnitRoundoff)); }

}  // namespace fedspend
