#pragma once
// The DP statement of a run in short, for its report and its model card, from dp-statement.json. Where a folder has none (an older version)
// they say what the plan says. No figure of a noise cohort stands without saying that it protects nobody. Pure functions.

#include <string>

#include "simulations/reports/html.h"
#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {

Html privacy_section(const RunFacts& run);
// A sentence or two.
std::string privacy_in_short(const RunFacts& run);

}  // namespace fedspend::simulations
