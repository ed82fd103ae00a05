#include "common/privacy/privacy_loss_distribution.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <vector>

#include "common/privacy/analytic_gaussian.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/sampled_gaussian_rdp.h"

namespace fedspend {
namespace {

PldBound epsilon_of(double z, double q, std::uint64_t steps, double delta) {
  const SampledGaussianSteps part{.noise_multiplier = z, .sampling_rate = q, .steps = steps};
  return *pld_epsilon({&part, 1}, delta);
}
PldBound delta_of(double z, double q, std::uint64_t steps, double epsilon) {
  const SampledGaussianSteps part{.noise_multiplier = z, .sampling_rate = q, .steps = steps};
  return *pld_delta({&part, 1}, epsilon);
}
double rdp_of(double z, double q, std::uint64_t steps, double delta) { return rdp_epsilon(sampled_gaussian_rdp_curve(z, q).times(steps), delta).epsilon; }

// So near to 1 that the mechanism is the plain Gaussian, and yet it goes through the transform.
constexpr double kAlmostAll = 1 - 1e-15;

}  // namespace

TEST_CASE("PLD: the published values") {
  // google/differential-privacy, pld_privacy_accountant_test, at epsilon 1; the second there with the error of its grid of 1e-4.
  CHECK(delta_of(std::sqrt(3.0), 1, 3, 1).value == doctest::Approx(0.126936).epsilon(1e-5));
  const PldBound sampled = delta_of(0.5, 0.2, 3, 1);
  CHECK(sampled.value == doctest::Approx(0.15594).epsilon(1e-4));
  // Rounding down and up on grids of 1e-4, computed apart (NumPy).
  CHECK(sampled.value >= 0.155918313);
  CHECK(sampled.value <= 0.155947240);
  // tensorflow/privacy, compute_dp_sgd_privacy_test: 2 participations.
  CHECK(epsilon_of(0.7, 1, 2, 1e-5).value == doctest::Approx(10.1224946).epsilon(1e-8));
  // PRIVACY.md.
  CHECK(epsilon_of(1, 1, 1, 1e-6).value == doctest::Approx(4.88655).epsilon(2e-6));
  CHECK(epsilon_of(2.5, 1, 5, 1e-6).value == doctest::Approx(4.30584).epsilon(2e-6));
}

TEST_CASE("PLD meets the exact Gaussian from above, tightly") {
  for (const double mu : {1e-3, 0.5, 3.0, 300.0})
    for (const double delta : {0.01, 1e-5, 1e-9, 1e-14}) {
      CAPTURE(mu);
      CAPTURE(delta);
      const double exact = analytic_gaussian_epsilon(mu, delta);
      const PldBound bound = epsilon_of(1 / mu, 1, 1, delta);
      CHECK(bound.value >= exact * (1 - 1e-10));
      CHECK(bound.value <= exact * (1 + 1e-7) + 1e-8 * mu);
      CHECK(bound.value - bound.error <= exact * (1 + 1e-10));
      const double epsilon = mu * mu / 2 + mu;
      const PldBound delta_bound = delta_of(1 / mu, 1, 1, epsilon);
      const double exact_delta = analytic_gaussian_delta(mu, epsilon);
      CHECK(delta_bound.value >= exact_delta * (1 - 1e-9));
      CHECK(delta_bound.value <= exact_delta * (1 + 1e-5));
      CHECK(delta_bound.value - delta_bound.error <= exact_delta * (1 + 1e-9));
    }
}

TEST_CASE("PLD by the transform, of 3 to 10^6 steps, meets the exact Gaussian from above, within its stated error") {
  for (const std::uint64_t steps : {std::uint64_t{3}, std::uint64_t{100}, std::uint64_t{10'000}, std::uint64_t{1'000'000}})
    for (const double mu : {0.3, 2.0}) {
      const double delta = mu < 1 ? 1e-12 : 1e-5;
      CAPTURE(steps);
      CAPTURE(mu);
      CAPTURE(delta);
      const double exact = analytic_gaussian_epsilon(mu, delta);
      const PldBound bound = epsilon_of(std::sqrt(static_cast<double>(steps)) / mu, kAlmostAll, steps, delta);
      CHECK(bound.value >= exact * (1 - 1e-10));
      CHECK(bound.value <= exact * (1 + (steps == 1'000'000 ? 5e-4 : 5e-6)));
      CHECK(bound.value - bound.error <= exact * (1 + 1e-10));
      CHECK(bound.error <= exact * 0.03);
    }
}

TEST_CASE("PLD composes parts of different noise and rate") {
  // Almost unsampled, so one Gaussian of mu^2 = 5 / 4 + 12 / 9.
  const std::vector<SampledGaussianSteps> parts{{2, kAlmostAll, 5}, {3, kAlmostAll, 12}};
  const double mu = std::sqrt(5.0 / 4 + 12.0 / 9), exact = analytic_gaussian_epsilon(mu, 1e-6);
  const PldBound mixed = *pld_epsilon(parts, 1e-6);
  CHECK(mixed.value >= exact * (1 - 1e-10));
  CHECK(mixed.value <= exact * (1 + 1e-6));
  // One part of 40 steps is two of 20.
  const std::vector<SampledGaussianSteps> halves{{0.8, 0.05, 20}, {0.8, 0.05, 20}};
  CHECK(pld_epsilon(halves, 1e-6)->value == doctest::Approx(epsilon_of(0.8, 0.05, 40, 1e-6).value).epsilon(1e-7));
  // Unsampled steps are merged.
  const std::vector<SampledGaussianSteps> plain{{2, 1, 5}, {3, 1, 12}};
  CHECK(pld_epsilon(plain, 1e-6)->value == doctest::Approx(exact).epsilon(1e-7));
  CHECK(pld_epsilon({}, 1e-6)->value == 0);
}

TEST_CASE("PLD is never above RDP, and epsilon and delta are each other's inverse") {
  for (const double z : {0.6, 2.0})
    for (const double q : {1e-3, 0.1})
      for (const std::uint64_t steps : {std::uint64_t{1}, std::uint64_t{40}, std::uint64_t{5'000}}) {
        CAPTURE(z);
        CAPTURE(q);
        CAPTURE(steps);
        const PldBound bound = epsilon_of(z, q, steps, 1e-6);
        CHECK(std::isfinite(bound.value));
        CHECK(bound.error >= 0);
        CHECK(bound.error <= 0.015 * bound.value + 1e-6);
        CHECK(bound.value <= rdp_of(z, q, steps, 1e-6) * (1 + 1e-9));
        if (bound.value > 0) CHECK(delta_of(z, q, steps, bound.value).value == doctest::Approx(1e-6).epsilon(1e-3));
      }
}

TEST_CASE("PLD is monotone in noise, rate, steps and delta") {
  const double base = epsilon_of(1, 0.02, 500, 1e-6).value;
  CHECK(epsilon_of(1.01, 0.02, 500, 1e-6).value < base);
  CHECK(epsilon_of(1, 0.0202, 500, 1e-6).value > base);
  CHECK(epsilon_of(1, 0.02, 505, 1e-6).value > base);
  CHECK(epsilon_of(1, 0.02, 500, 0.9e-6).value > base);
  CHECK(epsilon_of(1, 1, 1, 1e-6).value > epsilon_of(1, 0.02, 1, 1e-6).value);
  double last = 1;
  for (double epsilon = 0; epsilon < 8; epsilon += 2) {
    const double delta = delta_of(1, 0.02, 500, epsilon).value;
    CHECK(delta <= last);
    CHECK(delta >= 0);
    last = delta;
  }
}

TEST_CASE("PLD on the coarse grid is near the fine one, never below the truth, and the direction that the fine grid leaves out is not the larger") {
  for (const double z : {0.6, 1.0, 3.0})
    for (const double q : {0.01, 0.3, 0.9})
      for (const std::uint64_t steps : {1U, 20U, 3'000U}) {
        CAPTURE(z);
        CAPTURE(q);
        CAPTURE(steps);
        const SampledGaussianSteps part{.noise_multiplier = z, .sampling_rate = q, .steps = steps};
        const PldBound fine = pld_epsilon({&part, 1}, 1e-6).value(), coarse = pld_epsilon({&part, 1}, 1e-6, PldGrid::coarse).value();
        CHECK(coarse.value >= fine.value - fine.error);
        CHECK(coarse.value >= fine.value * (1 - 1e-9));
        CHECK(coarse.value <= fine.value * 1.01 + 1e-6);
        CHECK(fine.error < 0.1 * fine.value + 1e-3);
        // delta at that epsilon is computed with both directions.
        CHECK(pld_delta({&part, 1}, fine.value).value().value <= 1e-6 * (1 + 1e-4));
      }
}

TEST_CASE("PLD: extreme parameters give numbers, never below what is sure") {
  for (const double z : {0.01, 1000.0})
    for (const double q : {1e-6, 0.5, 1.0})
      for (const std::uint64_t steps : {std::uint64_t{1}, std::uint64_t{1'000'000}})
        for (const double delta : {1e-12, 0.1}) {
          CAPTURE(z);
          CAPTURE(q);
          CAPTURE(steps);
          CAPTURE(delta);
          const PldBound bound = epsilon_of(z, q, steps, delta);
          CHECK(std::isfinite(bound.value));
          CHECK(bound.value >= 0);
          CHECK((bound.error >= 0 && bound.error <= bound.value));
          const double all = analytic_gaussian_epsilon(std::sqrt(static_cast<double>(steps)) / z, delta);
          // Sampling never hurts, but for the width of the cells, which are wide for losses in the billions.
          CHECK(bound.value <= all * 1.02 + 1e-9);
          if (q == 1) CHECK(bound.value >= all * (1 - 1e-9));
        }
  // z = .01: with chance 1e-6 a step gives all away, which costs some 5,000; in 10^6 steps, 14 such or fewer but with chance 5e-12, 15 with 3e-13.
  CHECK(epsilon_of(0.01, 1e-6, 1'000'000, 1e-12).value > 13 * 5'000);
  CHECK(epsilon_of(0.01, 1e-6, 1'000'000, 1e-12).value < 16 * 5'000);
  CHECK(epsilon_of(1, 1e-6, 1'000'000, 1e-5).value < 0.003);
}

TEST_CASE("PLD: what it does not take is refused") {
  const auto refused = [](SampledGaussianSteps part, double delta) {
    const auto answer = pld_epsilon({&part, 1}, delta);
    return !answer.has_value() && answer.error().code == ErrorCode::invalid_argument;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(refused({1, 1, 1}, 1e-6));
  for (const double z : {0.0, -1.0, 1e-4, 1e10, nan}) CHECK(refused({z, 1, 1}, 1e-6));
  for (const double q : {0.0, -0.1, 1.1, nan}) CHECK(refused({1, q, 1}, 1e-6));
  for (const double delta : {0.0, 1.0, -1e-9, nan}) CHECK(refused({1, 1, 1}, delta));
  CHECK(refused({1, 0.5, 0}, 1e-6));
  CHECK(refused({1, 0.5, 1'000'000'001}, 1e-6));
  // Each in range, all of them together one Gaussian of hardly any noise.
  CHECK(refused({1e-3, 1, 1'000'000}, 1e-6));
  CHECK(refused({0.01, 1, 1'000'000'000}, 1e-6));
  CHECK_FALSE(refused({1e-3, 1, 1'000}, 1e-6));
  const SampledGaussianSteps part{1, 1, 1};
  for (const double epsilon : {-1.0, nan, std::numeric_limits<double>::infinity()}) CHECK_FALSE(pld_delta({&part, 1}, epsilon).has_value());
}

}  // namespace fedspend
