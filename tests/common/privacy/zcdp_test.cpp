#include "common/privacy/zcdp.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <initializer_list>
#include <limits>

#include "common/privacy/analytic_gaussian.h"

namespace fedspend {

TEST_CASE("the conversion is the continuous-order one of PRIVACY.md") {
  CHECK(zcdp_epsilon(gaussian_zcdp(1), 1e-6).epsilon == doctest::Approx(5.22153).epsilon(1e-6));
  CHECK(zcdp_epsilon(5 * gaussian_zcdp(2.5), 1e-6).epsilon == doctest::Approx(4.60444).epsilon(1e-6));
}

TEST_CASE("the conversion beats that of Bun and Steinke, and stays above the exact epsilon of the Gaussian") {
  CHECK(rc::check("bounds", [] {
    const double mu = std::exp(*rc::gen::inRange(-700, 700) / 100.0), rho = mu * mu / 2;
    const double delta = std::pow(10.0, -*rc::gen::inRange(1, 40));
    const double epsilon = zcdp_epsilon(rho, delta).epsilon;
    RC_ASSERT(epsilon <= rho + 2 * std::sqrt(rho * -std::log(delta)) + 1e-9 * rho);
    RC_ASSERT(epsilon >= analytic_gaussian_epsilon(mu, delta) * (1 - 1e-9));
  }));
}

TEST_CASE("delta and epsilon are each other's inverse where both are in between") {
  CHECK(rc::check("inverse", [] {
    const double rho = std::exp(*rc::gen::inRange(-500, 500) / 100.0), delta = std::pow(10.0, -*rc::gen::inRange(2, 40));
    const double epsilon = zcdp_epsilon(rho, delta).epsilon;
    RC_PRE(epsilon > 1e-3);
    RC_ASSERT(zcdp_delta(rho, epsilon) <= delta * (1 + 1e-6));
    RC_ASSERT(zcdp_delta(rho, epsilon * (1 - 1e-6)) >= delta * (1 - 1e-6));
  }));
  CHECK(zcdp_delta(0, 0) == 0);
  CHECK(zcdp_delta(1e300, 1) == 1);
  CHECK(zcdp_delta(1, 1e308) >= 0);
}

TEST_CASE("rho rounds up, and the ends of its range give no nonsense") {
  CHECK(gaussian_zcdp(1) >= 0.5);
  CHECK(gaussian_zcdp(1) <= 0.5 * (1 + 1e-14));
  CHECK(gaussian_zcdp(1e200) > 0);
  CHECK(zcdp_epsilon(0, 1e-9).epsilon == 0);
  CHECK(zcdp_epsilon(0, 1e-9).order == 0);
  CHECK(zcdp_epsilon(std::numeric_limits<double>::infinity(), 1e-9).epsilon == std::numeric_limits<double>::infinity());
  for (double rho = 1e-300; rho < 1e300; rho *= 1e20)
    for (const double delta : {1e-300, 1e-12, 0.5, 1 - 1e-9}) {
      CAPTURE(rho);
      CAPTURE(delta);
      CHECK(zcdp_epsilon(rho, delta).epsilon >= 0);
      CHECK(zcdp_epsilon(rho, delta).epsilon <= rho * (1 + 1e-9) + 2 * std::sqrt(rho * -std::log(delta)) * (1 + 1e-9) + 1e-15);
    }
}

}  // namespace fedspend
