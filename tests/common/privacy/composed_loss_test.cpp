#include "common/privacy/composed_loss.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

namespace fedspend {
namespace {

// A few masses anywhere on the grid.
DiscreteLoss any_loss(double step) {
  DiscreteLoss loss{.step = step, .first = *rc::gen::inRange<std::int64_t>(-20, 20), .mass = {}};
  const auto count = *rc::gen::inRange<std::size_t>(1, 30);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += loss.mass.emplace_back(std::exp(-*rc::gen::inRange(0, 2000) / 100.0));
  for (double& mass : loss.mass) mass /= sum;
  return loss;
}

// The composition by multiplying out, in long double.
std::vector<long double> by_hand(std::span<const LossPart> parts, std::int64_t& first) {
  std::vector<long double> result{1};
  first = 0;
  for (const LossPart& part : parts)
    for (std::uint64_t s = 0; s < part.steps; ++s) {
      std::vector<long double> next(result.size() + part.loss.mass.size() - 1, 0);
      for (std::size_t i = 0; i < result.size(); ++i)
        for (std::size_t j = 0; j < part.loss.mass.size(); ++j) next[i + j] += result[i] * part.loss.mass[j];
      result = std::move(next);
      first += part.loss.first;
    }
  return result;
}

double exact_delta(const std::vector<long double>& masses, std::int64_t first, double step, std::int64_t at) {
  long double delta = 0;
  for (std::size_t i = 0; i < masses.size(); ++i) {
    const std::int64_t n = first + static_cast<std::int64_t>(i);
    if (n > at) delta += masses[i] * -std::expm1(static_cast<long double>(at - n) * static_cast<long double>(step));
  }
  return static_cast<double>(delta);
}

}  // namespace

TEST_CASE("compositions of any masses lie between the two tables, which are close, for any tilt") {
  CHECK(rc::check("against multiplying out", [] {
    const double step = std::exp(-*rc::gen::inRange(100, 700) / 100.0);
    std::vector<LossPart> parts;
    const int kinds = *rc::gen::inRange(1, 3);
    for (int i = 0; i < kinds; ++i) parts.push_back({.loss = any_loss(step), .steps = *rc::gen::inRange<std::uint64_t>(1, 12)});
    const double tilt = std::exp(*rc::gen::inRange(-300, 300) / 100.0) / step / 30;
    std::int64_t first = 0;
    const auto masses = by_hand(parts, first);
    const LossWindow window{.tilt = tilt, .first = first - 100, .size = 2048};
    const DeltaTable table = delta_table(parts, window);
    for (std::size_t i = 0; i < 1000; i += 7) {
      const double exact = exact_delta(masses, first, step, window.first + static_cast<std::int64_t>(i));
      RC_ASSERT(table.upper[i] >= exact * (1 - 1e-14));
      RC_ASSERT(table.lower[i] <= exact * (1 + 1e-14));
    }
    // Where the tilted composition lies the two are close: that is what the tilt is for.
    const auto centre = static_cast<std::int64_t>(tilted_mean(parts, tilt) / step) - window.first;
    const auto at = static_cast<std::size_t>(std::clamp<std::int64_t>(centre - 1, 0, 1000));
    const double exact = exact_delta(masses, first, step, window.first + static_cast<std::int64_t>(at));
    if (exact > 1e-200 && tilt * step * 900 > 60) RC_ASSERT((table.upper[at] <= exact * (1 + 1e-4) + 1e-300));
  }));
}

TEST_CASE("what a window is too small for is added, and never lost") {
  CHECK(rc::check("wrapped round", [] {
    const double step = 0.05;
    const LossPart part{.loss = any_loss(step), .steps = 10};
    std::int64_t first = 0;
    const auto masses = by_hand({&part, 1}, first);
    const std::int64_t shift = *rc::gen::inRange<std::int64_t>(-50, 300);
    const LossWindow window{.tilt = *rc::gen::inRange(1, 60) * 0.5, .first = first + shift, .size = 32};
    const DeltaTable table = delta_table({&part, 1}, window);
    for (std::size_t i = 0; i < 32; ++i) {
      const double exact = exact_delta(masses, first, step, window.first + static_cast<std::int64_t>(i));
      RC_ASSERT(table.upper[i] >= exact * (1 - 1e-14));
      RC_ASSERT(table.lower[i] <= exact * (1 + 1e-14));
    }
  }));
}

TEST_CASE("a mass at infinity counts at every epsilon, once for each step") {
  const DiscreteLoss loss{.step = 0.1, .first = 0, .mass = {0.9}, .infinite = 0.001};
  CHECK(delta_table(loss).upper[0] >= 0.001);
  const LossPart part{.loss = loss, .steps = 5};
  const DeltaTable table = delta_table({&part, 1}, {.tilt = 50, .first = -8, .size = 16});
  CHECK(table.upper.back() >= 0.005);
}

TEST_CASE("a single loss needs no transform, and its table is exact") {
  CHECK(rc::check("single", [] {
    const DiscreteLoss loss = any_loss(0.01);
    const DeltaTable table = delta_table(loss);
    const LossPart part{.loss = loss, .steps = 1};
    std::int64_t first = 0;
    const auto masses = by_hand({&part, 1}, first);
    for (std::size_t i = 0; i < loss.mass.size(); ++i) {
      const double exact = exact_delta(masses, first, 0.01, loss.first + static_cast<std::int64_t>(i));
      RC_ASSERT((table.upper[i] >= exact && table.upper[i] <= exact * (1 + 1e-12)));
      RC_ASSERT((table.lower[i] <= exact && table.lower[i] >= exact * (1 - 1e-12)));
    }
  }));
}

TEST_CASE("rounding leaves deltas of 1e-200 as good as others after 10,000 steps") {
  // Steps of +-h with even chances: the composition is binomial.
  const double h = 0.01;
  const LossPart part{.loss = {.step = h, .first = -1, .mass = {0.5, 0, 0.5}}, .steps = 10'000};
  for (const double deviations : {3.0, 10.0, 30.0}) {
    // exp(t h) / cosh of the tilt puts the mean at the point looked at.
    const std::int64_t at = static_cast<std::int64_t>(deviations * 100) / 2 * 2;
    const double tilt = std::atanh(static_cast<double>(at) / 10'000) / h;
    const DeltaTable table = delta_table({&part, 1}, {.tilt = tilt, .first = at - 2048, .size = 4096});
    long double exact = 0;
    for (std::int64_t n = at + 2; n <= 10'000; n += 2) {
      const long double ups = static_cast<long double>(10'000 + n) / 2;
      const long double log_mass = std::lgamma(10'001.0L) - std::lgamma(ups + 1) - std::lgamma(10'001.0L - ups) - 10'000 * std::log(2.0L);
      exact += std::exp(log_mass) * -std::expm1(static_cast<long double>(at - n) * static_cast<long double>(h));
    }
    CAPTURE(deviations);
    CAPTURE(static_cast<double>(exact));
    CHECK(table.upper[2048] >= static_cast<double>(exact) * (1 - 1e-13));
    CHECK(table.upper[2048] <= static_cast<double>(exact) * (1 + 1e-7));
    CHECK(table.lower[2048] >= static_cast<double>(exact) * (1 - 1e-7));
    CHECK(table.lower[2048] <= static_cast<double>(exact) * (1 + 1e-13));
  }
}

}  // namespace fedspend
