#pragma once
// What a device accepts, whoever signed the plan. The defaults refuse: no purpose is consented to, the sum must be secure and
// private, the cohort large. A demonstration brings its own policy file. (DESIGN.md, Programs; SECAGG.md cases 27 and 28)
// Plain values; thread-safe.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::client {

struct DevicePolicy {
  std::set<std::string> purposes;        // consented to; empty: none
  // Fewest updates in a sum that this device will be part of. 90: of a plan's default cohort of 100 a tenth may be lost.
  std::uint32_t min_cohort = 90;
  double max_clip_norm_l2 = 10.0;        // a larger clip norm would let one device weigh more, and needs more noise
  bool allow_open_aggregation = false;   // the coordinator would see this device's update in the clear
  bool allow_no_privacy = false;         // no noise would be added
};

// TOML with exactly the keys of DevicePolicy; a missing key has the default, an unknown one is an error.
Result<DevicePolicy> parse_policy(std::string_view toml_text);

// refused, with the first reason in words, or nothing.
Status check_plan(const DevicePolicy& policy, const Plan& plan, std::string_view population);

}  // namespace fedspend::client
