#pragma once
// Two runs side by side: what differs in their plans, key by key; their final figures; their headline by round; and whether their models
// are equal to the bit. Says so where the figures are not comparable: other data, another vocabulary, another evaluation rule.
// Pure functions, but for read_compared_run.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {

struct ComparedRun {
  std::string name;            // the folder, as it was given
  RunFacts facts;
  std::vector<float> weights;  // of model.fsm
};
Result<ComparedRun> read_compared_run(const std::filesystem::path& folder);

struct PlanDifference {
  std::string key;
  std::string a, b;  // empty: the plan has no such key
};

struct FigureRow {
  std::string key, name;
  std::optional<double> a, b;
};

struct RoundRow {
  std::uint64_t round = 0;
  std::optional<double> a, b;  // of the headline
};

struct Comparison {
  std::string name_a, name_b;
  models::Measure measure = {};  // of A
  std::string demonstration;  // of either: what is not protected; empty: nothing
  std::vector<PlanDifference> plan;
  std::vector<PlanDifference> run;          // what differs beside the plan: the seed, the world of devices, the length of a segment
  std::vector<std::string> not_comparable;  // reasons; empty: comparable
  std::vector<FigureRow> figures;
  std::vector<RoundRow> rounds;             // that either has evaluated
  bool models_equal = false;                // to the bit
  std::optional<double> model_distance_l2;  // nothing where the lengths differ
};

Comparison compare_runs(const ComparedRun& a, const ComparedRun& b);

std::string to_text(const Comparison& comparison);
nlohmann::json to_json(const Comparison& comparison);
std::string comparison_page(const Comparison& comparison);

// Every key of the plan's file with its value as TOML, "federation.rounds" to "300"; sorted by key.
std::vector<std::pair<std::string, std::string>> plan_keys(const Plan& plan);

}  // namespace fedspend::simulations
