#pragma once
// Before a run of a TorchScript model: everything that can be tried of its file in a second is tried, on rows of the population.
// One thread.

#include <span>

#include "common/result.h"
#include "models/torch_module.h"
#include "simulations/federation/federation.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {

// The dry step is on training rows of the client that has the most rows of the plan's categories. Errors as
// TorchModule::preflight_torchscript; invalid_argument for a plan of another model.
Result<models::TorchScriptReport> preflight(const PlanFile& plan, std::span<const FederatedClient> clients);

}  // namespace fedspend::simulations
