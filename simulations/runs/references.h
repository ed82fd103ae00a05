#pragma once
// What a federated model is held against, beside the baselines: the same trainer on the same training rows,
//   local only  each client alone, from the plan's initial weights, scored on its own held-out rows;
//   central     the rows of all eligible clients in one place, as if nobody minded.
// Both by the evaluation rule of the project, with the counts frozen. Both train with the plan's [training] (batches, momentum, gradient
// clip, newest rows; no proximal term, no schedule), with the plan's learning rate and a quarter of it, since what suits a step of
// one client among a hundred is large for one that goes on alone. Of this small grid of learning rates and epochs, reported whole, the
// point with the best accuracy on the held-out rows themselves is the figure: kind to the references, and so strict with the federation.
// The same seed gives the same figures for any number of threads: clients train side by side, the pooled training on one thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "simulations/federation/federation.h"
#include "simulations/runs/held_out.h"

namespace fedspend::simulations {

struct ReferenceOptions {
  std::uint64_t seed = 1;
  unsigned threads = 1;
  models::TrainerChoice trainers = {};
  std::vector<std::uint32_t> epochs = {1, 2, 5, 10};          // rising
  std::vector<double> learning_rate_factors = {1.0, 0.25};    // of the plan's
};

struct ReferencePoint {
  double learning_rate = 0;
  std::uint32_t epochs = 0;
  HeldOutScore score;
};

struct Reference {
  std::vector<ReferencePoint> grid;
  std::size_t best = 0;                   // index into the grid
  std::vector<HeldOutScore> by_client;    // at the best, in the order of the clients
  const ReferencePoint& figure() const { return grid[best]; }
};

// Asked between two epochs; false stops, with an io error.
using GoOn = std::function<bool()>;

Result<Reference> train_local_only(const Plan& plan, std::span<const FederatedClient> clients, const ReferenceOptions& options, const GoOn& go_on = {});
Result<Reference> train_centrally(const Plan& plan, std::span<const FederatedClient> clients, const ReferenceOptions& options, const GoOn& go_on = {});

struct References {
  Reference local_only;
  Reference central;
};
// {"local_only": {"learning_rate", "epochs", "accuracy", "top3", "loss", "grid": [...]}, "central": {...}}
nlohmann::json references_json(const References& references);

// Whether both take at most twice as many trainings of a client as the federation itself. Then a run does them unasked, and nobody
// waits for hours without having asked.
bool are_cheap(const ReferenceOptions& options, const Plan& plan, std::size_t eligible_clients);

}  // namespace fedspend::simulations
