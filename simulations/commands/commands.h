#pragma once
// The commands of fedspend-sim, one per file. Each says what it takes and runs it; main.cpp lists them.

#include "common/program/program.h"

namespace fedspend::simulations {

program::Command baselines_command();
program::Command plan_command();
program::Command preflight_command();
program::Command profiles_command();
program::Command synth_command();
program::Command init_command();
program::Command evaluate_command();
program::Command run_command();
program::Command sweep_command();
program::Command compare_command();
program::Command references_command();
program::Command secagg_params_command();
program::Command secagg_command();
program::Command privacy_command();
program::Command calibrate_command();
program::Command audit_command();

}  // namespace fedspend::simulations
