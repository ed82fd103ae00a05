#include "client/local_training.h"

#include <utility>
#include <vector>

#include "models/row_maker.h"
#include "models/stock_models.h"

namespace fedspend::client {

std::vector<models::HistoryRow> history_rows(std::span<const models::Transaction> transactions, const ModelSpec& model) {
  models::RowMaker maker(model);
  std::vector<models::HistoryRow> rows;
  rows.reserve(transactions.size());
  for (const models::Transaction& transaction : transactions)
    if (!transaction.category.empty()) rows.push_back(maker.row(transaction));
  return rows;
}

bool is_eligible(const Plan& plan, std::size_t rows) {
  return models::training_rows(rows, plan.evaluation.holdout_fraction) >= plan.eligibility.min_examples;
}

TrainingFinished train_locally(models::Trainer& trainer, const StartTraining& start, std::span<const models::HistoryRow> rows, std::stop_token stop) {
  const Plan& plan = *start.plan;
  if (!is_eligible(plan, rows.size())) return {start.session, DeclineReason::not_eligible};
  if (trainer.parameter_count() != plan.model.parameter_count) return {start.session, DeclineReason::training_failed};
  std::span<const models::HistoryRow> training = rows.first(models::training_rows(plan.model, rows, plan.evaluation.holdout_fraction));
  if (plan.training.max_rows != 0 && training.size() > plan.training.max_rows) training = training.last(plan.training.max_rows);

  std::vector<float> update(trainer.parameter_count());
  TrainingSpec spec = plan.training;
  spec.learning_rate *= learning_rate_factor(spec.schedule, start.round, plan.federation.rounds);  // the same on every device
  const models::TrainingOptions options{.spec = std::move(spec), .seed = models::training_seed(start.plan_hash, start.round, start.attempt), .stop = std::move(stop)};
  const Result<models::TrainingResult> trained = trainer.train(*start.weights, training, options, update);
  if (!trained && trained.error().code == ErrorCode::limit) return {start.session, std::vector<float>(trainer.parameter_count()), true};
  if (!trained) return {start.session, trained.error().code == ErrorCode::refused ? DeclineReason::cancelled : DeclineReason::training_failed};
  return {start.session, std::move(update)};
}

}  // namespace fedspend::client
