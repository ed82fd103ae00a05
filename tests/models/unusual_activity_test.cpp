#include "models/unusual_activity/unusual_activity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/shapley.h"
#include "models/stock_models.h"
#include "models/unusual_activity/unusual_activity_network.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 6;
constexpr std::int64_t kDay = 86'400;

ModelSpec toy() {
  ModelSpec model;
  model.name = "unusual_activity";
  model.sizes = {{"embedding", 3}, {"hidden", 5}};
  for (std::size_t i = 0; i < kCategories; ++i) model.categories.push_back("category " + std::to_string(i));
  return model;
}

// Every morning one of three shops of one category, by turns, at much the same price.
std::vector<HistoryRow> regular(std::size_t rows, std::uint64_t seed = 1) {
  SeededRandom random(seed);
  std::vector<HistoryRow> history;
  for (std::size_t i = 0; i < rows; ++i)
    history.push_back({.time_s = static_cast<std::int64_t>(17'000 + i) * kDay + 9 * 3'600 + static_cast<std::int64_t>(random.below(1'800)), .amount_minor = static_cast<std::int64_t>(950 + random.below(100)),
                       .merchant_hash = 1 + i % 3, .category = static_cast<std::uint32_t>(i % 3)});
  return history;
}

struct Made {
  explicit Made(float moved = 0.0f) : trainer(std::move(*make_trainer(toy()))) {
    weights.resize(trainer->parameter_count());
    update.resize(weights.size());
    trainer->initialize(weights, 5);
    SeededRandom random(4);
    for (float& weight : weights) weight += (static_cast<float>(random.below(2001)) / 1000 - 1) * moved;
  }
  std::unique_ptr<Trainer> trainer;
  std::vector<float> weights, update;

  std::vector<float> predict(std::span<const HistoryRow> history) {
    std::vector<float> surprises(trainer->output_count());
    const Status done = trainer->predict(weights, history, surprises);
    REQUIRE_MESSAGE(done, done.error().message);
    return surprises;
  }
  float surprise(std::vector<HistoryRow> history, const HistoryRow& row) {
    history.push_back(row);
    return predict(history).back();
  }
};

TrainingOptions options_of(std::uint32_t epochs = 2) {
  TrainingOptions options;
  options.spec = {.epochs = epochs, .batch_size = 4, .learning_rate = 0.05, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
  options.seed = 9;
  return options;
}

std::vector<UnusualStep> steps_of(std::span<const HistoryRow> history) {
  UnusualPairs pairs = scored_unusual_pairs(history, kCategories, 0, Counting::prequential);
  pairs.usual.insert(pairs.usual.end(), pairs.made_up.begin(), pairs.made_up.end());
  return pairs.usual;
}

bool same(const UnusualStep& a, const UnusualStep& b) { return a.numeric == b.numeric && a.category == b.category; }

}  // namespace

TEST_CASE("unusual_activity: before any training a row out of habit surprises more than the habit: amount, charge, category, merchant") {
  Made made;
  const std::vector<HistoryRow> history = regular(60);
  const HistoryRow usual = regular(61).back();
  const float expected = made.surprise(history, usual);
  HistoryRow row = usual;
  row.amount_minor *= 20;
  CHECK(made.surprise(history, row) > expected + 1);
  row = history.back();
  row.time_s += 60;
  CHECK(made.surprise(history, row) > expected + 1);
  row = usual;
  row.category = 5;
  row.merchant_hash = 99;
  CHECK(made.surprise(history, row) > expected + 1);
}

TEST_CASE("unusual_activity: the way that a row is unusual in is the one of which the odds are highest") {
  Made made;
  const std::vector<HistoryRow> histories[] = {regular(200, 1), regular(200, 2)};
  const std::array<std::span<const HistoryRow>, 2> both = {histories[0], histories[1]};
  REQUIRE(made.trainer->train_pooled(made.weights, both, options_of(10), made.update));
  for (std::size_t i = 0; i < made.weights.size(); ++i) made.weights[i] += made.update[i];
  const std::vector<HistoryRow> history = regular(100, 3);
  const auto way_of = [&](const HistoryRow& row) {
    std::vector<HistoryRow> with = history;
    with.push_back(row);
    const std::vector<float> odds = made.predict(with);
    CHECK(odds[kUnusualWays] > 0);  // rather unusual than not
    return std::ranges::max_element(odds.begin(), odds.end() - 1) - odds.begin();
  };
  HistoryRow row = regular(101, 3).back();
  CHECK(made.surprise(history, row) < 0);
  row.amount_minor *= 20;
  CHECK(way_of(row) == kWrongAmount);
  row = history.back();
  row.time_s += 60;
  CHECK(way_of(row) == kChargedAgain);
  row = {.time_s = history.back().time_s + kDay / 2, .amount_minor = 7'000, .merchant_hash = 99, .category = 5};
  CHECK(way_of(row) == kOutOfPlace);
}

TEST_CASE("unusual_activity: the gradient is that of the loss, against central differences in every weight") {
  const UnusualActivityLayout layout({.categories = kCategories, .embedding = 3, .hidden = 5});
  LeanUnusualActivityNetwork network(layout);
  Made made(0.3f);
  std::vector<float> arena(layout.arena_size()), gradient(layout.arena_size()), flat(layout.parameter_count());
  layout.to_arena(made.weights, arena.data());
  const std::vector<UnusualStep> steps = steps_of(random_history(60, kCategories, 3));
  std::vector<std::uint32_t> which(steps.size());
  std::iota(which.begin(), which.end(), 0u);
  const auto loss = [&] {
    network.forward(arena.data(), steps, which);
    double sum = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) sum += network.loss(i, steps[i].way);
    return sum;
  };
  (void)loss();
  network.backward(arena.data(), steps, gradient.data());
  layout.to_flat(gradient.data(), flat);
  constexpr float kStep = 2e-3f;
  float largest = 0;
  for (std::size_t i = 0; i < made.weights.size(); ++i) {
    std::vector<float> moved = made.weights;
    moved[i] = made.weights[i] + kStep;
    layout.to_arena(moved, arena.data());
    const double above = loss();
    moved[i] = made.weights[i] - kStep;
    layout.to_arena(moved, arena.data());
    const double slope = (above - loss()) / (2.0 * static_cast<double>(kStep));
    largest = std::max(largest, std::abs(flat[i]));
    CAPTURE(i);
    CHECK(std::abs(slope - static_cast<double>(flat[i])) < 2e-2 + 5e-3 * std::abs(slope));
  }
  CHECK(largest > 5);
}

TEST_CASE("the loss is -log of the probability of what it is: of the ways and as it was in training, of the surprise alone in a score") {
  CHECK(surprise_loss(0, true) == doctest::Approx(std::log(2)));
  CHECK(surprise_loss(3, true) == doctest::Approx(std::log1p(std::exp(-3.0))));
  CHECK(surprise_loss(3, false) == doctest::Approx(std::log1p(std::exp(3.0))));
  CHECK(surprise_loss(500, false) == doctest::Approx(500));
  const UnusualActivityLayout layout({.categories = kCategories, .embedding = 3, .hidden = 5});
  LeanUnusualActivityNetwork network(layout);
  Made made(0.3f);
  std::vector<float> arena(layout.arena_size());
  layout.to_arena(made.weights, arena.data());
  const std::vector<UnusualStep> steps = steps_of(regular(10));
  constexpr std::array<std::uint32_t, 1> kOne = {7};
  network.forward(arena.data(), steps, kOne);
  double all = 1, ways = 0;
  for (std::size_t way = 0; way < kUnusualWays; ++way) ways += std::exp(static_cast<double>(network.way(0, way)));
  all += ways;
  CHECK(static_cast<double>(network.surprise(0)) == doctest::Approx(std::log(ways)).epsilon(1e-5));
  CHECK(network.loss(0, kAsItWas) == doctest::Approx(std::log(all)).epsilon(1e-5));
  CHECK(network.loss(0, kOutOfPlace) == doctest::Approx(std::log(all) - static_cast<double>(network.way(0, kOutOfPlace))).epsilon(1e-5));
}

TEST_CASE("rows that dice make unusual leave the past as it was, to the bit, and are of all three ways") {
  std::vector<HistoryRow> history = random_history(200, kCategories, 5);
  for (std::size_t i = 0; i < history.size(); ++i) history[i].time_s += static_cast<std::int64_t>(i * 3'607 % 86'400);  // of the day, too
  SeededRandom random(1);
  UnusualPast with(kCategories), without(kCategories);
  std::array<std::size_t, kUnusualWays + 1> ways{};
  for (const HistoryRow& row : history) {
    for (int i = 0; i < 3; ++i) ++ways[with.made_unusual(row, random).way];
    CHECK(same(with.step(row), without.step(row)));
    with.add(row, true);
    without.add(row, true);
  }
  CHECK(ways[kWrongAmount] > 60);
  CHECK(ways[kChargedAgain] > 60);
  CHECK(ways[kOutOfPlace] > 250);
  CHECK(ways[kAsItWas] == 0);
}

TEST_CASE("a row is seen from the rows before it alone, and with frozen counts what came after the cut is sequence alone") {
  std::vector<HistoryRow> history = random_history(80, kCategories, 2);
  const UnusualPairs all = scored_unusual_pairs(history, kCategories, 40, Counting::prequential), frozen = scored_unusual_pairs(history, kCategories, 40, Counting::frozen);
  REQUIRE(all.usual.size() == 40);
  CHECK(same(all.usual[0], frozen.usual[0]));
  CHECK_FALSE(same(all.usual[39], frozen.usual[39]));
  std::vector<HistoryRow> later = history;
  for (std::size_t i = 60; i < 80; ++i) later[i].amount_minor += 1'000'000;
  const UnusualPairs changed = scored_unusual_pairs(later, kCategories, 40, Counting::prequential);
  for (std::size_t i = 0; i < 20; ++i) CHECK(same(all.usual[i], changed.usual[i]));
  CHECK_FALSE(same(all.usual[20], changed.usual[20]));
}

TEST_CASE("unusual_activity: pooled training of one history is train(), and of several, of all their rows, each twice") {
  Made made;
  const std::vector<HistoryRow> one = random_history(100, kCategories, 1), two = random_history(70, kCategories, 2);
  const std::array<std::span<const HistoryRow>, 1> alone = {one};
  const std::array<std::span<const HistoryRow>, 2> both = {one, two};
  REQUIRE(made.trainer->train(made.weights, one, options_of(), made.update));
  std::vector<float> pooled(made.update.size());
  REQUIRE(made.trainer->train_pooled(made.weights, alone, options_of(), pooled));
  CHECK(pooled == made.update);
  const auto result = made.trainer->train_pooled(made.weights, both, options_of(1), pooled);
  REQUIRE(result);
  CHECK(result->examples == 2 * (one.size() + two.size()));
  TrainingOptions newest = options_of(1);
  newest.spec.max_rows = 30;
  CHECK(made.trainer->train_pooled(made.weights, both, newest, pooled)->examples == 120);
}

TEST_CASE("unusual_activity: a score counts pairs ranked rightly and rows beyond the client's own threshold; training raises both, on other clients too") {
  Made made;
  const std::vector<HistoryRow> history = regular(300, 1), another = regular(300, 2);
  const EvaluationResult before = *made.trainer->evaluate(made.weights, another, 200, Counting::prequential);
  CHECK(before.predictions == 100);
  REQUIRE(made.trainer->train(made.weights, history, options_of(10), made.update));
  for (std::size_t i = 0; i < made.weights.size(); ++i) made.weights[i] += made.update[i];
  const EvaluationResult after = *made.trainer->evaluate(made.weights, another, 200, Counting::prequential);
  CHECK(after.headline() > before.headline());
  CHECK(after.headline() > 0.97);
  CHECK(after.second() > 0.9);
  CHECK(after.loss() < before.loss());
  // By hand, from the surprises themselves.
  const UnusualPairs pairs = scored_unusual_pairs(another, kCategories, 200, Counting::prequential);
  const UnusualActivityLayout layout({.categories = kCategories, .embedding = 3, .hidden = 5});
  LeanUnusualActivityNetwork network(layout);
  std::vector<float> arena(layout.arena_size());
  layout.to_arena(made.weights, arena.data());
  std::vector<std::uint32_t> which(100);
  std::iota(which.begin(), which.end(), 0u);
  network.forward(arena.data(), pairs.usual, which);
  std::vector<float> usual;
  for (std::size_t i = 0; i < 100; ++i) usual.push_back(network.surprise(i));
  network.forward(arena.data(), pairs.made_up, which);
  std::uint64_t right = 0;
  for (std::size_t i = 0; i < 100; ++i) right += network.surprise(i) > usual[i] ? 1u : 0u;
  CHECK(after.correct_top1 == right);
}

TEST_CASE("unusual_activity: predict() is of the last row, predict_each() of every one, and the contributions of the parts add up to the surprise") {
  Made made(0.2f);
  const std::vector<HistoryRow> history = random_history(50, kCategories, 2);
  const std::size_t outputs = made.trainer->output_count();
  std::vector<float> each(20 * outputs);
  REQUIRE(made.trainer->predict_each(made.weights, history, 30, each));
  for (const std::size_t row : {30u, 41u, 49u}) {
    const std::vector<float> alone = made.predict(std::span(history).first(row + 1));
    CHECK(std::equal(alone.begin(), alone.end(), each.begin() + static_cast<std::ptrdiff_t>((row - 30) * outputs)));
  }
  const std::size_t groups = made.trainer->feature_groups().size();
  REQUIRE(groups == kUnusualParts);
  std::vector<std::uint32_t> sets(std::size_t{1} << groups);
  std::iota(sets.begin(), sets.end(), 0u);
  std::vector<float> kept(sets.size() * outputs);
  REQUIRE(made.trainer->predict_kept(made.weights, history, sets, kept));
  const std::vector<float> all = made.predict(history), none = made.predict({});
  CHECK(std::equal(all.begin(), all.end(), kept.end() - static_cast<std::ptrdiff_t>(outputs)));
  CHECK(std::equal(none.begin(), none.end(), kept.begin()));
  std::vector<double> surprises;
  for (std::size_t set = 0; set < sets.size(); ++set) surprises.push_back(static_cast<double>(kept[(set + 1) * outputs - 1]));
  const std::vector<double> shares = shapley_values(surprises);
  CHECK(std::ranges::all_of(shares, [](double share) { return share != 0; }));
  CHECK(std::accumulate(shares.begin(), shares.end(), static_cast<double>(none.back())) == doctest::Approx(static_cast<double>(all.back())).epsilon(1e-5));
}

TEST_CASE("unusual_activity: odd histories give finite surprises: one row, refunds, huge and no amounts, unknown categories, clocks that jump, ten years") {
  Made made(0.3f);
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
  std::vector<HistoryRow> history;
  const auto check = [&] {
    for (const float surprise : made.predict(history)) CHECK(std::isfinite(surprise));
    for (const Counting counting : {Counting::frozen, Counting::prequential}) CHECK(made.trainer->evaluate(made.weights, history, history.size() / 2, counting).has_value());
    CHECK(made.trainer->train(made.weights, history, options_of(1), made.update).has_value());
  };
  check();
  for (const Direction direction : {Direction::debit, Direction::credit})
    for (const std::int64_t amount : {std::int64_t{0}, std::int64_t{-500}, kLargest, kLeast})
      for (const std::uint32_t category : {0u, static_cast<std::uint32_t>(kCategories), 4'000'000'000u}) {
        history.push_back({.time_s = 1'500'000'000, .amount_minor = amount, .merchant_hash = category, .category = category, .direction = direction});
        check();
      }
  for (const std::int64_t time_s : {std::int64_t{0}, kLargest, kLeast, std::int64_t{-1}}) {
    history.push_back({.time_s = time_s, .amount_minor = 700, .category = 1});
    check();
  }
  history = random_history(40'000, kCategories, 3);
  check();
}

TEST_CASE("unusual_activity: the default model is small, at any vocabulary that a bank would have") {
  std::vector<std::string> categories;
  for (int i = 0; i < 400; ++i) categories.push_back("category " + std::to_string(i));
  CHECK(default_unusual_activity(categories).parameter_count < 5'000);
}
