#include "simulations/audit/one_run_bound.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "simulations/audit/binomial.h"
#include "tests/common/aborts.h"

namespace fedspend::simulations {

// Steinke, Nasr, Jagielski 2023 (2305.08846), Appendix D (rounded) and section 7 with figure 11 (cut off).
TEST_CASE("the lower bounds are those of the paper") {
  CHECK(std::abs(one_run_epsilon({.canaries = 1000, .guesses = 100, .correct = 75}, 1e-4, 0.95) - 0.673) < 0.0005);
  CHECK(std::abs(one_run_epsilon({.canaries = 100'000, .guesses = 1510, .correct = 1439}, 1e-5, 0.95) - 2.6755) < 0.0005);
}

TEST_CASE("without delta, and when all guesses are right, the bound is in closed form") {
  for (const std::uint64_t guesses : {10U, 50U, 400U}) {
    const double accuracy = std::pow(0.05, 1 / static_cast<double>(guesses));
    CHECK(one_run_epsilon({guesses, guesses, guesses}, 0, 0.95) == doctest::Approx(std::log(accuracy / (1 - accuracy))).epsilon(1e-7));
  }
}

TEST_CASE("half of the guesses right prove nothing, and neither do none") {
  CHECK(one_run_epsilon({1000, 100, 50}, 1e-5, 0.95) == 0);
  CHECK(one_run_epsilon({1000, 100, 0}, 1e-5, 0.95) == 0);
  CHECK(one_run_epsilon({1000, 0, 0}, 0, 0.95) == 0);
  CHECK(one_run_epsilon({0, 0, 0}, 0, 0.95) == 0);
  CHECK(one_run_epsilon({4, 4, 4}, 0, 0.95) == 0);  // a sixteenth is luck
  CHECK(one_run_epsilon({1000, 100, 100}, 0.1, 0.95) == 0);  // 2 m delta is above any confidence
}

// The maximum over i written out from the theorem.
TEST_CASE("the p-value is the theorem's") {
  CHECK(rc::check("theorem", [] {
    const auto m = *rc::gen::inRange<std::uint64_t>(1, 60);
    const auto r = *rc::gen::inRange<std::uint64_t>(0, m + 1);
    const auto v = *rc::gen::inRange<std::uint64_t>(0, r + 1);
    const double epsilon = *rc::gen::inRange(0, 500) / 100.0, delta = std::pow(10.0, -*rc::gen::inRange(1, 9));
    const auto f = [&](std::uint64_t at) { return binomial_at_least(r, at, 1 / (1 + std::exp(-epsilon))); };
    double steepest = 0;
    for (std::uint64_t i = 1; i <= m; ++i) steepest = std::max(steepest, (f(i > v ? 0 : v - i) - f(v)) / static_cast<double>(i));
    const double expected = std::min(1.0, f(v) + 2 * static_cast<double>(m) * delta * steepest);
    RC_ASSERT(std::abs(one_run_p_value({m, r, v}, epsilon, delta) - expected) <= 1e-10);
  }));
}

TEST_CASE("more right guesses prove more, and more canaries, a larger delta or more confidence less") {
  CHECK(rc::check("monotone", [] {
    const auto m = *rc::gen::inRange<std::uint64_t>(20, 500);
    const auto r = *rc::gen::inRange<std::uint64_t>(10, m);
    const auto v = *rc::gen::inRange<std::uint64_t>(0, r);
    const double found = one_run_epsilon({m, r, v}, 1e-5, 0.9);
    RC_ASSERT(one_run_epsilon({m, r, v + 1}, 1e-5, 0.9) >= found - 1e-8);
    RC_ASSERT(one_run_epsilon({m + 100, r, v}, 1e-5, 0.9) <= found + 1e-8);
    RC_ASSERT(one_run_epsilon({m, r, v}, 1e-4, 0.9) <= found + 1e-8);
    RC_ASSERT(one_run_epsilon({m, r, v}, 1e-5, 0.99) <= found + 1e-8);
  }));
}

// The claim itself, by simulation: randomised response at epsilon = 1 is (1, 0)-DP and answers as the theorem's worst case does. Of 4,000 audits at
// 95% the bound is above 1 in 5% at most: Binomial(4000, .05) is above 200 + 83 (six deviations) with probability below 1e-8. It is not
// idle either: at least 1% are (were they 5%, fewer than 40 have probability below 1e-30).
TEST_CASE("the bound is above the true epsilon as often as its confidence allows, and no more") {
  SeededRandom random(Hasher("one-run-bound-test").finish());
  const double truthful = 1 / (1 + std::exp(-1.0));
  int above = 0;
  for (int run = 0; run < 4000; ++run) {
    OneRunGuesses guesses{.canaries = 60, .guesses = 60};
    for (int i = 0; i < 60; ++i) guesses.correct += static_cast<double>(random.next_u64() >> 11) * 0x1p-53 < truthful ? 1U : 0U;
    above += one_run_epsilon(guesses, 0, 0.95) > 1 ? 1 : 0;
  }
  CAPTURE(above);
  CHECK(above <= 283);
  CHECK(above >= 40);
}

TEST_CASE("guesses that cannot be are a programmer's mistake") {
  CHECK(fedspend::tests::aborts([] { (void)one_run_p_value({10, 5, 6}, 1, 0); }));
  CHECK(fedspend::tests::aborts([] { (void)one_run_p_value({10, 11, 6}, 1, 0); }));
  CHECK(fedspend::tests::aborts([] { (void)one_run_p_value({10, 5, 5}, -1, 0); }));
  CHECK(fedspend::tests::aborts([] { (void)one_run_epsilon({10, 5, 5}, 0, 1); }));
}

}  // namespace fedspend::simulations
