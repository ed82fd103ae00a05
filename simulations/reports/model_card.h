#pragma once
// model-card.md of a run: what the model is, what it was trained on, how good it is, for whom, and what it is not for. Generated from the
// run's facts alone, short, nothing that was not measured. Form after Mitchell et al., Model Cards for Model Reporting (2019).
// Pure function.

#include <string>

#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {

std::string model_card(const RunFacts& run);

}  // namespace fedspend::simulations
