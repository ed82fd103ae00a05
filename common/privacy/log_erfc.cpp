#include "common/privacy/log_erfc.h"

#include <cmath>
#include <numbers>

namespace fedspend {

double log_half_erfc(double x) {
  if (x < 0) return std::log1p(-0.5 * std::erfc(-x));
  if (x < 20) return std::log(0.5 * std::erfc(x));
  // The asymptotic series (DLMF 7.12.1); the first term left out is below 1e-15 of the whole.
  const double y = 1 / (2 * x * x);
  const double series = 1 - y * (1 - 3 * y * (1 - 5 * y * (1 - 7 * y * (1 - 9 * y * (1 - 11 * y)))));
  return -x * x - std::log(2 * x * std::sqrt(std::numbers::pi)) + std::log(series);
}

}  // namespace fedspend
