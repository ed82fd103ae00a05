#include "simulations/runs/synthetic_clients.h"

#include <doctest/doctest.h>

#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;

TEST_CASE("clients that are made on demand train the model that the same clients in memory train") {
  const tests::SmallRun run = tests::small_run(20, {"federation.rounds=6", "federation.cohort=7", "federation.min_cohort=5", "eligibility.min_examples=5"});
  const SyntheticClients source({.seed = 3, .clients = 20, .months = 3}, run.options.plan.plan);
  std::vector<models::HistoryRow> scratch;
  std::size_t eligible = 0;
  for (std::size_t i = 0; i < run.clients.size(); ++i) {
    CHECK(source.label(i) == run.clients[i].label);
    CHECK(source.history(i, scratch).size() == run.clients[i].rows.size());
    eligible += run.clients[i].rows.size() >= 7 ? 1U : 0U;
  }
  REQUIRE(eligible == run.clients.size());  // nobody declines: the cohorts are the same
  const auto in_memory = run_federation(run.options, run.clients, [](const auto&, const auto&) { return true; });
  const auto made = run_federation(run.options, source, run.clients, [](const auto&, const auto&) { return true; });
  REQUIRE(in_memory);
  REQUIRE(made);
  CHECK((tests::bits_of(*made) == tests::bits_of(*in_memory)));
}

TEST_CASE("a client that is made on demand and has too few rows declines when it is asked") {
  tests::SmallRun run = tests::small_run(20, {"federation.rounds=2", "federation.cohort=10", "federation.min_cohort=2", "federation.over_selection=2.0"});
  // The rows of half of the clients are too few.
  std::vector<std::size_t> rows;
  for (const FederatedClient& client : run.clients) rows.push_back(models::training_rows(client.rows.size(), 0.2));
  std::sort(rows.begin(), rows.end());
  run.options.plan.plan.eligibility.min_examples = static_cast<std::uint32_t>(rows[10]);
  run.options.plan = plan_file_of(write_plan(run.options.plan.plan), run.options.plan.plan);
  const SyntheticClients source({.seed = 3, .clients = 20, .months = 3}, run.options.plan.plan);
  std::uint64_t declined = 0, contributed = 0;
  const auto result = run_federation(run.options, source, run.clients, [&](const SimulatedRound& round, const auto&) {
    declined += round.summary.declined;
    contributed += round.summary.contributors.size();
    return true;
  });
  REQUIRE(result);
  CHECK(result->eligible_clients == 20);
  CHECK(declined > 0);
  CHECK(contributed > 0);
}
