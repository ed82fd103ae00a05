#pragma once
// A run: a federation driven to the plan's last round, evaluated as it goes, and scored at the end. The library behind
// `fedspend-sim run`, `sweep` and Python: it writes no file and prints nothing. One thread a run (it starts its own workers).

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/result.h"
#include "simulations/federation/federation.h"
#include "simulations/plans/plan_file.h"
#include "simulations/runs/evaluation_table.h"
#include "simulations/runs/held_out.h"
#include "simulations/runs/run_record.h"

namespace fedspend::simulations {

struct RunOptions {
  PlanFile plan;  // resolved
  FederationOptions federation;
  std::uint32_t evaluate_every = 1;  // rounds; the last one always is
};

// Nobody's customer is in a simulation: without a policy of their own its devices accept what the plan says, and every output says
// that it is a demonstration where the plan is one.
client::DevicePolicy accepting_policy(const Plan& plan);
std::uint32_t default_evaluate_every(const Plan& plan);  // ten evaluations in all

// After every round, published or aborted; a score where there was an evaluation. It may stop the run by returning false.
using OnRound = std::function<bool(const SimulatedRound&, const std::optional<HeldOutScore>&)>;

struct RunResult {
  RunRecord record;
  std::shared_ptr<const std::vector<float>> weights;  // after the last published round
  ModelScores scores;                                 // of these weights
  std::size_t eligible_clients = 0;
  double seconds = 0;             // the federation's alone, without evaluations
  double evaluation_seconds = 0;  // of those between the rounds
  bool stopped = false;           // by on_round: then there are no scores
};

// `clients` outlive the call.
Result<RunResult> run_federation(const RunOptions& options, std::span<const FederatedClient> clients, const OnRound& on_round);

}  // namespace fedspend::simulations
