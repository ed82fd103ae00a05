#pragma once
// `fedspend-sim privacy --plan FILE [--statement FILE]`: every figure that the DP statement of a run under this plan prints, computed again;
// and whether a statement follows from the plan. Called from main's thread.

#include "common/program/program.h"

namespace fedspend::simulations {

std::vector<program::Option> plan_privacy_options();
// Ends as falsified where the statement does not follow. Errors of read_plan_file, make_dp_statement and check_dp_statement.
Result<program::Report> privacy_of_plan(const program::Arguments& arguments);

}  // namespace fedspend::simulations
