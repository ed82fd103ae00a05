#include "simulations/runs/evaluation_table.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "models/next_category/next_category.h"
#include "simulations/plans/plan_file.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

Plan small_plan() {
  Plan plan;
  const std::vector<std::string> categories = {"a", "b", "c", "d"};
  plan.model = models::default_next_category(categories);
  return plan;
}

// A client whose rows go a, b, c, d, a, ...; every row has a category of the plan, so that each held-out row is predicted.
FederatedClient client_of(std::string label, std::uint32_t rows) {
  FederatedClient made{std::move(label), {}};
  for (std::uint32_t i = 0; i < rows; ++i) made.rows.push_back({.time_s = 86'400 * std::int64_t{i}, .amount_minor = 100 + i, .merchant_hash = i % 3, .category = i % 4});
  return made;
}

}  // namespace

TEST_CASE("the last ceil(n / 5) rows of every client with five rows or more are scored, and no others") {
  const Plan plan = small_plan();
  const std::vector<float> weights = *initial_weights(plan);
  const auto predictions = [&](std::vector<FederatedClient> clients) { return evaluate_held_out(plan, weights, clients, models::Counting::frozen, 1)->predictions; };
  CHECK(predictions({client_of("four", 4)}) == 0);
  CHECK(predictions({client_of("five", 5)}) == 1);
  CHECK(predictions({client_of("six", 6)}) == 2);
  CHECK(predictions({client_of("ten", 10)}) == 2);
  CHECK(predictions({client_of("eleven", 11)}) == 3);
  CHECK(predictions({client_of("four", 4), client_of("five", 5), client_of("eleven", 11)}) == 4);
}

TEST_CASE("a score is the same to the bit for any number of threads") {
  const Plan plan = small_plan();
  const std::vector<float> weights = *initial_weights(plan);
  std::vector<FederatedClient> clients;
  for (std::uint32_t i = 0; i < 20; ++i) clients.push_back(client_of(std::to_string(i), 5 + 7 * i));
  const HeldOutScore one = *evaluate_held_out(plan, weights, clients, models::Counting::prequential, 1);
  const HeldOutScore three = *evaluate_held_out(plan, weights, clients, models::Counting::prequential, 3);
  CHECK(one.loss_sum == three.loss_sum);
  CHECK(one.correct_top1 == three.correct_top1);
}

TEST_CASE("frozen, prequential and untrained scores are told apart in the table and in JSON") {
  const Plan plan = small_plan();
  std::vector<float> weights = *initial_weights(plan);
  // Trust in every count of the own past: which counts those are then shows in the loss.
  const auto trainer = models::make_trainer(plan.model);
  for (const models::LayoutEntry& entry : (*trainer)->layout())
    if (entry.name == "trust.bias") std::fill_n(weights.begin() + static_cast<std::ptrdiff_t>(entry.offset), entry.shape[0], 3.0F);
  const std::vector<FederatedClient> clients = {client_of("a", 60), client_of("b", 33)};
  const ModelScores scores = *score_model(plan, 7, weights, clients, 2);

  CHECK(scores.frozen.loss_sum == evaluate_held_out(plan, weights, clients, models::Counting::frozen, 1)->loss_sum);
  CHECK(scores.prequential.loss_sum == evaluate_held_out(plan, weights, clients, models::Counting::prequential, 1)->loss_sum);
  CHECK(scores.untrained.loss_sum == evaluate_held_out(plan, *initial_weights(plan), clients, models::Counting::frozen, 1)->loss_sum);
  CHECK(scores.frozen.loss_sum != scores.prequential.loss_sum);
  CHECK(scores.frozen.loss_sum != scores.untrained.loss_sum);

  const nlohmann::json json = evaluation_json(scores, Baselines{});
  CHECK(json["predictions"] == 12 + 7);
  CHECK(json["eval_accuracy"] == scores.frozen.headline());
  CHECK(json["eval_loss"] == scores.frozen.loss());
  CHECK(json["prequential_accuracy"] == scores.prequential.headline());
  CHECK(json["untrained_accuracy"] == scores.untrained.headline());
  CHECK(evaluation_table(scores, Baselines{}).find("federated model, round 7") != std::string::npos);
}
