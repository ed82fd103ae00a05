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
#include "simulations/federation/participation.h"
#include "simulations/plans/plan_file.h"
#include "simulations/runs/checkpoint.h"
#include "simulations/runs/evaluation_table.h"
#include "simulations/runs/held_out.h"
#include "simulations/runs/run_record.h"

namespace fedspend::simulations {

// Ends a run whose held-out accuracy no longer rises, and keeps the best model that was evaluated. As the choice looks at the
// held-out rows, their figure is then a little kind to the model.
struct EarlyStopping {
  std::uint32_t evaluations = 0;  // so many in a row without a gain; 0: never
  double min_gain = 0;            // a rise of accuracy counts if it is more than this
};

// They are a part of every checkpoint until the run ends.
inline constexpr std::uint64_t kMaxKeptModels = 1'000;

struct RunOptions {
  PlanFile plan;  // resolved
  FederationOptions federation = {};
  std::uint32_t evaluate_every = 1;    // rounds; the last one always is
  EarlyStopping early_stopping = {};
  std::uint32_t keep_models_every = 0; // rounds; 0: the final model only
};

// Nobody's customer is in a simulation: without a policy of their own its devices accept what the plan says, and every output says
// that it is a demonstration where the plan is one.
client::DevicePolicy accepting_policy(const Plan& plan);
std::uint32_t default_evaluate_every(const Plan& plan);  // ten evaluations in all

// After every round, published or aborted; a score where there was an evaluation. It may stop the run by returning false.
using OnRound = std::function<bool(const SimulatedRound&, const std::optional<HeldOutScore>&)>;
// After every segment but the last, on rank 0. An error ends the run.
using OnCheckpoint = std::function<Status(const RunCheckpoint&)>;

struct RunResult {
  RunRecord record;
  std::shared_ptr<const std::vector<float>> weights;  // after the last published round; of the best one, if early stopping was asked for
  std::uint64_t model_round = 0;                      // the round that they are of
  ModelScores scores;                                 // of these weights
  std::vector<KeptModel> kept;
  std::size_t eligible_clients = 0;
  Millis simulated_time{};
  std::vector<ParticipationSpread> participation;     // of all eligible clients, then by class of the world
  PopulationLedger ledger = {};                       // what the coordinator has charged, aborted rounds included
  double seconds = 0;             // the federation's alone, without evaluations; all parts of a resumed run together
  double evaluation_seconds = 0;  // of those between the rounds
  bool stopped_early = false;     // by EarlyStopping
  bool stopped = false;           // by on_round: then there are no scores
};

// Everything that the result depends on. Two runs of one identity end in the same bits.
RunIdentity run_identity(const RunOptions& options, const ClientSource& clients, std::size_t evaluated);
RunIdentity run_identity(const RunOptions& options, std::span<const FederatedClient> clients);

// `clients` outlive the call. From `checkpoint` if there is one: refused if it is of another run. With an exchange every rank
// calls it with the same options and data (refused otherwise, on all of them), and rank 0 alone may bring a checkpoint.
// `evaluated` are the clients that are scored: all of them, or a sample of what does not fit into memory.
Result<RunResult> run_federation(const RunOptions& options, const ClientSource& clients, std::span<const FederatedClient> evaluated, const OnRound& on_round,
                                 const OnCheckpoint& on_checkpoint = {}, std::optional<RunCheckpoint> checkpoint = {});
Result<RunResult> run_federation(const RunOptions& options, std::span<const FederatedClient> clients, const OnRound& on_round, const OnCheckpoint& on_checkpoint = {},
                                 std::optional<RunCheckpoint> checkpoint = {});

}  // namespace fedspend::simulations
