#include "simulations/runs/held_out.h"

#include <memory>

#include "models/history.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {

Result<HeldOutScore> score_client(models::Trainer& trainer, const Plan& plan, std::span<const float> weights, const FederatedClient& client, models::Counting counting) {
  if (client.rows.size() < plan.evaluation.min_rows) return HeldOutScore{};
  FEDSPEND_ASSIGN(const models::EvaluationResult result,
                  trainer.evaluate(weights, client.rows, models::training_rows(client.rows.size(), plan.evaluation.holdout_fraction), counting));
  return HeldOutScore{result.predictions, result.correct_top1, result.correct_top3, result.loss_sum};
}

Result<std::vector<HeldOutScore>> score_clients(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting,
                                                unsigned threads) {
  std::vector<std::unique_ptr<models::Trainer>> trainers;
  for (unsigned i = 0; i < threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model));
    trainers.push_back(std::move(trainer));
  }
  std::vector<Result<HeldOutScore>> results(clients.size());
  for_each_index(clients.size(), threads, [&](std::size_t i, unsigned worker) { results[i] = score_client(*trainers[worker], plan, weights, clients[i], counting); });
  std::vector<HeldOutScore> scores;
  scores.reserve(clients.size());
  for (const auto& result : results) {
    if (!result) return fail(result.error());
    scores.push_back(*result);
  }
  return scores;
}

Result<HeldOutScore> evaluate_held_out(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting, unsigned threads) {
  FEDSPEND_ASSIGN(const std::vector<HeldOutScore> scores, score_clients(plan, weights, clients, counting, threads));
  HeldOutScore sum;
  for (const HeldOutScore& score : scores) sum += score;
  return sum;
}

}  // namespace fedspend::simulations
