#pragma once
// The options that `run` and `sweep` share: the simulated devices, evaluations, checkpoints, and when to end. Called from main's thread.

#include <vector>

#include "common/program/program.h"
#include "simulations/runs/run_course.h"

namespace fedspend::simulations {

std::vector<program::Option> course_options();
// invalid_argument, or what reading the files of --world and --policy gives.
Result<RunCourse> read_course(const program::Arguments& arguments);
// As RunCourse::keep_models_every; it fits a plan of so many rounds.
Status check_kept_models(const RunCourse& course, std::uint32_t rounds);

}  // namespace fedspend::simulations
