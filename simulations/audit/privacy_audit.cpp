#include "simulations/audit/privacy_audit.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "client/local_training.h"
#include "common/check.h"
#include "common/secagg/dp_statement.h"
#include "simulations/federation/cohort_size.h"
#include "simulations/parallel.h"
#include "simulations/plans/plan_settings.h"
#include "simulations/runs/run.h"

namespace fedspend::simulations {
namespace {

constexpr std::uint32_t kMostTimes = 1U << 16;

struct CanaryTrace {
  std::uint32_t rounds = 0;  // that it was in
  double change = 0;         // of the model, along its direction
};

struct Trace {
  std::vector<CanaryTrace> canaries;
  std::vector<float> weights;
  std::uint64_t rounds = 0, declined = 0;
  PopulationLedger ledger = {};
};

Status check(const AuditOptions& options) {
  const auto wrong = [](const std::string& what, const std::string& hint) { return fail(ErrorCode::invalid_argument, "audit: " + what, hint); };
  const std::string canaries = std::to_string(options.canaries) + " canaries", guesses = std::to_string(options.guesses) + " guesses";
  if (options.canaries < 10) return wrong(canaries, "take at least 10: fewer prove nothing");
  if (options.guesses > options.canaries) return wrong(guesses + " about " + canaries, "guess about some of them");
  if (const std::uint64_t length = options.plan.plan.model.parameter_count; options.kind == CanaryKind::dirac && options.canaries > length)
    return wrong("a coordinate for each of " + canaries + ", and the model has " + std::to_string(length) + " parameters",
                 "take fewer canaries, or those on the sphere");
  if (options.plan.plan.privacy.noise_cohort != 0)
    return wrong("the plan's noise is that of a noise cohort, and less than what it accounts", "set privacy.noise_cohort=0");
  if (options.noise_share != 1 && !options.plan.plan.privacy.has_noise())
    return wrong("a share of the noise of a plan without noise", "a control takes a plan with privacy.mode distributed or central");
  return {};
}

double projection(const std::vector<float>& before, const std::vector<float>& after, const std::vector<float>& direction) {
  double sum = 0;
  for (std::size_t i = 0; i < direction.size(); ++i) sum += (static_cast<double>(after[i]) - before[i]) * direction[i];
  return sum;
}

// The plan, or the control: the noise scaled down by the plan's own means for that, and everything else, the ledgers' charges included, as it is.
Result<PlanFile> audited_plan(const AuditOptions& options) {
  FEDSPEND_CHECK(options.noise_share > 0 && options.noise_share <= 1, "a share of the noise");
  if (options.noise_share == 1) return options.plan;
  const auto cohort = std::llround(options.plan.plan.federation.cohort / options.noise_share);
  const std::vector<std::string> settings = {"privacy.noise_cohort=" + std::to_string(cohort)};
  return apply_settings(options.plan, settings);
}

// The federation with its canaries, and what of it the auditor keeps.
Result<Trace> run_with_canaries(const AuditOptions& options, std::span<const FederatedClient> clients, const Canaries& canaries,
                                const OnAuditRound& on_round) {
  FEDSPEND_ASSIGN(const PlanFile plan, audited_plan(options));
  const std::vector<FederatedClient> others = eligible(plan.plan, clients);
  const ClientsWithCanaries source(others, canaries.size());
  FederationOptions how;
  how.seed = options.seed;
  how.threads = options.threads;
  how.policy = accepting_policy(plan.plan);
  how.trainers = plan.trainers;
  std::vector<std::uint32_t> times(canaries.size());
  how.made_updates = [&](std::size_t client, double clip_norm_l2) -> std::optional<std::vector<float>> {
    if (client < others.size()) return std::nullopt;
    const std::size_t canary = client - others.size();
    return canaries.update(canary, times[canary]++ % kMostTimes, clip_norm_l2);  // a device trains one update at a time
  };
  FEDSPEND_ASSIGN(const auto federation, Federation::create(source, plan.text, std::move(how)));
  FEDSPEND_TRY(check_cohort(federation->plan(), federation->eligible_clients()));
  FEDSPEND_CHECK(federation->eligible_clients() == source.size(), "clients that are eligible, and canaries that always are");

  FederationState state;
  FEDSPEND_ASSIGN(state.weights, initial_weights(plan.plan, plan.trainers));
  Trace trace;
  trace.canaries.resize(canaries.size());
  trace.weights = state.weights;
  std::vector<std::uint32_t> contributed(source.size());
  bool stopped = false;
  const auto after_round = [&](const SimulatedRound& round) {
    std::vector<std::size_t> in_sum;
    for (std::size_t i = 0; i < source.size(); ++i) {
      const bool contributes = std::exchange(contributed[i], state.devices[i].contributed) < state.devices[i].contributed;
      if (contributes && round.summary.published && i >= others.size()) in_sum.push_back(i - others.size());  // a round that failed shows nothing
    }
    trace.declined += round.summary.declined;
    if (!round.summary.published) return true;
    for_each_index(in_sum.size(), options.threads, [&](std::size_t i, unsigned) {
      CanaryTrace& canary = trace.canaries[in_sum[i]];
      ++canary.rounds;
      canary.change += projection(trace.weights, *round.weights, canaries.direction(in_sum[i]));
    });
    trace.weights = *round.weights;
    trace.rounds = round.summary.round.value;
    stopped = !on_round(trace.rounds);
    return !stopped;
  };
  FEDSPEND_TRY(federation->run(state, after_round, [](const FederationState&) { return Status(); }));
  if (stopped) return fail(ErrorCode::io, "the audit was stopped after round " + std::to_string(trace.rounds), "nothing was written");
  trace.ledger = std::move(state.ledger);
  return trace;
}

// The canaries, the likeliest to be included first. No coin is looked at: that is what the bound asks of the guesses. One that never was in a
// sum is in the middle.
std::vector<std::size_t> ranked(std::span<const CanaryTrace> traces) {
  double change = 0, rounds = 0;
  for (const CanaryTrace& trace : traces) {
    change += trace.change;
    rounds += trace.rounds;
  }
  const double mean = rounds > 0 ? change / rounds : 0;
  const auto score = [&](std::size_t i) { return traces[i].change - mean * traces[i].rounds; };
  std::vector<std::size_t> order(traces.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return score(a) != score(b) ? score(a) > score(b) : a < b; });
  return order;
}

// Algorithm 1: the first and the last of that order are guessed, as many as was fixed before the run.
OneRunGuesses guess(const AuditOptions& options, const Canaries& canaries, std::span<const std::size_t> order) {
  const std::size_t each = (options.guesses == 0 ? order.size() / 3 : options.guesses) / 2;
  OneRunGuesses guesses{.canaries = order.size(), .guesses = 2 * each};
  for (std::size_t i = 0; i < each; ++i)
    guesses.correct += (canaries.is_included(order[i]) ? 1U : 0U) + (canaries.is_included(order[order.size() - 1 - i]) ? 0U : 1U);
  return guesses;
}

// Of whoever spent most, as the statement of the model has it, at the audit's delta.
std::optional<double> accounted(const AuditOptions& options, const PopulationLedger& ledger) {
  PrivacySpec privacy = options.plan.plan.privacy;
  if (!privacy.has_noise()) return std::nullopt;
  privacy.delta = options.delta;
  return reported_epsilon(privacy, ledger.most_participations(), ledger.worst().epsilon(options.delta));
}

}  // namespace

std::vector<FederatedClient> eligible(const Plan& plan, std::span<const FederatedClient> clients) {
  std::vector<FederatedClient> those;
  for (const FederatedClient& client : clients)
    if (client::is_eligible(plan, client.rows.size())) those.push_back(client);
  return those;
}

Result<PrivacyAudit> audit_privacy(const AuditOptions& options, std::span<const FederatedClient> clients, const OnAuditRound& on_round) {
  FEDSPEND_TRY(check(options));
  const Plan& plan = options.plan.plan;
  const Canaries canaries({.seed = options.seed,
                           .count = options.canaries,
                           .length = static_cast<std::size_t>(plan.model.parameter_count),
                           .kind = options.kind});
  FEDSPEND_ASSIGN(const Trace trace, run_with_canaries(options, clients, canaries, on_round));
  const std::vector<std::size_t> order = ranked(trace.canaries);
  PrivacyAudit audit{.rounds = trace.rounds, .guesses = guess(options, canaries, order), .epsilon_upper = accounted(options, trace.ledger)};
  for (std::size_t i = 0; i < canaries.size(); ++i) audit.included += canaries.is_included(i) ? 1U : 0U;
  audit.in_sums = static_cast<std::size_t>(std::ranges::count_if(trace.canaries, [](const CanaryTrace& canary) { return canary.rounds > 0; }));
  audit.declined = trace.declined;
  audit.epsilon_lower = one_run_epsilon(audit.guesses, options.delta, options.confidence);
  const auto [canaries_in, guesses, correct] = audit.guesses;
  audit.epsilon_provable = one_run_epsilon({.canaries = canaries_in, .guesses = guesses, .correct = guesses}, options.delta, options.confidence);
  audit.most_participations = trace.ledger.most_participations();
  return audit;
}

}  // namespace fedspend::simulations
