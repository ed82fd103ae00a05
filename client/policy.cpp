#include "client/policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <toml++/toml.h>

#include "client/consent.h"
#include "common/bytes.h"
#include "common/nearest_accepted.h"
#include "common/privacy/figure_text.h"
#include "common/secagg/session_privacy.h"
#include "common/shown_number.h"
#include "models/trainer.h"

namespace fedspend::client {
namespace {

constexpr int kDigits = 6;

Status wrong(std::string_view key, const std::string& what, std::string hint = {}) {
  return fail(ErrorCode::malformed, "policy: " + std::string(key) + " " + what, std::move(hint));
}

Status read_purposes(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const auto* array = node.as_array();
  if (array == nullptr) return wrong(key, "is not a list", "write purposes = [\"next_category\"]");
  for (const auto& item : *array) {
    const auto purpose = item.value<std::string>();
    if (!purpose || purpose->empty() || purpose->size() > 64) return wrong(key, "holds something that is not a name of 1 to 64 bytes");
    if (stays_on_device(*purpose)) return wrong(key, "holds " + *purpose + ", for which nothing ever leaves the device", "leave it out: no plan has this purpose");
    policy.purposes.insert(*purpose);
  }
  return {};
}

Status read_data_categories(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const auto known = models::data_categories({});
  std::string names;
  for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  const auto* array = node.as_array();
  if (array == nullptr) return wrong(key, "is not a list", "write those that a plan's model may read, of " + names);
  policy.data_categories.clear();
  for (const auto& item : *array) {
    const auto name = item.value<std::string>();
    if (!name || std::ranges::find(known, *name) == known.end()) return wrong(key, "holds something that is no category of data", "the categories are " + names);
    policy.data_categories.insert(*name);
  }
  return {};
}

template <auto Member>
Status read_public_key(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const auto text = node.value_exact<std::string>();
  IdentityPublicKey public_key;
  if (!text || !from_hex(*text, public_key.bytes))
    return wrong(key, "is not a public key of 64 hexadecimal digits", std::string("take those of ") + (key == "beacon_key" ? "beacon.key.pub" : "release.key.pub"));
  policy.*Member = public_key;
  return {};
}

template <auto Member>
Status read_flag(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const auto value = node.value_exact<bool>();
  if (!value) return wrong(key, "is neither true nor false");
  policy.*Member = *value;
  return {};
}

template <auto Member, std::int64_t Least, std::int64_t Most>
Status read_integer(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < Least || *value > Most) return wrong(key, "is not a whole number from " + std::to_string(Least) + " to " + std::to_string(Most));
  policy.*Member = static_cast<std::uint32_t>(*value);
  return {};
}

Result<double> number_in(const toml::node& node) {
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value || !std::isfinite(*value)) return fail(ErrorCode::malformed, "no number");
  return *value;
}

template <auto Member>
Status read_positive(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const Result<double> value = number_in(node);
  if (!value || *value <= 0) return wrong(key, "is not a number above 0");
  policy.*Member = *value;
  return {};
}

Status read_corrupt_fraction(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const Result<double> value = number_in(node);
  if (!value || *value < 0 || *value >= 1) return wrong(key, "is not a number from 0 to below 1");
  policy.min_corrupt_fraction = *value;
  return {};
}

Status read_delta(std::string_view key, const toml::node& node, DevicePolicy& policy) {
  const Result<double> value = number_in(node);
  if (!value || *value <= 0 || *value > 0.1) return wrong(key, "is not a number above 0 and at most 0.1", "far below one in the number of customers, e.g. 1e-6");
  policy.delta = *value;
  return {};
}

struct Key {
  std::string_view name;
  Status (*read)(std::string_view key, const toml::node& node, DevicePolicy& policy);
};
constexpr std::array kKeys = {
    Key{"purposes", read_purposes},
    Key{"data_categories", read_data_categories},
    Key{"min_cohort", read_integer<&DevicePolicy::min_cohort, 1, 1'000'000>},
    Key{"min_clip_norm_l2", read_positive<&DevicePolicy::min_clip_norm_l2>},
    Key{"max_clip_norm_l2", read_positive<&DevicePolicy::max_clip_norm_l2>},
    Key{"min_bits", read_integer<&DevicePolicy::min_bits, 2, 32>},
    Key{"max_bits", read_integer<&DevicePolicy::max_bits, 2, 32>},
    Key{"min_corrupt_fraction", read_corrupt_fraction},
    Key{"min_security_bits", read_integer<&DevicePolicy::min_security_bits, 1, 128>},
    Key{"require_semi_malicious", read_flag<&DevicePolicy::require_semi_malicious>},
    Key{"allow_roster_beacon", read_flag<&DevicePolicy::allow_roster_beacon>},
    Key{"beacon_key", read_public_key<&DevicePolicy::beacon_key>},
    Key{"max_participations", read_integer<&DevicePolicy::max_participations, 0, kMaxParticipationCap>},
    Key{"min_noise_multiplier", read_positive<&DevicePolicy::min_noise_multiplier>},
    Key{"max_epsilon", read_positive<&DevicePolicy::max_epsilon>},
    Key{"delta", read_delta},
    Key{"allow_central_privacy", read_flag<&DevicePolicy::allow_central_privacy>},
    Key{"allow_open_aggregation", read_flag<&DevicePolicy::allow_open_aggregation>},
    Key{"allow_no_privacy", read_flag<&DevicePolicy::allow_no_privacy>},
    Key{"release_key", read_public_key<&DevicePolicy::release_key>},
};

Status read_key(std::string_view name, const toml::node& node, DevicePolicy& policy) {
  std::string names;
  for (const Key& key : kKeys) {
    if (key.name == name) return key.read(name, node, policy);
    names += (names.empty() ? "" : ", ") + std::string(key.name);
  }
  return fail(ErrorCode::malformed, "policy: unknown key " + std::string(name), "the keys are " + names);
}

// A range that holds nothing would refuse every plan with a reason that points at the plan.
Status check_ranges(const DevicePolicy& policy) {
  if (policy.min_clip_norm_l2 > policy.max_clip_norm_l2)
    return wrong("min_clip_norm_l2", "(" + shown_number(policy.min_clip_norm_l2) + ") is above max_clip_norm_l2 (" + shown_number(policy.max_clip_norm_l2) + ")");
  if (policy.min_bits > policy.max_bits) return wrong("min_bits", "(" + std::to_string(policy.min_bits) + ") is above max_bits (" + std::to_string(policy.max_bits) + ")");
  return {};
}

Status check_secure_aggregation(const DevicePolicy& policy, const AggregationSpec& plan) {
  constexpr double million = 1e6;
  const double corrupt = plan.corrupt_ppm / million;
  if (corrupt < policy.min_corrupt_fraction)
    return fail(ErrorCode::refused, "the plan's sum is secure against " + shown_number(corrupt) + " of the devices being corrupt, below " + shown_number(policy.min_corrupt_fraction));
  if (plan.security_bits < policy.min_security_bits)
    return fail(ErrorCode::refused, "the plan's security is " + std::to_string(plan.security_bits) + " bits, below " + std::to_string(policy.min_security_bits));
  if (plan.threat != Threat::semi_malicious && policy.require_semi_malicious)
    return fail(ErrorCode::refused, "the plan trusts the coordinator to say truly who dropped out (its threat is not \"semi-malicious\")");
  if (plan.beacon == BeaconSource::external && !policy.beacon_key)
    return fail(ErrorCode::refused, std::string("the plan's masking graph comes from an external beacon, and the policy pins no beacon_key to check it by") +
                                        (policy.allow_roster_beacon ? "" : " (nor does it allow the roster's own beacon: it refuses every secure sum)"));
  if (plan.beacon == BeaconSource::roster && !policy.allow_roster_beacon)
    return fail(ErrorCode::refused, std::string("the plan's masking graph comes from the roster alone, without an external beacon") +
                                        (policy.beacon_key ? "" : " (and the policy pins no beacon_key: it refuses every secure sum)"));
  return {};
}

Status check_privacy(const DevicePolicy& policy, const Plan& plan) {
  const PrivacySpec& privacy = plan.privacy;
  if (privacy.mode == PrivacyMode::none && !policy.allow_no_privacy) return fail(ErrorCode::refused, "the plan adds no noise (privacy.mode is \"none\")");
  // Who allows no noise at all has not thereby allowed a plan that claims some and has too little: its statement would not say "demonstration".
  if (counts_as_none(privacy) && policy.allow_no_privacy) return {};
  if (privacy.mode == PrivacyMode::central && !policy.allow_central_privacy)
    return fail(ErrorCode::refused, "the plan's devices add no noise: the coordinator would be trusted to (privacy.mode is \"central\")");
  if (privacy.noise_cohort != 0) return fail(ErrorCode::refused, "the plan is a simulation's: its noise is that of a larger cohort (privacy.noise_cohort)");
  // Written so that what is no number is below, or above.
  if (!(privacy.noise_multiplier >= policy.min_noise_multiplier))
    return fail(ErrorCode::refused, "the plan's noise multiplier is " + least_text(privacy.noise_multiplier, kDigits) + ", below " + exact_text(policy.min_noise_multiplier));
  if (privacy.max_participations > policy.max_participations)
    return fail(ErrorCode::refused, "the plan's participation cap is " + std::to_string(privacy.max_participations) + ", above " + std::to_string(policy.max_participations));
  if (!(privacy.delta <= policy.delta)) return fail(ErrorCode::refused, "the plan's delta is " + bound_text(privacy.delta, kDigits) + ", above " + exact_text(policy.delta));
  return {};
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
  FEDSPEND_TRY(check_ranges(policy));
  return policy;
}

namespace {

tl::unexpected<Error> outside(const std::string& what, const std::string& value, const std::string& least, const std::string& most) {
  return fail(ErrorCode::refused, what + ", " + value + ", is outside the policy's " + least + " to " + most);
}

Status check_clip_norm(const DevicePolicy& policy, const std::string& what, double clip_norm_l2) {
  // Written so that a clip norm that is no number is outside.
  if (clip_norm_l2 >= policy.min_clip_norm_l2 && clip_norm_l2 <= policy.max_clip_norm_l2) return {};
  return outside(what, shown_number(clip_norm_l2), shown_number(policy.min_clip_norm_l2), shown_number(policy.max_clip_norm_l2));
}

}  // namespace

Status check_clip_norm(const DevicePolicy& policy, double clip_norm_l2) { return check_clip_norm(policy, "the round's clip norm", clip_norm_l2); }

Status check_spending(const DevicePolicy& policy, const Plan& plan, const PrivacyCost& cost) {
  if (counts_as_none(plan.privacy) && policy.allow_no_privacy) return {};
  const std::uint32_t most = plan.privacy.max_participations;  // also of failed attempts, so whatever the number of rounds
  const double epsilon = repeated(cost, most).epsilon(policy.delta);
  if (epsilon <= policy.max_epsilon) return {};
  return fail(ErrorCode::refused, "the plan's " + std::to_string(most) + " participations would spend epsilon " + bound_text(epsilon, kDigits) + " (delta " + bound_text(policy.delta, kDigits) + "), above the policy's " + exact_text(policy.max_epsilon));
}

Status check_plan(const DevicePolicy& policy, const Plan& plan, std::string_view population) {
  if (plan.population != population) return fail(ErrorCode::refused, "the plan is for another population");
  if (!policy.purposes.contains(plan.purpose)) return fail(ErrorCode::refused, "no consent for the purpose " + plan.purpose);
  for (const std::string_view read : models::data_categories(plan.model.name))
    if (!policy.data_categories.contains(read))
      return fail(ErrorCode::refused, "the plan's model reads the " + std::string(read) + " of transactions, which is not among the policy's data_categories");
  if (policy.max_participations == 0) return fail(ErrorCode::refused, "the policy allows no participation at all (max_participations is 0)");
  const AggregationSpec& aggregation = plan.aggregation;
  if (aggregation.mode == Aggregation::open && !policy.allow_open_aggregation)
    return fail(ErrorCode::refused, "the plan's aggregation is open: the coordinator would see single updates");
  if (aggregation.mode == Aggregation::secure) FEDSPEND_TRY(check_secure_aggregation(policy, aggregation));
  FEDSPEND_TRY(check_privacy(policy, plan));
  if (plan.min_reports() < policy.min_cohort)
    return fail(ErrorCode::refused, "the plan's smallest cohort is " + std::to_string(plan.min_reports()) + ", below " + std::to_string(policy.min_cohort));
  FEDSPEND_TRY(check_clip_norm(policy, "the plan's clip norm", aggregation.clip_norm_l2));
  if (aggregation.bits < policy.min_bits || aggregation.bits > policy.max_bits)
    return outside("the plan's bits", std::to_string(aggregation.bits), std::to_string(policy.min_bits), std::to_string(policy.max_bits));
  return {};
}

Status check_last_day(const Plan& plan, std::uint64_t now_s) {
  if (!plan.last_day || now_s / 86'400 <= static_cast<std::uint64_t>(plan.last_day->time_since_epoch().count())) return {};
  return fail(ErrorCode::refused, "the plan has expired: its last day was " + day_text(*plan.last_day));
}

ParticipationLimits participation_limits(const DevicePolicy& policy, const Plan& plan) {
  ParticipationLimits limits{.of_task = privacy_limits(plan), .max_epsilon_in_all = policy.max_epsilon, .delta_in_all = policy.delta};
  limits.of_task.max_participations = std::min(limits.of_task.max_participations, policy.max_participations);
  if (counts_as_none(plan.privacy) && policy.allow_no_privacy) limits.of_task.max_epsilon = limits.max_epsilon_in_all = std::numeric_limits<double>::infinity();
  return limits;
}

Status check_release_key(const DevicePolicy& policy, const IdentityPublicKey& configured) {
  if (!policy.release_key || *policy.release_key == configured) return {};
  return fail(ErrorCode::refused, "the policy pins another release key than this device is configured with (" + to_hex(configured.bytes) + ")",
              "give the key that the policy names, or have the policy renewed by whoever is responsible for it");
}

}  // namespace fedspend::client
