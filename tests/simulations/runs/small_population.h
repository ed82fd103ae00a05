#pragma once
// Test equipment: a small invented population and a plan for it, for what trains in the tests.

#include <doctest/doctest.h>

#include "models/next_category/next_category.h"
#include "simulations/plans/plan_draft.h"
#include "simulations/plans/plan_file.h"
#include "simulations/population/population.h"

namespace fedspend::tests {

// Clients that go round the same few categories, each at a pace of its own; `rows` each.
inline simulations::Population small_population(unsigned clients = 8, unsigned rows = 40) {
  simulations::PopulationBuilder builder;
  const char* const categories[] = {"food", "fuel", "rent", "<b>fun</b>"};
  for (unsigned client = 0; client < clients; ++client)
    for (unsigned i = 0; i < rows; ++i)
      REQUIRE(builder.add("client-" + std::to_string(client), {.time_s = 86'400 * std::int64_t{i}, .amount_minor = 100 + i % 7, .category = categories[(i / (1 + client % 3)) % 4], .merchant = "m", .currency = ""}));
  return std::move(builder).build();
}

inline simulations::PlanFile small_plan(const simulations::Population& population, std::vector<std::string> settings = {}) {
  settings.insert(settings.begin(), {"federation.rounds=3", "federation.cohort=4", "federation.min_cohort=3"});
  const auto draft = simulations::draft_plan(population, {.population = "small", .seed = 1, .demonstration = true, .settings = std::move(settings)});
  return simulations::plan_file_of(write_plan(draft.value().plan), draft.value().plan);
}

}  // namespace fedspend::tests
