// The torch twins of the models of rows and days: the same weights in, the same loss, gradients and weights out as of the lean trainer.

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/row_maker.h"
#include "models/stock_models.h"
#include "models/torch_module.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

const std::vector<std::string> kCategories = {"rent", "food", "fuel", "fun", "tea", "books", "gifts"};

// Two years of somebody who takes up a category now and then.
std::vector<HistoryRow> life(const ModelSpec& model, std::uint64_t seed, std::int64_t days = 730) {
  static constexpr std::array kNames = {"city rent", "tesco stores 1", "shell petrol", "odeon cinema", "corner tea", "tesco stores 2", ""};
  RowMaker maker(model);
  SeededRandom random(seed);
  std::vector<HistoryRow> history;
  for (std::int64_t day = 0; day < days; ++day) {
    for (std::uint64_t i = random.below(3); i > 0; --i) {
      const auto category = static_cast<std::uint32_t>(random.below(1 + static_cast<std::uint64_t>(day * static_cast<std::int64_t>(kCategories.size()) / days)));
      const std::size_t name = random.below(10) == 0 ? random.below(kNames.size()) : category;
      history.push_back({.time_s = (16'000 + day) * 86'400 + static_cast<std::int64_t>(random.below(86'400)), .amount_minor = 100 + static_cast<std::int64_t>(random.below(20'000)),
                         .merchant_hash = merchant_hash(kNames[name]), .category = random.below(20) == 0 ? static_cast<std::uint32_t>(kCategories.size()) : category, .text = maker.text(kNames[name])});
    }
  }
  std::ranges::stable_sort(history, {}, &HistoryRow::time_s);
  return history;
}

struct Twins {
  explicit Twins(const StockModel& stock) : model(stock.default_model(kCategories)), spec(stock.default_training()) {
    lean = std::move(*make_trainer(model));
    auto made = make_trainer(model, {.family = TrainerFamily::torch});
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    torch = std::move(*made);
    weights.resize(lean->parameter_count());
    lean->initialize(weights, 3);
    SeededRandom random(4);  // initial weights leave some blocks at zero, and with them the gradients of others
    for (float& weight : weights) weight += (static_cast<float>(random.below(2001)) / 1000 - 1) * 0.05f;
  }
  std::vector<float> trained(Trainer& trainer, const TrainingSpec& how, TrainedPart part = TrainedPart::everything) {
    const std::vector<HistoryRow> one = life(model, 21), two = life(model, 22, 400);
    const std::vector<std::span<const HistoryRow>> histories = {one, two};
    std::vector<float> update(weights.size());
    const auto result = trainer.train_pooled(weights, histories, {.spec = how, .seed = 17, .part = part}, update);
    REQUIRE_MESSAGE(result, result.error().message);
    REQUIRE(result->examples > 20);
    loss = result->mean_loss;
    return update;
  }
  ModelSpec model;
  TrainingSpec spec;
  std::unique_ptr<Trainer> lean, torch;
  std::vector<float> weights;
  double loss = 0;  // of the last training
};

struct Compared {
  double worst = 0;    // difference
  double largest = 0;  // value
};

Compared compare(std::span<const float> a, std::span<const float> b) {
  Compared result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    result.worst = std::max(result.worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    result.largest = std::max(result.largest, std::abs(static_cast<double>(b[i])));
  }
  return result;
}

template <class Check>
void for_each_row_model(Check check) {
  int seen = 0;
  for (const StockModel& stock : stock_models()) {
    if (stock.name == "next_category") continue;
    CAPTURE(std::string(stock.name));
    Twins twins(stock);
    check(twins);
    ++seen;
  }
  CHECK(seen == 4);
}

}  // namespace

TEST_CASE("the lean gradients are those of torch's autograd to 1e-4, in every block of each model") {
  for_each_row_model([](Twins& twins) {
    // One step over everything with learning rate 1: the update is the gradient, turned round.
    const TrainingSpec spec{.epochs = 1, .batch_size = 100'000, .learning_rate = 1.0, .momentum = 0.0, .gradient_clip_l2 = 0.0, .max_rows = 0};
    const std::vector<float> lean = twins.trained(*twins.lean, spec);
    const double loss = twins.loss;
    const std::vector<float> torch = twins.trained(*twins.torch, spec);
    CHECK(loss == doctest::Approx(twins.loss).epsilon(1e-5));
    for (const LayoutEntry& entry : twins.lean->layout()) {
      std::size_t count = 1;
      for (const std::size_t n : entry.shape) count *= n;
      const Compared compared = compare(std::span(lean).subspan(entry.offset, count), std::span(torch).subspan(entry.offset, count));
      CAPTURE(entry.name);
      CHECK(compared.largest > 1e-6);
      CHECK(compared.worst < 1e-4 * compared.largest + 1e-7);
    }
  });
}

TEST_CASE("after an epoch as each model is trained the weights agree to a thousandth of what changed, with momentum and FedProx, too") {
  for_each_row_model([](Twins& twins) {
    TrainingSpec spec = twins.spec;
    for (const bool more : {false, true}) {
      if (more) {
        spec.momentum = 0.5;
        spec.proximal_mu = 0.4;
      }
      const std::vector<float> lean = twins.trained(*twins.lean, spec), torch = twins.trained(*twins.torch, spec);
      const Compared compared = compare(lean, torch);
      CHECK(compared.largest > 1e-3);
      CHECK(compared.worst < 1e-3 * compared.largest);
    }
  });
}

TEST_CASE("the head alone is trained by both alike") {
  for_each_row_model([](Twins& twins) {
    const std::vector<float> lean = twins.trained(*twins.lean, twins.spec, TrainedPart::head), torch = twins.trained(*twins.torch, twins.spec, TrainedPart::head);
    CHECK(compare(lean, torch).worst < 1e-3 * compare(lean, torch).largest);
    CHECK(std::count(lean.begin(), lean.end(), 0.0f) > 0);
    for (std::size_t i = 0; i < lean.size(); ++i) REQUIRE((lean[i] == 0.0f) == (torch[i] == 0.0f));
  });
}

TEST_CASE("evaluate, predict and explanations agree with torch") {
  for_each_row_model([](Twins& twins) {
    const std::vector<HistoryRow> history = life(twins.model, 23);
    for (const Counting counting : {Counting::frozen, Counting::prequential}) {
      const EvaluationResult a = *twins.lean->evaluate(twins.weights, history, 600, counting), b = *twins.torch->evaluate(twins.weights, history, 600, counting);
      CHECK(a.predictions > 0);
      CHECK(a.predictions == b.predictions);
      CHECK(a.loss_sum == doctest::Approx(b.loss_sum).epsilon(1e-4));
      CHECK(std::abs(static_cast<double>(a.correct_top1) - static_cast<double>(b.correct_top1)) <= 1);  // ties
    }
    std::vector<std::uint32_t> sets(std::size_t{1} << twins.lean->feature_groups().size());
    for (std::size_t set = 0; set < sets.size(); ++set) sets[set] = static_cast<std::uint32_t>(set);
    std::vector<float> p(sets.size() * twins.lean->output_count()), q(p.size());
    const auto earlier = std::span(history).first(300);  // something is new still
    REQUIRE(twins.lean->predict_kept(twins.weights, earlier, sets, p));
    REQUIRE(twins.torch->predict_kept(twins.weights, earlier, sets, q));
    CHECK(compare(p, q).largest > 1e-3);
    CHECK(compare(p, q).worst < 1e-5 * std::max(1.0, compare(p, q).largest));
    REQUIRE(twins.lean->predict_kept(twins.weights, {}, sets, p));
    REQUIRE(twins.torch->predict_kept(twins.weights, {}, sets, q));
    CHECK(compare(p, q).worst < 1e-5);
  });
}

TEST_CASE("a twin begins where the lean trainer begins, keeps weights to the bit where it has nothing to learn, and says of weights that are none what it says") {
  for_each_row_model([](Twins& twins) {
    std::vector<float> lean(twins.weights.size()), torch(twins.weights.size());
    twins.lean->initialize(lean, 11);
    twins.torch->initialize(torch, 11);
    CHECK(lean == torch);
    TrainingSpec still = twins.spec;
    still.learning_rate = 0;
    const std::vector<float> update = twins.trained(*twins.torch, still);
    CHECK(std::ranges::all_of(update, [](float value) { return value == 0.0f; }));
    std::vector<float> none = twins.weights, p(twins.lean->output_count());
    std::ranges::fill(none, std::nanf(""));
    const std::vector<HistoryRow> history = life(twins.model, 24);
    CHECK(twins.torch->predict(none, history, p).error().code == twins.lean->predict(none, history, p).error().code);
    CHECK(twins.torch->evaluate(none, history, 600).error().code == ErrorCode::limit);
  });
}
