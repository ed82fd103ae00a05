#include "common/secagg/dp_statement.h"

#include <algorithm>
#include <utility>

#include "common/privacy/directed_rounding.h"
#include "common/privacy/privacy_loss_distribution.h"
#include "common/secagg/dp_assumptions.h"
#include "common/secagg/session_privacy.h"
#include "common/secagg/session_terms.h"

namespace fedspend {
namespace {

std::optional<double> pld_of(const PrivacySpec& privacy, std::uint64_t participations, double epsilon_rdp) {
  if (privacy.mode != PrivacyMode::central) return std::nullopt;
  if (participations == 0) return 0;
  const SampledGaussianSteps steps{.noise_multiplier = privacy.noise_multiplier, .sampling_rate = 1, .steps = participations};
  const Result<PldBound> bound = pld_epsilon({&steps, 1}, privacy.delta);
  if (!bound || !(bound->value <= epsilon_rdp)) return std::nullopt;  // beyond its grid: the other bound holds as well
  return bound->value;
}

PrivacySpent spent(const PrivacySpec& privacy, std::uint64_t participations, double rho_of_one, double epsilon_rdp) {
  return {.participations = participations,
          .rho = multiply_up(static_cast<double>(participations), rho_of_one),
          .epsilon_rdp = epsilon_rdp,
          .epsilon_pld = pld_of(privacy, participations, epsilon_rdp)};
}

PrivacySpent spent_at_most(const PrivacySpec& privacy, std::uint32_t participations, double rho_of_one, const PrivacyCost& dearest) {
  PrivacySpent most = spent(privacy, participations, rho_of_one, repeated(dearest, participations).epsilon(privacy.delta));
  most.epsilon_rdp = std::min(most.epsilon_rdp, privacy.max_epsilon);
  if (most.epsilon_pld) most.epsilon_pld = std::min(*most.epsilon_pld, privacy.max_epsilon);
  return most;
}

Result<NoiseInSum> noise_in_sum(Plan plan) {
  plan.privacy.noise_cohort = 0;
  FEDSPEND_ASSIGN(const SessionTerms terms, make_session_terms(plan, RoundId{1}, SessionId{}, plan.devices_asked(), plan.aggregation.clip_norm_l2));
  FEDSPEND_ASSIGN(const SessionParameters least, derive_parameters(terms, plan.least_asked()));
  FEDSPEND_ASSIGN(const SessionParameters asked, derive_parameters(terms, plan.devices_asked()));
  return NoiseInSum{.honest_shares_least = least.noise->goal.honest_shares,
                    .honest_shares_asked = asked.noise->goal.honest_shares,
                    .dimension = asked.noise->dimension,
                    .expected_wraps = asked.noise->expected_wraps,
                    .noise_excess = std::max(least.noise->noise_excess(least.clients), asked.noise->noise_excess(asked.clients))};
}

}  // namespace

Result<PrivacySpent> spent_at_most(const DpStatement& statement, std::uint32_t participations) {
  FEDSPEND_CHECK(statement.plan.privacy.has_noise(), "a plan with noise");
  FEDSPEND_ASSIGN(const PrivacyCost cost, dearest_contribution_cost(statement.plan));
  return spent_at_most(statement.plan.privacy, participations, statement.rho_of_one, cost);
}

Result<PrivacySpent> spent_at_least(const DpStatement& statement, std::uint32_t participations) {
  FEDSPEND_CHECK(statement.plan.privacy.has_noise(), "a plan with noise");
  FEDSPEND_ASSIGN(const PrivacyCost cost, least_contribution_cost(statement.plan));
  const PrivacySpec& privacy = statement.plan.privacy;
  return spent(privacy, participations, statement.rho_of_one, repeated(cost, participations).epsilon(privacy.delta));
}

double reported_epsilon(const PrivacySpec& privacy, std::uint64_t participations, double epsilon_rdp) {
  return pld_of(privacy, participations, epsilon_rdp).value_or(epsilon_rdp);
}

void DpStatement::bring_up_to(std::uint64_t rounds, const PopulationLedger& ledger) {
  rounds_done = rounds;
  sums_charged = ledger.charges();
  if (!plan.privacy.has_noise() || ledger.most_participations() == 0) return;
  const double epsilon_rdp = ledger.worst().epsilon(plan.privacy.delta);
  // The PLD of as many participations at the same noise is the same.
  if (most_spent.participations == ledger.most_participations() && most_spent.epsilon_rdp == epsilon_rdp) return;
  most_spent = spent(plan.privacy, ledger.most_participations(), rho_of_one, epsilon_rdp);
}

Result<DpStatement> make_dp_statement(const Plan& plan, const PlanHash& hash, std::string code_version, NoiseSource source) {
  DpStatement statement{.plan = plan, .plan_hash = hash, .code_version = std::move(code_version), .noise_source = source, .assumptions = dp_assumptions(plan, source)};
  if (!plan.privacy.has_noise()) return statement;
  FEDSPEND_ASSIGN(statement.rho_of_one, dearest_contribution_zcdp(plan));
  statement.most_spent = spent(plan.privacy, 0, statement.rho_of_one, 0);
  // Not the lesser of cap and rounds: an attempt that fails after its sum was charged is one more.
  FEDSPEND_ASSIGN(statement.at_cap, spent_at_most(statement, plan.privacy.max_participations));
  if (plan.privacy.mode == PrivacyMode::distributed) {
    FEDSPEND_ASSIGN(statement.noise, noise_in_sum(plan));
  }
  return statement;
}

}  // namespace fedspend
