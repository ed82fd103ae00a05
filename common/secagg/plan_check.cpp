#include "common/secagg/plan_check.h"

#include <map>
#include <tuple>
#include <vector>

#include "common/check.h"
#include "common/nearest_accepted.h"
#include "common/privacy/figure_text.h"
#include "common/protocol/plan_quantizer.h"
#include "common/secagg/parameters.h"
#include "common/secagg/plan_proposal.h"
#include "common/secagg/session_privacy.h"
#include "common/secagg/session_terms.h"

namespace fedspend {
namespace {

constexpr int kDigits = 6;

std::vector<double> clip_norms_of(const Plan& plan) {
  const ClipNormRange range = clip_norm_range(plan);
  if (!plan.privacy.has_adaptive_clip()) return {plan.aggregation.clip_norm_l2};
  return {plan.aggregation.clip_norm_l2, range.least, range.most};
}

std::vector<std::uint32_t> rosters_of(const Plan& plan) {
  if (plan.privacy.mode != PrivacyMode::distributed) return {plan.federation.cohort};
  return {plan.federation.cohort, plan.devices_asked(), plan.least_asked()};
}

// Of every end of what the plan allows, by derive_parameters() or derive_noise().
Status check_ends(const Plan& plan, Result<SessionParameters> (*derive)(const SessionTerms&, std::uint32_t)) {
  for (const double clip_norm : clip_norms_of(plan)) {
    FEDSPEND_ASSIGN(const SessionTerms terms, make_session_terms(plan, RoundId{1}, SessionId{}, plan.devices_asked(), clip_norm));
    for (const std::uint32_t clients : rosters_of(plan)) {
      const Result<SessionParameters> whole = derive(terms, clients);
      if (!whole) return fail(whole.error().code, "the plan's secure aggregation, " + std::to_string(clients) + " devices: " + whole.error().message, whole.error().hint);
    }
  }
  return {};
}

Status secure_plan(const Plan& plan) {
  if (const std::uint32_t asked = plan.devices_asked(); asked > kMaxSecureClients)
    return fail(ErrorCode::refused, "the plan asks " + std::to_string(asked) + " devices for a cohort of " + std::to_string(plan.federation.cohort) + " (federation.over_selection), and a secure sum is of " +
                                        std::to_string(kMaxSecureClients) + " at most");
  return check_ends(plan, derive_parameters);
}

Status budget(const Plan& plan) {
  if (!plan.privacy.has_noise()) return {};
  if (plan.privacy.mode == PrivacyMode::central) FEDSPEND_TRY(make_central_gaussian(plan));
  const PrivacySpec& privacy = plan.privacy;
  FEDSPEND_ASSIGN(const double epsilon, epsilon_at_cap(plan, privacy.delta));
  if (epsilon <= privacy.max_epsilon) return {};
  const std::uint32_t most = privacy.max_participations;
  return fail(ErrorCode::refused, "the plan's " + std::to_string(most) + (most == 1 ? " participation" : " participations") + " at noise multiplier " + least_text(privacy.noise_multiplier, kDigits) + " spend epsilon " +
                                      bound_text(epsilon, kDigits) + " (delta " + bound_text(privacy.delta, kDigits) + "), above its max_epsilon " + bound_text(privacy.max_epsilon, kDigits));
}

Status rounds(const Plan& plan) {
  if (plan.aggregation.mode == Aggregation::secure) FEDSPEND_TRY(secure_plan(plan));
  return budget(plan);
}

// The graphs of a number of devices, which are slow to have and depend on little of a plan.
class Graphs {
 public:
  bool has(const Plan& plan) {
    const AggregationSpec& a = plan.aggregation;
    for (const std::uint32_t clients : rosters_of(plan)) {
      const auto key = std::tuple(clients, a.corrupt_ppm, a.dropout_ppm, a.threat, a.security_bits, a.failure_bits);
      auto known = known_.find(key);
      if (known == known_.end())
        known = known_.emplace(key, smallest_graph({.clients = clients, .corrupt_ppm = a.corrupt_ppm, .dropout_ppm = a.dropout_ppm, .threat = a.threat, .security_bits = a.security_bits, .failure_bits = a.failure_bits}).has_value()).first;
      if (!known->second) return false;
    }
    return true;
  }

 private:
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, Threat, std::uint32_t, std::uint32_t>, bool> known_;
};

// What rounds() refuses, but for what takes long: of the budget, the cost at one roster of many.
bool may_have_rounds(const Plan& plan, Graphs& graphs) {
  if (plan.aggregation.mode == Aggregation::secure) {
    if (plan.privacy.mode == PrivacyMode::distributed && !check_ends(plan, derive_noise)) return false;
    if (!graphs.has(plan)) return false;
  }
  if (plan.privacy.mode != PrivacyMode::distributed) return true;
  Plan accounted = plan;
  accounted.privacy.noise_cohort = 0;
  const auto terms = make_session_terms(accounted, RoundId{1}, SessionId{}, accounted.devices_asked(), clip_norm_range(accounted).least);
  if (!terms) return false;
  const auto parameters = derive_noise(*terms, accounted.devices_asked());
  if (!parameters) return false;
  const auto cost = contribution_cost(accounted, *parameters);
  return cost && repeated(*cost, plan.privacy.max_participations).epsilon(plan.privacy.delta) <= plan.privacy.max_epsilon;
}

// The same refusal with settings that rounds() accepts.
Status with_proposal(const Plan& plan, Error refused) {
  Graphs graphs;
  const auto quickly = [&](const Plan& tried) { return may_have_rounds(tried, graphs); };
  const auto accepts = [](const Plan& tried) { return rounds(tried).has_value(); };
  if (std::string hint = as_hint(settings_that_work(plan, quickly, accepts)); !hint.empty()) refused.hint = std::move(hint);
  else refused.hint = "no setting was found that mends it: begin with a plan that says nothing of [aggregation] and [privacy]";
  return fail(std::move(refused));
}

// The most participations that the budget pays, beside the proposal where that is another.
void add_fewer_participations(const Plan& plan, Error& refused) {
  Plan tried = plan;
  const auto accepts = [&](std::int64_t participations) {
    tried.privacy.max_participations = static_cast<std::uint32_t>(participations);
    return rounds(tried).has_value();
  };
  if (plan.privacy.max_participations < 2 || refused.hint.find("max_participations") != std::string::npos || !accepts(1)) return;
  if (const auto fits = nearest_accepted(plan.privacy.max_participations, 1, accepts)) refused.hint += ", or privacy.max_participations = " + std::to_string(*fits);
}

}  // namespace

Status check_rounds(const Plan& plan) {
  if (plan.aggregation.mode == Aggregation::secure) FEDSPEND_TRY(check_secure_plan(plan));
  return check_privacy_budget(plan);
}

Status check_secure_plan(const Plan& plan) {
  FEDSPEND_CHECK(plan.aggregation.mode == Aggregation::secure, "a plan with secure aggregation");
  const Status checked = secure_plan(plan);
  return checked ? checked : with_proposal(plan, checked.error());
}

Status check_privacy_budget(const Plan& plan) {
  const Status checked = budget(plan);
  if (checked) return checked;
  const Status refused = with_proposal(plan, checked.error());
  Error error = refused.error();
  add_fewer_participations(plan, error);
  return fail(std::move(error));
}

Result<CentralGaussian> make_central_gaussian(const Plan& plan) {
  FEDSPEND_CHECK(plan.privacy.mode == PrivacyMode::central, "a plan with central privacy");
  FEDSPEND_ASSIGN(const Quantizer quantizer, make_quantizer(plan, plan.aggregation.clip_norm_l2));
  return CentralGaussian::create({.scale = quantizer.scale(),
                                  .clip_norm_l2 = plan.aggregation.clip_norm_l2,
                                  .dimension = plan.ring_length(),
                                  .noise_multiplier = plan.added_noise_multiplier(),
                                  .bits = plan.aggregation.bits,
                                  .max_clients = plan.devices_asked()});
}

}  // namespace fedspend
