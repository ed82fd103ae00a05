#pragma once
// Central, federated and local-only training in one table, over several seeds. The seed of the federation draws its cohorts, that of the
// two others the order in which they train; the initial weights are the plan's. Seeds run one after the other, with all threads.
// Prints nothing. One thread (it starts its own workers).

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "simulations/plans/plan_file.h"
#include "simulations/population/baselines.h"
#include "simulations/population/population.h"
#include "simulations/runs/references.h"

namespace fedspend::simulations {

struct SeedScores {
  std::uint64_t seed = 0;
  HeldOutScore federated;  // frozen, as all three
  References references;
};

struct ReferenceTable {
  Plan plan;
  std::vector<SeedScores> seeds;
  Baselines baselines;
};

// Before each step ("seed 2, central training"); false stops.
using OnStep = std::function<bool(const std::string& step)>;

// `options.seed` is not used.
Result<ReferenceTable> make_reference_table(const PlanFile& plan, const Population& population, const std::vector<std::uint64_t>& seeds, const ReferenceOptions& options, const OnStep& on_step);

std::string to_text(const ReferenceTable& table);
nlohmann::json to_json(const ReferenceTable& table);

}  // namespace fedspend::simulations
