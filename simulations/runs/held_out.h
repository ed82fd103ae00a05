#pragma once
// DESIGN.md's evaluation rule: clients with at least evaluation.min_rows rows, the last ceil(f n) rows of each (of some models the last days, models/stock_models.h), never trained on.
// Pure, but for the worker threads it starts; sums in client order, so that the number of threads changes nothing.

#include <cstdint>
#include <span>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/evaluation_result.h"
#include "models/torch_module.h"
#include "models/trainer.h"
#include "simulations/federation/federation.h"

namespace fedspend::simulations {

using HeldOutScore = models::EvaluationResult;

// Of one client, which is not scored (no predictions) if it has fewer than evaluation.min_rows rows.
Result<HeldOutScore> score_client(models::Trainer& trainer, const Plan& plan, std::span<const float> weights, const FederatedClient& client, models::Counting counting);
// One score a client, in the order of `clients`; a client that is not evaluated has no predictions. With an exchange the ranks share
// the work, and each has all scores.
Result<std::vector<HeldOutScore>> score_clients(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting,
                                                unsigned threads, RankExchange* exchange = nullptr, const models::TrainerChoice& trainers = {});
// Their sum.
Result<HeldOutScore> evaluate_held_out(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting, unsigned threads,
                                       RankExchange* exchange = nullptr, const models::TrainerChoice& trainers = {});

}  // namespace fedspend::simulations
