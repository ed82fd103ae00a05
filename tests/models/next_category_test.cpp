#include "models/next_category/next_category.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/next_category/next_category_features.h"
#include "tests/models/next_category_reference.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 6;

struct Made {
  explicit Made(const ModelSpec& model = small_model(kCategories)) : trainer(std::move(*make_trainer(model))) {
    weights.resize(trainer->parameter_count());
    update.resize(weights.size());
    trainer->initialize(weights, 5);
    // Initial weights leave some blocks at zero, and then what lies before them would not be seen.
    SeededRandom random(4);
    for (float& weight : weights) weight += (static_cast<float>(random.below(2001)) / 1000 - 1) * 0.1f;
  }
  std::unique_ptr<Trainer> trainer;
  std::vector<float> weights, update;
};

TrainingOptions options_of(std::uint32_t epochs = 2) {
  TrainingOptions options;
  options.spec = {.epochs = epochs, .batch_size = 3, .learning_rate = 0.2, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
  options.seed = 9;
  return options;
}

bool all_finite(std::span<const float> values) {
  for (const float value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

// Three categories that follow each other in a ring.
std::vector<HistoryRow> ring(std::size_t rows) {
  std::vector<HistoryRow> history;
  for (std::size_t i = 0; i < rows; ++i) {
    history.push_back({.time_s = static_cast<std::int64_t>(i) * 86'400, .amount_minor = 1000, .merchant_hash = 1 + i % 3,
                       .category = static_cast<std::uint32_t>(i % 3)});
  }
  return history;
}

}  // namespace

TEST_CASE("training on a regular sequence learns it") {
  Made made;
  const std::vector<HistoryRow> history = ring(60);
  const EvaluationResult before = *made.trainer->evaluate(made.weights, history, 30);
  TrainingOptions options = options_of(20);
  const TrainingResult trained = *made.trainer->train(made.weights, history, options, made.update);
  CHECK(trained.examples == 20 * 60);
  for (std::size_t i = 0; i < made.weights.size(); ++i) made.weights[i] += made.update[i];
  const EvaluationResult after = *made.trainer->evaluate(made.weights, history, 30);
  CHECK(after.predictions == 30);
  CHECK(after.loss_sum < 0.5 * before.loss_sum);
  CHECK(after.correct_top1 == 30);
  CHECK(trained.mean_loss < 0.6);
}

TEST_CASE("the same inputs give the same bits, in any order of calls and on any thread") {
  const std::vector<HistoryRow> history = random_history(50, kCategories, 1), another = random_history(9, kCategories, 2);
  Made first, second;
  CHECK(first.weights == second.weights);
  REQUIRE(first.trainer->train(first.weights, history, options_of(), first.update));
  std::thread([&] {
    REQUIRE(second.trainer->train(second.weights, another, options_of(), second.update));
    REQUIRE(second.trainer->evaluate(second.weights, another, 3));
    REQUIRE(second.trainer->train(second.weights, history, options_of(), second.update));
  }).join();
  CHECK(first.update == second.update);
}

TEST_CASE("an untrained model is the geometric mean of the client's own smoothed tables") {
  const ModelSpec model = small_model(kCategories);
  const NextCategorySizes sizes = *NextCategorySizes::from(model);
  const auto trainer = std::move(*make_trainer(model));
  std::vector<float> weights(trainer->parameter_count()), p(trainer->output_count());
  trainer->initialize(weights, 5);
  FeatureScan scan(sizes.categories, sizes.merchant_buckets, sizes.past_rows);
  Steps steps;
  for (const std::size_t rows : {0u, 1u, 40u, 90u}) {
    const std::vector<HistoryRow> history = random_history(rows, kCategories, rows);
    scan.scan(history, 0, rows, steps);
    std::vector<double> mean(kCategories, 1.0);  // of count + s for both s, up to a factor
    for (std::uint32_t e = steps.steps[rows].past_begin; e < steps.steps[rows].past_end; ++e) {
      const PastEntry& entry = steps.past[e];
      if (entry.kind % kPastCounts == kPastMiddle || entry.kind % kPastCounts == kPastRecent) continue;
      mean[entry.category] *= std::pow(std::exp(10 * static_cast<double>(entry.value)), 0.125);
    }
    const double sum = std::accumulate(mean.begin(), mean.end(), 0.0);
    REQUIRE(trainer->predict(weights, history, p));
    for (std::size_t c = 0; c < kCategories; ++c) CHECK(static_cast<double>(p[c]) == doctest::Approx(mean[c] / sum).epsilon(1e-5));
  }
}

TEST_CASE("the seed decides the initial weights and the order of the windows") {
  Made made;
  std::vector<float> weights(made.weights.size());
  made.trainer->initialize(weights, 6);
  CHECK(weights != made.weights);
  const std::vector<HistoryRow> history = random_history(60, kCategories, 1);
  TrainingOptions options = options_of(1);
  REQUIRE(made.trainer->train(made.weights, history, options, made.update));
  options.seed = 10;
  std::vector<float> update(made.update.size());
  REQUIRE(made.trainer->train(made.weights, history, options, update));
  CHECK(update != made.update);
}

TEST_CASE("nothing to train on gives an update of zeros") {
  Made made;
  std::fill(made.update.begin(), made.update.end(), 1.0f);
  CHECK(made.trainer->train(made.weights, {}, options_of(), made.update)->examples == 0);
  CHECK(made.update == std::vector<float>(made.update.size(), 0.0f));

  const std::vector<HistoryRow> unknown(12, HistoryRow{.category = kCategories});  // rows of other are never targets
  std::fill(made.update.begin(), made.update.end(), 1.0f);
  CHECK(made.trainer->train(made.weights, unknown, options_of(), made.update)->examples == 0);
  CHECK(made.update == std::vector<float>(made.update.size(), 0.0f));
  CHECK(made.trainer->evaluate(made.weights, unknown, 0)->predictions == 0);

  const std::vector<HistoryRow> history = random_history(12, kCategories, 1);
  CHECK(made.trainer->train(made.weights, history, options_of(0), made.update)->examples == 0);
}

TEST_CASE("a history of one row trains, scores and predicts") {
  Made made;
  const std::vector<HistoryRow> history = ring(1);
  CHECK(made.trainer->train(made.weights, history, options_of(1), made.update)->examples == 1);
  CHECK(all_finite(made.update));
  CHECK(made.update != std::vector<float>(made.update.size(), 0.0f));
  CHECK(made.trainer->evaluate(made.weights, history, 0)->predictions == 1);
  CHECK(made.trainer->evaluate(made.weights, history, 1)->predictions == 0);
}

TEST_CASE("predict sums to one and never says other, with and without a past") {
  Made made;
  std::vector<float> p(made.trainer->output_count());
  CHECK(p.size() == kCategories + 1);
  for (const std::size_t rows : {0u, 1u, 5u, 300u, 700u}) {
    REQUIRE(made.trainer->predict(made.weights, random_history(rows, kCategories, rows), p));
    double sum = 0;
    for (const float value : p) {
      CHECK(value >= 0);
      sum += static_cast<double>(value);
    }
    CHECK(sum == doctest::Approx(1.0).epsilon(1e-6));
    CHECK(p[kCategories] == 0.0f);
  }
}

TEST_CASE("evaluate agrees with predict, row by row") {
  Made made;
  const std::vector<HistoryRow> history = random_history(300, kCategories, 8);
  std::vector<float> p(made.trainer->output_count());
  EvaluationResult expected;
  for (std::size_t i = 250; i < history.size(); ++i) {
    const std::size_t target = history[i].category;
    if (target >= kCategories) continue;
    REQUIRE(made.trainer->predict(made.weights, std::span(history).first(i), p));
    std::size_t above = 0;
    for (std::size_t c = 0; c < kCategories; ++c) above += p[c] > p[target] ? 1u : 0u;
    ++expected.predictions;
    expected.correct_top1 += above < 1 ? 1u : 0u;
    expected.correct_top3 += above < 3 ? 1u : 0u;
    expected.loss_sum -= std::log(static_cast<double>(p[target]));
  }
  const EvaluationResult actual = *made.trainer->evaluate(made.weights, history, 250, Counting::prequential);
  CHECK(actual.predictions == expected.predictions);
  CHECK(actual.correct_top1 == expected.correct_top1);
  CHECK(actual.correct_top3 == expected.correct_top3);
  CHECK(actual.loss_sum == doctest::Approx(expected.loss_sum).epsilon(1e-5));
  // With the counts standing still the first scored row is the same, the later ones are not.
  const EvaluationResult frozen = *made.trainer->evaluate(made.weights, history, 250, Counting::frozen);
  CHECK(frozen.predictions == actual.predictions);
  CHECK(frozen.loss_sum != actual.loss_sum);
  const std::span<const HistoryRow> one = std::span(history).first(251);
  CHECK(made.trainer->evaluate(made.weights, one, 250, Counting::frozen)->loss_sum ==
        made.trainer->evaluate(made.weights, one, 250, Counting::prequential)->loss_sum);
}

TEST_CASE("predict agrees with the formulas in double, however long the history") {
  Made made;
  // An update gate held open, so that the state remembers far back: losing it between chunks would show.
  for (const LayoutEntry& entry : made.trainer->layout()) {
    if (entry.name == "gru.bias.update") std::fill_n(made.weights.begin() + static_cast<std::ptrdiff_t>(entry.offset), 5, 6.0f);
  }
  const std::vector<HistoryRow> history = random_history(260, kCategories, 12);
  const NextCategorySizes sizes = *NextCategorySizes::from(small_model(kCategories));
  const NextCategoryLayout layout(sizes);
  FeatureScan scan(sizes.categories, sizes.merchant_buckets, sizes.past_rows);
  Steps steps;
  scan.scan(history, 0, history.size(), steps);
  const std::vector<double> exact(made.weights.begin(), made.weights.end());
  const std::vector<double> expected = NextCategoryReference(layout).predict(exact, steps, history.size());
  std::vector<float> p(made.trainer->output_count());
  REQUIRE(made.trainer->predict(made.weights, history, p));
  for (std::size_t c = 0; c < kCategories; ++c) CHECK(static_cast<double>(p[c]) == doctest::Approx(expected[c]).epsilon(1e-5));
}

TEST_CASE("unknown categories, huge amounts and jumps in time never give a NaN") {
  Made made;
  std::vector<HistoryRow> history = random_history(40, kCategories, 2);
  history[3] = {.time_s = std::numeric_limits<std::int64_t>::max(), .amount_minor = std::numeric_limits<std::int64_t>::max(),
                .merchant_hash = ~std::uint64_t{0}, .category = 0xffffffff};
  history[4] = {.time_s = std::numeric_limits<std::int64_t>::min(), .amount_minor = std::numeric_limits<std::int64_t>::min()};
  history[5].time_s = 0;
  TrainingOptions options = options_of(5);
  options.spec.learning_rate = 5;
  const TrainingResult trained = *made.trainer->train(made.weights, history, options, made.update);
  CHECK(std::isfinite(trained.mean_loss));
  CHECK(all_finite(made.update));
  const EvaluationResult result = *made.trainer->evaluate(made.weights, history, 0);
  CHECK(std::isfinite(result.loss_sum));
  std::vector<float> p(made.trainer->output_count());
  REQUIRE(made.trainer->predict(made.weights, history, p));
  CHECK(all_finite(p));
}

TEST_CASE("weights that give values which are not finite have no score and no prediction, and that is an error") {
  Made made;
  const std::vector<HistoryRow> history = random_history(40, kCategories, 2);
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max()}) {
    const auto result = made.trainer->evaluate(std::vector<float>(made.weights.size(), value), history, 20);
    REQUIRE(!result);
    CHECK(result.error().code == ErrorCode::limit);
    CHECK(result.error().message.find("not finite") != std::string::npos);
    std::vector<float> p(made.trainer->output_count()), each(20 * p.size());
    const std::vector<float> weights(made.weights.size(), value);
    CHECK_FALSE(made.trainer->predict(weights, history, p));
    CHECK_FALSE(made.trainer->predict(weights, {}, p));
    CHECK_FALSE(made.trainer->predict_each(weights, history, 20, each));
    CHECK_FALSE(made.trainer->predict_kept(weights, history, std::vector<std::uint32_t>{3}, p));
  }
  CHECK(made.trainer->evaluate(made.weights, history, 20));
}

TEST_CASE("a step is no longer than the learning rate times the gradient's clip norm") {
  Made made;
  TrainingOptions options = options_of(1);
  options.spec.batch_size = 1000;
  const auto length = [&](double clip) {
    options.spec.gradient_clip_l2 = clip;
    REQUIRE(made.trainer->train(made.weights, random_history(40, kCategories, 2), options, made.update));
    double sum = 0;
    for (const float value : made.update) sum += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(sum);
  };
  CHECK(length(0) > 0.2 * 0.05);
  CHECK(length(0.05) == doctest::Approx(0.2 * 0.05).epsilon(1e-4));
  CHECK(length(1000) == length(0));
}

TEST_CASE("a training that diverges is an error, and its update is zero") {
  Made made;
  TrainingOptions options = options_of(200);
  options.spec.learning_rate = 1e30;
  options.spec.gradient_clip_l2 = 0;
  const auto result = made.trainer->train(made.weights, random_history(40, kCategories, 2), options, made.update);
  REQUIRE(!result);
  CHECK(result.error().code == ErrorCode::limit);
  CHECK(made.update == std::vector<float>(made.update.size(), 0.0f));
}

TEST_CASE("max_rows trains on the newest rows alone, which still see the older ones as their past") {
  Made made;
  const std::vector<HistoryRow> history = random_history(50, kCategories, 4);
  TrainingOptions options = options_of(1);
  const std::size_t all = made.trainer->train(made.weights, history, options, made.update)->examples;
  options.spec.max_rows = 20;
  const std::size_t newest = made.trainer->train(made.weights, history, options, made.update)->examples;
  std::size_t expected = 0;
  for (std::size_t i = 30; i < 50; ++i) expected += history[i].category < kCategories ? 1u : 0u;
  CHECK(newest == expected);
  CHECK(newest < all);
  std::vector<float> alone(made.update.size());
  REQUIRE(made.trainer->train(made.weights, std::span(history).last(20), options, alone));
  CHECK(alone != made.update);
}

TEST_CASE("training on several histories of which one alone has rows is training on that one, to the bit") {
  Made made;
  const std::vector<HistoryRow> history = random_history(50, kCategories, 4);
  TrainingOptions options = options_of();
  for (const std::uint32_t max_rows : {0u, 20u}) {
    options.spec.max_rows = max_rows;
    const TrainingResult alone = *made.trainer->train(made.weights, history, options, made.update);
    std::vector<float> pooled(made.update.size());
    const std::vector<std::span<const HistoryRow>> histories = {{}, history, {}};
    const TrainingResult together = *made.trainer->train_pooled(made.weights, histories, options, pooled);
    CHECK(pooled == made.update);
    CHECK(together.examples == alone.examples);
    CHECK(together.mean_loss == alone.mean_loss);
  }
}

TEST_CASE("pooled training mixes the histories in its batches and keeps each one's past to itself") {
  Made made;
  const std::vector<HistoryRow> one = random_history(40, kCategories, 4), two = random_history(33, kCategories, 5);
  const std::vector<std::span<const HistoryRow>> histories = {one, two};
  // All windows in one batch: the gradient is the mean of the two, by their examples.
  TrainingOptions options = options_of(1);
  options.spec = {.epochs = 1, .batch_size = 1000, .learning_rate = 1, .momentum = 0, .gradient_clip_l2 = 0, .max_rows = 0};
  std::vector<float> first(made.update.size()), second(made.update.size());
  const auto n1 = static_cast<float>(made.trainer->train(made.weights, one, options, first)->examples);
  const auto n2 = static_cast<float>(made.trainer->train(made.weights, two, options, second)->examples);
  const TrainingResult pooled = *made.trainer->train_pooled(made.weights, histories, options, made.update);
  CHECK(static_cast<float>(pooled.examples) == n1 + n2);
  for (std::size_t i = 0; i < made.update.size(); ++i) {
    CHECK(made.update[i] == doctest::Approx((n1 * first[i] + n2 * second[i]) / (n1 + n2)).epsilon(1e-4).scale(1e-2));
  }
  // Small batches: not one history after the other, and the seed decides.
  options = options_of(1);
  REQUIRE(made.trainer->train_pooled(made.weights, histories, options, first));
  REQUIRE(made.trainer->train_pooled(made.weights, histories, options, second));
  CHECK(first == second);
  ++options.seed;
  REQUIRE(made.trainer->train_pooled(made.weights, histories, options, second));
  CHECK(first != second);
}

TEST_CASE("pooling nothing, or histories without rows, gives an update of zeros") {
  Made made;
  const std::vector<std::span<const HistoryRow>> empty(3);
  CHECK(made.trainer->train_pooled(made.weights, {}, options_of(), made.update)->examples == 0);
  CHECK(made.trainer->train_pooled(made.weights, empty, options_of(), made.update)->examples == 0);
  CHECK(made.update == std::vector<float>(made.update.size(), 0.0f));
}

TEST_CASE("the first step of FedProx is that without, and the next ones are pulled back") {
  Made made;
  const std::vector<HistoryRow> history = random_history(60, kCategories, 1);
  TrainingOptions options = options_of(1);
  options.spec.momentum = 0;
  const auto update_with = [&](double mu, std::uint32_t batch_size) {
    options.spec.proximal_mu = mu;
    options.spec.batch_size = batch_size;
    REQUIRE(made.trainer->train(made.weights, history, options, made.update));
    return made.update;
  };
  CHECK(update_with(0.7, 1000) == update_with(0, 1000));  // one step: nothing to be pulled back from
  CHECK(update_with(0.7, 3) != update_with(0, 3));
}

TEST_CASE("two steps of FedProx add mu times the way gone to the second gradient") {
  Made made;
  const std::vector<HistoryRow> history = random_history(60, kCategories, 1);
  constexpr double kRate = 0.2, kMu = 0.5;
  TrainingOptions options;
  options.spec = {.epochs = 1, .batch_size = 1000, .learning_rate = kRate, .momentum = 0, .gradient_clip_l2 = 0};
  std::vector<float> first(made.update.size()), second(made.update.size());
  REQUIRE(made.trainer->train(made.weights, history, options, first));
  std::vector<float> moved = made.weights;
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] += first[i];
  REQUIRE(made.trainer->train(moved, history, options, second));  // -rate times the gradient there
  options.spec.epochs = 2;
  options.spec.proximal_mu = kMu;
  REQUIRE(made.trainer->train(made.weights, history, options, made.update));
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const double expected = static_cast<double>(first[i]) * (1 - kRate * kMu) + static_cast<double>(second[i]);
    CHECK(std::abs(static_cast<double>(made.update[i]) - expected) < 1e-6);
  }
}

TEST_CASE("without momentum FedProx keeps the update within the clip norm over mu") {
  Made made;
  const std::vector<HistoryRow> history = random_history(60, kCategories, 1);
  const auto length = [&](double mu) {
    TrainingOptions options = options_of(30);
    options.spec.momentum = 0;
    options.spec.gradient_clip_l2 = 0.1;
    options.spec.proximal_mu = mu;
    REQUIRE(made.trainer->train(made.weights, history, options, made.update));
    double sum = 0;
    for (const float value : made.update) sum += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(sum);
  };
  CHECK(length(0) > 0.5);
  CHECK(length(4) < 0.1 / 4);
  CHECK(length(4) > 0);
}

TEST_CASE("embeddings that no row uses stay where they are, with a momentum of almost nothing as with none") {
  Made made;
  const std::vector<HistoryRow> history = ring(40);  // categories 0, 1 and 2 of 6
  TrainingOptions options = options_of(2);
  options.spec.momentum = 0;
  REQUIRE(made.trainer->train(made.weights, history, options, made.update));  // steps over the rows in use alone
  const std::vector<float> sparse = made.update;
  options.spec.momentum = 1e-30;  // steps over everything
  REQUIRE(made.trainer->train(made.weights, history, options, made.update));
  CHECK(made.update == sparse);
  const LayoutEntry& embedding = made.trainer->layout().front();
  REQUIRE(embedding.name == "category_embedding");
  const auto row = [&](std::size_t i) { return std::span(sparse).subspan(embedding.offset + i * 3, 3); };
  for (const float value : row(4)) CHECK(value == 0.0f);
  for (const float value : row(1)) CHECK(value != 0.0f);
}

TEST_CASE("a stopped training is refused") {
  Made made;
  std::stop_source source;
  source.request_stop();
  TrainingOptions options = options_of();
  options.stop = source.get_token();
  const auto result = made.trainer->train(made.weights, random_history(50, kCategories, 4), options, made.update);
  REQUIRE(!result);
  CHECK(result.error().code == ErrorCode::refused);
}

TEST_CASE("weights of another model are refused") {
  Made made;
  made.weights.pop_back();
  std::vector<float> p(made.trainer->output_count());
  CHECK(made.trainer->train(made.weights, {}, options_of(), made.update).error().code == ErrorCode::invalid_argument);
  CHECK(made.trainer->evaluate(made.weights, {}, 0).error().code == ErrorCode::invalid_argument);
  CHECK(made.trainer->predict(made.weights, {}, p).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("the layout covers the flat vector exactly, without gaps") {
  const Made made;
  std::size_t next = 0;
  for (const LayoutEntry& entry : made.trainer->layout()) {
    CHECK(entry.offset == next);
    CHECK(!entry.name.empty());
    next += std::accumulate(entry.shape.begin(), entry.shape.end(), std::size_t{1}, std::multiplies<>());
  }
  CHECK(next == made.trainer->parameter_count());
}

TEST_CASE("the drafted model can be made and has the parameter count it says") {
  const std::vector<std::string> categories(143, "a category");
  const ModelSpec model = default_next_category(categories);
  const auto trainer = make_trainer(model);
  REQUIRE(trainer);
  CHECK((*trainer)->parameter_count() == model.parameter_count);
  CHECK(model.parameter_count < 100'000);
}
