#include "models/offers/offers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/offers/offers_network.h"
#include "models/personal_model.h"
#include "models/shapley.h"
#include "models/stock_models.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 8;
constexpr std::int64_t kSecondsOfDay = 86'400, kFirst = 17'000;

ModelSpec toy() {
  ModelSpec model;
  model.name = "offers";
  model.sizes = {{"hidden", 5}};
  for (std::size_t i = 0; i < kCategories; ++i) model.categories.push_back("category " + std::to_string(i));
  return model;
}

HistoryRow row_of(std::int64_t day, std::uint32_t category) { return {.time_s = day * kSecondsOfDay, .amount_minor = 500, .category = category}; }

// A client of one of two kinds takes up its own four categories, one every 100 days, and uses all it has every five.
std::vector<HistoryRow> climber(std::uint64_t seed, std::int64_t days = 450) {
  SeededRandom random(seed);
  const auto kind = static_cast<std::uint32_t>(seed % 2);
  std::vector<HistoryRow> history;
  for (std::int64_t day = 0; day < days; day += 5)
    for (std::uint32_t step = 0; step <= std::min<std::int64_t>(day / 100, 3); ++step) history.push_back(row_of(kFirst + day + static_cast<std::int64_t>(random.below(5)), 4 * kind + step));
  std::ranges::sort(history, {}, &HistoryRow::time_s);
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
    std::vector<float> chances(trainer->output_count());
    const Status done = trainer->predict(weights, history, chances);
    REQUIRE_MESSAGE(done, done.error().message);
    return chances;
  }
};

TrainingOptions options_of(std::uint32_t epochs = 2) {
  TrainingOptions options;
  options.spec = {.epochs = epochs, .batch_size = 4, .learning_rate = 0.1, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
  options.seed = 9;
  return options;
}

std::vector<OfferStep> steps_of(std::span<const HistoryRow> history) {
  std::vector<OfferStep> steps;
  append_offer_steps(history, kCategories, 0, OfferSteps::first, 1'000, steps);
  return steps;
}

}  // namespace

TEST_CASE("a step: what was used before the day, of late too, and what was taken up in the 60 days from it; credits and unknown categories are no use") {
  std::vector<HistoryRow> history = {row_of(kFirst - 200, 1), row_of(kFirst - 10, 1), row_of(kFirst - 100, 2), row_of(kFirst, 3), row_of(kFirst + 59, 4), row_of(kFirst + 60, 5), row_of(kFirst + 5, 1)};
  history.push_back(row_of(kFirst - 3, 6));
  history.back().direction = Direction::credit;
  history.push_back(row_of(kFirst - 3, kCategories));
  std::ranges::sort(history, {}, &HistoryRow::time_s);
  const OfferStep step = offer_step(history, kCategories, kFirst);
  REQUIRE(step.used.size() == 2);
  CHECK(step.used[0].category == 1);
  CHECK(step.used[0].ever == doctest::Approx(std::log1p(2.0) / 3));
  CHECK(step.used[0].lately == doctest::Approx(std::log1p(1.0) / 3));
  CHECK(step.used[1].category == 2);
  CHECK(step.used[1].lately == 0.0f);
  CHECK(step.taken_up == std::vector<std::uint32_t>{3, 4});
  CHECK(step.is_complete);
  history.pop_back();  // then the days are not over
  CHECK_FALSE(offer_step(history, kCategories, kFirst).is_complete);
}

TEST_CASE("trained and scored are days of the grid that are complete, with something taken up; frozen the first alone; from earlier days alone") {
  const std::vector<HistoryRow> history = climber(1);
  const std::vector<OfferStep> all = steps_of(history);
  // Something is taken up from day 100, 200 and 300 on, each seen from six days of the grid.
  CHECK(all.size() == 18);
  const auto cut = static_cast<std::size_t>(std::ranges::find_if(history, [](const HistoryRow& row) { return row.time_s / kSecondsOfDay >= kFirst + 250; }) - history.begin());
  CHECK(scored_offer_steps(history, kCategories, cut, Counting::prequential).size() == 6);  // day 250 and what follows it; on 300 it is about to come
  CHECK(scored_offer_steps(history, kCategories, cut, Counting::frozen).size() == 1);
  std::vector<OfferStep> newest;
  append_offer_steps(history, kCategories, 0, OfferSteps::newest, 4, newest);
  REQUIRE(newest.size() == 4);
  CHECK(newest.back().used.size() == all.back().used.size());
  CHECK(newest.back().numeric == all.back().numeric);
}

TEST_CASE("before any training what is new is as likely; those in use have no chance, and where all are in use nothing has") {
  Made made;
  const std::vector<HistoryRow> history = {row_of(kFirst, 2), row_of(kFirst + 1, 5)};
  const std::vector<float> chances = made.predict(history);
  for (std::size_t c = 0; c < kCategories; ++c) CHECK(chances[c] == doctest::Approx(c == 2 || c == 5 ? 0.0 : 1.0 / 6));
  CHECK(chances[kCategories] == 0.0f);
  std::vector<HistoryRow> everything;
  for (std::uint32_t c = 0; c < kCategories; ++c) everything.push_back(row_of(kFirst, c));
  CHECK(made.predict(everything) == std::vector<float>(kCategories + 1, 0.0f));
}

TEST_CASE("training finds what clients of one kind take up, for others of the kind") {
  Made made;
  std::vector<std::vector<HistoryRow>> histories;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) histories.push_back(climber(seed));
  const std::vector<std::span<const HistoryRow>> all(histories.begin(), histories.end());
  REQUIRE(made.trainer->train_pooled(made.weights, all, options_of(30), made.update));
  for (std::size_t i = 0; i < made.weights.size(); ++i) made.weights[i] += made.update[i];
  for (const std::uint64_t seed : {101u, 102u}) {
    const std::vector<HistoryRow> other = climber(seed, 190);
    const std::vector<float> chances = made.predict(other);
    CHECK(std::ranges::max_element(chances) - chances.begin() == static_cast<std::ptrdiff_t>(4 * (seed % 2) + 2));
    CHECK(*std::ranges::max_element(chances) > 0.8f);
  }
}

TEST_CASE("a score counts what was taken up among the five and the ten highest of those on offer") {
  OfferStep step;
  step.used = {{0, 1, 1}, {1, 1, 1}};
  step.taken_up = {2, 7, 12};
  std::vector<float> scores(14);
  for (std::size_t c = 0; c < scores.size(); ++c) scores[c] = -static_cast<float>(c);
  EvaluationResult result;
  add_offer_score(step, scores, result);
  CHECK(result.predictions == 3);
  CHECK(result.correct_top1 == 1);  // 2 is the first on offer, 7 the sixth, 12 the eleventh
  CHECK(result.correct_top3 == 2);
}

TEST_CASE("offers: the gradient is that of the mean loss of what was taken up, against central differences in every weight") {
  const OffersLayout layout({.categories = kCategories, .hidden = 5});
  LeanOffersNetwork network(layout);
  Made made(0.3f);
  std::vector<float> arena(layout.arena_size()), gradient(layout.arena_size()), flat(layout.parameter_count());
  layout.to_arena(made.weights, arena.data());
  std::vector<OfferStep> steps = steps_of(climber(1));
  const std::vector<OfferStep> more = steps_of(climber(2));
  steps.insert(steps.end(), more.begin(), more.end());
  std::vector<std::uint32_t> which(steps.size());
  std::iota(which.begin(), which.end(), 0u);
  const auto loss = [&] {
    network.forward(arena.data(), steps, which);
    double sum = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) sum += network.loss(i, steps[i].taken_up) / static_cast<double>(steps[i].taken_up.size());
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
    CHECK(std::abs(slope - static_cast<double>(flat[i])) < 1e-2 + 5e-3 * std::abs(slope));
  }
  CHECK(largest > 1);
}

TEST_CASE("offers: odd histories give finite chances: none, one row, refunds, huge and negative amounts, unknown categories, clocks that jump, ten years") {
  Made made(0.3f);
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
  std::vector<HistoryRow> history;
  const auto check = [&] {
    double sum = 0;
    for (const float chance : made.predict(history)) {
      CHECK(std::isfinite(chance));
      sum += static_cast<double>(chance);
    }
    CHECK((sum == 0 || sum == doctest::Approx(1).epsilon(1e-4)));
    CHECK(made.trainer->evaluate(made.weights, history, 0, Counting::prequential).has_value());
    CHECK(made.trainer->train(made.weights, history, options_of(1), made.update).has_value());
  };
  check();
  for (const Direction direction : {Direction::debit, Direction::credit})
    for (const std::int64_t amount : {std::int64_t{0}, std::int64_t{-500}, kLargest, kLeast})
      for (const std::uint32_t category : {0u, static_cast<std::uint32_t>(kCategories), 4'000'000'000u}) {
        history.push_back({.time_s = 1'500'000'000, .amount_minor = amount, .category = category, .direction = direction});
        check();
      }
  for (const std::int64_t time_s : {std::int64_t{0}, kLargest, kLeast, std::int64_t{-1}}) {
    history.push_back({.time_s = time_s, .amount_minor = 700, .category = 1});
    check();
  }
  history = random_history(40'000, kCategories, 3);
  check();
}

TEST_CASE("offers: suggestions are not mixed with counts, and the default model is small, at any vocabulary that a bank would have") {
  Made made;
  PersonalFit fit;
  const auto personal = PersonalModel::adapt(*made.trainer, made.weights, climber(1), {}, fit);
  REQUIRE(personal);
  CHECK(personal->is_shared());
  std::vector<std::string> categories(400, "a category");
  CHECK(default_offers(categories).parameter_count < 100'000);
}
