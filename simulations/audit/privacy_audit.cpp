#include "simulations/audit/privacy_audit.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "client/local_training.h"
#include "common/check.h"
#include "common/crypto/random.h"
#include "common/privacy/privacy_loss_distribution.h"
#include "simulations/audit/membership.h"
#include "simulations/federation/cohort_size.h"
#include "simulations/parallel.h"
#include "simulations/runs/run.h"

namespace fedspend::simulations {
namespace {

struct CanaryTrace {
  std::uint32_t rounds = 0;  // that it was in
  double change = 0;         // of the model, along its direction
};

struct Trace {
  std::vector<CanaryTrace> canaries;
  std::vector<float> first_weights, weights;
  std::vector<bool> contributed;  // of the clients that may take part
  std::uint64_t rounds = 0;
  PopulationLedger ledger = {};
};

// Clients drawn to take part, and those that are left out; those that the plan finds ineligible are neither.
struct Split {
  std::vector<FederatedClient> members, others;
};

Split split_clients(const AuditOptions& options, std::span<const FederatedClient> clients) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < clients.size(); ++i)
    if (client::is_eligible(options.plan.plan, clients[i].rows.size())) order.push_back(i);
  SeededRandom random(Hasher("audit-split").u64(options.seed).finish());
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  const auto left_out = static_cast<std::size_t>(std::llround(options.left_out_share * static_cast<double>(order.size())));
  Split split;
  for (std::size_t i = 0; i < order.size(); ++i) (i < left_out ? split.others : split.members).push_back(clients[order[i]]);
  return split;
}

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
  return {};
}

double projection(const std::vector<float>& before, const std::vector<float>& after, const std::vector<float>& direction) {
  double sum = 0;
  for (std::size_t i = 0; i < direction.size(); ++i) sum += (static_cast<double>(after[i]) - before[i]) * direction[i];
  return sum;
}

// The federation with its canaries, and what of it the auditor keeps.
Result<Trace> run_with_canaries(const AuditOptions& options, std::span<const FederatedClient> members, const Canaries& canaries,
                                const OnAuditRound& on_round) {
  const ClientsWithCanaries source(members, canaries.size());
  FederationOptions how;
  how.seed = options.seed;
  how.threads = options.threads;
  how.policy = accepting_policy(options.plan.plan);
  how.trainers = options.plan.trainers;
  how.made_updates = [&](std::size_t client) -> std::optional<std::vector<float>> {
    if (client < members.size()) return std::nullopt;
    return canaries.update(client - members.size());
  };
  FEDSPEND_ASSIGN(const auto federation, Federation::create(source, options.plan.text, std::move(how)));
  FEDSPEND_TRY(check_cohort(federation->plan(), federation->eligible_clients()));
  FEDSPEND_CHECK(federation->eligible_clients() == source.size(), "members that are eligible, and canaries that always are");

  FederationState state;
  FEDSPEND_ASSIGN(state.weights, initial_weights(options.plan.plan, options.plan.trainers));
  Trace trace;
  trace.canaries.resize(canaries.size());
  trace.first_weights = trace.weights = state.weights;
  trace.contributed.resize(members.size());
  std::vector<std::uint32_t> contributed(source.size());
  bool stopped = false;
  const auto after_round = [&](const SimulatedRound& round) {
    std::vector<std::size_t> in_sum;
    for (std::size_t i = 0; i < source.size(); ++i) {
      const bool contributes = std::exchange(contributed[i], state.devices[i].contributed) < state.devices[i].contributed;
      if (!contributes || !round.summary.published) continue;  // a round that failed shows nothing
      if (i < members.size()) {
        trace.contributed[i] = true;
      } else {
        in_sum.push_back(i - members.size());
      }
    }
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

// Algorithm 1: of those that were in a sum, the highest and the lowest scores are guessed.
struct Guessed {
  OneRunGuesses guesses;
  std::size_t included = 0;
};
Guessed guess(const AuditOptions& options, const Canaries& canaries, std::span<const CanaryTrace> traces) {
  std::vector<std::size_t> order;
  double change = 0, rounds = 0;
  Guessed guessed;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    if (traces[i].rounds == 0) continue;
    order.push_back(i);
    change += traces[i].change;
    rounds += traces[i].rounds;
    guessed.included += canaries.is_included(i) ? 1 : 0;
  }
  const double mean = rounds > 0 ? change / rounds : 0;
  const auto score = [&](std::size_t i) { return traces[i].change - mean * traces[i].rounds; };
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return score(a) != score(b) ? score(a) > score(b) : a < b; });
  const std::size_t each = std::min(options.guesses == 0 ? order.size() / 3 : options.guesses, order.size()) / 2;
  guessed.guesses = {.canaries = order.size(), .guesses = 2 * each};
  for (std::size_t i = 0; i < each; ++i)
    guessed.guesses.correct += (canaries.is_included(order[i]) ? 1U : 0U) + (canaries.is_included(order[order.size() - 1 - i]) ? 0U : 1U);
  return guessed;
}

// Of whoever spent most: the ledger's, and for the central Gaussian the exact one, which is below it.
Result<std::optional<double>> accounted(const AuditOptions& options, const PopulationLedger& ledger) {
  const PrivacySpec& privacy = options.plan.plan.privacy;
  if (!privacy.has_noise()) return std::optional<double>();
  const double by_ledger = ledger.worst().epsilon(options.delta);
  if (privacy.mode != PrivacyMode::central || ledger.most_participations() == 0) return std::optional<double>(by_ledger);
  const std::vector<SampledGaussianSteps> steps{{.noise_multiplier = privacy.noise_multiplier, .steps = ledger.most_participations()}};
  FEDSPEND_ASSIGN(const PldBound exact, pld_epsilon(steps, options.delta));
  return std::optional<double>(std::min(by_ledger, exact.value));
}

// Minus the mean loss on a client's training rows, those that training looks at; each predicted from the rows before it.
Result<std::vector<double>> fits(const AuditOptions& options, std::span<const float> weights, std::span<const FederatedClient> clients) {
  const Plan& plan = options.plan.plan;
  std::vector<std::unique_ptr<models::Trainer>> trainers;
  for (unsigned i = 0; i < options.threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model, options.plan.trainers));
    trainers.push_back(std::move(trainer));
  }
  std::vector<Result<double>> results(clients.size(), 0.0);
  for_each_index(clients.size(), options.threads, [&](std::size_t i, unsigned worker) {
    const std::size_t rows = models::training_rows(clients[i].rows.size(), plan.evaluation.holdout_fraction);
    const std::size_t first = plan.training.max_rows != 0 && rows > plan.training.max_rows ? rows - plan.training.max_rows : 0;
    const auto scored = trainers[worker]->evaluate(weights, std::span(clients[i].rows).first(rows), first, models::Counting::prequential);
    if (!scored) {
      results[i] = fail(scored.error());
    } else if (scored->predictions > 0) {
      results[i] = -scored->loss_sum / static_cast<double>(scored->predictions);
    }
  });
  std::vector<double> values;
  for (const Result<double>& result : results) {
    if (!result) return fail(result.error());
    values.push_back(*result);
  }
  return values;
}

Result<std::optional<MembershipAttack>> attack_membership(const AuditOptions& options, const Trace& trace, const Split& split) {
  std::vector<FederatedClient> members;
  for (std::size_t i = 0; i < split.members.size(); ++i)
    if (trace.contributed[i]) members.push_back(split.members[i]);
  if (members.empty() || split.others.empty()) return std::optional<MembershipAttack>();
  FEDSPEND_ASSIGN(std::vector<double> of_members, fits(options, trace.weights, members));
  FEDSPEND_ASSIGN(std::vector<double> of_others, fits(options, trace.weights, split.others));
  constexpr double kFalsePositives = 0.01;
  MembershipAttack attack{.members = members.size(), .others = split.others.size()};
  attack.auc = area_under_curve(of_members, of_others);
  attack.tpr = true_positive_rate(of_members, of_others, kFalsePositives);
  FEDSPEND_ASSIGN(const std::vector<double> members_before, fits(options, trace.first_weights, members));
  FEDSPEND_ASSIGN(const std::vector<double> others_before, fits(options, trace.first_weights, split.others));
  for (std::size_t i = 0; i < of_members.size(); ++i) of_members[i] -= members_before[i];
  for (std::size_t i = 0; i < of_others.size(); ++i) of_others[i] -= others_before[i];
  attack.calibrated_auc = area_under_curve(of_members, of_others);
  attack.calibrated_tpr = true_positive_rate(of_members, of_others, kFalsePositives);
  return std::optional<MembershipAttack>(attack);
}

}  // namespace

Result<PrivacyAudit> audit_privacy(const AuditOptions& options, std::span<const FederatedClient> clients, const OnAuditRound& on_round) {
  FEDSPEND_TRY(check(options));
  const Plan& plan = options.plan.plan;
  const Canaries canaries({.seed = options.seed,
                           .count = options.canaries,
                           .length = static_cast<std::size_t>(plan.model.parameter_count),
                           .clip_norm_l2 = plan.aggregation.clip_norm_l2,
                           .kind = options.kind});
  const Split split = split_clients(options, clients);
  FEDSPEND_ASSIGN(const Trace trace, run_with_canaries(options, split.members, canaries, on_round));
  const Guessed guessed = guess(options, canaries, trace.canaries);
  PrivacyAudit audit{.rounds = trace.rounds, .guesses = guessed.guesses, .included = guessed.included, .epsilon_upper = {}, .membership = {}};
  audit.epsilon_lower = one_run_epsilon(audit.guesses, options.delta, options.confidence);
  FEDSPEND_ASSIGN(audit.epsilon_upper, accounted(options, trace.ledger));
  audit.most_participations = trace.ledger.most_participations();
  FEDSPEND_ASSIGN(audit.membership, attack_membership(options, trace, split));
  return audit;
}

}  // namespace fedspend::simulations
