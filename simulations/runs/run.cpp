#include "simulations/runs/run.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fedspend::simulations {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

// A recorded federation may have ended before its plan's last round.
std::uint64_t last_round(const RunOptions& options) {
  const std::uint64_t planned = options.plan.plan.federation.rounds;
  return options.federation.recorded.empty() ? planned : std::min(planned, options.federation.recorded.back().round);
}

}  // namespace

client::DevicePolicy accepting_policy(const Plan& plan) {
  client::DevicePolicy policy;
  policy.purposes = {plan.purpose};
  policy.min_cohort = 1;
  policy.max_clip_norm_l2 = plan.aggregation.clip_norm_l2;
  policy.allow_open_aggregation = true;
  policy.allow_no_privacy = true;
  return policy;
}

std::uint32_t default_evaluate_every(const Plan& plan) { return std::max(1U, plan.federation.rounds / 10); }

Result<RunResult> run_federation(const RunOptions& options, std::span<const FederatedClient> clients, const OnRound& on_round) {
  const Plan& plan = options.plan.plan;
  FEDSPEND_ASSIGN(std::vector<float> initial, initial_weights(plan));
  FEDSPEND_ASSIGN(const auto federation, Federation::create(clients, options.plan.text, std::move(initial), options.federation));
  RunResult result{.record = RunRecord(plan), .weights = federation->weights(), .scores = {}, .eligible_clients = federation->eligible_clients()};
  const std::uint64_t last = last_round(options);

  Status evaluated;
  const auto begun = Clock::now();
  FEDSPEND_TRY(federation->run([&](const SimulatedRound& round) {
    std::optional<HeldOutScore> score;
    const std::uint64_t number = round.summary.round.value;
    if (round.summary.published && (number % options.evaluate_every == 0 || number == last)) {
      const auto evaluation_begun = Clock::now();
      Result<HeldOutScore> scored = evaluate_held_out(plan, *round.weights, clients, models::Counting::frozen, options.federation.threads);
      result.evaluation_seconds += seconds_since(evaluation_begun);
      if (!scored) {
        evaluated = fail(scored.error());
        return false;
      }
      score = *scored;
    }
    result.record.add(round, score);
    result.weights = round.weights;
    result.stopped = !on_round(round, score);
    return !result.stopped && !(round.summary.published && number >= last);
  }));
  FEDSPEND_TRY(evaluated);
  result.seconds = seconds_since(begun) - result.evaluation_seconds;
  if (result.stopped) return result;
  FEDSPEND_ASSIGN(result.scores, score_model(plan, result.record.rounds(), *result.weights, clients, options.federation.threads));
  return result;
}

}  // namespace fedspend::simulations
