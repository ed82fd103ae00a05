#include "simulations/runs/run_defaults.h"

#include <algorithm>

namespace fedspend::simulations {

client::DevicePolicy accepting_policy(const Plan& plan) {
  client::DevicePolicy policy;
  policy.purposes = {plan.purpose};
  policy.min_cohort = 1;
  policy.max_clip_norm_l2 = plan.aggregation.clip_norm_l2;
  policy.allow_open_aggregation = true;
  policy.allow_no_privacy = true;
  return policy;
}

std::uint32_t default_evaluate_every(const Plan& plan) { return std::max(1U, plan.federation.rounds / 10); }

bool references_are_cheap(const Plan& plan, std::uint64_t reference_trainings) {
  return reference_trainings <= std::uint64_t{plan.federation.rounds} * plan.devices_asked();
}

}  // namespace fedspend::simulations
