#include "simulations/runs/held_out.h"

#include <memory>

#include "models/history.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {

Result<std::vector<HeldOutScore>> score_clients(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting,
                                                unsigned threads) {
  std::vector<std::unique_ptr<models::Trainer>> trainers;
  for (unsigned i = 0; i < threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model));
    trainers.push_back(std::move(trainer));
  }
  std::vector<Result<models::EvaluationResult>> results(clients.size());
  for_each_index(clients.size(), threads, [&](std::size_t i, unsigned worker) {
    const std::vector<models::HistoryRow>& rows = clients[i].rows;
    if (rows.size() < plan.evaluation.min_rows) return;
    results[i] = trainers[worker]->evaluate(weights, rows, models::training_rows(rows.size(), plan.evaluation.holdout_fraction), counting);
  });
  std::vector<HeldOutScore> scores;
  scores.reserve(clients.size());
  for (const auto& result : results) {
    if (!result) return fail(result.error());
    scores.push_back({result->predictions, result->correct_top1, result->correct_top3, result->loss_sum});
  }
  return scores;
}

Result<HeldOutScore> evaluate_held_out(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting, unsigned threads) {
  FEDSPEND_ASSIGN(const std::vector<HeldOutScore> scores, score_clients(plan, weights, clients, counting, threads));
  HeldOutScore sum;
  for (const HeldOutScore& score : scores) {
    sum.predictions += score.predictions;
    sum.correct_top1 += score.correct_top1;
    sum.correct_top3 += score.correct_top3;
    sum.loss_sum += score.loss_sum;
  }
  return sum;
}

}  // namespace fedspend::simulations
