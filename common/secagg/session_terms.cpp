#include "common/secagg/session_terms.h"

#include <bit>

#include "common/numeric/quantizer.h"

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

Result<SessionTerms> make_session_terms(const Plan& plan, RoundId round, const SessionId& assignment, std::uint32_t cohort) {
  if (cohort < plan.min_reports() || cohort > plan.devices_asked())
    return fail(ErrorCode::refused, "a cohort of " + std::to_string(cohort) + " is not one that the plan allows");
  FEDSPEND_ASSIGN(const Quantizer quantizer, Quantizer::create({.clip_norm_l2 = plan.aggregation.clip_norm_l2,
                                                                .bits = plan.aggregation.bits,
                                                                .max_clients = plan.devices_asked()}));
  const AggregationSpec& aggregation = plan.aggregation;
  return SessionTerms{.task = plan.task,
                      .round = round,
                      .assignment = assignment,
                      .cohort = cohort,
                      .length = plan.model.parameter_count,
                      .bits = aggregation.bits,
                      .clip_norm_l2 = aggregation.clip_norm_l2,
                      .scale = quantizer.scale(),
                      .min_clients = plan.min_reports(),
                      .corrupt_ppm = aggregation.corrupt_ppm,
                      .dropout_ppm = aggregation.dropout_ppm,
                      .threat = aggregation.threat,
                      .security_bits = aggregation.security_bits,
                      .failure_bits = aggregation.failure_bits,
                      .external_beacon = aggregation.beacon == BeaconSource::external};
}

Status check_secure_plan(const Plan& plan) {
  FEDSPEND_ASSIGN(const SessionTerms terms, make_session_terms(plan, RoundId{1}, SessionId{}, plan.devices_asked()));
  const Result<SessionParameters> whole = derive_parameters(terms, plan.federation.cohort);
  if (!whole) return fail(whole.error().code, "the plan's secure aggregation: " + whole.error().message, whole.error().hint);
  return {};
}

Result<SessionParameters> derive_parameters(const SessionTerms& terms, std::uint32_t clients) {
  if (clients < terms.min_clients)
    return fail(ErrorCode::refused, "a roster of " + std::to_string(clients) + " clients, below the least of " + std::to_string(terms.min_clients));
  if (clients > terms.cohort) return fail(ErrorCode::refused, "a roster of " + std::to_string(clients) + " clients, of " + std::to_string(terms.cohort) + " asked");
  const SecurityGoal goal = goal_of(terms, clients);
  SessionParameters parameters{.clients = clients};
  FEDSPEND_ASSIGN(const GraphSize size, smallest_graph(goal));
  parameters.degree = size.degree;
  parameters.threshold = size.threshold;
  FEDSPEND_ASSIGN(parameters.quorum, quorum_size(goal, terms.min_clients));
  return parameters;
}

Hash256 hash_of_params(const SessionTerms& terms, const SessionParameters& parameters) {
  Hasher hasher("params");
  hasher.u32(parameters.clients).u32(parameters.degree).u32(parameters.threshold).u32(parameters.quorum);
  hasher.u32(terms.min_clients).u32(terms.corrupt_ppm).u32(terms.dropout_ppm).u32(static_cast<std::uint32_t>(terms.threat));
  hasher.u32(terms.security_bits).u32(terms.failure_bits).u64(terms.length).u32(terms.bits);
  hasher.u64(std::bit_cast<std::uint64_t>(terms.clip_norm_l2)).u64(std::bit_cast<std::uint64_t>(terms.scale));
  return hasher.finish();
}

SessionId secure_session_id(const SessionTerms& terms, const SessionParameters& parameters, const Hash256& roster_root, const Hash256& beacon) {
  Hasher hasher("secure-sid");
  hasher.field(terms.assignment.bytes).field(hash_of_params(terms, parameters)).field(roster_root).field(beacon);
  return hash_as<SessionId>(hasher);
}

}  // namespace fedspend
