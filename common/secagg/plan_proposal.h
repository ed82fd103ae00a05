#pragma once
// What a plan that is refused could say instead: settings that the very check which refuses it accepts. One setting where one does, in the
// order bits, noise, cohort, then whatever else of the plan stands in the way; two or three where it takes so many. Stateless.

#include <functional>
#include <string>
#include <vector>

#include "common/protocol/plan.h"

namespace fedspend {

struct PlanSetting {
  std::string key, value;  // as a plan has them: "privacy.noise_multiplier", "1.275"
};

// The settings after which `accepts` is true of the plan, as it is when it has been written and read again; empty where none were found. The plan
// is never asked about as it is. `quickly`: a part of the same check that is quick to have, asked first.
std::vector<PlanSetting> settings_that_work(const Plan& plan, const std::function<bool(const Plan&)>& quickly, const std::function<bool(const Plan&)>& accepts);

// "set aggregation.bits = 24 and federation.cohort = 128"; empty where there are none.
std::string as_hint(const std::vector<PlanSetting>& settings);

}  // namespace fedspend
