#include "common/privacy/discrete_gaussian_rdp.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"

namespace fedspend {
namespace {

// Everything that does not depend on the order; each a bound from above.
struct Terms {
  double squared_ratio = 0;  // Delta2^2 / sigma^2
  double ratio = 0;          // Delta2 / sigma
  double tau_d = 0;          // tau d
  double tau_l1 = 0;         // 2 tau Delta1 / sigma
  double tau_squared_d = 0;  // tau^2 d
  double tau_root_d = 0;     // tau sqrt(d)
};

Terms terms_of(const DiscreteGaussianSum& sum) {
  const auto status = check(sum);
  FEDSPEND_CHECK(status.has_value(), "a discrete Gaussian sum within its ranges");
  const double tau = discrete_gaussian_tau(sum.clients, sum.share_variance);
  const double d = next_up(static_cast<double>(sum.dimension)), root_d = enlarged(std::sqrt(d), 0);
  // Down: a quotient by it is up.
  const double variance = sum.share_variance * sum.honest_clients * (1 - 4 * kUnitRoundoff);
  Terms terms;
  terms.squared_ratio = enlarged(sum.sensitivity_l2 / variance * sum.sensitivity_l2, 4 * kUnitRoundoff);
  terms.ratio = enlarged(sum.sensitivity_l2 / std::sqrt(variance), 4 * kUnitRoundoff);
  const double sensitivity_l1_ratio = multiply_up(terms.ratio, std::min(root_d, sum.sensitivity_l2));
  terms.tau_d = multiply_up(tau, d);
  terms.tau_l1 = multiply_up(2 * tau, sensitivity_l1_ratio);
  terms.tau_squared_d = multiply_up(terms.tau_d, tau);
  terms.tau_root_d = multiply_up(tau, root_d);
  return terms;
}

// Twice what an order is multiplied by: the two bounds that are concentrated differential privacy.
double concentrated(const Terms& terms) {
  const double by_parts = add_up(add_up(terms.squared_ratio, terms.tau_l1), terms.tau_squared_d);
  const double root = add_up(terms.ratio, terms.tau_root_d);
  return std::min(by_parts, multiply_up(root, root));
}

double rdp_at(const Terms& terms, double order) {
  const double pure = add_up(multiply_up(order / 2, terms.squared_ratio), terms.tau_d);
  return std::min(pure, multiply_up(order / 2, concentrated(terms)));
}

Status out_of_range(const std::string& what) { return fail(ErrorCode::invalid_argument, "a sum of discrete Gaussian shares needs " + what); }

}  // namespace

DiscreteGaussianSum released_sum(const DistributedGaussian& mechanism) {
  const Variance& share = mechanism.share_variance;
  return {.clients = mechanism.goal.clients,
          .dimension = mechanism.dimension,
          .sensitivity_l2 = mechanism.sensitivity_l2_ring,
          .share_variance = static_cast<double>(share.numerator) / static_cast<double>(share.denominator) * (1 - 4 * kUnitRoundoff),
          .honest_clients = static_cast<double>(mechanism.goal.honest_shares)};
}

Status check(const DiscreteGaussianSum& sum) {
  if (sum.clients < 1) return out_of_range("a client");
  if (sum.dimension < 1) return out_of_range("a dimension of at least 1");
  if (!(sum.sensitivity_l2 > 0 && std::isfinite(sum.sensitivity_l2))) return out_of_range("a sensitivity above 0");
  if (!(sum.share_variance >= 0.25 && std::isfinite(sum.share_variance))) return out_of_range("a share of variance at least 1/4 in ring units");
  if (!(sum.honest_clients >= 1 && sum.honest_clients <= static_cast<double>(sum.clients))) return out_of_range("1 to n honest clients");
  return {};
}

double discrete_gaussian_tau(std::uint64_t clients, double share_variance) {
  FEDSPEND_CHECK(clients >= 1 && share_variance > 0, "a client and a variance above 0");
  const double rate = 2 * std::numbers::pi * std::numbers::pi * share_variance * (1 - 8 * kUnitRoundoff);
  // Where exp is 0 at the largest term, j = 1, each is bounded by the smallest double, which add up exactly: what the loop below would say.
  constexpr double kNothing = 746;
  if (rate / 2 * (1 - 16 * kUnitRoundoff) > kNothing) return multiply_up(10, static_cast<double>(clients - 1) * std::numeric_limits<double>::denorm_min());
  double sum = 0;
  // From the smallest term. Each is a bound from above: the exponent is off by less than 8 units of itself, and none is lost to underflow.
  for (std::uint64_t j = clients; j-- > 1;) {
    const double exponent = rate * (static_cast<double>(j) / static_cast<double>(j + 1)) * (1 - 8 * kUnitRoundoff);
    sum = add_up(sum, enlarged(std::exp(-exponent), 8 * kUnitRoundoff));
  }
  return multiply_up(10, sum);
}

double discrete_gaussian_rdp(const DiscreteGaussianSum& sum, double order) {
  FEDSPEND_CHECK(order > 1, "an order above 1");
  return rdp_at(terms_of(sum), order);
}

RdpCurve discrete_gaussian_rdp_curve(const DiscreteGaussianSum& sum) {
  const Terms terms = terms_of(sum);
  std::vector<double> values;
  for (const double order : rdp_orders()) values.push_back(rdp_at(terms, order));
  auto curve = RdpCurve::of(std::move(values));
  FEDSPEND_CHECK(curve.has_value(), "values of at least 0");
  return *std::move(curve);
}

double discrete_gaussian_zcdp(const DiscreteGaussianSum& sum) { return concentrated(terms_of(sum)) / 2; }

}  // namespace fedspend
