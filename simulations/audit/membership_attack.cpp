#include "simulations/audit/membership_attack.h"

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "common/crypto/random.h"
#include "models/stock_models.h"
#include "simulations/federation/cohort_size.h"
#include "simulations/parallel.h"
#include "simulations/runs/run.h"

namespace fedspend::simulations {
namespace {

// Clients drawn to take part, and those that are left out; those that the plan finds ineligible are neither.
struct Split {
  std::vector<FederatedClient> members, others;
};

Split split_clients(const AttackOptions& options, std::span<const FederatedClient> clients) {
  const std::vector<FederatedClient> all = eligible(options.plan.plan, clients);
  std::vector<std::size_t> order(all.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  SeededRandom random(Hasher("audit-split").u64(options.seed).finish());
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  const auto left_out = static_cast<std::size_t>(std::llround(options.left_out_share * static_cast<double>(order.size())));
  Split split;
  for (std::size_t i = 0; i < order.size(); ++i) (i < left_out ? split.others : split.members).push_back(all[order[i]]);
  return split;
}

struct Trained {
  std::vector<float> first_weights, weights;
  std::vector<FederatedClient> contributors;
};

Result<Trained> train(const AttackOptions& options, const std::vector<FederatedClient>& members, const OnAuditRound& on_round) {
  const MemoryClients source(members);
  FederationOptions how;
  how.seed = options.seed;
  how.threads = options.threads;
  how.policy = accepting_policy(options.plan.plan);
  how.trainers = options.plan.trainers;
  FEDSPEND_ASSIGN(const auto federation, Federation::create(source, options.plan.text, std::move(how)));
  FEDSPEND_TRY(check_cohort(federation->plan(), federation->eligible_clients()));
  FederationState state;
  FEDSPEND_ASSIGN(state.weights, initial_weights(options.plan.plan, options.plan.trainers));
  Trained trained;
  trained.first_weights = trained.weights = state.weights;
  std::vector<std::uint32_t> sums(members.size());
  std::vector<bool> contributed(members.size());
  bool stopped = false;
  std::uint64_t last = 0;
  const auto after_round = [&](const SimulatedRound& round) {
    for (std::size_t i = 0; i < members.size(); ++i)
      if (std::exchange(sums[i], state.devices[i].contributed) < state.devices[i].contributed && round.summary.published) contributed[i] = true;
    if (!round.summary.published) return true;
    trained.weights = *round.weights;
    last = round.summary.round.value;
    stopped = !on_round(last);
    return !stopped;
  };
  FEDSPEND_TRY(federation->run(state, after_round, [](const FederationState&) { return Status(); }));
  if (stopped) return fail(ErrorCode::io, "the attack on membership was stopped after round " + std::to_string(last), "nothing was written");
  for (std::size_t i = 0; i < members.size(); ++i)
    if (contributed[i]) trained.contributors.push_back(members[i]);
  return trained;
}

// Minus the mean loss on a client's training rows, those that training looks at; each predicted from the rows before it.
Result<std::vector<double>> fits(const AttackOptions& options, std::span<const float> weights, std::span<const FederatedClient> clients) {
  const Plan& plan = options.plan.plan;
  std::vector<std::unique_ptr<models::Trainer>> trainers;
  for (unsigned i = 0; i < options.threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model, options.plan.trainers));
    trainers.push_back(std::move(trainer));
  }
  std::vector<Result<double>> results(clients.size(), 0.0);
  for_each_index(clients.size(), options.threads, [&](std::size_t i, unsigned worker) {
    const std::size_t rows = models::training_rows(plan.model, clients[i].rows, plan.evaluation.holdout_fraction);
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

}  // namespace

Result<MembershipAttack> attack_membership(const AttackOptions& options, std::span<const FederatedClient> clients, const OnAuditRound& on_round) {
  const Split split = split_clients(options, clients);
  if (split.others.empty() || split.members.empty())
    return fail(ErrorCode::invalid_argument,
                "audit: of " + std::to_string(split.members.size() + split.others.size()) + " eligible clients " + std::to_string(split.others.size()) +
                    " are left out, and membership is told by both kinds",
                "take more clients, or a share nearer to a half");
  FEDSPEND_ASSIGN(const Trained trained, train(options, split.members, on_round));
  if (trained.contributors.empty()) return fail(ErrorCode::invalid_argument, "audit: nobody contributed to the model, so it has no members", "take more rounds");
  FEDSPEND_ASSIGN(std::vector<double> members, fits(options, trained.weights, trained.contributors));
  FEDSPEND_ASSIGN(std::vector<double> others, fits(options, trained.weights, split.others));
  MembershipAttack attack{.members = members.size(), .others = others.size(), .auc = {}, .tpr = {}, .calibrated_auc = {}, .calibrated_tpr = {}};
  attack.auc = area_under_curve(members, others);
  attack.tpr = true_positive_rate(members, others, kFalsePositiveRate);
  FEDSPEND_ASSIGN(const std::vector<double> members_before, fits(options, trained.first_weights, trained.contributors));
  FEDSPEND_ASSIGN(const std::vector<double> others_before, fits(options, trained.first_weights, split.others));
  for (std::size_t i = 0; i < members.size(); ++i) members[i] -= members_before[i];
  for (std::size_t i = 0; i < others.size(); ++i) others[i] -= others_before[i];
  attack.calibrated_auc = area_under_curve(members, others);
  attack.calibrated_tpr = true_positive_rate(members, others, kFalsePositiveRate);
  return attack;
}

}  // namespace fedspend::simulations
