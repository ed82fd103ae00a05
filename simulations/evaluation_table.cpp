#include "simulations/evaluation_table.h"

#include <cstdio>

#include "common/program/program.h"

namespace fedspend::simulations {
namespace {

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * fraction);
  return text;
}

}  // namespace

std::string evaluation_table(const ModelScore& model, const Baselines& baselines) {
  std::vector<std::vector<std::string>> rows = {{"next category, held-out rows", "right", "among 3", "remark"}};
  rows.push_back({model.name, percent(model.score.accuracy()), percent(model.score.top3()), ""});
  for (const Baseline& line : baselines.lines) {
    if (line.sees_merchant) continue;  // it sees the merchant of the row that it predicts: another task
    rows.push_back({line.name, percent(baselines.accuracy(line)), "", line.prequential ? "keeps counting as it goes" : ""});
  }
  return program::format_table(rows);
}

nlohmann::json evaluation_json(const HeldOutScore& score, const Baselines& baselines) {
  nlohmann::json json = {{"predictions", score.predictions}, {"eval_accuracy", score.accuracy()}, {"eval_top3", score.top3()}, {"eval_loss", score.loss()}};
  json["baselines"] = nlohmann::json::object();
  for (const Baseline& line : baselines.lines) json["baselines"][line.key] = baselines.accuracy(line);
  return json;
}

std::vector<FederatedClient> federated_clients(const Population& population, const Plan& plan) {
  const models::Vocabulary vocabulary(plan.model.categories);
  const HistoryEncoder encoder(population, vocabulary);
  std::vector<FederatedClient> clients;
  clients.reserve(population.clients());
  for (std::size_t i = 0; i < population.clients(); ++i) clients.push_back({population.client_name(i), encoder.encode(i)});
  return clients;
}

EvaluationRule evaluation_rule(const Plan& plan) { return {plan.evaluation.holdout_fraction, plan.evaluation.min_rows}; }

}  // namespace fedspend::simulations
