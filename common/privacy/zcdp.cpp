#include "common/privacy/zcdp.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/minimum.h"
#include "common/privacy/rdp_curve.h"

namespace fedspend {
namespace {

// log(alpha - 1): orders from 1 + 2e-12 to 1e19. Best orders are near 1 + sqrt(log(1/delta) / rho).
constexpr double kLowest = -27, kHighest = 44;
constexpr int kPoints = 72;

}  // namespace

double gaussian_zcdp(double noise_multiplier) {
  FEDSPEND_CHECK(noise_multiplier > 0, "a noise multiplier above 0");
  return enlarged(0.5 / noise_multiplier / noise_multiplier, 2 * kUnitRoundoff);
}

ZcdpEpsilon zcdp_epsilon(double rho, double delta) {
  FEDSPEND_CHECK(rho >= 0, "rho of at least 0");
  const auto order_of = [](double log_excess) { return std::max(1 + std::exp(log_excess), 1 + 0x1p-40); };
  const auto epsilon_at = [&](double log_excess) {
    const double order = order_of(log_excess);
    return rdp_epsilon_at(order, multiply_up(rho, order), delta);
  };
  const Minimum best = minimum_of(epsilon_at, kLowest, kHighest, kPoints);
  return {.epsilon = best.value, .order = best.value == 0 ? 0 : order_of(best.at)};
}

double zcdp_delta(double rho, double epsilon) {
  FEDSPEND_CHECK(rho >= 0 && epsilon >= 0, "rho and epsilon of at least 0");
  if (rho == 0) return 0;
  // log delta <= (alpha - 1) (alpha rho - epsilon) - log(alpha - 1) + alpha log(1 - 1/alpha)
  const auto log_delta_at = [&](double log_excess) {
    const double excess = std::max(std::exp(log_excess), 0x1p-40), order = 1 + excess;
    const double gain = excess * order * rho, loss = excess * epsilon, rest = (order * std::log1p(-1 / order)) - std::log(excess);
    const double value = gain - loss + rest + 16 * kUnitRoundoff * (gain + loss + std::abs(std::log(excess)) + 1 - order * std::log1p(-1 / order));
    return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
  };
  return std::min(1.0, enlarged(std::exp(minimum_of(log_delta_at, kLowest, kHighest, kPoints).value), 4 * kUnitRoundoff));
}

}  // namespace fedspend
