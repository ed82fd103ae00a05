#pragma once
// What a run leaves in its folder: the resolved plan, the metrics, the model and the summary. One thread.

#include <filesystem>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "simulations/runs/run.h"

namespace fedspend::simulations {

// summary.json, and `data.summary` of the program's JSON: accuracies, baselines, bytes, speed, hashes, epsilon.
nlohmann::json run_summary(const RunOptions& options, const RunResult& result, const Baselines& baselines);

// plan.toml, metrics.jsonl, metrics.csv, model.fsm and summary.json into `folder`, which is there.
Status write_run(const RunOptions& options, const RunResult& result, const nlohmann::json& summary, const std::filesystem::path& folder);

}  // namespace fedspend::simulations
