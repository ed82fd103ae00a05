#pragma once
// What the figures of a DP statement stand on, for a plan: each condition with who enforces it, or what fails without it. Pure functions.

#include <string>
#include <vector>

#include "common/secagg/dp_statement.h"

namespace fedspend {

// Empty without noise: there is nothing that could hold.
std::vector<Assumption> dp_assumptions(const Plan& plan, NoiseSource source);

// "0.1", at most six digits; and a bound that people read: four digits, rounded up, "infinity" where there is none.
std::string shown(double value);
std::string shown_up(double value);

}  // namespace fedspend
