#include "common/protocol/plan_consistency.h"

#include "common/nearest_accepted.h"
#include "common/protocol/plan_quantizer.h"

namespace fedspend {
namespace {

using Found = std::optional<Contradiction>;

constexpr double kLeastNoise = 1e-9;

// min_cohort is at most the cohort: the caller has looked.
Found in_secure_cohort(const Plan& plan) {
  const FederationSpec& federation = plan.federation;
  const std::uint32_t most = plan.most_min_cohort();
  if (federation.cohort < kMinSecureClients)
    return Contradiction{PlanTable::federation, "cohort",
                         std::to_string(federation.cohort) + " is too few for secure aggregation, which hides nobody among fewer than " + std::to_string(kMinSecureClients),
                         "raise it"};
  if (federation.min_cohort > most)
    return Contradiction{PlanTable::federation, "min_cohort",
                         std::to_string(federation.min_cohort) + " is above " + std::to_string(most) + ", which is left of the cohort after the tolerated losses",
                         "those losses would end every round: lower min_cohort or aggregation.dropout_fraction"};
  if (plan.min_reports() < 2)
    return Contradiction{PlanTable::federation, "min_cohort", "a round could end with a sum of " + std::to_string(plan.min_reports()),
                         "the sum of one update is that update: raise min_cohort or cohort, or lower aggregation.dropout_fraction"};
  return std::nullopt;
}

Found in_cohort(const Plan& plan) {
  const FederationSpec& federation = plan.federation;
  if (federation.min_cohort > federation.cohort)
    return Contradiction{PlanTable::federation, "min_cohort", std::to_string(federation.min_cohort) + " is above the cohort, " + std::to_string(federation.cohort),
                         "a round closes at `cohort` updates: lower min_cohort or raise cohort"};
  if (plan.aggregation.mode == Aggregation::secure) {
    if (Found found = in_secure_cohort(plan)) return found;
  }
  if (federation.cohort * federation.over_selection > static_cast<double>(kMaxDevices))
    return Contradiction{PlanTable::federation, "over_selection", "cohort times over_selection is above " + std::to_string(kMaxDevices), "lower one of the two"};
  if (federation.selection_pool != 0 && federation.selection_pool < plan.devices_asked())
    return Contradiction{PlanTable::federation, "selection_pool",
                         std::to_string(federation.selection_pool) + " is below the devices asked, " + std::to_string(plan.devices_asked()),
                         "raise it to cohort * over_selection at least, or leave it out"};
  return std::nullopt;
}

Found in_privacy(const Plan& plan) {
  if (plan.privacy.mode == PrivacyMode::distributed && plan.aggregation.mode == Aggregation::open)
    return Contradiction{PlanTable::privacy, "mode",
                         "distributed noise needs secure aggregation: in an open sum the coordinator sees each update with a share of the noise alone",
                         "set aggregation.mode = \"secure\", or privacy.mode = \"central\" or \"none\""};
  if (plan.privacy.noise_cohort != 0 && plan.privacy.noise_cohort < plan.federation.cohort)
    return Contradiction{PlanTable::privacy, "noise_cohort", std::to_string(plan.privacy.noise_cohort) + " is below the cohort, " + std::to_string(plan.federation.cohort),
                         "it stands for a larger cohort: raise it, or leave it out"};
  return std::nullopt;
}

// What holds the sum: bits, less noise, or fewer devices, each by itself; the first that the quantizer accepts.
std::string room_for(const Plan& plan) {
  Plan tried = plan;
  const auto has_room = [&] { return make_quantizer(tried, tried.aggregation.clip_norm_l2).has_value(); };
  const auto bits = nearest_accepted(plan.aggregation.bits, 32, [&](std::int64_t value) {
    tried.aggregation.bits = static_cast<unsigned>(value);
    return has_room();
  });
  if (bits) return "set aggregation.bits = " + std::to_string(*bits);
  tried = plan;
  if (plan.privacy.mode == PrivacyMode::central) {
    const auto noise = nearest_accepted_number(plan.privacy.noise_multiplier, kLeastNoise, [&](double value) {
      tried.privacy.noise_multiplier = value;
      return has_room();
    });
    if (noise) return "set privacy.noise_multiplier = " + exact_text(*noise);
    tried = plan;
  }
  const auto cohort = nearest_accepted(plan.federation.cohort, 1, [&](std::int64_t value) {
    tried.federation.cohort = static_cast<std::uint32_t>(value);
    return has_room() && !in_cohort(tried);
  });
  return cohort ? "set federation.cohort = " + std::to_string(*cohort) : "set aggregation.bits = 32, and less noise or fewer devices asked";
}

// What distributed noise needs of the bits follows from the roster: common/secagg/session_terms.h.
Found in_aggregation(const Plan& plan) {
  if (plan.privacy.mode == PrivacyMode::distributed) return std::nullopt;
  const auto quantizer = make_quantizer(plan, plan.aggregation.clip_norm_l2);
  if (quantizer) return std::nullopt;
  return Contradiction{PlanTable::aggregation, "bits", quantizer.error().message, room_for(plan)};
}

}  // namespace

std::optional<Contradiction> find_contradiction(const Plan& plan) {
  if (Found found = in_cohort(plan)) return found;
  if (Found found = in_privacy(plan)) return found;
  return in_aggregation(plan);
}

}  // namespace fedspend
