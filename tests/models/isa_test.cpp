#include <cmath>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "models/kernels.h"
#include "models/trainer.h"
#include "tests/models/instruction_sets.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 20;
constexpr std::size_t kClients = 10;

ModelSpec model() {
  ModelSpec made = small_model(kCategories);
  made.sizes["hidden"] = 20;
  made.sizes["embedding"] = 9;
  return made;
}

struct Outcome {
  std::vector<float> update, probabilities;
  double loss = 0;
  bool operator==(const Outcome&) const = default;
};

// What client `i` makes of a round, with the scratch memory that `trainer` has left from others.
Outcome outcome_of(Trainer& trainer, std::size_t i) {
  const std::vector<HistoryRow> history = random_history(60 + i, kCategories, i);
  std::vector<float> weights(trainer.parameter_count());
  trainer.initialize(weights, 3);
  SeededRandom random(4);  // initial weights leave some blocks at zero, and then what lies before them would not be seen
  for (float& weight : weights) weight += (static_cast<float>(random.below(2001)) / 1000 - 1) * 0.1f;
  Outcome outcome{std::vector<float>(weights.size()), std::vector<float>(trainer.output_count())};
  TrainingOptions options;
  options.spec = {.epochs = 2, .batch_size = 3, .learning_rate = 0.3, .momentum = 0.5, .gradient_clip_l2 = 1};
  options.seed = i;
  REQUIRE(trainer.train(weights, history, options, outcome.update));
  outcome.loss = trainer.evaluate(weights, history, 40)->loss_sum;
  REQUIRE(trainer.predict(weights, history, outcome.probabilities));
  return outcome;
}

// All clients, dealt to `threads` threads.
std::vector<Outcome> outcomes_on(std::size_t threads) {
  std::vector<Outcome> outcomes(kClients);
  std::vector<std::jthread> running;
  for (std::size_t t = 0; t < threads; ++t) {
    running.emplace_back([&outcomes, t, threads] {
      const auto trainer = std::move(*make_trainer(model()));
      for (std::size_t i = t; i < kClients; i += threads) outcomes[i] = outcome_of(*trainer, i);
    });
  }
  running.clear();
  return outcomes;
}

}  // namespace

TEST_CASE("on one instruction set 1, 2 and 5 threads give the same bits; different ones agree to 1e-4") {
  const std::vector<Outcome> reference = outcomes_on(1);
  for (const std::string& isa : instruction_sets()) {
    CAPTURE(isa);
    REQUIRE(pin_isa(isa));
    const std::vector<Outcome> alone = outcomes_on(1);
    CHECK(outcomes_on(2) == alone);
    CHECK(outcomes_on(5) == alone);
    for (std::size_t i = 0; i < kClients; ++i) {
      double worst = 0, largest = 0;
      for (std::size_t k = 0; k < alone[i].update.size(); ++k) {
        worst = std::max(worst, static_cast<double>(std::abs(alone[i].update[k] - reference[i].update[k])));
        largest = std::max(largest, static_cast<double>(std::abs(alone[i].update[k])));
      }
      CHECK(largest > 0.1);
      CHECK(worst < 1e-4);
      CHECK(alone[i].loss == doctest::Approx(reference[i].loss).epsilon(1e-5));
    }
  }
  CHECK(pin_isa("best"));
}

TEST_CASE("an unknown instruction set is refused with those that there are, and changes nothing") {
  const std::string before = active_isa();
  const Status status = pin_isa("abacus");
  REQUIRE(!status);
  CHECK(status.error().code == ErrorCode::invalid_argument);
  CHECK(status.error().message.find("abacus") != std::string::npos);
  for (const std::string& isa : instruction_sets()) CHECK(status.error().hint.find(isa) != std::string::npos);
  CHECK(status.error().hint.find("best") != std::string::npos);
  CHECK(std::string(active_isa()) == before);
}
