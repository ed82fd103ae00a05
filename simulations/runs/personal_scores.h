#pragma once
// What personalisation on the device (models/personal_model.h) is worth, and for whom it fails: each client adapts the shared model to its own training rows, the newest
// of which choose among the ways, and is scored on its held-out rows, which are a third part of its time and had no say. Prequential, as an app runs; the shared model
// beside it in the same way. By the device's own implementation. Pure, but for the worker threads it starts; the number of threads changes nothing.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "simulations/federation/federation.h"
#include "simulations/runs/client_scores.h"
#include "simulations/runs/held_out.h"

namespace fedspend::simulations {

// The way that was chosen on a device: the shared model as it is, and of the adapted ones whose weights.
enum PersonalWay : std::uint8_t { kSharedAsItIs, kOwnCountsAlone, kHead, kProximal, kPersonalWays };
std::string_view to_string(PersonalWay way);

struct PersonalGroup {            // of clients, by the way chosen or by how many training rows they have
  std::string name;
  std::uint64_t clients = 0, worse = 0, better = 0;  // by the loss on their held-out rows
  HeldOutScore shared, personal;  // their sums
};

struct PersonalScores {
  HeldOutScore shared, personal;
  std::vector<PersonalGroup> by_way, by_history;
  std::uint64_t clients = 0, worse = 0, better = 0;
  Distribution uplift;            // of accuracies, client by client
  double seconds_each = 0;        // wall clock of one adaptation, mean
};

// invalid_argument: a model whose outputs are no probabilities, of which there is no personal one; a trainer that cannot be made.
Status check_personal(const Plan& plan, const models::TrainerChoice& trainers);
// Errors of the same, and of the trainer.
Result<PersonalScores> score_personal(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, unsigned threads, const models::TrainerChoice& trainers = {});
std::string to_text(const PersonalScores& scores);
nlohmann::json to_json(const PersonalScores& scores);

}  // namespace fedspend::simulations
