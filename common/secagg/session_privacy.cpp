#include "common/secagg/session_privacy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <vector>

#include "common/privacy/calibration.h"
#include "common/privacy/conditional_rounding.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/discrete_gaussian_rdp.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/zcdp.h"

namespace fedspend {
namespace {

std::string shown(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

// In the four digits that a person would type, not below the value.
std::string shown_up(double value) {
  const double unit = std::pow(10.0, std::floor(std::log10(value)) - 3);
  return shown(std::ceil(value / unit) * unit);
}

// Downwards: an accountant may be told of less noise than there is.
double at_most(const Variance& variance) {
  return std::nextafter(static_cast<double>(variance.numerator) / static_cast<double>(variance.denominator), 0.0) * (1 - 0x1p-50);
}

DiscreteGaussianSum sum_of(const ClipIndicator& indicator) {
  return {.clients = indicator.goal.clients,
          .dimension = 1,
          .sensitivity_l2 = static_cast<double>(indicator.weight),
          .share_variance = at_most(indicator.share_variance),
          .honest_clients = static_cast<double>(indicator.goal.honest_shares)};
}

PrivacyCost cost_of(const SessionParameters& parameters) {
  PrivacyCost cost{.has_noise = true, .rdp = discrete_gaussian_rdp_curve(released_sum(parameters.noise.value())), .delta = kRoundingFailureProbability};
  if (parameters.clip_indicator) cost.rdp += discrete_gaussian_rdp_curve(sum_of(*parameters.clip_indicator));
  return cost;
}

double zcdp_of(const SessionParameters& parameters) {
  const double rho = discrete_gaussian_zcdp(released_sum(parameters.noise.value()));
  return parameters.clip_indicator ? add_up(rho, discrete_gaussian_zcdp(sum_of(*parameters.clip_indicator))) : rho;
}

// As published: the noise of a noise cohort counts as if there were that cohort.
Result<SessionParameters> accounted_parameters(const Plan& plan, std::uint32_t clients) {
  Plan accounted = plan;
  accounted.privacy.noise_cohort = 0;
  FEDSPEND_ASSIGN(const SessionTerms terms, make_session_terms(accounted, RoundId{1}, SessionId{}, accounted.devices_asked()));
  return derive_parameters(terms, clients);
}

}  // namespace

Result<PrivacyCost> contribution_cost(const Plan& plan, std::uint32_t clients) {
  if (plan.privacy.mode == PrivacyMode::none) return PrivacyCost{};
  if (plan.privacy.mode == PrivacyMode::central) return PrivacyCost{.has_noise = true, .rdp = gaussian_rdp_curve(plan.privacy.noise_multiplier)};
  FEDSPEND_ASSIGN(const SessionParameters parameters, accounted_parameters(plan, clients));
  return cost_of(parameters);
}

Result<PrivacyCost> contribution_cost(const Plan& plan, const SessionParameters& parameters) {
  if (plan.privacy.mode == PrivacyMode::distributed && plan.privacy.noise_cohort == 0) return cost_of(parameters);
  return contribution_cost(plan, parameters.clients);
}

Result<PrivacyCost> dearest_contribution_cost(const Plan& plan) {
  FEDSPEND_ASSIGN(PrivacyCost dearest, contribution_cost(plan, plan.devices_asked()));
  if (plan.privacy.mode != PrivacyMode::distributed) return dearest;
  FEDSPEND_ASSIGN(const PrivacyCost least, contribution_cost(plan, plan.least_asked()));
  std::vector<double> values(dearest.rdp.values().begin(), dearest.rdp.values().end());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::max(values[i], least.rdp.values()[i]);
  FEDSPEND_ASSIGN(dearest.rdp, RdpCurve::of(std::move(values)));
  return dearest;
}

Result<double> dearest_contribution_zcdp(const Plan& plan) {
  if (plan.privacy.mode == PrivacyMode::none) return std::numeric_limits<double>::infinity();
  if (plan.privacy.mode == PrivacyMode::central) return gaussian_zcdp(plan.privacy.noise_multiplier);
  FEDSPEND_ASSIGN(const SessionParameters most, accounted_parameters(plan, plan.devices_asked()));
  FEDSPEND_ASSIGN(const SessionParameters least, accounted_parameters(plan, plan.least_asked()));
  return std::max(zcdp_of(most), zcdp_of(least));
}

PrivacyLimits privacy_limits(const Plan& plan) {
  if (!plan.privacy.has_noise())
    return {.max_participations = std::numeric_limits<std::uint32_t>::max(), .max_epsilon = std::numeric_limits<double>::infinity(), .delta = plan.privacy.delta};
  return {.max_participations = plan.privacy.max_participations,
          .min_separation_rounds = plan.privacy.min_separation_rounds,
          .max_epsilon = plan.privacy.max_epsilon,
          .delta = plan.privacy.delta};
}

Result<double> epsilon_at_cap(const Plan& plan, double delta) {
  FEDSPEND_ASSIGN(const PrivacyCost cost, dearest_contribution_cost(plan));
  return repeated(cost, std::min(plan.privacy.max_participations, plan.federation.rounds)).epsilon(delta);
}

Status check_privacy_budget(const Plan& plan) {
  if (!plan.privacy.has_noise()) return {};
  FEDSPEND_ASSIGN(const PrivacyCost cost, dearest_contribution_cost(plan));
  const PrivacySpec& privacy = plan.privacy;
  const std::uint32_t most = std::min(privacy.max_participations, plan.federation.rounds);
  const double epsilon = repeated(cost, most).epsilon(privacy.delta);
  if (epsilon <= privacy.max_epsilon) return {};
  std::uint32_t fits = 0;
  while (fits < most && repeated(cost, fits + 1).epsilon(privacy.delta) <= privacy.max_epsilon) ++fits;
  const auto epsilon_of = [tried = plan, &privacy](double noise_multiplier) mutable {
    tried.privacy.noise_multiplier = noise_multiplier;
    return epsilon_at_cap(tried, privacy.delta);
  };
  const Result<Calibration> enough = smallest_noise_multiplier(epsilon_of, privacy.max_epsilon);
  std::string hint = enough ? "set privacy.noise_multiplier = " + shown_up(enough->noise_multiplier) : std::string("raise privacy.noise_multiplier, with more bits");
  if (fits > 0) hint += ", or privacy.max_participations = " + std::to_string(fits);
  return fail(ErrorCode::refused,
              "the plan's " + std::to_string(most) + " participations at noise multiplier " + shown(privacy.noise_multiplier) + " spend epsilon " + shown(epsilon) + " (delta " +
                  shown(privacy.delta) + "), above its max_epsilon " + shown(privacy.max_epsilon),
              hint);
}

}  // namespace fedspend
