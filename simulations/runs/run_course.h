#pragma once
// What of a run neither its plan nor its seed says: the same for all jobs of a sweep. Values.

#include <cstdint>
#include <optional>

#include "client/policy.h"
#include "simulations/runs/run.h"

namespace fedspend::simulations {

struct RunCourse {
  World world = ideal_world();
  std::uint32_t segment_rounds = kDefaultSegmentRounds;
  std::optional<std::uint32_t> evaluate_every = {};  // rounds; by default ten in all
  EarlyStopping early_stopping = {};
  std::uint32_t keep_models_every = 0;
  std::optional<client::DevicePolicy> policy = {};   // by default one that accepts the plan
};

// The options of a run that draws its cohorts, on this machine alone.
RunOptions run_options(PlanFile plan, const RunCourse& course, std::uint64_t seed, unsigned threads);

}  // namespace fedspend::simulations
