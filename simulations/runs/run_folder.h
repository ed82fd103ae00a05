#pragma once
// What a run leaves in its folder:
//   plan.toml                 resolved
//   metrics.jsonl, .csv       round by round
//   model.fsm                 the weights
//   model-card.md             what the model is, how good, and what it is not for
//   dp-statement.txt, .json   the DP statement that is true of the weights (common/secagg/dp_statement.h)
//   summary.json              the final figures
//   report.html               the same for the eye
//   events.out.tfevents.*     accuracy, loss, participation and bytes for TensorBoard
// All but summary.json and what the report marks as wall-clock time are the same for the same plan, data and seed. One thread; prints
// nothing.

#include <filesystem>
#include <span>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "common/secagg/dp_statement.h"
#include "simulations/reports/event_file.h"
#include "simulations/runs/run.h"
#include "simulations/runs/run_analysis.h"

namespace fedspend::simulations {

// Of all that the run has released, its last round included also where early stopping chose an earlier model. internal: no federation runs such a plan.
Result<DpStatement> statement_of(const RunOptions& options, const RunResult& result);

// summary.json, and `data.summary` of the program's JSON: accuracies, baselines, references, clients, bytes, speed, hashes, epsilon of the
// device that has spent most by the statement's accountant. Null without noise; with a noise cohort that is `simulated_epsilon` and
// `epsilon` is null.
nlohmann::json run_summary(const RunOptions& options, const RunResult& result, std::span<const FederatedClient> clients, const RunAnalysis& analysis, const DpStatement& statement);

// Into `folder`, which is there.
Status write_run(const RunOptions& options, const RunResult& result, const nlohmann::json& summary, const DpStatement& statement, const std::filesystem::path& folder);

// The scalars of a run for TensorBoard. Step: the round. Wall time: the simulated clock, which starts at 0 (1970), so that the same run
// gives the same bytes; choose "relative" on TensorBoard's time axis.
std::vector<ScalarEvent> scalar_events(const RunRecord& record);
inline constexpr std::string_view kEventFileName = "events.out.tfevents.0.fedspend-sim";

}  // namespace fedspend::simulations
