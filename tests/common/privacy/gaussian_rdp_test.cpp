#include "common/privacy/gaussian_rdp.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "common/privacy/analytic_gaussian.h"

namespace fedspend {
namespace {

double grid_epsilon(double z, std::uint64_t steps, double delta) { return rdp_epsilon(gaussian_rdp_curve(z).times(steps), delta).epsilon; }

}  // namespace

TEST_CASE("the Gaussian's epsilon is as published") {
  // google/differential-privacy, rdp_privacy_accountant_test.
  CHECK(gaussian_rdp_epsilon(4.530877117, 1, 1e-6).epsilon == doctest::Approx(1).epsilon(1e-9));
  CHECK(grid_epsilon(4.530877117, 1, 1e-6) == doctest::Approx(1).epsilon(1e-6));
  // tensorflow/privacy, compute_dp_sgd_privacy_test: 1.2 epochs without sampling are 2 participations.
  CHECK(grid_epsilon(0.7, 2, 1e-5) == doctest::Approx(10.8602036).epsilon(1e-8));
  // PRIVACY.md: continuous orders.
  CHECK(gaussian_rdp_epsilon(1, 1, 1e-6).epsilon == doctest::Approx(5.22153).epsilon(1e-6));
  CHECK(gaussian_rdp_epsilon(2.5, 5, 1e-6).epsilon == doctest::Approx(4.60444).epsilon(1e-6));
}

TEST_CASE("RDP of the Gaussian is alpha / (2 z^2), from above") {
  CHECK(rc::check("value", [] {
    const double z = std::exp(*rc::gen::inRange(-600, 600) / 100.0), order = 1.01 + *rc::gen::inRange(0, 51'000) / 100.0;
    const long double exact = static_cast<long double>(order) / (2 * static_cast<long double>(z) * static_cast<long double>(z));
    RC_ASSERT(static_cast<long double>(gaussian_rdp(z, order)) >= exact);
    RC_ASSERT(static_cast<long double>(gaussian_rdp(z, order)) <= exact * (1 + 1e-14L));
  }));
  CHECK(gaussian_rdp(1e-200, 2) == std::numeric_limits<double>::infinity());
  CHECK(gaussian_rdp(1e200, 2) > 0);
}

TEST_CASE("the orders of the curve cost little beside all orders, and are never below them") {
  double worst = 0;
  for (double z = 0.4; z < 40; z *= 1.07)
    for (const double delta : {1e-5, 1e-6, 1e-9}) {
      const RdpEpsilon best = gaussian_rdp_epsilon(z, 1, delta);
      const double ratio = grid_epsilon(z, 1, delta) / best.epsilon;
      CHECK(ratio >= 1 - 1e-9);
      if (best.order > 1.3 && best.order < 512) worst = std::max(worst, ratio - 1);
    }
  MESSAGE("at most " << worst << " more");
  CHECK(worst < 1e-3);
}

TEST_CASE("RDP is never below the exact epsilon, and monotone in noise, steps and delta") {
  CHECK(rc::check("bounds", [] {
    const double z = std::exp(*rc::gen::inRange(-400, 700) / 100.0);
    const auto steps = static_cast<std::uint64_t>(*rc::gen::inRange(1, 100'000));
    const double delta = std::pow(10.0, -*rc::gen::inRange(1, 14));
    const double epsilon = gaussian_rdp_epsilon(z, steps, delta).epsilon;
    RC_ASSERT(std::isfinite(epsilon));
    RC_ASSERT(epsilon >= analytic_gaussian_epsilon(std::sqrt(static_cast<double>(steps)) / z, delta) * (1 - 1e-9));
    RC_ASSERT(gaussian_rdp_epsilon(z * 1.01, steps, delta).epsilon <= epsilon * (1 + 1e-9));
    RC_ASSERT(gaussian_rdp_epsilon(z, steps + 1, delta).epsilon >= epsilon * (1 - 1e-9));
    RC_ASSERT(gaussian_rdp_epsilon(z, steps, delta / 2).epsilon >= epsilon * (1 - 1e-9));
    RC_ASSERT(grid_epsilon(z, steps, delta) >= epsilon * (1 - 1e-9));
  }));
}

TEST_CASE("extreme noise and extreme counts give numbers") {
  for (const double z : {0.01, 1000.0})
    for (const std::uint64_t steps : {std::uint64_t{1}, std::uint64_t{1'000'000}})
      for (const double delta : {1e-12, 0.1}) {
        CAPTURE(z);
        CAPTURE(steps);
        const double exact = analytic_gaussian_epsilon(std::sqrt(static_cast<double>(steps)) / z, delta);
        for (const double epsilon : {gaussian_rdp_epsilon(z, steps, delta).epsilon, grid_epsilon(z, steps, delta)}) {
          CHECK(std::isfinite(epsilon));
          CHECK(epsilon >= exact * (1 - 1e-9));
        }
      }
  CHECK(gaussian_rdp_epsilon(1, 0, 1e-6).epsilon == 0);
}

}  // namespace fedspend
