#include "simulations/runs/references.h"

#include <algorithm>
#include <memory>

#include "client/local_training.h"
#include "common/check.h"
#include "common/crypto/hash.h"
#include "models/stock_models.h"
#include "simulations/parallel.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {
namespace {

using models::HistoryRow;

// As a device trains (client/local_training.cpp): of the rows that are not held out the newest max_rows.
std::span<const HistoryRow> training_part(const Plan& plan, std::span<const HistoryRow> rows) {
  const std::span<const HistoryRow> training = rows.first(models::training_rows(plan.model, rows, plan.evaluation.holdout_fraction));
  return plan.training.max_rows != 0 && training.size() > plan.training.max_rows ? training.last(plan.training.max_rows) : training;
}

models::TrainingOptions one_epoch(const Plan& plan, const ReferenceOptions& options_of_all, double factor, std::uint32_t epoch) {
  models::TrainingOptions options{.spec = plan.training};
  options.spec.epochs = 1;
  options.spec.learning_rate *= factor;
  options.spec.proximal_mu = 0;  // it pulls towards the weights of a round, and here is none
  options.seed = load_u64(Hasher("reference-training").u64(options_of_all.seed).u32(epoch).finish());
  return options;
}

// An epoch over the rows of one client or of many as one.
Status train_further(models::Trainer& trainer, std::span<const std::span<const HistoryRow>> histories, const models::TrainingOptions& options, std::vector<float>& weights, std::vector<float>& update) {
  FEDSPEND_TRY(histories.size() == 1 ? trainer.train(weights, histories.front(), options, update) : trainer.train_pooled(weights, histories, options, update));
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += update[i];
  return {};
}

tl::unexpected<Error> stopped() { return fail(ErrorCode::io, "stopped by a signal while the references were trained", "nothing was written"); }

Result<std::vector<std::unique_ptr<models::Trainer>>> trainers_for(const Plan& plan, const ReferenceOptions& options) {
  std::vector<std::unique_ptr<models::Trainer>> trainers;
  for (unsigned i = 0; i < options.threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model, options.trainers));
    trainers.push_back(std::move(trainer));
  }
  return trainers;
}

HeldOutScore sum_of(std::span<const HeldOutScore> scores) {
  HeldOutScore sum;
  for (const HeldOutScore& score : scores) sum += score;
  return sum;
}

// Of two that are as good, the first.
void choose_best(Reference& reference) {
  for (std::size_t i = 1; i < reference.grid.size(); ++i)
    if (reference.grid[i].score.headline() > reference.grid[reference.best].score.headline()) reference.best = i;
}

// A client alone: its scores at each point of the grid. One that is not eligible keeps the initial weights.
Result<std::vector<HeldOutScore>> train_alone(models::Trainer& trainer, const Plan& plan, const FederatedClient& client, std::span<const float> initial,
                                              const ReferenceOptions& options, const std::function<bool()>& asked_to_stop) {
  std::vector<float> update(initial.size());
  std::vector<HeldOutScore> scores;
  const bool eligible = client::is_eligible(plan, client.rows.size());
  const std::span<const HistoryRow> rows = training_part(plan, client.rows);
  for (const double factor : options.learning_rate_factors) {
    std::vector<float> weights(initial.begin(), initial.end());
    for (std::uint32_t epoch = 1; epoch <= options.epochs.back(); ++epoch) {
      if (asked_to_stop()) return stopped();
      if (eligible) FEDSPEND_TRY(train_further(trainer, std::span(&rows, 1), one_epoch(plan, options, factor, epoch), weights, update));
      if (!std::binary_search(options.epochs.begin(), options.epochs.end(), epoch)) continue;
      FEDSPEND_ASSIGN(const HeldOutScore score, score_client(trainer, plan, weights, client, models::Counting::frozen));
      scores.push_back(score);
    }
  }
  return scores;
}

// Without scores.
std::vector<ReferencePoint> grid_of(const Plan& plan, const ReferenceOptions& options) {
  std::vector<ReferencePoint> grid;
  for (const double factor : options.learning_rate_factors)
    for (const std::uint32_t epochs : options.epochs) grid.push_back({factor * plan.training.learning_rate, epochs, {}});
  return grid;
}

nlohmann::json to_json(const Reference& reference) {
  nlohmann::json grid = nlohmann::json::array();
  for (const ReferencePoint& point : reference.grid) grid.push_back({{"learning_rate", point.learning_rate}, {"epochs", point.epochs}, {"accuracy", point.score.headline()}, {"loss", point.score.loss()}});
  const ReferencePoint& figure = reference.figure();
  return {{"learning_rate", figure.learning_rate}, {"epochs", figure.epochs}, {"accuracy", figure.score.headline()}, {"top3", figure.score.second()}, {"loss", figure.score.loss()}, {"grid", grid}};
}

void check(const ReferenceOptions& options) {
  FEDSPEND_CHECK(options.threads >= 1, "at least one thread");
  FEDSPEND_CHECK(!options.epochs.empty() && options.epochs.front() >= 1 && std::is_sorted(options.epochs.begin(), options.epochs.end(), std::less_equal<>()),
                 "a rising grid of epochs");
  FEDSPEND_CHECK(!options.learning_rate_factors.empty(), "at least one learning rate");
}

}  // namespace

Result<Reference> train_local_only(const Plan& plan, std::span<const FederatedClient> clients, const ReferenceOptions& options, const GoOn& go_on) {
  check(options);
  FEDSPEND_ASSIGN(const std::vector<float> initial, initial_weights(plan, options.trainers));
  FEDSPEND_ASSIGN(const auto trainers, trainers_for(plan, options));
  std::vector<Result<std::vector<HeldOutScore>>> scores(clients.size());
  for_each_index(clients.size(), options.threads, [&](std::size_t i, unsigned worker) {
    scores[i] = train_alone(*trainers[worker], plan, clients[i], initial, options, [&] { return go_on && !go_on(); });
  });
  Reference reference{.grid = grid_of(plan, options), .best = 0, .by_client = {}};
  for (const auto& of_client : scores) {
    if (!of_client) return fail(of_client.error());
    for (std::size_t point = 0; point < reference.grid.size(); ++point) reference.grid[point].score += (*of_client)[point];
  }
  choose_best(reference);
  for (const auto& of_client : scores) reference.by_client.push_back((*of_client)[reference.best]);
  return reference;
}

Result<Reference> train_centrally(const Plan& plan, std::span<const FederatedClient> clients, const ReferenceOptions& options, const GoOn& go_on) {
  check(options);
  std::vector<std::span<const HistoryRow>> pooled;
  for (const FederatedClient& client : clients)
    if (client::is_eligible(plan, client.rows.size())) pooled.push_back(training_part(plan, client.rows));
  FEDSPEND_ASSIGN(const std::vector<float> initial, initial_weights(plan, options.trainers));
  FEDSPEND_ASSIGN(const auto trainer, models::make_trainer(plan.model, options.trainers));
  std::vector<float> update(initial.size());
  Reference reference{.grid = grid_of(plan, options), .best = 0, .by_client = {}};
  std::vector<std::vector<HeldOutScore>> by_client;
  for (const double factor : options.learning_rate_factors) {
    std::vector<float> weights = initial;
    for (std::uint32_t epoch = 1; epoch <= options.epochs.back(); ++epoch) {
      if (go_on && !go_on()) return stopped();
      FEDSPEND_TRY(train_further(*trainer, pooled, one_epoch(plan, options, factor, epoch), weights, update));
      if (!std::binary_search(options.epochs.begin(), options.epochs.end(), epoch)) continue;
      FEDSPEND_ASSIGN(std::vector<HeldOutScore> scores, score_clients(plan, weights, clients, models::Counting::frozen, options.threads, nullptr, options.trainers));
      reference.grid[by_client.size()].score = sum_of(scores);
      by_client.push_back(std::move(scores));
    }
  }
  choose_best(reference);
  reference.by_client = std::move(by_client[reference.best]);
  return reference;
}

nlohmann::json references_json(const References& references) { return {{"local_only", to_json(references.local_only)}, {"central", to_json(references.central)}}; }

bool are_cheap(const ReferenceOptions& options, const Plan& plan, std::size_t eligible_clients) {
  const std::uint64_t trainings = std::uint64_t{2} * options.learning_rate_factors.size() * options.epochs.back() * eligible_clients;
  return trainings <= std::uint64_t{2} * plan.federation.rounds * plan.devices_asked();
}

}  // namespace fedspend::simulations
