// What every stock model's trainer owes, whatever it predicts (models/trainer.h). What is a model's own is in its own test; histories that no population has in odd_histories_test.cpp.

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/row_maker.h"
#include "models/shapley.h"
#include "models/stock_models.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

const std::vector<std::string> kCategories = {"rent", "food", "fuel", "fun", "tea", "books", "shoes", "trips"};

// A year and a half, in which one category after the other comes into use; some rows of categories that the plan does not know, and some refunds.
std::vector<HistoryRow> life(const ModelSpec& model, std::uint64_t seed, std::int64_t days = 550) {
  SeededRandom random(seed);
  RowMaker maker(model);
  std::vector<HistoryRow> rows;
  for (std::int64_t day = 0; day < days; day += 1 + static_cast<std::int64_t>(random.below(2))) {
    const std::size_t kind = random.below(std::min<std::size_t>(kCategories.size(), 2 + static_cast<std::size_t>(day) / 70));
    rows.push_back(maker.row({.time_s = (16'000 + day) * 86'400 + static_cast<std::int64_t>(random.below(80'000)), .amount_minor = 100 + static_cast<std::int64_t>(random.below(10'000)),
                              .direction = random.below(9) == 0 ? Direction::credit : Direction::debit, .category = random.below(11) == 0 ? "unheard of" : kCategories[kind],
                              .merchant = kCategories[kind] + " shop " + std::to_string(random.below(3)), .currency = "EUR"}));
  }
  return rows;
}

struct Made {
  explicit Made(const StockModel& stock) : model(stock.default_model(kCategories)), trainer(std::move(*make_trainer(model))) {
    weights.resize(trainer->parameter_count());
    update.resize(weights.size());
    trainer->initialize(weights, 5);
    SeededRandom random(4);
    for (float& weight : weights) weight += (static_cast<float>(random.below(2001)) / 1000 - 1) * 0.1f;
    options.spec = {.epochs = 2, .batch_size = 4, .learning_rate = 0.05, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
    options.seed = 9;
  }
  ModelSpec model;
  std::unique_ptr<Trainer> trainer;
  std::vector<float> weights, update;
  TrainingOptions options;

  std::vector<float> trained(std::span<const HistoryRow> history) {
    const auto result = trainer->train(weights, history, options, update);
    REQUIRE_MESSAGE(result, result.error().message);
    CHECK(result->examples > 0);
    return update;
  }
  std::vector<float> predicted(std::span<const HistoryRow> history) {
    std::vector<float> outputs(trainer->output_count());
    const Status done = trainer->predict(weights, history, outputs);
    REQUIRE_MESSAGE(done, done.error().message);
    return outputs;
  }
};

// Runs `check` with each stock model.
template <class Check>
void each_model(Check check) {
  for (const StockModel& stock : stock_models()) {
    CAPTURE(std::string(stock.name));
    check(stock);
  }
}

}  // namespace

TEST_CASE("every model: the same inputs give the same bits, in any order of calls and on any thread, and another seed others") {
  each_model([](const StockModel& stock) {
    Made first(stock), second(stock);
    CHECK(first.weights == second.weights);
    const std::vector<HistoryRow> history = life(first.model, 1), another = life(first.model, 2, 200);
    const std::vector<float> update = first.trained(history), outputs = first.predicted(history);
    std::thread([&] {
      (void)second.trainer->train(second.weights, another, second.options, second.update);
      CHECK(second.trainer->evaluate(second.weights, another, 3));
      CHECK(second.trained(history) == update);
      CHECK(second.predicted(history) == outputs);
    }).join();
    second.options.seed = 10;
    CHECK(second.trained(history) != update);
    std::vector<float> others(first.weights.size());
    first.trainer->initialize(others, 5);
    second.trainer->initialize(second.weights, 6);
    CHECK(others != second.weights);
  });
}

TEST_CASE("every model: pooled training of one history is train(), and of several, of all their examples; max_rows counts in each") {
  each_model([](const StockModel& stock) {
    Made made(stock);
    made.options.spec.epochs = 1;
    const std::vector<HistoryRow> one = life(made.model, 1), two = life(made.model, 2, 400);
    const std::array<std::span<const HistoryRow>, 1> alone = {one};
    const std::array<std::span<const HistoryRow>, 2> both = {one, two};
    std::vector<float> pooled(made.update.size());
    const auto examples = [&](std::span<const std::span<const HistoryRow>> histories) {
      const auto result = made.trainer->train_pooled(made.weights, histories, made.options, pooled);
      REQUIRE_MESSAGE(result, result.error().message);
      return result->examples;
    };
    const std::vector<float> update = made.trained(one);
    const std::size_t of_one = examples(alone);
    CHECK(pooled == update);
    const std::array<std::span<const HistoryRow>, 1> other = {two};
    CHECK(examples(both) == of_one + examples(other));
    made.options.spec.max_rows = 120;
    const std::size_t of_newest = examples(alone);
    CHECK(of_newest < of_one);
    CHECK(examples(both) == of_newest + examples(other));
  });
}

TEST_CASE("every model: training the head leaves all before the last layer as it was, to the bit") {
  each_model([](const StockModel& stock) {
    Made made(stock);
    made.options.part = TrainedPart::head;
    const std::vector<float> update = made.trained(life(made.model, 1));
    const auto is_head = [](const LayoutEntry& entry) { return entry.name.starts_with("output.") || entry.name.starts_with("trust."); };
    const auto head = std::ranges::find_if(made.trainer->layout(), is_head);
    REQUIRE(head != made.trainer->layout().end());
    CHECK(std::all_of(head, made.trainer->layout().end(), is_head));
    REQUIRE(head->offset > 0);
    const auto begin = update.begin() + static_cast<std::ptrdiff_t>(head->offset);
    CHECK(std::all_of(update.begin(), begin, [](float d) { return d == 0.0f; }));
    CHECK(std::any_of(begin, update.end(), [](float d) { return d != 0.0f; }));
  });
}

TEST_CASE("every model: all groups kept are the prediction, none are that of an empty history, each says something, and the contributions add up") {
  each_model([](const StockModel& stock) {
    Made made(stock);
    const std::vector<HistoryRow> history = life(made.model, 2, 300);
    const std::size_t outputs = made.trainer->output_count(), groups = made.trainer->feature_groups().size();
    REQUIRE(groups > 1);
    std::vector<std::uint32_t> sets(std::size_t{1} << groups);
    std::iota(sets.begin(), sets.end(), 0u);
    std::vector<float> kept(sets.size() * outputs);
    REQUIRE(made.trainer->predict_kept(made.weights, history, sets, kept));
    const auto of_set = [&](std::size_t set) { return std::vector<float>(kept.begin() + static_cast<std::ptrdiff_t>(set * outputs), kept.begin() + static_cast<std::ptrdiff_t>((set + 1) * outputs)); };
    const std::vector<float> all = made.predicted(history), none = made.predicted({});
    CHECK(of_set(sets.size() - 1) == all);
    if (made.trainer->outputs() == Outputs::suggestions) {  // of what is not in use
      for (std::size_t c = 0; c < outputs; ++c) CHECK((kept[c] == 0) == (all[c] == 0));
    } else {
      CHECK(of_set(0) == none);
    }
    for (std::size_t group = 0; group < groups; ++group) {
      CAPTURE(std::string(made.trainer->feature_groups()[group]));
      CHECK(of_set(sets.size() - 1 - (std::size_t{1} << group)) != all);
    }
    const auto top = static_cast<std::size_t>(std::ranges::max_element(all) - all.begin());
    std::vector<double> values;
    for (std::size_t set = 0; set < sets.size(); ++set) values.push_back(static_cast<double>(kept[set * outputs + top]));
    const std::vector<double> shares = shapley_values(values);
    CHECK(std::accumulate(shares.begin(), shares.end(), values.front()) == doctest::Approx(static_cast<double>(all[top])).epsilon(1e-5));
  });
}

TEST_CASE("every model: nothing to train on gives an update of zeros; no score and no prediction of it is an error") {
  each_model([](const StockModel& stock) {
    Made made(stock);
    std::ranges::fill(made.update, 1.0f);
    const auto nothing = made.trainer->train(made.weights, {}, made.options, made.update);
    REQUIRE(nothing);
    CHECK(nothing->examples == 0);
    CHECK(std::ranges::all_of(made.update, [](float d) { return d == 0.0f; }));
    CHECK(made.trainer->evaluate(made.weights, {}, 0)->predictions == 0);
    (void)made.predicted({});
  });
}

TEST_CASE("every model: weights of another model, batches of nothing, a training that is stopped, and weights that are not finite are errors") {
  each_model([](const StockModel& stock) {
    Made made(stock);
    const std::vector<HistoryRow> history = life(made.model, 1, 300);  // not all categories are in use yet
    std::vector<float> outputs(made.trainer->output_count());
    const auto few = std::span<const float>(made.weights).first(3);
    CHECK(made.trainer->train(few, history, made.options, made.update).error().code == ErrorCode::invalid_argument);
    CHECK(made.trainer->evaluate(few, history, 5).error().code == ErrorCode::invalid_argument);
    CHECK(made.trainer->predict(few, history, outputs).error().code == ErrorCode::invalid_argument);
    TrainingOptions empty_batches = made.options;
    empty_batches.spec.batch_size = 0;
    CHECK(made.trainer->train(made.weights, history, empty_batches, made.update).error().code == ErrorCode::invalid_argument);
    std::stop_source stop;
    stop.request_stop();
    TrainingOptions stopped = made.options;
    stopped.stop = stop.get_token();
    CHECK(made.trainer->train(made.weights, history, stopped, made.update).error().code == ErrorCode::refused);
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::ranges::fill(made.weights, value);
      CHECK(made.trainer->predict(made.weights, history, outputs).error().code == ErrorCode::limit);
      CHECK(made.trainer->evaluate(made.weights, history, 5, Counting::prequential).error().code == ErrorCode::limit);
      std::ranges::fill(made.update, 1.0f);
      CHECK(made.trainer->train(made.weights, history, made.options, made.update).error().code == ErrorCode::limit);
      CHECK(std::ranges::all_of(made.update, [](float d) { return d == 0.0f; }));
    }
  });
}

TEST_CASE("every model: sizes that are missing, unknown or out of range are named, and so is the count of another model") {
  each_model([](const StockModel& stock) {
    const ModelSpec model = stock.default_model(kCategories);
    const auto refused = [](const ModelSpec& changed, const std::string& words) {
      const auto made = make_trainer(changed);
      REQUIRE_FALSE(made.has_value());
      CHECK(made.error().code == ErrorCode::invalid_argument);
      CHECK_MESSAGE(made.error().message.find(words) != std::string::npos, made.error().message);
    };
    for (const auto& [name, size] : model.sizes) {
      ModelSpec changed = model;
      changed.sizes.erase(name);
      refused(changed, "model.sizes." + name + " is missing");
      for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40}) {
        changed.sizes[name] = wrong;
        refused(changed, "model.sizes." + name + " is " + std::to_string(wrong));
      }
    }
    ModelSpec changed = model;
    changed.sizes["hiden"] = 3;
    refused(changed, "model.sizes.hiden is not a size of " + model.name);
    changed = model;
    changed.parameter_count = 1;
    refused(changed, "model.parameter_count is 1");
    changed = model;
    changed.categories.clear();
    refused(changed, "model.categories has 0 entries");
  });
}

TEST_CASE("every model: as drafted it has the parameters that it says, below 200,000 for 144 categories, and its layout covers the flat vector without gaps") {
  std::vector<std::string> categories;
  for (int i = 0; i < 144; ++i) categories.push_back("c" + std::to_string(i));
  each_model([&](const StockModel& stock) {
    const ModelSpec model = stock.default_model(categories);
    CHECK(model.name == stock.name);
    CHECK(model.parameter_count > 0);
    CHECK(model.parameter_count < 200'000);
    const auto trainer = std::move(*make_trainer(model));
    CHECK(trainer->parameter_count() == model.parameter_count);
    CHECK(trainer->sees_row() == stock.sees_row);
    std::size_t offset = 0;
    for (const LayoutEntry& entry : trainer->layout()) {
      CHECK(entry.offset == offset);
      std::size_t count = 1;
      for (const std::size_t n : entry.shape) count *= n;
      offset += count;
    }
    CHECK(offset == trainer->parameter_count());
  });
}
