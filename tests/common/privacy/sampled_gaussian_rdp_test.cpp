#include "common/privacy/sampled_gaussian_rdp.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "common/privacy/gaussian_rdp.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

using tests::aborts;

double epsilon_of(double z, double q, std::uint64_t steps, double delta) { return rdp_epsilon(sampled_gaussian_rdp_curve(z, q).times(steps), delta).epsilon; }

// log E[((1-q) + q r)^alpha] / (alpha - 1) by the trapezoidal rule in long double, which for an analytic integrand over the whole line
// converges faster than any power of the step: here apart from the code under test in formula, precision and method.
double by_quadrature(double z, double q, double alpha) {
  const long double step = 1.0L / 512, width = z, log_q = std::log(static_cast<long double>(q)), log_rest = std::log1p(-static_cast<long double>(q));
  const long double low = -45 * width, high = 45 * width + static_cast<long double>(alpha);
  std::vector<long double> logs;
  long double largest = -1e4000L;
  for (long double t = low; t < high; t += step * width) {
    const long double one = log_q + (2 * t - 1) / (2 * width * width);
    const long double ratio = std::max(one, log_rest) + std::log1p(std::exp(-std::abs(one - log_rest)));
    const long double value = static_cast<long double>(alpha) * ratio - t * t / (2 * width * width);
    logs.push_back(value);
    largest = std::max(largest, value);
  }
  long double sum = 0;
  for (const long double value : logs) sum += std::exp(value - largest);
  const long double log_moment = largest + std::log(sum * step / std::sqrt(2 * std::numbers::pi_v<long double>));
  return static_cast<double>(log_moment / (static_cast<long double>(alpha) - 1));
}

}  // namespace

TEST_CASE("sampled Gaussian: the published epsilons, to their digits") {
  // opacus, accountants_test.
  CHECK(epsilon_of(1.5, 0.04, 2250, 1e-5) == doctest::Approx(7.32911117143).epsilon(1e-11));
  // tensorflow/privacy, compute_dp_sgd_privacy_test: n = 60,000, batch 150, 15 epochs; n = 100,000, batch 100, 30 epochs.
  const auto first = rdp_epsilon(sampled_gaussian_rdp_curve(1.3, 150.0 / 60'000).times(6'000), 1e-5);
  CHECK(first.epsilon == doctest::Approx(0.7242234026).epsilon(1e-9));
  CHECK(first.order == 19);
  const auto second = rdp_epsilon(sampled_gaussian_rdp_curve(1, 0.001).times(30'000), 1e-7);
  CHECK(second.epsilon == doctest::Approx(1.4154988495).epsilon(1e-10));
  CHECK(second.order == 13);
}

TEST_CASE("sampled Gaussian: the published RDP of whole orders, and the published bounds at 1.5") {
  // google/differential-privacy, rdp_privacy_accountant_test: q = .01, sigma 2.5, 50 steps.
  CHECK(50 * sampled_gaussian_rdp(2.5, 0.01, 5) == doctest::Approx(2.18075656e-3).epsilon(1e-8));
  CHECK(50 * sampled_gaussian_rdp(2.5, 0.01, 50) == doctest::Approx(2.38460375e-2).epsilon(1e-8));
  CHECK(50 * sampled_gaussian_rdp(2.5, 0.01, 100) == doctest::Approx(167.416308).epsilon(1e-8));
  CHECK(50 * sampled_gaussian_rdp(2.5, 0.01, 1.5) >= 6.500709e-4 * (1 - 1e-7));
  CHECK(50 * sampled_gaussian_rdp(2.5, 0.01, 1.5) <= 6.70579741e-4);
}

TEST_CASE("sampled Gaussian: RDP meets quadrature from above, at whole and other orders") {
  for (const double z : {0.4, 0.7, 1.0, 2.5, 8.0})
    for (const double q : {1e-4, 0.01, 0.2, 0.5, 0.97})
      for (const double order : {1.25, 1.5, 1.9, 2.0, 2.3, 3.9, 7.0, 10.9, 23.5, 40.0, 63.5, 96.0}) {
        CAPTURE(z);
        CAPTURE(q);
        CAPTURE(order);
        const double exact = by_quadrature(z, q, order), bound = sampled_gaussian_rdp(z, q, order);
        CHECK(bound >= exact * (1 - 1e-12) - 1e-17);
        CHECK(bound <= exact * (1 + 1e-9) + 2e-13);
      }
}

TEST_CASE("sampled Gaussian: RDP stays finite and ordered where numbers are extreme") {
  for (const double z : {0.01, 0.05, 0.3, 1.0, 30.0, 1000.0}) {
    double last_rate_first = 0;
    for (const double q : {1e-9, 1e-6, 1e-3, 0.3, 0.999, 1 - 1e-12, 1.0}) {
      CAPTURE(z);
      CAPTURE(q);
      const RdpCurve curve = sampled_gaussian_rdp_curve(z, q);
      double last = 0;
      for (std::size_t i = 0; i < rdp_orders().size(); ++i) {
        const double value = curve.values()[i];
        CAPTURE(rdp_orders()[i]);
        CHECK(std::isfinite(value));
        CHECK(value > 0);
        // Renyi divergence does not fall with the order; the series errs upwards by up to 1e-14 / (alpha - 1).
        CHECK(value >= last * (1 - 1e-9) - 1e-13);
        CHECK(value <= gaussian_rdp(z, rdp_orders()[i]));
        last = value;
      }
      CHECK(curve.values()[40] >= last_rate_first * (1 - 1e-12));
      last_rate_first = curve.values()[40];
    }
  }
}

TEST_CASE("sampled Gaussian: monotone in noise, rate, steps and delta") {
  CHECK(rc::check("monotone", [] {
    const double z = std::exp(*rc::gen::inRange(-100, 400) / 100.0), q = std::exp(*rc::gen::inRange(-1400, 0) / 100.0);
    const auto steps = static_cast<std::uint64_t>(*rc::gen::inRange(1, 1'000'000));
    const double delta = std::pow(10.0, -*rc::gen::inRange(1, 13));
    const double epsilon = epsilon_of(z, q, steps, delta);
    RC_ASSERT((epsilon >= 0 && std::isfinite(epsilon)));
    RC_ASSERT(epsilon_of(z * 1.02, q, steps, delta) <= epsilon * (1 + 1e-9) + 1e-9);
    RC_ASSERT(epsilon_of(z, std::min(1.0, q * 1.02), steps, delta) >= epsilon * (1 - 1e-9) - 1e-9);
    RC_ASSERT(epsilon_of(z, q, steps + 1, delta) >= epsilon * (1 - 1e-12));
    RC_ASSERT(epsilon_of(z, q, steps, delta / 3) >= epsilon);
  }));
}

TEST_CASE("sampled Gaussian: a rate of 1 is the plain Gaussian, a rate of 0 nothing") {
  CHECK(sampled_gaussian_rdp_curve(1.7, 1) == gaussian_rdp_curve(1.7));
  CHECK(sampled_gaussian_rdp_curve(1.7, 0) == RdpCurve{});
  CHECK(sampled_gaussian_rdp(1.7, 1 - 1e-12, 8) == doctest::Approx(gaussian_rdp(1.7, 8)).epsilon(1e-9));
}

TEST_CASE("sampled Gaussian: what is no mechanism is a programmer's mistake") {
  CHECK(aborts([] { sampled_gaussian_rdp(0, 0.1, 2); }));
  CHECK(aborts([] { sampled_gaussian_rdp(std::nan(""), 0.1, 2); }));
  CHECK(aborts([] { sampled_gaussian_rdp(1, -0.1, 2); }));
  CHECK(aborts([] { sampled_gaussian_rdp(1, 1.1, 2); }));
  CHECK(aborts([] { sampled_gaussian_rdp(1, 0.1, 1); }));
}

}  // namespace fedspend
