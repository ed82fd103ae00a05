// A shared model adapted to one customer: never worse than the shared one on the rows it was chosen by, and kept as bytes that are read strictly.

#include "models/personal_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/crypto/random.h"
#include "models/next_category/next_category.h"
#include "tests/models/toy_history.h"

namespace fedspend::models {
namespace {

static_assert(!std::is_convertible_v<PersonalModel, std::vector<float>> && !std::is_convertible_v<PersonalModel, std::span<const float>>, "no way to an update");

struct Shared {
  ModelSpec spec = small_model(4);
  std::unique_ptr<Trainer> trainer = make_trainer(spec).value();
  std::vector<float> weights = std::vector<float>(trainer->parameter_count());
  Shared() {
    SeededRandom random(9);
    for (float& weight : weights) weight = static_cast<float>(random.below(2'001)) / 4'000 - 0.25f;
  }
  PersonalModel adapt(std::span<const HistoryRow> history, PersonalFit& fit, const PersonalOptions& options = {}) {
    auto adapted = PersonalModel::adapt(*trainer, weights, history, options, fit);
    REQUIRE_MESSAGE(adapted, adapted.error().message);
    return *adapted;
  }
};

// 0 1 2 3 0 1 2 3 ...: what a customer's own counts know at once.
std::vector<HistoryRow> regular(std::size_t rows) {
  auto history = random_history(rows, 4, 1);
  for (std::size_t i = 0; i < rows; ++i) history[i].category = static_cast<std::uint32_t>(i % 4);
  return history;
}

double loss_on(Shared& shared, const PersonalModel& model, std::span<const HistoryRow> history, std::size_t first) {
  const std::size_t outputs = shared.trainer->output_count();
  std::vector<float> p((history.size() - first) * outputs);
  REQUIRE(model.predict_each(*shared.trainer, shared.weights, history, first, p));
  double loss = 0;
  int count = 0;
  for (std::size_t i = first; i < history.size(); ++i) {
    if (history[i].category >= outputs - 1) continue;
    loss -= std::log(static_cast<double>(p[(i - first) * outputs + history[i].category]));
    ++count;
  }
  return loss / count;
}

TEST_CASE("counts of one's own, by hand") {
  OwnCounts counts(2);
  CHECK(counts.probability(0) == 0.5);
  counts.add({.category = 0});
  counts.add({.category = 1});
  counts.add({.category = 0});  // 0: twice, 1: once; 0 was followed by 1 once
  const double often = 1.2 / 3.4;
  CHECK(counts.probability(1) == doctest::Approx((1 + 2 * often) / 3));
  counts.add({.category = 2});  // other: the last category is not known
  CHECK(counts.probability(1) == doctest::Approx(often));
}

TEST_CASE("counts of any history sum to one and are never 0") {
  CHECK(rc::check([](std::uint16_t seed, std::uint8_t rows) {
    OwnCounts counts(4);
    for (const HistoryRow& row : random_history(rows, 4, seed)) counts.add(row);
    double sum = 0;
    for (std::size_t c = 0; c < 4; ++c) {
      RC_ASSERT(counts.probability(c) > 0);
      sum += counts.probability(c);
    }
    RC_ASSERT(std::abs(sum - 1) < 1e-12);
  }));
}

TEST_CASE("training the head leaves every other parameter as it is, with momentum, FedProx and neither") {
  Shared shared;
  for (const bool pulled : {false, true}) {
    TrainingSpec spec{.epochs = 2, .batch_size = 2, .learning_rate = 0.1, .momentum = pulled ? 0.9 : 0.0, .gradient_clip_l2 = 1.0};
    spec.proximal_mu = pulled ? 0.1 : 0.0;
    std::vector<float> update(shared.weights.size());
    REQUIRE(shared.trainer->train(shared.weights, random_history(60, 4, 2), {.spec = spec, .seed = 1, .part = TrainedPart::head}, update));
    for (const LayoutEntry& entry : shared.trainer->layout()) {
      const std::size_t count = std::accumulate(entry.shape.begin(), entry.shape.end(), std::size_t{1}, std::multiplies<>());
      const auto begin = update.begin() + static_cast<std::ptrdiff_t>(entry.offset);
      const bool head = entry.name.starts_with("output.") || entry.name.starts_with("trust.");
      CHECK_MESSAGE(std::any_of(begin, begin + static_cast<std::ptrdiff_t>(count), [](float value) { return value != 0; }) == head, entry.name);
    }
  }
}

TEST_CASE("one step of the head is the head's part of a whole step, where nothing is clipped") {
  Shared shared;
  const auto history = random_history(7, 4, 2);
  const TrainingSpec spec{.epochs = 1, .batch_size = 8, .learning_rate = 0.01, .momentum = 0.0, .gradient_clip_l2 = 0};
  std::vector<float> head(shared.weights.size()), whole(shared.weights.size());
  REQUIRE(shared.trainer->train(shared.weights, history, {.spec = spec, .seed = 1, .part = TrainedPart::head}, head));
  REQUIRE(shared.trainer->train(shared.weights, history, {.spec = spec, .seed = 1}, whole));
  int moved = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == 0) continue;
    ++moved;
    CHECK(head[i] == whole[i]);
  }
  CHECK(moved > 20);
}

TEST_CASE("predict_each is predict, row by row, of the shared model and of a personal one") {
  Shared shared;
  const auto history = regular(300);
  PersonalFit fit;
  const PersonalModel personal = shared.adapt(history, fit);
  REQUIRE_FALSE(personal.is_shared());
  const std::size_t outputs = shared.trainer->output_count();
  for (const PersonalModel& model : {PersonalModel(), personal}) {
    std::vector<float> each(outputs * 30), one(outputs);
    REQUIRE(model.predict_each(*shared.trainer, shared.weights, history, 270, each));
    for (std::size_t i = 0; i < 30; ++i) {
      REQUIRE(model.predict(*shared.trainer, shared.weights, std::span(history).first(270 + i), one));
      CHECK(std::equal(one.begin(), one.end(), each.begin() + static_cast<std::ptrdiff_t>(i * outputs)));
    }
  }
}

TEST_CASE("a regular customer's model is better than the shared one, and its loss is what was said") {
  Shared shared;
  const auto history = regular(200);
  PersonalFit fit;
  const PersonalModel model = shared.adapt(history, fit);
  CHECK_FALSE(model.is_shared());
  CHECK(fit.predictions == 80);
  CHECK(fit.chosen_loss < fit.shared_loss - 0.2);
  CHECK(fit.chosen_loss <= fit.head_loss);
  CHECK(loss_on(shared, PersonalModel(), history, 120) == doctest::Approx(fit.shared_loss).epsilon(1e-5));
  CHECK(loss_on(shared, model, history, 120) == doctest::Approx(fit.chosen_loss).epsilon(1e-5));
}

TEST_CASE("of any customer the personal model is never worse than the shared one on the held-out rows") {
  Shared shared;
  bool changed = false, stayed = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto history = random_history(30 + 10 * seed, 4, seed);
    PersonalFit fit;
    const PersonalModel model = shared.adapt(history, fit);
    CHECK(fit.chosen_loss <= fit.shared_loss);
    if (fit.predictions > 0 && !model.is_shared()) {
      changed = true;
      CHECK(fit.chosen_loss <= fit.shared_loss - 0.01);
      const std::size_t cut = training_rows(history.size(), 0.4);
      CHECK(loss_on(shared, model, history, cut) <= loss_on(shared, PersonalModel(), history, cut));
    }
    stayed = stayed || model.is_shared();
  }
  CHECK(changed);
  CHECK(stayed);
}

// Passes on, and remembers what each training was given.
class Recording final : public Trainer {
 public:
  struct Training {
    std::vector<HistoryRow> rows;
    TrainingOptions options;
  };
  explicit Recording(Trainer& inner) : inner_(inner) {}
  std::vector<Training> trainings = {};

  std::size_t parameter_count() const override { return inner_.parameter_count(); }
  const std::vector<LayoutEntry>& layout() const override { return inner_.layout(); }
  void initialize(std::span<float> weights, std::uint64_t seed) const override { inner_.initialize(weights, seed); }
  Result<TrainingResult> train(std::span<const float> weights, std::span<const HistoryRow> history, const TrainingOptions& options, std::span<float> update) override {
    trainings.push_back({{history.begin(), history.end()}, options});
    return inner_.train(weights, history, options, update);
  }
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, Counting counting) override { return inner_.evaluate(weights, history, first, counting); }
  std::size_t output_count() const override { return inner_.output_count(); }
  Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) override { return inner_.predict(weights, history, probabilities); }

 private:
  Trainer& inner_;
};

TEST_CASE("nothing of the held-out rows is trained on, in either way of training") {
  Shared shared;
  const auto history = regular(200);
  Recording trainer(*shared.trainer);
  PersonalFit fit;
  REQUIRE(PersonalModel::adapt(trainer, shared.weights, history, {.proximal_lambda = 0.25}, fit));
  REQUIRE(trainer.trainings.size() == 2);
  CHECK(trainer.trainings[0].options.part == TrainedPart::head);
  CHECK(trainer.trainings[0].options.spec.proximal_mu == 0);
  CHECK(trainer.trainings[1].options.part == TrainedPart::everything);
  CHECK(trainer.trainings[1].options.spec.proximal_mu == 0.25);
  CHECK(fit.predictions == 80);
  for (const Recording::Training& training : trainer.trainings) {
    REQUIRE(training.rows.size() == 120);
    CHECK(std::ranges::equal(training.rows, std::span(history).first(120), [](const HistoryRow& a, const HistoryRow& b) { return a.time_s == b.time_s && a.amount_minor == b.amount_minor && a.category == b.category; }));
  }
}

TEST_CASE("what the counts say of a held-out row is of the rows before it") {
  Shared shared;
  std::ranges::fill(shared.weights, 0.0f);  // and so the model says nothing
  auto history = regular(200);
  PersonalFit regular_to_the_end, broken;
  shared.adapt(history, regular_to_the_end);
  for (std::size_t i = 120; i < 200; ++i) history[i].category = static_cast<std::uint32_t>(3 - i % 4);
  shared.adapt(history, broken);
  CHECK(regular_to_the_end.own_counts_loss < 0.2);
  CHECK(broken.own_counts_loss > 1);  // as the rows before them said otherwise
}

TEST_CASE("a step of the proximal way is that of the loss and lambda times the way gone from the shared weights; with lambda 0 it is plain fine-tuning") {
  Shared shared;
  const auto history = random_history(40, 4, 3);
  const auto train = [&](const std::vector<float>& from, std::uint32_t epochs, double lambda) {
    // One batch an epoch: its order does not matter.
    TrainingSpec spec{.epochs = epochs, .batch_size = 1'000, .learning_rate = 0.05, .momentum = 0.0, .gradient_clip_l2 = 0, .max_rows = 0};
    spec.proximal_mu = lambda;
    std::vector<float> update(from.size());
    REQUIRE(shared.trainer->train(from, history, {.spec = spec, .seed = 1}, update));
    return update;
  };
  const std::vector<float> first = train(shared.weights, 1, 7), plain = train(shared.weights, 1, 0);
  CHECK(first == plain);  // nothing is gone yet
  std::vector<float> after = shared.weights;
  for (std::size_t i = 0; i < after.size(); ++i) after[i] += first[i];
  const std::vector<float> second = train(after, 1, 0), both = train(shared.weights, 2, 7), both_plain = train(shared.weights, 2, 0);
  double pulled = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const float pull = 0.05f * 7 * first[i];
    CHECK(both[i] == doctest::Approx(first[i] + second[i] - pull).epsilon(1e-4).scale(1e-3));
    CHECK(both_plain[i] == doctest::Approx(first[i] + second[i]).epsilon(1e-4).scale(1e-3));
    pulled = std::max(pulled, std::abs(static_cast<double>(pull)));
  }
  CHECK(pulled > 1e-4);
}

TEST_CASE("too few rows, or none, leave the shared model as it is") {
  Shared shared;
  for (const std::size_t rows : {0u, 1u, 2u, 20u}) {
    PersonalFit fit;
    CHECK(shared.adapt(random_history(rows, 4, 1), fit).is_shared());
    CHECK(fit.predictions == 0);
  }
}

TEST_CASE("a fine-tuning that diverges leaves the counts to choose from, and shared weights that are not finite are an error") {
  Shared shared;
  PersonalOptions wild;
  wild.head.learning_rate = 1e39;
  wild.head.gradient_clip_l2 = 0;
  PersonalFit fit;
  const PersonalModel model = shared.adapt(regular(200), fit, wild);
  CHECK_FALSE(model.has_head());
  CHECK(model.own_weight() > 0);
  shared.weights.assign(shared.weights.size(), std::nanf(""));
  const auto bad = PersonalModel::adapt(*shared.trainer, shared.weights, regular(200), {}, fit);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == ErrorCode::limit);
}

TEST_CASE("a proximal model of a huge lambda is the shared one, and of a large one lies nearer to it than of none") {
  Shared shared;
  const auto history = regular(200);
  PersonalFit none, large, huge, untried;
  shared.adapt(history, none, {.proximal_lambda = 0});
  shared.adapt(history, large, {.proximal_lambda = 20});
  shared.adapt(history, huge, {.proximal_lambda = 1e9});
  shared.adapt(history, untried, {.proximal_lambda = 0, .most_kept_weights = 1});
  CHECK(huge.proximal_loss == doctest::Approx(huge.shared_loss).epsilon(1e-5));
  CHECK(untried.proximal_loss == untried.shared_loss);
  CHECK(none.proximal_loss < none.shared_loss - 0.01);
  CHECK(std::abs(large.proximal_loss - large.shared_loss) < std::abs(none.proximal_loss - none.shared_loss));
}

TEST_CASE("an adaptation that is stopped is refused") {
  Shared shared;
  std::stop_source stop;
  stop.request_stop();
  PersonalFit fit;
  const auto stopped = PersonalModel::adapt(*shared.trainer, shared.weights, regular(200), {.stop = stop.get_token()}, fit);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::refused);
}

TEST_CASE("with all players predict_kept is the prediction, with none that of an empty history") {
  Shared shared;
  const auto history = regular(200);
  PersonalFit fit;
  const PersonalModel model = shared.adapt(history, fit);
  REQUIRE(model.own_weight() > 0);
  const std::size_t outputs = shared.trainer->output_count();
  CHECK(model.players(*shared.trainer).size() == 8);
  CHECK(model.players(*shared.trainer).back() == "own_counts");
  std::vector<float> kept(256 * outputs), whole(outputs), empty(outputs);
  REQUIRE(model.predict_kept(*shared.trainer, shared.weights, history, kept));
  REQUIRE(model.predict(*shared.trainer, shared.weights, history, whole));
  REQUIRE(model.predict(*shared.trainer, shared.weights, {}, empty));
  CHECK(std::equal(whole.begin(), whole.end(), kept.end() - static_cast<std::ptrdiff_t>(outputs)));
  CHECK(std::equal(empty.begin(), empty.end(), kept.begin()));
}

TEST_CASE("what is kept is the same model again, and other bytes are refused or write themselves again") {
  Shared shared;
  PersonalFit fit;
  const PersonalModel model = shared.adapt(regular(200), fit, {.min_gain = -100});
  REQUIRE(model.has_head());
  const std::size_t parameters = shared.trainer->parameter_count();
  const Bytes bytes = model.kept_form();
  const auto read = PersonalModel::from_kept_form(bytes, parameters);
  REQUIRE(read);
  CHECK(read->kept_form() == bytes);
  CHECK(read->own_weight() == model.own_weight());
  CHECK_FALSE(PersonalModel::from_kept_form(bytes, parameters + 1));
  CHECK_FALSE(PersonalModel::from_kept_form(bytes, 3));
  CHECK(PersonalModel::from_kept_form(PersonalModel().kept_form(), parameters)->is_shared());
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(PersonalModel::from_kept_form(ByteSpan(bytes).first(size), parameters));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      Bytes mutated = bytes;
      mutated[i] = static_cast<std::uint8_t>(mutated[i] ^ flip);
      const auto parsed = PersonalModel::from_kept_form(mutated, parameters);
      if (i < 9) CHECK_FALSE(parsed);
      if (parsed) CHECK(parsed->kept_form() == mutated);
    }
  }
}

}  // namespace
}  // namespace fedspend::models
