#pragma once
// A model's accuracy beside the lines to beat, as a table and as JSON: what `run`, `evaluate` and the quickstart end with.
// Pure functions.

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "common/protocol/plan.h"
#include "simulations/federation/federation.h"
#include "simulations/population/baselines.h"
#include "simulations/population/population.h"
#include "simulations/runs/held_out.h"
#include "simulations/runs/references.h"

namespace fedspend::simulations {

// The note of a demonstration as a line of its own; nothing where the plan is none.
inline std::string demonstration_line(const Plan& plan) { return plan.is_demonstration() ? std::string(plan.demonstration_note()) + "\n" : std::string(); }

struct ModelScores {
  std::uint64_t round = 0;
  HeldOutScore frozen;       // DESIGN's rule: the figure to compare
  HeldOutScore prequential;  // the same weights, their counts of the client's own past going on through the held-out rows
  HeldOutScore untrained;    // frozen, of the plan's initial weights
};

// All three, each on the held-out rows of all evaluated clients.
Result<ModelScores> score_model(const Plan& plan, std::uint64_t round, std::span<const float> weights, std::span<const FederatedClient> clients, unsigned threads,
                                RankExchange* exchange = nullptr, const models::TrainerChoice& trainers = {});

std::string evaluation_table(const ModelScores& model, const Baselines& baselines, const std::optional<References>& references = {});
// Of the scores the headline is called an accuracy, whatever it is a share of (models/stock_models.h, Measure).
// {"model", "predictions", "eval_accuracy", "eval_top3", "eval_loss", "prequential_accuracy", "untrained_accuracy", "baselines": {key: accuracy}}
nlohmann::json evaluation_json(const ModelScores& model, const Baselines& baselines);

// Histories of all clients of a population in the plan's vocabulary, in the population's order.
std::vector<FederatedClient> federated_clients(const Population& population, const Plan& plan);
EvaluationRule evaluation_rule(const Plan& plan);

}  // namespace fedspend::simulations
