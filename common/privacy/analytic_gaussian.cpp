#include "common/privacy/analytic_gaussian.h"

#include <cmath>
#include <numbers>

#include "common/check.h"
#include "common/privacy/log_erfc.h"

namespace fedspend {

double analytic_gaussian_delta(double mu, double epsilon) {
  FEDSPEND_CHECK(mu > 0 && epsilon >= 0, "mu above 0 and epsilon of at least 0");
  const double log_first = log_half_erfc((epsilon / mu - mu / 2) / std::numbers::sqrt2);
  const double log_second = epsilon + log_half_erfc((epsilon / mu + mu / 2) / std::numbers::sqrt2);
  return log_second >= log_first ? 0 : -std::exp(log_first) * std::expm1(log_second - log_first);
}

double analytic_gaussian_epsilon(double mu, double delta) {
  FEDSPEND_CHECK(mu > 0 && delta > 0 && delta < 1, "mu above 0 and delta between 0 and 1");
  if (analytic_gaussian_delta(mu, 0) <= delta) return 0;
  double low = 0, high = mu * mu / 2 + mu;
  while (analytic_gaussian_delta(mu, high) > delta) high *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (analytic_gaussian_delta(mu, middle) > delta ? low : high) = middle;
  }
  return high;
}

}  // namespace fedspend
