#pragma once
// What the figures of a DP statement stand on, for a plan: each condition with who enforces it, or what fails without it. Pure functions.

#include <string>
#include <vector>

#include "common/secagg/dp_statement.h"

namespace fedspend {

// Empty without noise: there is nothing that could hold.
std::vector<Assumption> dp_assumptions(const Plan& plan, NoiseSource source);

// "0.1", at most six digits, the nearest: of settings, not of figures that bound a loss (common/privacy/figure_text.h).
std::string number_text(double value);

}  // namespace fedspend
