#pragma once
// report.html of a run: how it converged, what it is to be compared with, what bounds what it tells about a client, who gains and who loses, who took part, and what it cost.
// Clients appear as shares and quantiles only. The same run gives the same page, but for what stands in wall_clock() elements.
// Pure function of the facts; a section whose facts are absent is left out.

#include <string>

#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {

std::string run_report(const RunFacts& run);

}  // namespace fedspend::simulations
