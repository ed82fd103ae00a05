#include "models/categoriser/categoriser.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/categoriser/categoriser_features.h"
#include "models/personal_model.h"
#include "models/row_maker.h"
#include "models/shapley.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 5;

ModelSpec toy() {
  ModelSpec model;
  model.name = "categoriser";
  model.sizes = {{"embedding", 3}, {"gram_buckets", 512}};
  for (std::size_t i = 0; i < kCategories; ++i) model.categories.push_back("category " + std::to_string(i));
  return model;
}

// Rows of some merchants with names, and categories that the names say, mostly.
std::vector<HistoryRow> shopping(std::size_t rows, std::uint64_t seed) {
  static constexpr std::array kNames = {"tesco stores 1", "tesco stores 2", "shell petrol", "bp petrol", "city rent", "", "corner tea"};
  static constexpr std::array<std::uint32_t, kNames.size()> kCategory = {0, 0, 1, 1, 2, 3, kCategories};
  RowMaker maker(toy());
  std::vector<HistoryRow> history = random_history(rows, kCategories, seed);
  SeededRandom random(seed + 1);
  for (HistoryRow& row : history) {
    const std::size_t which = random.below(kNames.size());
    row.merchant_hash = merchant_hash(kNames[which]);
    row.text = maker.text(kNames[which]);
    if (random.below(10) != 0) row.category = kCategory[which];
  }
  return history;
}

struct Made {
  explicit Made(bool moved = true) : trainer(std::move(*make_trainer(toy()))) {
    weights.resize(trainer->parameter_count());
    update.resize(weights.size());
    trainer->initialize(weights, 5);
    SeededRandom random(4);  // initial weights leave some blocks at zero, and then what lies before them would not be seen
    for (float& weight : weights) weight += moved ? (static_cast<float>(random.below(2001)) / 1000 - 1) * 0.2f : 0.0f;
  }
  std::unique_ptr<Trainer> trainer;
  std::vector<float> weights, update;

  std::vector<float> predict(std::span<const HistoryRow> history) {
    std::vector<float> p(trainer->output_count());
    const Status done = trainer->predict(weights, history, p);
    REQUIRE_MESSAGE(done, done.error().message);
    return p;
  }
  std::size_t most_likely(std::span<const HistoryRow> history) {
    const std::vector<float> p = predict(history);
    return static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
  }
  void learn(std::span<const HistoryRow> history, const TrainingOptions& options) {
    REQUIRE(trainer->train(weights, history, options, update));
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += update[i];
  }
};

TrainingOptions options_of(std::uint32_t epochs = 2) {
  TrainingOptions options;
  options.spec = {.epochs = epochs, .batch_size = 3, .learning_rate = 0.2, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
  options.seed = 9;
  return options;
}

// Of each gram's bucket, what a row's features are.
std::vector<double> past_of(const CategoriserSteps& steps, std::size_t step, CategoriserPast kind) {
  std::vector<double> counts(kCategories);
  for (std::uint32_t e = steps.steps[step].past_begin; e < steps.steps[step].past_end; ++e)
    if (steps.past[e].kind == kind) counts[steps.past[e].category] += (std::exp(10 * static_cast<double>(steps.past[e].value)) - 1) * 0.2;
  return counts;
}

}  // namespace

TEST_CASE("the gradient is that of the mean loss: against central differences") {
  Made made;
  const std::vector<HistoryRow> history = shopping(40, 3);
  TrainingOptions options = options_of(1);
  options.spec = {.epochs = 1, .batch_size = 1'000, .learning_rate = 1.0, .momentum = 0.0, .gradient_clip_l2 = 0.0, .max_rows = 0};
  REQUIRE(made.trainer->train(made.weights, history, options, made.update));
  const auto mean_loss = [&](std::span<const float> weights) {
    const EvaluationResult result = *made.trainer->evaluate(weights, history, 0, Counting::prequential);
    return result.loss_sum / static_cast<double>(result.predictions);
  };
  constexpr float kStep = 1e-2f;
  double largest = 0;
  for (std::size_t i = 0; i < made.weights.size(); ++i) {
    std::vector<float> moved = made.weights;
    moved[i] = made.weights[i] + kStep;
    const double above = mean_loss(moved);
    moved[i] = made.weights[i] - kStep;
    const double slope = (above - mean_loss(moved)) / (2.0 * static_cast<double>(kStep));
    largest = std::max(largest, std::abs(slope));
    CAPTURE(i);
    CHECK(std::abs(slope + static_cast<double>(made.update[i])) < 3e-4);
  }
  CHECK(largest > 0.02);
}

TEST_CASE("training learns what the names say, also of a merchant that it never saw") {
  Made made(false);
  const std::vector<HistoryRow> history = shopping(300, 3);
  made.learn(history, options_of(10));
  RowMaker maker(toy());
  const auto asked = [&](const char* merchant) {
    return std::vector<HistoryRow>{maker.row({.time_s = 1'500'000'000, .amount_minor = 2'000, .category = {}, .merchant = merchant, .currency = {}})};
  };
  CHECK(made.most_likely(asked("TESCO STORES 99")) == 0);
  CHECK(made.most_likely(asked("esso petrol")) == 1);
  CHECK(made.most_likely(asked("city rent")) == 2);
  const EvaluationResult result = *made.trainer->evaluate(made.weights, shopping(200, 8), 100);
  CHECK(result.predictions > 70);
  CHECK(result.correct_top1 * 10 > result.predictions * 8);
}

TEST_CASE("each correction counts at once: the next row of that merchant has the category that the customer gave") {
  Made made(false);
  made.learn(shopping(300, 3), options_of(10));
  std::vector<HistoryRow> history = shopping(40, 5);
  RowMaker maker(toy());
  const HistoryRow asked = maker.row({.time_s = history.back().time_s, .amount_minor = 900, .category = {}, .merchant = "tesco stores 7", .currency = {}});
  history.push_back(asked);
  REQUIRE(made.most_likely(history) == 0);
  history.back().category = 4;
  history.back().corrected = true;
  history.push_back(asked);
  CHECK(made.most_likely(history) == 4);
  for (int i = 0; i < 30; ++i) history.push_back(shopping(1, static_cast<std::uint64_t>(i) + 50).front());  // others, meanwhile
  history.push_back(asked);
  CHECK(made.most_likely(history) == 4);
  history.back().category = 0;  // and back
  history.back().corrected = true;
  history.push_back(asked);
  CHECK(made.most_likely(history) == 0);
}

TEST_CASE("a row's own category, and rows after it, change nothing of what is said of it") {
  Made made;
  std::vector<HistoryRow> history = shopping(60, 4);
  std::vector<float> each(10 * made.trainer->output_count()), again(each.size());
  REQUIRE(made.trainer->predict_each(made.weights, std::span(history).first(41), 31, each));
  for (std::size_t i = 41; i < history.size(); ++i) history[i].category = 0;
  const std::uint32_t before = std::exchange(history[40].category, 1 - std::min(history[40].category, 1u));
  REQUIRE(made.trainer->predict_each(made.weights, std::span(history).first(41), 31, again));
  CHECK(each == again);
  const std::vector<float> last = made.predict(std::span(history).first(41));
  CHECK(std::equal(last.begin(), last.end(), each.end() - static_cast<std::ptrdiff_t>(last.size())));
  history[40].category = before;
  history[39].category = (history[39].category + 1) % static_cast<std::uint32_t>(kCategories);
  CHECK(made.predict(std::span(history).first(41)) != last);
}

TEST_CASE("counts stand still at the first scored row when they are frozen, and the newest rows go on") {
  const CategoriserScan scan{.categories = kCategories, .gram_buckets = 512};
  const std::vector<HistoryRow> history = shopping(50, 6);
  CategoriserSteps frozen, counting;
  scan.append(history, 0, 50, 20, frozen);
  scan.append(history, 0, 50, 50, counting);
  CHECK(past_of(frozen, 20, kOwnFrequent) == past_of(counting, 20, kOwnFrequent));
  CHECK(past_of(frozen, 49, kOwnFrequent) == past_of(frozen, 20, kOwnFrequent));
  CHECK(past_of(counting, 49, kOwnFrequent) != past_of(frozen, 49, kOwnFrequent));
  CHECK(past_of(frozen, 49, kOwnRecent) == past_of(counting, 49, kOwnRecent));
}

TEST_CASE("counts of this very merchant are its own, newest first in weight, and rows of other categories count for nothing") {
  RowMaker maker(toy());
  const auto row = [&](const char* merchant, const char* category) { return maker.row({.amount_minor = 5, .category = category, .merchant = merchant, .currency = {}}); };
  const std::vector<HistoryRow> history = {row("Tea & Co", "category 1"), row("Tea & Co", "category 2"), row("Tea House", "category 3"), row("TEA CO", "no such"), row("tea/co", "category 0")};
  CategoriserSteps steps;
  CategoriserScan{.categories = kCategories, .gram_buckets = 512}.append(history, 4, 5, 5, steps);
  REQUIRE(steps.steps.size() == 1);
  const std::vector<double> merchant = past_of(steps, 0, kOwnMerchant), word = past_of(steps, 0, kOwnFirstWord);
  CHECK(merchant[1] == doctest::Approx(0.9).epsilon(1e-4));
  CHECK(merchant[2] == doctest::Approx(1.0).epsilon(1e-4));
  CHECK(merchant[3] == 0.0);
  CHECK(word[1] == doctest::Approx(0.81).epsilon(1e-4));
  CHECK(word[3] == doctest::Approx(1.0).epsilon(1e-4));
  CHECK(steps.steps[0].target == 0);
}

TEST_CASE("odd rows give probabilities all the same: no merchant, huge and no amounts, clocks that jump, an empty history, one row, ten years") {
  Made made;
  RowMaker maker(toy());
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
  std::vector<HistoryRow> history;
  const auto check = [&] {
    const std::vector<float> p = made.predict(history);
    double sum = 0;
    for (const float value : p) {
      CHECK(std::isfinite(value));
      CHECK(value >= 0.0f);
      sum += static_cast<double>(value);
    }
    CHECK(sum == doctest::Approx(1.0).epsilon(1e-4));
    CHECK(p.back() == 0.0f);
  };
  check();
  for (const std::int64_t time_s : {std::int64_t{0}, kLargest, kLeast, std::int64_t{1'500'000'000}, std::int64_t{-1}})
    for (const std::int64_t amount : {std::int64_t{0}, kLargest, kLeast, std::int64_t{-500}})
      for (const char* merchant : {"", "\xff\xfe", "tesco stores 1"}) {
        history.push_back(maker.row({.time_s = time_s, .amount_minor = amount, .direction = Direction::credit, .category = "category 3", .merchant = merchant, .currency = "XXX"}));
        check();
      }
  history = shopping(40'000, 3);
  check();
  CHECK(made.trainer->train(made.weights, history, options_of(1), made.update).has_value());
}

TEST_CASE("rows of categories that the plan does not know are neither trained on nor scored") {
  Made made;
  const std::vector<HistoryRow> unknown(12, HistoryRow{.category = kCategories});
  CHECK(made.trainer->train(made.weights, unknown, options_of(), made.update)->examples == 0);
  CHECK(made.trainer->evaluate(made.weights, unknown, 0)->predictions == 0);
}

TEST_CASE("the customer's own counts are of the merchant of the row that is asked for, where the model is told it") {
  RowMaker maker(toy());
  const auto row = [&](const char* merchant, std::uint32_t category) {
    HistoryRow made = maker.row({.category = {}, .merchant = merchant, .currency = {}});
    made.category = category;
    return made;
  };
  OwnCounts counts(kCategories, true);
  for (int i = 0; i < 20; ++i) counts.add(row("rent", 2)), counts.add(row("tea", 1));
  counts.ask(row("rent", 4));
  CHECK(counts.probability(2) > 0.9);
  counts.ask(row("tea", 4));
  CHECK(counts.probability(1) > 0.9);
  counts.ask(row("unheard of", 4));
  CHECK(counts.probability(1) == doctest::Approx(counts.probability(2)));
  double sum = 0;
  for (std::size_t c = 0; c < kCategories; ++c) sum += counts.probability(c);
  CHECK(sum == doctest::Approx(1.0));

  // A personal model of one whose merchants mean something else than to all others.
  Made made(false);
  made.learn(shopping(300, 3), options_of(10));
  std::vector<HistoryRow> history = shopping(200, 9);
  for (HistoryRow& own : history) own.category = own.category < kCategories ? (own.category + 2) % static_cast<std::uint32_t>(kCategories) : own.category;
  PersonalFit fit;
  const auto personal = PersonalModel::adapt(*made.trainer, made.weights, history, {}, fit);
  REQUIRE(personal);
  CHECK(fit.chosen_loss <= fit.shared_loss);
  std::vector<float> p(made.trainer->output_count());
  REQUIRE(personal->predict(*made.trainer, made.weights, history, p));
  CHECK(std::accumulate(p.begin(), p.end(), 0.0f) == doctest::Approx(1.0f).epsilon(1e-4));
  std::vector<float> each(made.trainer->output_count());
  REQUIRE(personal->predict_each(*made.trainer, made.weights, history, history.size() - 1, each));
  CHECK(each == p);
}
