#pragma once
// The simulated world in a run's summary: the hours it would have taken, and who took part how often. Pure functions.

#include <string>

#include <nlohmann/json.hpp>

#include "simulations/runs/run.h"

namespace fedspend::simulations {

// {"world", "simulated_hours", "participation": {"devices", "asked", "updates", "min", "median", "max", "never_share", "gini",
//  "by_class": {NAME: the same}}}
nlohmann::json world_summary(const RunOptions& options, const RunResult& result);
// One line; empty in the ideal world, where nothing takes time.
std::string world_line(const RunOptions& options, const RunResult& result);

}  // namespace fedspend::simulations
