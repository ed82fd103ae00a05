#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "models/kernels.h"
#include "models/next_category/next_category_network.h"
#include "tests/models/next_category_reference.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

struct Setting {
  explicit Setting(std::size_t categories, std::size_t rows)
      : sizes(*NextCategorySizes::from(small_model(categories))), layout(sizes), network(layout) {
    FeatureScan scan(categories, sizes.merchant_buckets, sizes.past_rows);
    scan.scan(random_history(rows, categories, 7), 0, rows, steps);
    SeededRandom random(11);
    for (std::size_t i = 0; i < layout.parameter_count(); ++i) {
      flat.push_back(static_cast<float>(static_cast<double>(random.below(2001)) / 1000 - 1) * 0.5f);
    }
    exact.assign(flat.begin(), flat.end());
    arena.resize_zero(layout.arena_size());
    gradient.resize_zero(layout.arena_size());
    layout.to_arena(flat, arena.data());
  }

  NextCategorySizes sizes;
  NextCategoryLayout layout;
  NextCategoryNetwork network;
  Steps steps;
  std::vector<float> flat;
  std::vector<double> exact;
  kernels::Buffer arena, gradient;
  // Windows of different lengths, one with a warm-up, out of order of length.
  std::vector<Window> windows = {{0, 5, 0}, {3, 14, 5}, {14, 15, 14}, {12, 23, 14}};
};

}  // namespace

TEST_CASE("every gradient agrees with central finite differences in double") {
  Setting s(6, 25);
  const NextCategoryReference reference(s.layout);
  s.network.forward(s.arena.data(), s.steps, s.windows, nullptr);
  double loss = 0;
  for (std::size_t i = 0; i < s.network.scored(); ++i) {
    if (s.steps.steps[s.network.scored_step(i)].target >= 0) loss += s.network.loss(s.steps, i);
  }
  CHECK(loss == doctest::Approx(reference.loss(s.exact, s.steps, s.windows)).epsilon(1e-5));
  s.network.backward(s.arena.data(), s.steps, s.gradient.data());
  std::vector<float> gradient(s.layout.parameter_count());
  s.layout.to_flat(s.gradient.data(), gradient);

  for (const LayoutEntry& entry : s.layout.entries()) {
    std::size_t count = 1;
    for (const std::size_t n : entry.shape) count *= n;
    double worst = 0, largest = 0;
    for (std::size_t i = entry.offset; i < entry.offset + count; ++i) {
      constexpr double kStep = 1e-5;
      std::vector<double> moved = s.exact;
      moved[i] += kStep;
      const double above = reference.loss(moved, s.steps, s.windows);
      moved[i] -= 2 * kStep;
      const double difference = (above - reference.loss(moved, s.steps, s.windows)) / (2 * kStep);
      worst = std::max(worst, std::abs(difference - static_cast<double>(gradient[i])));
      largest = std::max(largest, std::abs(difference));
    }
    CAPTURE(entry.name);
    CHECK(largest > 1e-3);  // the block takes part at all
    CHECK(worst < 2e-5 * std::max(1.0, largest));
  }
}

TEST_CASE("the padding of the arena gets no gradient") {
  Setting s(6, 25);
  s.network.forward(s.arena.data(), s.steps, s.windows, nullptr);
  s.network.backward(s.arena.data(), s.steps, s.gradient.data());
  std::vector<float> flat(s.layout.parameter_count());
  s.layout.to_flat(s.gradient.data(), flat);
  kernels::Buffer again(s.layout.arena_size());
  s.layout.to_arena(flat, again.data());
  for (std::size_t i = 0; i < s.layout.arena_size(); ++i) CHECK(again.data()[i] == s.gradient.data()[i]);
}

TEST_CASE("the order in which windows are given does not change the loss of a step") {
  Setting s(6, 25);
  const auto losses = [&s] {
    std::vector<double> of_step(s.steps.steps.size(), -1);
    s.network.forward(s.arena.data(), s.steps, s.windows, nullptr);
    for (std::size_t i = 0; i < s.network.scored(); ++i) {
      const std::uint32_t step = s.network.scored_step(i);
      if (s.steps.steps[step].target >= 0) of_step[step] = s.network.loss(s.steps, i);
    }
    return of_step;
  };
  const std::vector<double> before = losses();
  std::reverse(s.windows.begin(), s.windows.end());
  CHECK(losses() == before);
}

TEST_CASE("a state carried from chunk to chunk gives the bits of one long run") {
  Setting s(6, 25);
  const Window whole{0, 26, 0};
  s.network.forward(s.arena.data(), s.steps, std::span(&whole, 1), nullptr);
  std::vector<float> expected;
  for (std::size_t i = 0; i < s.network.scored(); ++i) {
    expected.insert(expected.end(), s.network.probabilities(i).begin(), s.network.probabilities(i).end());
  }
  kernels::Buffer state(s.layout.state_width());
  std::vector<float> actual;
  for (const Window& chunk : {Window{0, 9, 0}, Window{9, 10, 0}, Window{10, 26, 0}}) {
    s.network.forward(s.arena.data(), s.steps, std::span(&chunk, 1), state.data());
    for (std::size_t i = 0; i < s.network.scored(); ++i) {
      actual.insert(actual.end(), s.network.probabilities(i).begin(), s.network.probabilities(i).end());
    }
  }
  CHECK(actual == expected);
}
