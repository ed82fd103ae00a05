#include "common/secagg/session_privacy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "common/privacy/conditional_rounding.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/discrete_gaussian_rdp.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/zcdp.h"

namespace fedspend {
namespace {

constexpr std::uint32_t kMostCurves = 64;  // of least_contribution_cost()

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

// As published: the noise of a noise cohort counts as if there were that cohort.
Result<SessionParameters> accounted_parameters(const Plan& plan, std::uint32_t clients, double clip_norm_l2) {
  Plan accounted = plan;
  accounted.privacy.noise_cohort = 0;
  FEDSPEND_ASSIGN(const SessionTerms terms, make_session_terms(accounted, RoundId{1}, SessionId{}, accounted.devices_asked(), clip_norm_l2));
  return derive_parameters(terms, clients);
}

// How much more than at the least clip norm a contribution may cost at another, since the squared norm bound B is cut to a whole number (1 in
// B: every term of the accountant grows at most with the square of the sensitivity) and the variance rounded up in 32 bits, which is in the
// exponent of tau times at most 350 before tau is nothing.
double margin_of(const Plan& plan, const SessionParameters& parameters) {
  if (!plan.privacy.has_adaptive_clip()) return 1;
  return (1 + 1 / static_cast<double>(parameters.noise.value().squared_norm_bound)) * (1 + 0x1p-20);
}

// A sum that costs at every order at least as much as any of those that are added to it: the cost rises with Delta2 / sigma, with Delta2, and
// with tau, which rises with the clients and falls with the variance of a share (discrete_gaussian_rdp.h).
class DearestSum {
 public:
  void add(const DiscreteGaussianSum& sum) {
    const double ratio = enlarged(sum.sensitivity_l2 / (sum.share_variance * sum.honest_clients) * sum.sensitivity_l2, 8 * kUnitRoundoff);
    squared_ratio_ = std::max(squared_ratio_, ratio);
    sum_.sensitivity_l2 = std::max(sum_.sensitivity_l2, sum.sensitivity_l2);
    sum_.clients = std::max(sum_.clients, sum.clients);
    sum_.dimension = std::max(sum_.dimension, sum.dimension);
    sum_.share_variance = sum_.share_variance == 0 ? sum.share_variance : std::min(sum_.share_variance, sum.share_variance);
  }
  // With as many honest shares as make the ratio: more clients where these are more than there are, narrower shares where they are not one.
  DiscreteGaussianSum sum() const {
    DiscreteGaussianSum dearest = sum_;
    const double variance = sum_.sensitivity_l2 * sum_.sensitivity_l2 / squared_ratio_ * (1 - 8 * kUnitRoundoff);
    dearest.share_variance = std::min(dearest.share_variance, variance);
    dearest.honest_clients = std::max(variance / dearest.share_variance * (1 - 2 * kUnitRoundoff), 1.0);
    dearest.clients = std::max(dearest.clients, static_cast<std::uint64_t>(std::ceil(dearest.honest_clients)));
    return dearest;
  }

 private:
  double squared_ratio_ = 0;
  DiscreteGaussianSum sum_;
};

// The other way round: at every order at most as dear as any of those that are added to it. Of one sum it is that sum.
class CheapestSum {
 public:
  void add(const DiscreteGaussianSum& sum) {
    const double ratio = sum.sensitivity_l2 / (sum.share_variance * sum.honest_clients) * sum.sensitivity_l2;
    if (count_++ == 0) {
      squared_ratio_ = ratio;
      sum_ = sum;
      return;
    }
    squared_ratio_ = std::min(squared_ratio_, ratio);
    sum_.sensitivity_l2 = std::min(sum_.sensitivity_l2, sum.sensitivity_l2);
    sum_.clients = std::min(sum_.clients, sum.clients);
    sum_.dimension = std::min(sum_.dimension, sum.dimension);
    sum_.share_variance = std::max(sum_.share_variance, sum.share_variance);
  }
  bool is_empty() const { return count_ == 0; }
  // With as many honest shares as make the ratio. Wider ones where these are more than the clients, and more noise where they are not one.
  DiscreteGaussianSum sum() const {
    if (count_ <= 1) return sum_;
    DiscreteGaussianSum cheapest = sum_;
    const double variance = enlarged(sum_.sensitivity_l2 * sum_.sensitivity_l2 / squared_ratio_, 16 * kUnitRoundoff);
    const auto clients = static_cast<double>(sum_.clients);
    cheapest.share_variance = std::max(sum_.share_variance, enlarged(variance / clients, 4 * kUnitRoundoff));
    cheapest.honest_clients = std::clamp(enlarged(variance / cheapest.share_variance, 4 * kUnitRoundoff), 1.0, clients);
    return cheapest;
  }

 private:
  double squared_ratio_ = 0;
  std::size_t count_ = 0;
  DiscreteGaussianSum sum_;
};

struct DearestSums {
  DiscreteGaussianSum update;
  std::optional<DiscreteGaussianSum> indicator;
  double margin = 1;
};

// Of every roster that the plan allows: n / n_h jumps with the whole numbers in it, so that the dearest may lie anywhere. The ends are
// derived whole, so that a plan for which they cannot be is refused; a roster between them without a quorum has no round.
Result<DearestSums> dearest_sums(const Plan& plan) {
  const double clip_norm = clip_norm_range(plan).least;
  DearestSum update, indicator;
  DearestSums dearest;
  for (const std::uint32_t clients : {plan.least_asked(), plan.devices_asked()}) FEDSPEND_TRY(accounted_parameters(plan, clients, clip_norm));
  Plan accounted = plan;
  accounted.privacy.noise_cohort = 0;
  FEDSPEND_ASSIGN(const SessionTerms terms, make_session_terms(accounted, RoundId{1}, SessionId{}, accounted.devices_asked(), clip_norm));
  for (std::uint32_t clients = plan.least_asked(); clients <= plan.devices_asked(); ++clients) {
    const Result<SessionParameters> parameters = derive_noise(terms, clients);
    if (!parameters) continue;
    update.add(released_sum(*parameters->noise));
    dearest.margin = std::max(dearest.margin, margin_of(plan, *parameters));
    if (parameters->clip_indicator) indicator.add(sum_of(*parameters->clip_indicator));
  }
  dearest.update = update.sum();
  if (plan.privacy.has_adaptive_clip()) dearest.indicator = indicator.sum();
  return dearest;
}

}  // namespace

Result<PrivacyCost> contribution_cost(const Plan& plan, std::uint32_t clients) { return contribution_cost(plan, clients, plan.aggregation.clip_norm_l2); }

Result<PrivacyCost> contribution_cost(const Plan& plan, std::uint32_t clients, double clip_norm_l2) {
  if (plan.privacy.mode == PrivacyMode::none) return PrivacyCost{};
  if (plan.privacy.mode == PrivacyMode::central) return PrivacyCost{.has_noise = true, .rdp = gaussian_rdp_curve(plan.privacy.noise_multiplier)};
  FEDSPEND_ASSIGN(const SessionParameters parameters, accounted_parameters(plan, clients, clip_norm_l2));
  return cost_of(parameters);
}

Result<PrivacyCost> contribution_cost(const Plan& plan, const SessionParameters& parameters) {
  if (plan.privacy.mode == PrivacyMode::distributed && plan.privacy.noise_cohort == 0) return cost_of(parameters);
  return contribution_cost(plan, parameters.clients, parameters.noise ? parameters.noise->goal.clip_norm_l2 : plan.aggregation.clip_norm_l2);
}

bool counts_as_none(const PrivacySpec& privacy) { return !privacy.has_noise() || privacy.noise_cohort != 0; }

Result<PrivacyCost> device_cost(const Plan& plan, const SessionParameters& parameters) {
  if (counts_as_none(plan.privacy)) return PrivacyCost{};
  return contribution_cost(plan, parameters);
}

Result<PrivacyCost> dearest_device_cost(const Plan& plan) {
  if (counts_as_none(plan.privacy)) return PrivacyCost{};
  return dearest_contribution_cost(plan);
}

Result<PrivacyCost> dearest_contribution_cost(const Plan& plan) {
  if (plan.privacy.mode != PrivacyMode::distributed) return contribution_cost(plan, plan.devices_asked());
  FEDSPEND_ASSIGN(const DearestSums dearest, dearest_sums(plan));
  PrivacyCost cost{.has_noise = true, .rdp = discrete_gaussian_rdp_curve(dearest.update), .delta = kRoundingFailureProbability};
  if (dearest.indicator) cost.rdp += discrete_gaussian_rdp_curve(*dearest.indicator);
  std::vector<double> values(cost.rdp.values().begin(), cost.rdp.values().end());
  for (double& value : values) value = multiply_up(value, dearest.margin);
  FEDSPEND_ASSIGN(cost.rdp, RdpCurve::of(std::move(values)));
  return cost;
}

Result<PrivacyCost> least_contribution_cost(const Plan& plan) {
  if (plan.privacy.mode != PrivacyMode::distributed) return contribution_cost(plan, plan.devices_asked());
  Plan accounted = plan;
  accounted.privacy.noise_cohort = 0;
  const ClipNormRange norms = clip_norm_range(plan);
  FEDSPEND_ASSIGN(const SessionTerms terms, make_session_terms(accounted, RoundId{1}, SessionId{}, accounted.devices_asked(), norms.most));
  FEDSPEND_ASSIGN(const SessionTerms dear_terms, make_session_terms(accounted, RoundId{1}, SessionId{}, accounted.devices_asked(), norms.least));
  std::vector<double> values;
  double margin = 1;
  // A curve takes a term for each client, and there may be a hundred thousand rosters: neighbours share one, below all of theirs.
  const std::uint32_t rosters = plan.devices_asked() - plan.least_asked() + 1, together = (rosters + kMostCurves - 1) / kMostCurves;
  for (std::uint32_t first = plan.least_asked(); first <= plan.devices_asked(); first += together) {
    CheapestSum update, indicator;
    for (std::uint32_t clients = first; clients < first + together && clients <= plan.devices_asked(); ++clients) {
      const Result<SessionParameters> parameters = derive_noise(terms, clients), dear = derive_noise(dear_terms, clients);
      if (!parameters || !dear) continue;
      margin = std::max(margin, margin_of(plan, *dear));
      update.add(released_sum(*parameters->noise));
      if (parameters->clip_indicator) indicator.add(sum_of(*parameters->clip_indicator));
    }
    if (update.is_empty()) continue;
    RdpCurve curve = discrete_gaussian_rdp_curve(update.sum());
    if (!indicator.is_empty()) curve += discrete_gaussian_rdp_curve(indicator.sum());
    if (values.empty()) values.assign(curve.values().begin(), curve.values().end());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::min(values[i], curve.values()[i]);
  }
  if (values.empty()) return fail(ErrorCode::refused, "no roster of the plan has a sum with distributed noise");
  // Downwards, by the margin that the dearest has upwards.
  for (double& value : values) value /= margin * (1 + 64 * kUnitRoundoff);
  PrivacyCost cost{.has_noise = true, .delta = kRoundingFailureProbability};
  FEDSPEND_ASSIGN(cost.rdp, RdpCurve::of(std::move(values)));
  return cost;
}

Result<double> dearest_contribution_zcdp(const Plan& plan) {
  if (plan.privacy.mode == PrivacyMode::none) return std::numeric_limits<double>::infinity();
  if (plan.privacy.mode == PrivacyMode::central) return gaussian_zcdp(plan.privacy.noise_multiplier);
  FEDSPEND_ASSIGN(const DearestSums dearest, dearest_sums(plan));
  const double rho = discrete_gaussian_zcdp(dearest.update);
  return multiply_up(dearest.indicator ? add_up(rho, discrete_gaussian_zcdp(*dearest.indicator)) : rho, dearest.margin);
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
  return repeated(cost, plan.privacy.max_participations).epsilon(delta);
}

}  // namespace fedspend
