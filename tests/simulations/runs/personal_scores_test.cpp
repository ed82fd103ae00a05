#include "simulations/runs/personal_scores.h"

#include <doctest/doctest.h>

#include "models/categoriser/categoriser.h"
#include "models/next_category/next_category.h"
#include "models/spend_forecast/spend_forecast.h"
#include "models/trainer.h"
#include "simulations/runs/run.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

const std::vector<std::string> kCategories = {"a", "b", "c", "d", "e", "f"};

// Each client goes round its own three categories, in its own order: what an untrained shared model hardly knows.
std::vector<FederatedClient> rounders() {
  std::vector<FederatedClient> clients;
  for (std::uint32_t client = 0; client < 8; ++client) {
    std::vector<models::HistoryRow> rows;
    for (std::uint32_t row = 0; row < 40 + 30 * client; ++row)
      rows.push_back({.time_s = (17'000 + std::int64_t{row}) * 86'400, .amount_minor = 500, .merchant_hash = 1 + row % 3, .category = (client + (client % 2 + 1) * (row % 3)) % 6});
    clients.push_back({"client " + std::to_string(client), std::move(rows)});
  }
  clients.push_back({"too few", {{.time_s = 1, .category = 0}}});
  return clients;
}

Plan plan_of() {
  Plan plan;
  plan.model = models::default_next_category(kCategories);
  plan.evaluation = {.holdout_fraction = 0.2, .min_rows = 5};
  return plan;
}

std::vector<float> untrained(const Plan& plan) {
  const auto trainer = *models::make_trainer(plan.model);
  std::vector<float> weights(trainer->parameter_count());
  trainer->initialize(weights, 1);
  return weights;
}

}  // namespace

TEST_CASE("personal models are scored on rows that had no say in them, beside the shared one, by way and by history, with any number of threads") {
  const Plan plan = plan_of();
  const std::vector<float> weights = untrained(plan);
  const std::vector<FederatedClient> clients = rounders();
  const auto scores = score_personal(plan, weights, clients, 1), again = score_personal(plan, weights, clients, 3);
  REQUIRE(scores);
  REQUIRE(again);
  CHECK(to_json(*scores) == to_json(*again));
  CHECK(scores->clients == 8);
  CHECK(scores->personal.predictions == scores->shared.predictions);
  CHECK(scores->personal.loss() < scores->shared.loss());  // habits as strict as these are soon learnt
  CHECK(scores->better > 4);
  for (const auto* groups : {&scores->by_way, &scores->by_history}) {
    HeldOutScore sum;
    std::uint64_t of = 0, worse = 0;
    for (const PersonalGroup& group : *groups) {
      sum += group.personal;
      of += group.clients;
      worse += group.worse;
    }
    CHECK(of == scores->clients);
    CHECK(worse == scores->worse);
    CHECK(sum.correct_top1 == scores->personal.correct_top1);
  }
  CHECK(scores->by_way[kSharedAsItIs].better + scores->by_way[kSharedAsItIs].worse == 0);
  CHECK(to_text(*scores).find("from 50 rows on") != std::string::npos);
}

TEST_CASE("what comes after the cut changes no personal model: only its score") {
  const Plan plan = plan_of();
  const std::vector<float> weights = untrained(plan);
  std::vector<FederatedClient> clients = rounders();
  const auto before = score_personal(plan, weights, clients, 2);
  for (FederatedClient& client : clients)
    if (client.rows.size() > 5)
      for (std::size_t i = client.rows.size() - client.rows.size() / 5; i < client.rows.size(); ++i) client.rows[i].category = 5 - client.rows[i].category;
  const auto after = score_personal(plan, weights, clients, 2);
  REQUIRE(before);
  REQUIRE(after);
  for (std::size_t way = 0; way < kPersonalWays; ++way) CHECK(before->by_way[way].clients == after->by_way[way].clients);
  CHECK(after->personal.loss() > before->personal.loss());
  CHECK(after->worse > before->worse);  // and who is made worse is said
}

TEST_CASE("of a model that gives no probabilities there is no personal one") {
  Plan plan = plan_of();
  plan.model = models::default_spend_forecast(kCategories);
  const auto scores = score_personal(plan, untrained(plan), rounders(), 1);
  REQUIRE_FALSE(scores);
  CHECK(scores.error().code == ErrorCode::invalid_argument);
}
