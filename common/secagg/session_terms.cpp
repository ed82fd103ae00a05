#include "common/secagg/session_terms.h"

#include <algorithm>
#include <bit>

#include "common/check.h"
#include "common/protocol/plan_quantizer.h"
#include "common/shown_number.h"

namespace fedspend {
namespace {

SecurityGoal goal_of(const SessionTerms& terms, std::uint32_t clients) {
  return {.clients = clients,
          .corrupt_ppm = terms.corrupt_ppm,
          .dropout_ppm = terms.dropout_ppm,
          .threat = terms.threat,
          .security_bits = terms.security_bits,
          .failure_bits = terms.failure_bits};
}

}  // namespace

ClipNormRange clip_norm_range(const Plan& plan) {
  const double planned = plan.aggregation.clip_norm_l2;
  return plan.privacy.has_adaptive_clip() ? adaptive_clip_range(planned) : ClipNormRange{planned, planned};
}

Status check_round_clip_norm(const Plan& plan, double clip_norm_l2) {
  const ClipNormRange range = clip_norm_range(plan);
  if (range.contains(clip_norm_l2)) return {};
  const std::string least = shown_number(range.least);
  return fail(ErrorCode::refused, "the round's clip norm is " + shown_number(clip_norm_l2) +
                                      (plan.privacy.has_adaptive_clip() ? ", outside the plan's " + least + " to " + shown_number(range.most) : ", the plan's " + least));
}

double next_round_clip_norm(const Plan& plan, double clip_norm_l2, double b_mean) {
  FEDSPEND_CHECK(plan.privacy.has_adaptive_clip(), "a plan whose clip norm adapts");
  const ClipNormRange range = clip_norm_range(plan);
  return std::clamp(next_clip_norm(clip_norm_l2, b_mean, plan.privacy.clip_quantile, plan.privacy.clip_learning_rate), range.least, range.most);
}

Result<SessionTerms> make_session_terms(const Plan& plan, RoundId round, const SessionId& assignment, std::uint32_t cohort, double clip_norm_l2) {
  FEDSPEND_TRY(check_round_clip_norm(plan, clip_norm_l2));
  if (cohort < plan.min_reports() || cohort > plan.devices_asked())
    return fail(ErrorCode::refused, "a cohort of " + std::to_string(cohort) + " is not one that the plan allows");
  const AggregationSpec& aggregation = plan.aggregation;
  SessionTerms terms{.task = plan.task,
                     .round = round,
                     .assignment = assignment,
                     .cohort = cohort,
                     .length = plan.ring_length(),
                     .update_length = plan.model.parameter_count,
                     .bits = aggregation.bits,
                     .clip_norm_l2 = clip_norm_l2,
                     .min_clients = plan.min_reports(),
                     .corrupt_ppm = aggregation.corrupt_ppm,
                     .dropout_ppm = aggregation.dropout_ppm,
                     .threat = aggregation.threat,
                     .security_bits = aggregation.security_bits,
                     .failure_bits = aggregation.failure_bits,
                     .external_beacon = aggregation.beacon == BeaconSource::external};
  if (plan.privacy.mode == PrivacyMode::distributed) {
    terms.noise = NoiseTerms{.noise_multiplier = plan.added_noise_multiplier(),
                             .wrap_deviations = plan.privacy.wrap_stddevs,
                             .has_clip_indicator = plan.privacy.has_adaptive_clip()};
  } else {
    FEDSPEND_ASSIGN(const Quantizer quantizer, make_quantizer(plan, clip_norm_l2));
    terms.scale = quantizer.scale();
  }
  return terms;
}

namespace {

Result<SessionParameters> with_quorum(const SessionTerms& terms, std::uint32_t clients) {
  SessionParameters parameters{.clients = clients};
  FEDSPEND_ASSIGN(parameters.quorum, quorum_size(goal_of(terms, clients), terms.min_clients));
  return parameters;
}

Status add_noise(const SessionTerms& terms, SessionParameters& parameters) {
  const std::uint32_t corrupt = goal_of(terms, parameters.clients).corrupt();
  if (parameters.quorum <= corrupt)
    return fail(ErrorCode::refused, "of a quorum of " + std::to_string(parameters.quorum) + " all may be corrupt, and no share of the noise is sure", "raise the cohort or min_cohort");
  const std::uint32_t honest_shares = parameters.quorum - corrupt;
  double noise_multiplier = terms.noise->noise_multiplier;
  if (terms.noise->has_clip_indicator) {
    FEDSPEND_ASSIGN(parameters.clip_indicator, choose_clip_indicator({.clients = parameters.clients, .honest_shares = honest_shares, .noise_multiplier = noise_multiplier, .bits = terms.bits}));
    noise_multiplier = parameters.clip_indicator->update_noise_multiplier;
  }
  FEDSPEND_ASSIGN(parameters.noise, choose_distributed_gaussian({.clients = parameters.clients,
                                                                 .length = terms.update_length,
                                                                 .clip_norm_l2 = terms.clip_norm_l2,
                                                                 .noise_multiplier = noise_multiplier,
                                                                 .bits = terms.bits,
                                                                 .honest_shares = honest_shares,
                                                                 .wrap_deviations = terms.noise->wrap_deviations}));
  return {};
}

}  // namespace

Result<SessionParameters> derive_parameters(const SessionTerms& terms, std::uint32_t clients) {
  if (clients < terms.min_clients)
    return fail(ErrorCode::refused, "a roster of " + std::to_string(clients) + " clients, below the least of " + std::to_string(terms.min_clients));
  if (clients > terms.cohort) return fail(ErrorCode::refused, "a roster of " + std::to_string(clients) + " clients, of " + std::to_string(terms.cohort) + " asked");
  FEDSPEND_ASSIGN(const GraphSize size, smallest_graph(goal_of(terms, clients)));
  FEDSPEND_ASSIGN(SessionParameters parameters, with_quorum(terms, clients));
  parameters.degree = size.degree;
  parameters.threshold = size.threshold;
  if (terms.noise) FEDSPEND_TRY(add_noise(terms, parameters));
  return parameters;
}

Result<SessionParameters> derive_noise(const SessionTerms& terms, std::uint32_t clients) {
  FEDSPEND_CHECK(terms.noise.has_value(), "terms with noise");
  FEDSPEND_ASSIGN(SessionParameters parameters, with_quorum(terms, clients));
  FEDSPEND_TRY(add_noise(terms, parameters));
  return parameters;
}

Hash256 hash_of_params(const SessionTerms& terms, const SessionParameters& parameters) {
  Hasher hasher("params");
  hasher.u32(parameters.clients).u32(parameters.degree).u32(parameters.threshold).u32(parameters.quorum);
  hasher.u32(terms.min_clients).u32(terms.corrupt_ppm).u32(terms.dropout_ppm).u32(static_cast<std::uint32_t>(terms.threat));
  hasher.u32(terms.security_bits).u32(terms.failure_bits).u64(terms.length).u32(terms.bits);
  hasher.u64(std::bit_cast<std::uint64_t>(terms.clip_norm_l2)).u64(std::bit_cast<std::uint64_t>(terms.scale));
  if (const std::optional<DistributedGaussian>& noise = parameters.noise) {
    hasher.u64(std::bit_cast<std::uint64_t>(terms.noise->noise_multiplier)).u64(std::bit_cast<std::uint64_t>(terms.noise->wrap_deviations));
    hasher.u32(noise->goal.honest_shares).u64(std::bit_cast<std::uint64_t>(noise->scale));
    hasher.u64(noise->share_variance.numerator).u64(noise->share_variance.denominator).u64(noise->squared_norm_bound);
    hasher.u8(parameters.clip_indicator ? 1 : 0);
    if (const std::optional<ClipIndicator>& indicator = parameters.clip_indicator)
      hasher.u32(indicator->weight).u64(indicator->share_variance.numerator).u64(indicator->share_variance.denominator);
  }
  return hasher.finish();
}

SessionId secure_session_id(const SessionTerms& terms, const SessionParameters& parameters, const Hash256& roster_root, const Hash256& beacon) {
  Hasher hasher("secure-sid");
  hasher.field(terms.assignment.bytes).field(hash_of_params(terms, parameters)).field(roster_root).field(beacon);
  return hash_as<SessionId>(hasher);
}

}  // namespace fedspend
