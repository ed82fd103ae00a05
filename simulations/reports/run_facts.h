#pragma once
// A run as its folder holds it: the resolved plan, summary.json, dp-statement.json and the lines of metrics.jsonl. What the reports, the model card and
// `compare` are made from, so that they say the same right after a run and a year later. A field that is absent or of another kind is
// no value: a folder may come from an older version, or from somebody's editor. Reads files; no shared state.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/stock_models.h"

namespace fedspend::simulations {

struct RunFacts {
  std::string plan_text;  // plan.toml
  Plan plan;
  nlohmann::json summary;
  std::vector<nlohmann::json> rounds;  // published and aborted, in order
  nlohmann::json statement = {};       // dp-statement.json; null in the folder of an older version
};

// Errors name the file and, in metrics.jsonl, the line.
Result<RunFacts> read_run_facts(const std::filesystem::path& folder);

// By JSON pointer ("/references/central/accuracy").
std::optional<double> number_at(const nlohmann::json& json, const std::string& pointer);
std::string text_at(const nlohmann::json& json, const std::string& pointer);  // empty if absent

// What the model of a run's summary is scored by, in words.
const models::Measure& measure_of(const nlohmann::json& summary);
// What a reader must know of the figure where early stopping chose the model by it; empty otherwise.
std::string chosen_by_its_figure(const RunFacts& run);

}  // namespace fedspend::simulations
