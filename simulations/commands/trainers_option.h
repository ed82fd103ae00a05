#pragma once
// The option --trainers of the commands that train or score: the lean trainers, or torch's. Called from main's thread.

#include "common/program/program.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {

program::Option trainers_option();
// Sets plan.trainers.family by it; a torchscript plan has torch's trainers in any case.
Status choose_trainers(const program::Arguments& arguments, PlanFile& plan);

}  // namespace fedspend::simulations
