#include "simulations/runs/run_analysis.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/local_training.h"

namespace fedspend::simulations {

Result<WantedReferences> parse_wanted_references(std::string_view text) {
  if (text == "auto") return WantedReferences::automatic;
  if (text == "all") return WantedReferences::all;
  if (text == "none") return WantedReferences::none;
  return fail(ErrorCode::invalid_argument, "\"" + std::string(text) + "\" is not known", "auto, all or none");
}

std::optional<ReferenceOptions> references_for(WantedReferences wanted, const RunOptions& options, std::span<const FederatedClient> clients) {
  const Plan& plan = options.plan.plan;
  const ReferenceOptions references{.seed = options.federation.seed, .threads = options.federation.threads, .trainers = options.plan.trainers};
  const auto eligible = std::count_if(clients.begin(), clients.end(), [&](const FederatedClient& client) { return client::is_eligible(plan, client.rows.size()); });
  const bool cheap = are_cheap(references, plan, static_cast<std::size_t>(eligible));
  return wanted == WantedReferences::all || (wanted == WantedReferences::automatic && cheap) ? std::optional(references) : std::nullopt;
}

Result<RunAnalysis> analyse_run(const RunOptions& options, const RunResult& result, std::span<const FederatedClient> clients, Baselines baselines,
                                const WantedAnalysis& wanted, const GoOn& go_on) {
  const Plan& plan = options.plan.plan;
  RunAnalysis analysis{.baselines = std::move(baselines), .clients = {}, .references = {}, .personal = {}};
  if (const std::optional<ReferenceOptions>& references = wanted.references) {
    FEDSPEND_ASSIGN(Reference local_only, train_local_only(plan, clients, *references, go_on));
    FEDSPEND_ASSIGN(Reference central, train_centrally(plan, clients, *references, go_on));
    analysis.references = References{std::move(local_only), std::move(central)};
  }
  FEDSPEND_ASSIGN(const std::vector<HeldOutScore> federated, score_clients(plan, *result.weights, clients, models::Counting::frozen, options.federation.threads, nullptr, options.plan.trainers));
  analysis.clients = client_scores(plan, clients, analysis.baselines, federated, analysis.references ? std::span<const HeldOutScore>(analysis.references->local_only.by_client) : std::span<const HeldOutScore>());
  if (wanted.personalise) {
    FEDSPEND_ASSIGN(analysis.personal, score_personal(plan, *result.weights, clients, options.federation.threads, options.plan.trainers));
  }
  return analysis;
}

}  // namespace fedspend::simulations
