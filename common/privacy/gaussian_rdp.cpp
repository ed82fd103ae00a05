#include "common/privacy/gaussian_rdp.h"

#include <algorithm>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/zcdp.h"

namespace fedspend {

double gaussian_rdp(double noise_multiplier, double order) { return multiply_up(gaussian_zcdp(noise_multiplier), order); }

RdpCurve gaussian_rdp_curve(double noise_multiplier) {
  std::vector<double> values;
  for (const double order : rdp_orders()) values.push_back(gaussian_rdp(noise_multiplier, order));
  auto curve = RdpCurve::of(std::move(values));
  FEDSPEND_CHECK(curve.has_value(), "values of at least 0");
  return *std::move(curve);
}

RdpEpsilon gaussian_rdp_epsilon(double noise_multiplier, std::uint64_t steps, double delta) {
  const double rho = multiply_up(gaussian_zcdp(noise_multiplier), next_up(static_cast<double>(steps)));
  const ZcdpEpsilon best = zcdp_epsilon(steps == 0 ? 0 : rho, delta);
  return {.epsilon = best.epsilon, .order = best.order};
}

}  // namespace fedspend
