#include "common/privacy/analytic_gaussian.h"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

namespace fedspend {

TEST_CASE("the exact epsilons of PRIVACY.md") {
  CHECK(analytic_gaussian_epsilon(1, 1e-6) == doctest::Approx(4.88655).epsilon(1e-6));
  CHECK(analytic_gaussian_epsilon(std::sqrt(5.0) / 2.5, 1e-6) == doctest::Approx(4.30584).epsilon(1e-6));
  // google/differential-privacy, pld_privacy_accountant_test: three times sigma = sqrt 3 at epsilon 1.
  CHECK(analytic_gaussian_delta(1, 1) == doctest::Approx(0.126936).epsilon(1e-5));
}

TEST_CASE("at epsilon 0 delta is the total variation, and both directions agree") {
  // 2 Phi(mu / 2) - 1
  for (const double mu : {1e-3, 0.1, 1.0, 5.0}) CHECK(analytic_gaussian_delta(mu, 0) == doctest::Approx(std::erf(mu / std::sqrt(8.0))).epsilon(1e-10));
  for (const double mu : {1e-3, 0.3, 2.0, 50.0, 1e5})
    for (const double delta : {1e-2, 1e-6, 1e-12}) {
      const double epsilon = analytic_gaussian_epsilon(mu, delta);
      CAPTURE(mu);
      CAPTURE(delta);
      if (epsilon > 0) CHECK(analytic_gaussian_delta(mu, epsilon) == doctest::Approx(delta).epsilon(1e-4));
    }
  CHECK(analytic_gaussian_epsilon(1e-3, 0.1) == 0);
}

}  // namespace fedspend
