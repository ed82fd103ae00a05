// The customer's own model: made with consent, kept on the device, stale with another shared model, and no way out.

#include "client/personalisation.h"

#include <type_traits>

#include <doctest/doctest.h>

#include "client/session.h"
#include "common/crypto/random.h"
#include "models/next_category/next_category.h"
#include "tests/client/fallible_vault.h"
#include "tests/models/toy_history.h"

namespace fedspend::client {
namespace {

static_assert(!std::is_convertible_v<models::PersonalModel, TrainingFinished> && !std::is_constructible_v<TrainingFinished, SessionId, models::PersonalModel>,
              "a personal model is nothing that a session takes");

struct Bench {
  FallibleVault vault;
  std::unique_ptr<Consents> consents = Consents::open(vault).value();
  Personalisation personal{vault};
  std::unique_ptr<models::Trainer> trainer = models::make_trainer(models::small_model(4)).value();
  std::vector<float> weights = std::vector<float>(trainer->parameter_count());
  std::vector<models::HistoryRow> history = models::random_history(200, 4, 1);
  ModelHash hash;

  Bench() {
    REQUIRE(consents->give(kPurposePersonalInsights, {.version = "1"}, 1));
    SeededRandom random(9);
    for (float& weight : weights) weight = static_cast<float>(random.below(2'001)) / 4'000 - 0.25f;
    for (std::size_t i = 0; i < history.size(); ++i) history[i].category = static_cast<std::uint32_t>(i % 4);
    hash.bytes[0] = 1;
  }
  SharedModel shared(std::string_view name = "next_category") const { return {.name = name, .hash = hash, .weights = weights}; }
  models::PersonalModel found() {
    auto model = personal.find(*consents, shared());
    REQUIRE_MESSAGE(model, model.error().message);
    return *std::move(model);
  }
};

TEST_CASE("a personal model is kept and found again, over a restart, and is better on the held-out rows") {
  Bench bench;
  CHECK(bench.found().is_shared());
  CHECK_FALSE(*bench.personal.is_adapted(bench.shared()));
  const auto fit = bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history);
  REQUIRE(fit);
  CHECK(fit->chosen_loss < fit->shared_loss);
  CHECK_FALSE(bench.found().is_shared());
  models::PersonalFit again;
  const auto made = models::PersonalModel::adapt(*bench.trainer, bench.weights, bench.history, {}, again);
  CHECK(Personalisation(bench.vault).find(*bench.consents, bench.shared())->kept_form() == made->kept_form());
  CHECK(*bench.personal.is_adapted(bench.shared()));
}

TEST_CASE("another shared model makes it stale, and the next one takes its place") {
  Bench bench;
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  bench.hash.bytes[0] = 2;
  CHECK(bench.found().is_shared());
  CHECK_FALSE(*bench.personal.is_adapted(bench.shared()));
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  CHECK_FALSE(bench.found().is_shared());
  CHECK(rows_on(bench.vault, Shelf::personal).size() == 1);
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared("offers"), bench.history));
  CHECK(rows_on(bench.vault, Shelf::personal).size() == 2);
  CHECK_FALSE(bench.found().is_shared());
}

TEST_CASE("a proximal model of 60,000 weights goes through the vault; one that would not fit there is not tried") {
  Bench bench;
  std::vector<std::string> categories;
  for (int i = 0; i < 4; ++i) categories.push_back("category " + std::to_string(i));
  ModelSpec large = models::default_next_category(categories);
  large.sizes["merchant_buckets"] = 7'000;
  large.parameter_count = 0;
  bench.trainer = models::make_trainer(large).value();
  bench.weights.assign(bench.trainer->parameter_count(), 0.0f);
  REQUIRE(bench.weights.size() > 60'000);
  bench.trainer->initialize(bench.weights, 1);
  // So that only its weights can make it better.
  models::PersonalOptions options{.proximal_lambda = 0.01, .min_gain = -100};
  options.head.learning_rate = 0.5;
  options.head.epochs = 5;
  models::PersonalFit fit;
  auto made = models::PersonalModel::adapt(*bench.trainer, bench.weights, bench.history, options, fit);
  REQUIRE(made);
  REQUIRE(made->is_proximal());
  CHECK(made->kept_form().size() > 240'000);
  REQUIRE(bench.personal.keep(*bench.consents, bench.shared(), *made));
  CHECK(Personalisation(bench.vault).find(*bench.consents, bench.shared())->kept_form() == made->kept_form());
  options.most_kept_weights = 60'000;
  made = models::PersonalModel::adapt(*bench.trainer, bench.weights, bench.history, options, fit);
  REQUIRE(made);
  CHECK_FALSE(made->is_proximal());
}

TEST_CASE("where the shared model is best, that is kept, so that it is not tried again and again") {
  Bench bench;
  bench.history.resize(12);  // too few to choose by
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  CHECK(bench.found().is_shared());
  CHECK(*bench.personal.is_adapted(bench.shared()));
}

// Its customer withdraws while it trains.
class InterruptedTrainer final : public models::Trainer {
 public:
  InterruptedTrainer(models::Trainer& trainer, Consents& consents) : trainer_(trainer), consents_(consents) {}
  std::size_t parameter_count() const override { return trainer_.parameter_count(); }
  const std::vector<models::LayoutEntry>& layout() const override { return trainer_.layout(); }
  void initialize(std::span<float> weights, std::uint64_t seed) const override { trainer_.initialize(weights, seed); }
  Result<models::TrainingResult> train(std::span<const float> weights, std::span<const models::HistoryRow> history, const models::TrainingOptions& options, std::span<float> update) override {
    REQUIRE(consents_.withdraw(kPurposePersonalInsights, 2));
    return trainer_.train(weights, history, options, update);
  }
  Result<models::EvaluationResult> evaluate(std::span<const float> weights, std::span<const models::HistoryRow> history, std::size_t first, models::Counting counting) override {
    return trainer_.evaluate(weights, history, first, counting);
  }
  std::size_t output_count() const override { return trainer_.output_count(); }
  Status predict(std::span<const float> weights, std::span<const models::HistoryRow> history, std::span<float> probabilities) override {
    return trainer_.predict(weights, history, probabilities);
  }

 private:
  models::Trainer& trainer_;
  Consents& consents_;
};

TEST_CASE("withdrawing while it is made keeps nothing") {
  Bench bench;
  InterruptedTrainer trainer(*bench.trainer, *bench.consents);
  const auto refused = bench.personal.adapt(*bench.consents, trainer, bench.shared(), bench.history);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(rows_on(bench.vault, Shelf::personal).empty());
}

TEST_CASE("without consent it is neither made nor used, and it can be erased") {
  Bench bench;
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  REQUIRE(bench.consents->withdraw(kPurposePersonalInsights, 2));
  CHECK(bench.found().is_shared());
  const auto refused = bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::refused);
  REQUIRE(bench.personal.erase_all());
  CHECK(rows_on(bench.vault, Shelf::personal).empty());
  CHECK_FALSE(*bench.personal.is_adapted(bench.shared()));
}

TEST_CASE("an adaptation that is stopped, or that the disk does not take, leaves what was kept") {
  Bench bench;
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  const Bytes before = rows_on(bench.vault, Shelf::personal)[0].content;
  bench.history.resize(150);
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history, {.stop = stop.get_token()}));
  bench.vault.fails = true;
  CHECK_FALSE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  CHECK(rows_on(bench.vault, Shelf::personal)[0].content == before);
}

TEST_CASE("weights of another model are refused") {
  Bench bench;
  const SharedModel other{.name = "next_category", .hash = bench.hash, .weights = std::span<const float>(bench.weights).first(5)};
  const auto refused = bench.personal.adapt(*bench.consents, *bench.trainer, other, bench.history);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_argument);
  CHECK_FALSE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(""), bench.history));
  CHECK_FALSE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(std::string(65, 'm')), bench.history));
}

TEST_CASE("a damaged row is an error, or no model, and adapting anew mends it") {
  Bench bench;
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  const VaultRow row = rows_on(bench.vault, Shelf::personal)[0];
  int errors = 0;
  for (std::size_t i = 0; i < row.content.size(); ++i) {
    const std::vector<VaultRow> cut{{Shelf::personal, row.number, Bytes(row.content.begin(), row.content.begin() + static_cast<std::ptrdiff_t>(i))}};
    REQUIRE(bench.vault.change({}, cut));
    const auto found = bench.personal.find(*bench.consents, bench.shared());
    errors += found ? 0 : 1;
    if (found) CHECK(found->is_shared());
  }
  CHECK(errors > 0);
  REQUIRE(bench.personal.adapt(*bench.consents, *bench.trainer, bench.shared(), bench.history));
  CHECK_FALSE(bench.found().is_shared());
}

}  // namespace
}  // namespace fedspend::client
