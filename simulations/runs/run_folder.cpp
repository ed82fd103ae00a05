#include "simulations/runs/run_folder.h"

#include <cstdio>

#include "common/program/files.h"
#include "common/protocol/model_file.h"
#include "simulations/runs/world_summary.h"

namespace fedspend::simulations {

nlohmann::json run_summary(const RunOptions& options, const RunResult& result, const Baselines& baselines) {
  nlohmann::json summary = evaluation_json(result.scores, baselines);
  summary.update(result.record.summary(result.seconds));
  summary["eligible_clients"] = result.eligible_clients;
  summary["seed"] = options.federation.seed;
  summary["threads"] = options.federation.threads;
  summary["plan_hash"] = options.plan.hash.hex();
  summary["model_hash"] = hash_of_weights(weights_to_bytes(*result.weights)).hex();
  summary["model_round"] = result.model_round;
  summary["stopped_early"] = result.stopped_early;
  if (options.early_stopping.evaluations != 0) summary["best_round"] = result.model_round;
  summary.update(world_summary(options, result));
  summary["checkpoint_every"] = options.federation.segment_rounds;
  summary["epsilon"] = nullptr;  // no noise was added: there is no guarantee to state
  summary["delta"] = nullptr;
  summary["demonstration"] = options.plan.plan.is_demonstration();
  return summary;
}

namespace {

// models/round-000100.fsm
Status write_kept_models(const RunOptions& options, const RunResult& result, const std::filesystem::path& folder) {
  if (result.kept.empty()) return {};
  FEDSPEND_TRY(program::ensure_writable_directory(folder / "models"));
  for (const KeptModel& kept : result.kept) {
    char name[40];
    std::snprintf(name, sizeof name, "round-%06llu.fsm", static_cast<unsigned long long>(kept.round));
    const ModelFile model{options.plan.plan.model.name, options.plan.hash, kept.round, options.plan.plan.is_demonstration(), kept.weights};
    FEDSPEND_TRY(program::write_file_atomically(folder / "models" / name, encode_model_file(model)));
  }
  return {};
}

}  // namespace

Status write_run(const RunOptions& options, const RunResult& result, const nlohmann::json& summary, const std::filesystem::path& folder) {
  const Plan& plan = options.plan.plan;
  const ModelFile model{plan.model.name, options.plan.hash, result.model_round, plan.is_demonstration(), *result.weights};
  FEDSPEND_TRY(program::write_file_atomically(folder / "plan.toml", as_bytes(options.plan.text)));
  FEDSPEND_TRY(program::write_file_atomically(folder / "metrics.jsonl", as_bytes(result.record.jsonl())));
  FEDSPEND_TRY(program::write_file_atomically(folder / "metrics.csv", as_bytes(result.record.csv())));
  FEDSPEND_TRY(program::write_file_atomically(folder / "model.fsm", encode_model_file(model)));
  FEDSPEND_TRY(write_kept_models(options, result, folder));
  return program::write_file_atomically(folder / "summary.json", as_bytes(summary.dump(2) + "\n"));
}

}  // namespace fedspend::simulations
