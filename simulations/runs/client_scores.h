#pragma once
// Who gains and who loses: the federated model beside what each client would have alone, client by client, on its held-out rows.
// What a phone has alone is the better of its own two counts (its most frequent category; its order-1 Markov table), chosen in
// hindsight for each client, and so a little kind to it; and, where it was trained, a model on its own rows only.
// A client has few held-out rows, so that single differences are noisy: read the distribution. Nobody is named. Pure functions.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "simulations/federation/federation.h"
#include "simulations/population/baselines.h"
#include "simulations/runs/held_out.h"

namespace fedspend::simulations {

struct ClientScore {
  std::string label;
  std::size_t training_rows = 0;
  HeldOutScore federated;                  // frozen
  HeldOutScore own_best;                   // the best of its own counts
  std::optional<HeldOutScore> local_only;  // frozen
};

// Of the clients that have held-out rows to predict, in their order. `federated` and `local_only` (or empty) as score_clients gives them.
std::vector<ClientScore> client_scores(const Plan& plan, std::span<const FederatedClient> clients, const Baselines& baselines, std::span<const HeldOutScore> federated,
                                       std::span<const HeldOutScore> local_only);

// Of differences of accuracies. Quantiles at 0, 5, ... 100 percent, interpolated between the two nearest.
struct Distribution {
  static constexpr std::size_t kQuantiles = 21;
  std::size_t clients = 0;
  double mean = 0;
  std::array<double, kQuantiles> quantiles{};
  double share_gain = 0, share_lose = 0;  // the rest has the same accuracy
};
Distribution distribution_of(std::vector<double> differences);

// {"clients", "against_own_best": {...}, "against_local_only": {...} or null, "by_history": [...]}; null without clients.
nlohmann::json client_summary(std::span<const ClientScore> scores);

// One line a client, the largest gain first. Without labels a line names nobody but by its rank.
enum class ClientNames { ranks, labels };
std::string client_csv(std::span<const ClientScore> scores, ClientNames names);

}  // namespace fedspend::simulations
