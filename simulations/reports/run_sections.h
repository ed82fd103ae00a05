#pragma once
// The parts of a run's report that hold charts. Pure functions; empty where there is nothing to show.

#include "simulations/reports/html.h"
#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {

Html convergence_section(const RunFacts& run);
Html clients_section(const RunFacts& run);        // who gains, who loses
Html personal_section(const RunFacts& run);       // what adapting the model on each device is worth, and for whom it fails
Html participation_section(const RunFacts& run);
Html cost_section(const RunFacts& run);           // bytes and simulated time

}  // namespace fedspend::simulations
