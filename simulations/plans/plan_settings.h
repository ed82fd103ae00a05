#pragma once
// `--set KEY=VALUE`: keys of a plan changed by their full names, the same for `plan`, `run`, `sweep` and Python. Pure.

#include <span>
#include <string>

#include "common/result.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {

// Each setting is "server.learning_rate=0.5", "model.sizes.hidden=64", "aggregation.mode=open": the value as in the plan's file,
// where a bare word is a string. All are set before anything is checked, by the rules of every plan; of two for one key the later
// counts. Another optimizer or kind of schedule takes away the keys that it does not have, unless they are set themselves (which
// is an error). Where a setting is of the model, the parameter count follows, unless it is set itself. Without settings the
// plan's bytes stay as they are; otherwise they are the resolved plan's.
// invalid_argument: a setting that has another form, or names no key of a plan (then with what is near). malformed: the parser's.
Result<PlanFile> apply_settings(const PlanFile& plan, std::span<const std::string> settings);

}  // namespace fedspend::simulations
