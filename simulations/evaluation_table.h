#pragma once
// A model's accuracy beside the lines to beat, as a table and as JSON: what `run`, `evaluate` and the quickstart end with.
// Pure functions.

#include <string>

#include <nlohmann/json.hpp>

#include "common/protocol/plan.h"
#include "simulations/baselines.h"
#include "simulations/federation.h"
#include "simulations/population.h"

namespace fedspend::simulations {

inline constexpr std::string_view kDemonstrationNote =
    "DEMONSTRATION: the coordinator saw single updates in the clear, and no noise was added. Not for real customers.\n";

struct ModelScore {
  std::string name;  // in the table
  HeldOutScore score;
};

std::string evaluation_table(const ModelScore& model, const Baselines& baselines);
// {"predictions", "eval_accuracy", "eval_top3", "eval_loss", "baselines": {key: accuracy}}
nlohmann::json evaluation_json(const HeldOutScore& score, const Baselines& baselines);

// Histories of all clients of a population in the plan's vocabulary, in the population's order.
std::vector<FederatedClient> federated_clients(const Population& population, const Plan& plan);
EvaluationRule evaluation_rule(const Plan& plan);

}  // namespace fedspend::simulations
