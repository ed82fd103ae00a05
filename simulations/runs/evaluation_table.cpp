#include "simulations/runs/evaluation_table.h"

#include <cstdio>

#include "common/program/program.h"
#include "models/stock_models.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {
namespace {

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * fraction);
  return text;
}

std::string epochs_text(const Reference& reference) {
  const std::uint32_t epochs = reference.figure().epochs;
  return std::to_string(epochs) + (epochs == 1 ? " epoch" : " epochs") + ", the best of those tried";
}

}  // namespace

Result<ModelScores> score_model(const Plan& plan, std::uint64_t round, std::span<const float> weights, std::span<const FederatedClient> clients, unsigned threads,
                                RankExchange* exchange, const models::TrainerChoice& trainers) {
  ModelScores scores;
  scores.round = round;
  FEDSPEND_ASSIGN(scores.frozen, evaluate_held_out(plan, weights, clients, models::Counting::frozen, threads, exchange, trainers));
  FEDSPEND_ASSIGN(scores.prequential, evaluate_held_out(plan, weights, clients, models::Counting::prequential, threads, exchange, trainers));
  FEDSPEND_ASSIGN(const std::vector<float> initial, initial_weights(plan, trainers));
  FEDSPEND_ASSIGN(scores.untrained, evaluate_held_out(plan, initial, clients, models::Counting::frozen, threads, exchange, trainers));
  return scores;
}

std::string evaluation_table(const ModelScores& model, const Baselines& baselines, const std::optional<References>& references) {
  const models::Measure& measure = models::stock_model_or_first(baselines.model).measure;
  std::vector<std::vector<std::string>> rows = {{std::string(measure.predicted), std::string(measure.headline), std::string(measure.second), "remark"}};
  const auto add = [&](const std::string& name, const HeldOutScore& score, const std::string& remark) {
    rows.push_back({name, percent(score.headline()), measure.second.empty() ? "" : percent(score.second()), remark});
  };
  add("federated model, round " + std::to_string(model.round), model.frozen, "");
  add("the same, counting on", model.prequential, "keeps counting as it goes");
  add("before the first round", model.untrained, "not trained");
  if (references) {
    add("central training", references->central.figure().score, epochs_text(references->central));
    add("local-only training", references->local_only.figure().score, epochs_text(references->local_only));
  }
  for (const Baseline& line : baselines.lines) {
    if (line.sees_merchant) continue;  // it sees the merchant of the row that it predicts: another task
    rows.push_back({line.name, percent(line.score.headline()), line.score.correct_top3 > 0 ? percent(line.score.second()) : "", line.prequential ? "keeps counting as it goes" : ""});
  }
  return program::format_table(rows);
}

nlohmann::json evaluation_json(const ModelScores& model, const Baselines& baselines) {
  nlohmann::json json = {{"predictions", model.frozen.predictions},
                         {"eval_accuracy", model.frozen.headline()},
                         {"eval_top3", model.frozen.second()},
                         {"eval_loss", model.frozen.loss()},
                         {"prequential_accuracy", model.prequential.headline()},
                         {"untrained_accuracy", model.untrained.headline()}};
  json["model"] = baselines.model;
  json["baselines"] = nlohmann::json::object();
  for (const Baseline& line : baselines.lines) json["baselines"][line.key] = line.score.headline();
  return json;
}

std::vector<FederatedClient> federated_clients(const Population& population, const Plan& plan) {
  const HistoryEncoder encoder(population, plan.model);
  std::vector<FederatedClient> clients;
  clients.reserve(population.clients());
  for (std::size_t i = 0; i < population.clients(); ++i) clients.push_back({population.client_name(i), encoder.encode(i)});
  for (std::size_t which = 0; which < population.attributes().size(); ++which) {
    const std::string& name = population.attributes()[which];
    if (name == "device_class")
      for (std::size_t i = 0; i < clients.size(); ++i) clients[i].device_class = population.attribute(i, which);
    if (name == "time_zone")
      for (std::size_t i = 0; i < clients.size(); ++i) clients[i].time_zone = population.attribute(i, which);
  }
  return clients;
}

EvaluationRule evaluation_rule(const Plan& plan) {
  return {plan.evaluation.holdout_fraction, plan.evaluation.min_rows, plan.model};
}

}  // namespace fedspend::simulations
