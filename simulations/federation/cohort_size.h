#pragma once
// Whether a population can fill the rounds of a plan, said before one runs. Pure.

#include <cstddef>
#include <string>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "simulations/federation/client_source.h"

namespace fedspend::simulations {

// A client whose rows would have to be made to count them counts.
std::size_t eligible_clients(const Plan& plan, const ClientSource& clients);

// invalid_argument where fewer are eligible than a round asks at least: every one would be aborted.
Status check_cohort(const Plan& plan, std::size_t eligible);

// For people, one line: that fewer are eligible than the plan's cohort, but enough for check_cohort. Otherwise empty.
std::string cohort_note(const Plan& plan, std::size_t eligible);

}  // namespace fedspend::simulations
