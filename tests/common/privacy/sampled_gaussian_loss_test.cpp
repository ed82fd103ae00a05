#include "common/privacy/sampled_gaussian_loss.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numbers>
#include <vector>

#include "tests/common/aborts.h"

namespace fedspend {
namespace {

using tests::aborts;

double phi(double u) { return 0.5 * std::erfc(-u / std::numbers::sqrt2); }

// delta(epsilon) of one step from the closed form of the two tails, in the direction given.
double exact_delta(double z, double q, Direction direction, double epsilon) {
  const double m = 1 / z;
  const double x = direction == Direction::remove ? epsilon : -epsilon;  // of the log ratio
  const double power = (std::exp(x) - 1 + q) / q;
  const double edge = power > 0 ? std::log(power) * z + m / 2 : -1e9;
  if (direction == Direction::remove) return (1 - q) * phi(-edge) + q * phi(m - edge) - std::exp(epsilon) * phi(-edge);
  return phi(edge) - std::exp(epsilon) * ((1 - q) * phi(edge) + q * phi(edge - m));
}

double delta_of(const DiscreteLoss& loss, double epsilon) {
  double delta = loss.infinite;
  for (std::size_t i = 0; i < loss.mass.size(); ++i) {
    const double x = static_cast<double>(loss.first + static_cast<std::int64_t>(i)) * loss.step;
    if (x > epsilon) delta += loss.mass[i] * -std::expm1(epsilon - x);
  }
  return delta;
}

}  // namespace

TEST_CASE("the log ratio and its inverse are right where q is near 0 and near 1, and in every tail") {
  for (const double z : {0.05, 0.7, 3.0, 1000.0})
    for (const double q : {1e-9, 1e-3, 0.4, 0.999, 1 - 1e-12, 1.0}) {
      const SampledGaussianLoss loss(z, q, Direction::remove);
      CAPTURE(z);
      CAPTURE(q);
      double last = -1e300;
      for (double u = -12; u < 12 + 1 / z; u += 0.37) {
        CAPTURE(u);
        const long double v = (static_cast<long double>(u) - 0.5L / z) / z, rate = q;
        const long double excess = rate * std::expm1(std::min(v, 100.0L));
        const long double exact = v > 100 ? v + std::log(rate) + std::log1p((1 - rate) / rate * std::exp(-v)) : excess > -0.5 ? std::log1p(excess) : q == 1 ? v : std::log(1 - rate + rate * std::exp(v));
        const double x = loss.log_ratio(u);
        CHECK(x == doctest::Approx(static_cast<double>(exact)).epsilon(1e-10));
        CHECK(x >= last);
        last = x;
        // Where the loss is not flat, its inverse gives the outcome back.
        if (x > 0.1 || q == 1) CHECK(loss.outcome_at(x) == doctest::Approx(u).epsilon(1e-6));
        CHECK(SampledGaussianLoss(z, q, Direction::add).loss(u) == -x);
      }
    }
}

TEST_CASE("the grid dominates: its delta is never below the exact one, at any epsilon, in both directions") {
  for (const double z : {0.3, 1.0, 4.0, 200.0})
    for (const double q : {1e-5, 0.03, 0.5, 0.99, 1.0})
      for (const Direction direction : {Direction::remove, Direction::add})
        for (const double points : {300.0, 20'000.0}) {
          const SampledGaussianLoss pair(z, q, direction);
          const auto [low, high] = pair.cut(1e-14);
          const double step = std::max(pair.log_ratio(high) - pair.log_ratio(low), 1e-9) / points;
          const DiscreteLoss loss = discretise(pair, step, 1e-14);
          CAPTURE(z);
          CAPTURE(q);
          CAPTURE(points);
          CAPTURE(static_cast<int>(direction));
          double total = loss.infinite;
          for (const double mass : loss.mass) total += mass;
          CHECK(total >= 1);
          CHECK(total <= 1 + 1e-9);
          const double top = std::max(pair.loss(low), pair.loss(high));
          for (double share = 0; share < 1; share += 0.0137) {
            const double epsilon = std::max(0.0, top) * share;
            const double exact = exact_delta(z, q, direction, epsilon), bound = delta_of(loss, epsilon);
            CAPTURE(epsilon);
            // The closed form is a difference of numbers of at most 1 + exp(epsilon): good to some 1e-16 of these.
            const double form = 4e-16 * (1 + std::exp(epsilon) * std::min(1.0, exact + 1e-6));
            CHECK(bound >= exact - form);
            // A loss goes up by a cell at most.
            CHECK(bound <= exact_delta(z, q, direction, epsilon - step) * (1 + 1e-9) + 3e-14 + form);
          }
        }
}

TEST_CASE("on a grid as coarse as the losses all mass goes up") {
  const SampledGaussianLoss pair(0.05, 0.3, Direction::remove);
  const DiscreteLoss loss = discretise(pair, 20, 1e-12);
  for (const double epsilon : {0.0, 50.0, 150.0, 190.0, 250.0}) CHECK(delta_of(loss, epsilon) >= exact_delta(0.05, 0.3, Direction::remove, epsilon) - 1e-12);
}

TEST_CASE("tails that are cut are counted: large losses as infinite, small ones as the lowest") {
  for (const Direction direction : {Direction::remove, Direction::add})
    for (const double q : {0.1, 1.0}) {
      const DiscreteLoss loss = discretise(SampledGaussianLoss(1, q, direction), 0.01, 0.02);
      double total = loss.infinite;
      for (const double mass : loss.mass) total += mass;
      CHECK(total >= 1);
      CHECK(total <= 1.04);
      for (double epsilon = 0; epsilon < 3; epsilon += 0.1) CHECK(delta_of(loss, epsilon) >= exact_delta(1, q, direction, epsilon) - 1e-15);
      CHECK(delta_of(loss, 100) >= 0.02);
    }
}

TEST_CASE("cuts leave out no more than they may") {
  for (const double z : {0.01, 1.0, 100.0})
    for (const double q : {1e-6, 0.5, 1.0})
      for (const double tail : {1e-3, 1e-12, 1e-250}) {
        const auto [low, high] = SampledGaussianLoss(z, q, Direction::remove).cut(tail);
        CHECK((1 - q) * phi(low) + q * phi(low - 1 / z) <= tail * (1 + 1e-9));
        CHECK((1 - q) * phi(-high) + q * phi(1 / z - high) <= tail * (1 + 1e-9));
        CHECK(high > low);
      }
}

TEST_CASE("losses outside their range are a programmer's mistake") {
  CHECK(aborts([] { SampledGaussianLoss(0, 0.5, Direction::remove); }));
  CHECK(aborts([] { SampledGaussianLoss(1, 0, Direction::remove); }));
  CHECK(aborts([] { SampledGaussianLoss(1, 1.1, Direction::remove); }));
  CHECK(aborts([] { discretise(SampledGaussianLoss(1, 0.5, Direction::remove), 0, 1e-9); }));
}

}  // namespace fedspend
