#include "simulations/audit/binomial.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <numbers>

#include "tests/common/aborts.h"

namespace fedspend::simulations {

TEST_CASE("the tails are those that can be counted") {
  CHECK(binomial_at_least(10, 8, 0.5) == doctest::Approx(56.0 / 1024).epsilon(1e-12));
  CHECK(binomial_at_least(10, 2, 0.5) == doctest::Approx(1013.0 / 1024).epsilon(1e-12));
  CHECK(binomial_at_least(3, 3, 0.9) == doctest::Approx(0.729).epsilon(1e-12));
  CHECK(binomial_at_least(3, 0, 0.1) == 1);
  CHECK(binomial_at_least(3, 4, 0.9) == 0);
  CHECK(binomial_at_least(0, 1, 0.5) == 0);
  CHECK(binomial_at_least(5, 5, 1) == 1);
  CHECK(binomial_at_least(5, 1, 0) == 0);
  // Of the terms of 10^6 trials at 1/2 the middle one is 1 / sqrt(pi n / 2), to 1/(4n) of it.
  const double middle = 1 / std::sqrt(std::numbers::pi * 500'000) * (1 - 0.25e-6);
  CHECK(binomial_at_least(1'000'000, 500'000, 0.5) == doctest::Approx(0.5 + middle / 2).epsilon(1e-12));
}

TEST_CASE("the points add up to the tails") {
  CHECK(rc::check("sum", [] {
    const auto trials = *rc::gen::inRange<std::uint64_t>(0, 300);
    const auto least = *rc::gen::inRange<std::uint64_t>(0, 302);
    const double p = *rc::gen::inRange(0, 1001) / 1000.0;
    double sum = 0;
    for (std::uint64_t k = least; k <= trials; ++k) sum += binomial_point(trials, k, p);
    RC_ASSERT(std::abs(binomial_at_least(trials, least, p) - sum) <= 1e-11);
  }));
}

// Clopper and Pearson's two-sided 95% intervals, in closed form where nobody or everybody succeeds.
TEST_CASE("the confidence bounds are the published ones") {
  CHECK(upper_confidence(0, 10, 0.025) == doctest::Approx(1 - std::pow(0.025, 0.1)).epsilon(1e-10));
  CHECK(lower_confidence(10, 10, 0.025) == doctest::Approx(std::pow(0.025, 0.1)).epsilon(1e-10));
  CHECK(lower_confidence(5, 10, 0.025) == doctest::Approx(0.1870860284).epsilon(1e-8));
  CHECK(upper_confidence(5, 10, 0.025) == doctest::Approx(0.8129139716).epsilon(1e-8));
  CHECK(lower_confidence(1, 20, 0.025) == doctest::Approx(0.001265089).epsilon(1e-5));
  CHECK(upper_confidence(1, 20, 0.025) == doctest::Approx(0.248732763).epsilon(1e-5));
  CHECK(lower_confidence(0, 10, 0.05) == 0);
  CHECK(upper_confidence(10, 10, 0.05) == 1);
  CHECK(lower_confidence(0, 0, 0.05) == 0);
  CHECK(upper_confidence(0, 0, 0.05) == 1);
  CHECK(fedspend::tests::aborts([] { (void)lower_confidence(3, 2, 0.05); }));
  CHECK(fedspend::tests::aborts([] { (void)lower_confidence(1, 2, 0); }));
}

TEST_CASE("a bound is where the tail is the error") {
  CHECK(rc::check("inverse", [] {
    const auto trials = *rc::gen::inRange<std::uint64_t>(1, 100'000);
    const auto successes = *rc::gen::inRange<std::uint64_t>(1, trials + 1);
    const double error = std::pow(10.0, -*rc::gen::inRange(1, 9));
    const double p = lower_confidence(successes, trials, error);
    RC_ASSERT(binomial_at_least(trials, successes, p) <= error * (1 + 1e-8));
    RC_ASSERT(binomial_at_least(trials, successes, p) >= error * (1 - 1e-5));
  }));
}

}  // namespace fedspend::simulations
