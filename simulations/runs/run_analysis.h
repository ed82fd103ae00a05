#pragma once
// What is worked out about a run when it is over: the baselines, each client's score beside its own, and, where they are wanted, the
// references and what personal models are worth. One thread (it starts its own workers).

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "simulations/population/baselines.h"
#include "simulations/runs/client_scores.h"
#include "simulations/runs/personal_scores.h"
#include "simulations/runs/references.h"
#include "simulations/runs/run.h"

namespace fedspend::simulations {

// automatic: where they cost no more than the federation itself.
enum class WantedReferences { automatic, all, none };
Result<WantedReferences> parse_wanted_references(std::string_view text);  // auto, all or none
std::optional<ReferenceOptions> references_for(WantedReferences wanted, const RunOptions& options, std::span<const FederatedClient> clients);

struct WantedAnalysis {
  std::optional<ReferenceOptions> references;  // nothing: none are trained
  bool personalise = false;                    // adapts the model to each client, as a device does (personal_scores.h)
};

struct RunAnalysis {
  Baselines baselines;
  std::vector<ClientScore> clients;
  std::optional<References> references;
  std::optional<PersonalScores> personal;
};

// `clients` as in run_federation. An error of the references or of personal models, or go_on's stop, is the answer's.
Result<RunAnalysis> analyse_run(const RunOptions& options, const RunResult& result, std::span<const FederatedClient> clients, Baselines baselines,
                                const WantedAnalysis& wanted, const GoOn& go_on = {});

}  // namespace fedspend::simulations
