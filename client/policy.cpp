#include "client/policy.h"

#include <cmath>

#include <toml++/toml.h>

namespace fedspend::client {
namespace {

Status read_purposes(const toml::node& node, DevicePolicy& policy) {
  const auto* array = node.as_array();
  if (array == nullptr) return fail(ErrorCode::malformed, "policy: purposes is not a list", "write purposes = [\"next_category\"]");
  for (const auto& item : *array) {
    const auto purpose = item.value<std::string>();
    if (!purpose || purpose->empty() || purpose->size() > 64)
      return fail(ErrorCode::malformed, "policy: purposes holds something that is not a name of 1 to 64 bytes");
    policy.purposes.insert(*purpose);
  }
  return {};
}

Status read_flag(std::string_view key, const toml::node& node, bool& flag) {
  const auto value = node.value_exact<bool>();
  if (!value) return fail(ErrorCode::malformed, "policy: " + std::string(key) + " is neither true nor false");
  flag = *value;
  return {};
}

Status read_key(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  if (key == "purposes") return read_purposes(node, policy);
  if (key == "allow_open_aggregation") return read_flag(key, node, policy.allow_open_aggregation);
  if (key == "allow_no_privacy") return read_flag(key, node, policy.allow_no_privacy);
  if (key == "min_cohort") {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < 1 || *value > 1'000'000) return fail(ErrorCode::malformed, "policy: min_cohort is not a whole number from 1 to 1000000");
    policy.min_cohort = static_cast<std::uint32_t>(*value);
    return {};
  }
  if (key == "max_clip_norm_l2") {
    const auto value = node.value<double>();
    if (!value || !std::isfinite(*value) || *value <= 0) return fail(ErrorCode::malformed, "policy: max_clip_norm_l2 is not a number above 0");
    policy.max_clip_norm_l2 = *value;
    return {};
  }
  return fail(ErrorCode::malformed, "policy: unknown key " + std::string(key),
              "the keys are purposes, min_cohort, max_clip_norm_l2, allow_open_aggregation, allow_no_privacy");
}

}  // namespace

Result<DevicePolicy> parse_policy(std::string_view toml_text) {
  DevicePolicy policy;
  try {
    const toml::table table = toml::parse(toml_text);
    for (const auto& [key, node] : table) FEDSPEND_TRY(read_key(key.str(), node, policy));
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::malformed, "policy: line " + std::to_string(error.source().begin.line) + ": " + std::string(error.description()),
                "a policy is a TOML file (toml.io)");
  }
  return policy;
}

Status check_plan(const DevicePolicy& policy, const Plan& plan, std::string_view population) {
  if (plan.population != population) return fail(ErrorCode::refused, "the plan is for another population");
  if (!policy.purposes.contains(plan.purpose)) return fail(ErrorCode::refused, "no consent for the purpose " + plan.purpose);
  if (plan.aggregation.mode == Aggregation::open && !policy.allow_open_aggregation)
    return fail(ErrorCode::refused, "the plan's aggregation is open: the coordinator would see single updates");
  if (plan.privacy.mode != PrivacyMode::distributed && !policy.allow_no_privacy)
    return fail(ErrorCode::refused, "the plan's devices add no noise (privacy is not distributed)");
  if (plan.min_reports() < policy.min_cohort)
    return fail(ErrorCode::refused, "the plan's smallest cohort is " + std::to_string(plan.min_reports()) + ", below " + std::to_string(policy.min_cohort));
  if (plan.aggregation.clip_norm_l2 > policy.max_clip_norm_l2) return fail(ErrorCode::refused, "the plan's clip norm is above the policy's");
  return {};
}

}  // namespace fedspend::client
