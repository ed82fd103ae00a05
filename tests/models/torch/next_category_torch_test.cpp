#include "models/torch_module.h"

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 12;

struct Pair {
  Pair() {
    ModelSpec model = small_model(kCategories);
    model.sizes["hidden"] = 20;
    model.sizes["embedding"] = 9;
    lean = std::move(*make_trainer(model));
    auto made = make_trainer(model, {.family = TrainerFamily::torch});
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    torch = std::move(*made);
    weights.resize(lean->parameter_count());
    lean->initialize(weights, 3);
    // Initial weights leave some blocks at zero, and with them the gradients of others.
    SeededRandom random(4);
    for (float& weight : weights) weight += (static_cast<float>(random.below(2001)) / 1000 - 1) * 0.1f;
  }
  std::unique_ptr<Trainer> lean, torch;
  std::vector<float> weights;
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

}  // namespace

TEST_CASE("the lean gradients are those of torch to 1e-4, in every block") {
  Pair pair;
  const std::vector<HistoryRow> history = random_history(90, kCategories, 21);
  // One step over everything with learning rate 1: the update is the gradient, turned round.
  TrainingOptions options;
  options.spec = {.epochs = 1, .batch_size = 1000, .learning_rate = 1.0, .momentum = 0.0, .gradient_clip_l2 = 0.0, .max_rows = 0};
  std::vector<float> lean(pair.weights.size()), torch(pair.weights.size());
  const TrainingResult a = *pair.lean->train(pair.weights, history, options, lean);
  const TrainingResult b = *pair.torch->train(pair.weights, history, options, torch);
  CHECK(a.examples == b.examples);
  CHECK(a.mean_loss == doctest::Approx(b.mean_loss).epsilon(1e-5));
  for (const LayoutEntry& entry : pair.lean->layout()) {
    std::size_t count = 1;
    for (const std::size_t n : entry.shape) count *= n;
    const Compared compared = compare(std::span(lean).subspan(entry.offset, count), std::span(torch).subspan(entry.offset, count));
    CAPTURE(entry.name);
    CHECK(compared.largest > 1e-5);
    CHECK(compared.worst < 1e-4 * compared.largest + 1e-7);
  }
}

TEST_CASE("after an epoch with momentum and clipping the weights agree to 1e-3") {
  Pair pair;
  const std::vector<HistoryRow> history = random_history(200, kCategories, 22);
  TrainingOptions options;
  options.spec = {.epochs = 1, .batch_size = 4, .learning_rate = 0.5, .momentum = 0.9, .gradient_clip_l2 = 0.3, .max_rows = 150};
  options.seed = 17;
  std::vector<float> lean(pair.weights.size()), torch(pair.weights.size());
  REQUIRE(pair.lean->train(pair.weights, history, options, lean));
  REQUIRE(pair.torch->train(pair.weights, history, options, torch));
  const Compared compared = compare(lean, torch);
  CHECK(compared.largest > 0.1);
  CHECK(compared.worst < 1e-3);
}

TEST_CASE("FedProx and pooled training agree with torch to 1e-3") {
  Pair pair;
  const std::vector<HistoryRow> one = random_history(90, kCategories, 24), two = random_history(70, kCategories, 25);
  const std::vector<std::span<const HistoryRow>> histories = {one, two};
  TrainingOptions options;
  options.spec = {.epochs = 2, .batch_size = 4, .learning_rate = 0.5, .momentum = 0.5, .gradient_clip_l2 = 0.3, .max_rows = 60};
  std::vector<float> lean(pair.weights.size()), torch(pair.weights.size()), without(pair.weights.size());
  REQUIRE(pair.lean->train_pooled(pair.weights, histories, options, without));
  options.spec.proximal_mu = 0.4;
  REQUIRE(pair.lean->train_pooled(pair.weights, histories, options, lean));
  REQUIRE(pair.torch->train_pooled(pair.weights, histories, options, torch));
  const Compared compared = compare(lean, torch);
  CHECK(compared.largest > 0.05);
  CHECK(compared.worst < 1e-3);
  CHECK(compare(lean, without).worst > 1e-2);  // the pull is felt
}

TEST_CASE("evaluate and predict agree with torch") {
  Pair pair;
  const std::vector<HistoryRow> history = random_history(120, kCategories, 23);
  const EvaluationResult a = *pair.lean->evaluate(pair.weights, history, 90, Counting::frozen), b = *pair.torch->evaluate(pair.weights, history, 90, Counting::frozen);
  CHECK(a.predictions == b.predictions);
  CHECK(a.correct_top1 == b.correct_top1);
  CHECK(a.correct_top3 == b.correct_top3);
  CHECK(a.loss_sum == doctest::Approx(b.loss_sum).epsilon(1e-5));
  std::vector<float> p(pair.lean->output_count()), q(p.size());
  REQUIRE(pair.lean->predict(pair.weights, history, p));
  REQUIRE(pair.torch->predict(pair.weights, history, q));
  CHECK(compare(p, q).worst < 1e-5);
}

TEST_CASE("a flat vector goes into the torch modules and comes back as it was, to the bit") {
  Pair pair;
  const std::vector<HistoryRow> history = random_history(60, kCategories, 24);
  TrainingOptions options;
  options.spec = {.epochs = 1, .batch_size = 4, .learning_rate = 0.0, .momentum = 0.0, .gradient_clip_l2 = 0.0, .max_rows = 0};
  std::vector<float> update(pair.weights.size(), 1.0f);
  const auto result = pair.torch->train(pair.weights, history, options, update);  // steps of length 0
  REQUIRE(result);
  CHECK(result->examples > 40);
  CHECK(std::all_of(update.begin(), update.end(), [](float value) { return value == 0.0f; }));
  std::vector<float> lean(pair.weights.size()), torch(pair.weights.size());
  pair.lean->initialize(lean, 11);
  pair.torch->initialize(torch, 11);
  CHECK(lean == torch);
}

TEST_CASE("what one family has trained the other trains on, in both directions") {
  Pair pair;
  const auto trained_on = [&](Trainer& trainer, const std::vector<float>& weights, std::uint64_t seed) {
    TrainingOptions options;
    options.spec = {.epochs = 1, .batch_size = 4, .learning_rate = 0.3, .momentum = 0.9, .gradient_clip_l2 = 1.0, .max_rows = 0};
    options.seed = seed;
    std::vector<float> update(weights.size());
    REQUIRE(trainer.train(weights, random_history(150, kCategories, seed), options, update));
    std::vector<float> after = weights;
    for (std::size_t i = 0; i < after.size(); ++i) after[i] += update[i];
    return after;
  };
  const std::vector<float> reference = trained_on(*pair.lean, trained_on(*pair.lean, pair.weights, 31), 32);
  const std::vector<float> from_lean = trained_on(*pair.torch, trained_on(*pair.lean, pair.weights, 31), 32);
  const std::vector<float> from_torch = trained_on(*pair.lean, trained_on(*pair.torch, pair.weights, 31), 32);
  CHECK(compare(reference, pair.weights).worst > 0.1);
  CHECK(compare(from_lean, reference).worst < 1e-3);
  CHECK(compare(from_torch, reference).worst < 1e-3);
}

TEST_CASE("the torch twin refuses what the lean trainer refuses") {
  ModelSpec model = small_model(kCategories);
  model.sizes.erase("hidden");
  CHECK(make_trainer(model, {.family = TrainerFamily::torch}).error().message == make_trainer(model).error().message);
  model = small_model(kCategories);
  model.name = "torchscript";
  model.file = "model.pt";
  CHECK(make_trainer(model).error().message == "a torchscript model is trained by the simulator alone");
  CHECK(make_trainer(model, {.family = TrainerFamily::torch}).error().message.find("its file") != std::string::npos);
  CHECK(parse_trainer_family("torch") == TrainerFamily::torch);
  CHECK(parse_trainer_family("lean") == TrainerFamily::lean);
  CHECK(!parse_trainer_family("Torch"));
  Pair pair;
  std::vector<float> update(pair.weights.size()), short_weights(3);
  CHECK(pair.torch->train(short_weights, random_history(20, kCategories, 1), {}, update).error().code == ErrorCode::invalid_argument);
  TrainingOptions diverging;
  diverging.spec = {.epochs = 3, .batch_size = 1, .learning_rate = 1e30, .momentum = 0.0, .gradient_clip_l2 = 0.0, .max_rows = 0};
  CHECK(pair.torch->train(pair.weights, random_history(90, kCategories, 1), diverging, update).error().code == ErrorCode::limit);
  std::stop_source stop;
  stop.request_stop();
  CHECK(pair.torch->train(pair.weights, random_history(90, kCategories, 1), {.spec = {}, .stop = stop.get_token()}, update).error().code == ErrorCode::refused);
}
