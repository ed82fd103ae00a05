#include "models/spend_forecast/spend_forecast.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/personal_model.h"
#include "models/shapley.h"
#include "models/spend_forecast/spend_forecast_network.h"
#include "models/stock_models.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 4, kTotal = kCategories;

ModelSpec toy() {
  ModelSpec model;
  model.name = "spend_forecast";
  model.sizes = {{"embedding", 3}, {"hidden", 5}};
  for (std::size_t i = 0; i < kCategories; ++i) model.categories.push_back("category " + std::to_string(i));
  return model;
}

// Something is spent in every category every few days, so that all quantiles are above 0 and apart.
std::vector<HistoryRow> household(std::int64_t days, std::uint64_t seed, std::int64_t first_day = 16'003) {
  SeededRandom random(seed);
  std::vector<HistoryRow> history;
  for (std::int64_t day = 0; day < days; ++day)
    for (std::uint32_t category = 0; category <= kCategories; ++category)
      if (random.below(4) == 0)
        history.push_back({.time_s = (first_day + day) * 86'400 + category, .amount_minor = static_cast<std::int64_t>(100 + random.below(4'000)), .category = category});
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
    std::vector<float> spends(trainer->output_count());
    const Status done = trainer->predict(weights, history, spends);
    REQUIRE_MESSAGE(done, done.error().message);
    return spends;
  }
};

TrainingOptions options_of(std::uint32_t epochs = 2) {
  TrainingOptions options;
  options.spec = {.epochs = epochs, .batch_size = 4, .learning_rate = 0.05, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
  options.seed = 9;
  return options;
}

std::vector<SpendStep> steps_of(std::span<const HistoryRow> history) {
  std::vector<SpendStep> steps;
  const SpendCalendar calendar(history, kCategories);
  append_spend_steps(calendar, kCategories, calendar.first_day(), GridDays::newest, 1'000, steps);
  return steps;
}

}  // namespace

TEST_CASE("before any training the forecast is the client's own quantiles, in minor units, and the total is a series of its own") {
  Made made;
  const std::vector<HistoryRow> history = household(400, 1);
  const std::vector<float> spends = made.predict(history);
  const SpendCalendar calendar(history, kCategories);
  REQUIRE(spends.size() == 3 * (kCategories + 1));
  float middles = 0;
  for (std::size_t series = 0; series <= kCategories; ++series) {
    const OwnSpend own = calendar.own(series, calendar.last_day() + 1);
    for (std::size_t j = 0; j < 3; ++j) CHECK(static_cast<double>(spends[3 * series + j]) == doctest::Approx(own.quantiles[j]).epsilon(1e-5));
    if (series < kCategories) middles += spends[3 * series + 1];
  }
  CHECK(spends[3 * kTotal + 1] > middles * 1.1f);  // rows of "other" are spend, too
}

TEST_CASE("a series that is not regular has its own quantiles, whatever training says, and nothing where its range is put aside") {
  Made made(0.3f);
  std::vector<HistoryRow> history = household(400, 1);
  std::erase_if(history, [&](const HistoryRow& row) { return row.category == 2 && row.time_s > history.back().time_s - 40 * 86'400; });
  const SpendCalendar calendar(history, kCategories);
  const OwnSpend own = calendar.own(2, calendar.last_day() + 1);
  REQUIRE_FALSE(own.is_regular);
  REQUIRE(own.quantiles[1] > 0);
  const std::vector<float> spends = made.predict(history);
  for (std::size_t j = 0; j < 3; ++j) CHECK(static_cast<double>(spends[6 + j]) == doctest::Approx(own.quantiles[j]).epsilon(1e-5));
  std::vector<float> without(made.trainer->output_count());
  REQUIRE(made.trainer->predict_kept(made.weights, history, std::array{~(1u << kGroupRange)}, without));
  for (std::size_t j = 0; j < 3; ++j) CHECK(without[6 + j] == 0.0f);
}

TEST_CASE("what the model sees is bounded: a year of next to nothing, and then a month of a thousand times as much") {
  std::vector<HistoryRow> history;
  for (std::int64_t day = 16'000; day < 16'400; ++day) history.push_back({.time_s = day * 86'400, .amount_minor = day < 16'370 ? 1 : 1'000'000, .category = static_cast<std::uint32_t>(day % 2)});
  const SpendCalendar calendar(history, kCategories);
  for (const std::size_t series : {std::size_t{0}, kTotal}) {
    const SpendStep step = spend_step(calendar, kCategories, series, 16'400);
    CHECK(std::ranges::all_of(step.bricks, [](float brick) { return brick >= 0.0f && brick <= static_cast<float>(kMostLevels); }));
    CHECK(std::ranges::all_of(step.numeric, [](float value) { return std::abs(value) <= 3.0f; }));
    CHECK(step.bricks[kBrickLast] == (series == kTotal ? static_cast<float>(kMostLevels) : step.bricks[kBrickLast]));
  }
}

TEST_CASE("the gradient is that of the pinball loss: against central differences, where there is no kink near") {
  const SpendForecastLayout layout({.categories = kCategories, .embedding = 3, .hidden = 5});
  LeanSpendForecastNetwork network(layout);
  Made made(0.1f);
  std::vector<float> arena(layout.arena_size()), gradient(layout.arena_size()), flat(layout.parameter_count());
  layout.to_arena(made.weights, arena.data());
  std::vector<SpendStep> steps = steps_of(household(400, 3));
  const auto run = [&] {
    std::vector<std::uint32_t> which(steps.size());
    std::iota(which.begin(), which.end(), 0u);
    network.forward(arena.data(), steps, which);
  };
  run();
  std::vector<SpendStep> smooth;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto q = network.quantiles(i);
    const bool apart = q[0] > 0.02f && q[1] - q[0] > 0.02f && q[2] - q[1] > 0.02f;
    if (apart && std::ranges::all_of(q, [&](float each) { return std::abs(each - steps[i].target) > 0.02f; })) smooth.push_back(steps[i]);
  }
  REQUIRE(smooth.size() > 40);
  steps = smooth;
  run();
  network.backward(arena.data(), steps, gradient.data());
  layout.to_flat(gradient.data(), flat);
  const auto loss = [&] {
    run();
    double sum = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) sum += pinball_loss(network.quantiles(i), steps[i].target, kTrainedPoints);
    return sum;
  };
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
    CHECK(std::abs(slope - static_cast<double>(flat[i])) < 1e-3 + 2e-3 * std::abs(slope));
  }
  CHECK(largest > 0.5f);
}

TEST_CASE("one step of training is down the mean of the gradients, and the loss that it tells is evaluate()'s") {
  Made made;
  const std::vector<HistoryRow> history = household(150, 3);
  TrainingOptions options = options_of(1);
  options.spec = {.epochs = 1, .batch_size = 10'000, .learning_rate = 0.5, .momentum = 0.0, .gradient_clip_l2 = 0.0, .max_rows = 0};
  const auto trained = made.trainer->train(made.weights, history, options, made.update);
  REQUIRE(trained);
  const std::vector<SpendStep> steps = steps_of(history);
  CHECK(trained->examples == steps.size());
  const EvaluationResult result = *made.trainer->evaluate(made.weights, history, 0, Counting::prequential);
  CHECK(result.predictions == steps.size());
  CHECK(result.loss() == doctest::Approx(trained->mean_loss));
  const SpendForecastLayout layout({.categories = kCategories, .embedding = 3, .hidden = 5});
  LeanSpendForecastNetwork network(layout);
  std::vector<float> arena(layout.arena_size()), gradient(layout.arena_size()), flat(layout.parameter_count());
  layout.to_arena(made.weights, arena.data());
  std::vector<std::uint32_t> which(steps.size());
  std::iota(which.begin(), which.end(), 0u);
  network.forward(arena.data(), steps, which);
  network.backward(arena.data(), steps, gradient.data());
  layout.to_flat(gradient.data(), flat);
  for (std::size_t i = 0; i < flat.size(); ++i) CHECK(std::abs(made.update[i] + 0.5f * flat[i] / static_cast<float>(steps.size())) < 1e-5f);
}

TEST_CASE("a quantile that has met the one below comes off again, and is not pushed further under it") {
  const SpendForecastLayout layout({.categories = 1, .embedding = 1, .hidden = 1});
  LeanSpendForecastNetwork network(layout);
  std::vector<float> arena(layout.arena_size()), gradient(layout.arena_size());
  const std::size_t one = layout.output().row(layout.hidden_width() + 15);
  arena[one + 0 * kSpendBricks + kBrickLow] = 1;
  arena[one + 1 * kSpendBricks + kBrickLow] = -1;  // the middle would be 0, far under the low one
  arena[one + 2 * kSpendBricks + kBrickLow] = 1;
  SpendStep step{.trained = true};
  step.bricks[kBrickLow] = 1;
  step.numeric[15] = 1;
  constexpr std::array<std::uint32_t, 1> kOne = {0};
  const auto slope_of_middle = [&](float target) {
    step.target = target;
    network.forward(arena.data(), std::span(&step, 1), kOne);
    CHECK(std::ranges::equal(network.quantiles(0), std::array{1.0f, 1.0f, 2.0f}));
    network.backward(arena.data(), std::span(&step, 1), gradient.data());
    return gradient[one + kSpendBricks + kBrickLow];
  };
  CHECK(slope_of_middle(5) == doctest::Approx(-(0.5 + 0.92) / 3));  // both the middle and the high one stand on it
  CHECK(slope_of_middle(0.5f) == 0.0f);
}

TEST_CASE("training lowers the loss where the client's own quantiles are wrong, and on other clients, too") {
  Made made;
  const auto rising = [](std::uint64_t seed) {
    std::vector<HistoryRow> history = household(500, seed);
    for (HistoryRow& row : history) row.amount_minor = row.amount_minor * (row.time_s / 86'400 - 15'900) / 200;
    return history;
  };
  const std::vector<HistoryRow> history = rising(1), another = rising(2);
  const double before = made.trainer->evaluate(made.weights, another, 0, Counting::prequential)->loss();
  REQUIRE(made.trainer->train(made.weights, history, options_of(20), made.update));
  for (std::size_t i = 0; i < made.weights.size(); ++i) made.weights[i] += made.update[i];
  const EvaluationResult after = *made.trainer->evaluate(made.weights, another, 0, Counting::prequential);
  CHECK(after.loss() < 0.85 * before);
  CHECK(after.headline() > 0.3);
}

TEST_CASE("frozen, the first day of the grid from the first scored row on is scored; prequential, each whose 30 days are over; from earlier days alone") {
  std::vector<HistoryRow> history = household(300, 2);
  const auto first = static_cast<std::size_t>(std::ranges::lower_bound(history, 16'203 * 86'400, {}, &HistoryRow::time_s) - history.begin());
  const std::vector<SpendStep> frozen = scored_spend_steps(history, kCategories, first, Counting::frozen), all = scored_spend_steps(history, kCategories, first, Counting::prequential);
  CHECK(frozen.size() == kCategories + 1);
  CHECK(all.size() == 7 * (kCategories + 1));  // days 16210, 16220, ... 16270, and the newest row is of 16302
  const SpendCalendar calendar(history, kCategories);
  CHECK(static_cast<double>(frozen.back().target) * frozen.back().level == doctest::Approx(calendar.spent(kTotal, 16'210, 16'240)));
  const auto from = static_cast<std::size_t>(std::ranges::lower_bound(history, 16'210 * 86'400, {}, &HistoryRow::time_s) - history.begin());
  for (std::size_t i = from; i < history.size(); ++i) history[i].amount_minor *= 3;
  const std::vector<SpendStep> again = scored_spend_steps(history, kCategories, first, Counting::frozen);
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    CHECK(again[i].bricks == frozen[i].bricks);
    CHECK(again[i].numeric == frozen[i].numeric);
    CHECK(again[i].target > frozen[i].target);
  }
}

TEST_CASE("a score: the loss of the three in levels, held against smoothing's, what was not below low, and what was from low to high") {
  SpendStep step{.target = 2};
  step.smoothed = 1;
  EvaluationResult result;
  add_spend_score(step, std::array{1.0f, 2.0f, 4.0f}, result);
  CHECK(result.loss_sum == doctest::Approx((0.1 * 1 + 0 + 0.1 * 2) / 3));
  CHECK(result.reference_loss_sum == doctest::Approx(0.5));
  CHECK((result.predictions == 1 && result.correct_top1 == 1 && result.correct_top3 == 1));
  add_spend_score(step, std::array{0.5f, 1.0f, 1.5f}, result);
  CHECK((result.predictions == 2 && result.correct_top1 == 2 && result.correct_top3 == 1));
  add_spend_score(step, std::array{3.0f, 3.0f, 3.0f}, result);
  CHECK((result.predictions == 3 && result.correct_top1 == 2 && result.correct_top3 == 1));
}

TEST_CASE("spend_forecast: all groups kept are the forecast, none are that of an empty history, which is 0, and the contributions add up to it") {
  Made made(0.1f);
  const std::vector<HistoryRow> history = household(300, 2);
  const std::size_t outputs = made.trainer->output_count(), groups = made.trainer->feature_groups().size();
  REQUIRE(groups == kSpendGroups);
  std::vector<std::uint32_t> sets(std::size_t{1} << groups);
  std::iota(sets.begin(), sets.end(), 0u);
  std::vector<float> kept(sets.size() * outputs);
  REQUIRE(made.trainer->predict_kept(made.weights, history, sets, kept));
  const std::vector<float> all = made.predict(history), none = made.predict({});
  CHECK(std::equal(all.begin(), all.end(), kept.end() - static_cast<std::ptrdiff_t>(outputs)));
  CHECK(std::equal(none.begin(), none.end(), kept.begin()));
  CHECK(none == std::vector<float>(outputs, 0.0f));
  for (std::size_t group = 0; group < groups; ++group) {  // each of them says something here
    CAPTURE(group);
    CHECK_FALSE(std::equal(all.begin(), all.end(), kept.begin() + static_cast<std::ptrdiff_t>((sets.size() - 1 - (std::size_t{1} << group)) * outputs)));
  }
  std::vector<double> middles;
  for (std::size_t set = 0; set < sets.size(); ++set) middles.push_back(static_cast<double>(kept[set * outputs + 3 * kTotal + 1]));
  const std::vector<double> shares = shapley_values(middles);
  CHECK(std::accumulate(shares.begin(), shares.end(), 0.0) == doctest::Approx(static_cast<double>(all[3 * kTotal + 1])).epsilon(1e-6));
}

TEST_CASE("spend_forecast: odd histories give finite quantiles that do not cross: one row, refunds, huge and no amounts, clocks that jump, ten years") {
  Made made(0.3f);
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
  std::vector<HistoryRow> history;
  const auto check = [&] {
    const std::vector<float> spends = made.predict(history);
    for (std::size_t i = 0; i < spends.size(); ++i) {
      CHECK(std::isfinite(spends[i]));
      CHECK(spends[i] >= (i % 3 == 0 ? 0.0f : spends[i - 1]));
    }
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
  for (HistoryRow& row : history = household(200, 7)) row.amount_minor = row.category == 1 ? kLargest : row.amount_minor;
  check();
  for (const std::int64_t time_s : {std::int64_t{0}, kLargest, kLeast, std::int64_t{-1}}) {
    history.push_back({.time_s = time_s, .amount_minor = 700, .category = 1});
    check();
  }
  history = random_history(40'000, kCategories, 3);
  check();
}

TEST_CASE("spend_forecast: a history too short for 30 days to come is neither trained on nor scored") {
  Made made;
  std::ranges::fill(made.update, 1.0f);
  CHECK(made.trainer->train(made.weights, household(20, 1), options_of(), made.update)->examples == 0);
  CHECK(made.update == std::vector<float>(made.update.size(), 0.0f));
  CHECK(made.trainer->evaluate(made.weights, household(20, 1), 5)->predictions == 0);
}

TEST_CASE("spends are no probabilities: there is no personal model of counts, and none is mixed in") {
  Made made;
  REQUIRE(made.trainer->outputs() == Outputs::spend_quantiles);
  PersonalFit fit;
  const auto personal = PersonalModel::adapt(*made.trainer, made.weights, household(300, 1), {}, fit);
  REQUIRE(personal);
  CHECK(personal->is_shared());
  CHECK(fit.predictions == 0);
  // One that was made beside another model, of counts alone.
  Bytes kept = PersonalModel().kept_form();
  store_u64(MutableByteSpan(kept).subspan(9), std::bit_cast<std::uint64_t>(0.5));
  const auto of_another = PersonalModel::from_kept_form(kept, made.weights.size());
  REQUIRE(of_another);
  std::vector<float> spends(made.trainer->output_count());
  const Status mixed = of_another->predict(*made.trainer, made.weights, household(300, 1), spends);
  REQUIRE_FALSE(mixed);
  CHECK(mixed.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("of a forecast the last fifth of the days is held out, however many rows they hold; of other models the last fifth of the rows") {
  std::vector<HistoryRow> history;
  for (std::int64_t day = 100; day < 200; ++day)
    for (int i = 0; i < (day < 150 ? 3 : 1); ++i) history.push_back({.time_s = day * 86'400, .amount_minor = 5});
  ModelSpec model = toy();
  CHECK(training_rows(model, history, 0.2) == 180);  // of 200, those of the days before 180
  CHECK(training_rows(model, history, 0) == 200);
  CHECK(training_rows(model, history, 1) == 0);
  CHECK(training_rows(model, {}, 0.2) == 0);
  CHECK(training_rows(model, std::span(history).first(1), 0.2) == 1);
  model.name = "next_category";
  CHECK(training_rows(model, history, 0.2) == 160);
}
