#pragma once
// Test equipment: a small federation in memory, of invented customers, and a run of it. One thread.

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "simulations/plans/plan_draft.h"
#include "simulations/population/synthetic.h"
#include "simulations/runs/run.h"

namespace fedspend::tests {

struct SmallRun {
  std::vector<simulations::FederatedClient> clients;
  simulations::RunOptions options;
};

inline SmallRun small_run(std::uint64_t clients, std::vector<std::string> settings) {
  simulations::PopulationBuilder builder;
  const simulations::SyntheticOptions synthetic{.seed = 3, .clients = clients, .months = 3};
  for (std::uint64_t i = 0; i < clients; ++i)
    for (const models::Transaction& transaction : simulations::synthetic_history(synthetic, i)) REQUIRE(builder.add(simulations::synthetic_client_name(i), transaction));
  const simulations::Population population = std::move(builder).build();
  auto draft = simulations::draft_plan(population, {.population = "small", .max_categories = 12, .seed = 1, .demonstration = true, .settings = std::move(settings)});
  REQUIRE(draft);
  std::string text = write_plan(draft->plan);
  SmallRun run{.clients = simulations::federated_clients(population, draft->plan), .options = {.plan = simulations::plan_file_of(std::move(text), draft->plan)}};
  run.options.federation.policy = simulations::accepting_policy(draft->plan);
  run.options.federation.segment_rounds = 4;
  run.options.evaluate_every = 5;
  return run;
}

// What must be equal of two runs, to the bit.
struct RunBits {
  std::string metrics;
  std::vector<float> weights;
  std::string scores;
  bool operator==(const RunBits&) const = default;
};
inline RunBits bits_of(const simulations::RunResult& result) {
  return {result.record.jsonl(), *result.weights, simulations::evaluation_json(result.scores, {}).dump()};
}

}  // namespace fedspend::tests
