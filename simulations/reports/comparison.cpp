#include "simulations/reports/comparison.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include <toml++/toml.h>

#include "common/check.h"
#include "common/program/files.h"
#include "common/protocol/model_file.h"
#include "simulations/population/baselines.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kMaxModelFileBytes = (std::size_t{4} << 24) + 4096;

void flatten(const toml::table& table, const std::string& prefix, std::map<std::string, std::string>& keys) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* const inside = node.as_table()) {
      flatten(*inside, name + ".", keys);
      continue;
    }
    std::ostringstream text;
    node.visit([&](const auto& value) { text << value; });
    keys[name] = text.str();
  }
}

// Two lists of names, told by what they do not share.
PlanDifference vocabulary_difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const std::set<std::string> in_a(a.begin(), a.end()), in_b(b.begin(), b.end());
  const auto told = [](const std::vector<std::string>& names, const std::set<std::string>& others) {
    const auto alone = std::count_if(names.begin(), names.end(), [&](const std::string& name) { return !others.contains(name); });
    return std::to_string(names.size()) + " names, " + (alone == 0 ? std::string("all of them in the other too") : std::to_string(alone) + " not in the other");
  };
  return {"model.categories", told(a, in_b), told(b, in_a)};
}

std::vector<PlanDifference> plan_differences(const Plan& a, const Plan& b) {
  const auto list_a = plan_keys(a), list_b = plan_keys(b);
  const std::map<std::string, std::string> keys_a(list_a.begin(), list_a.end()), keys_b(list_b.begin(), list_b.end());
  std::set<std::string> names;
  for (const auto& [key, value] : keys_a) names.insert(key);
  for (const auto& [key, value] : keys_b) names.insert(key);
  std::vector<PlanDifference> differences;
  for (const std::string& name : names) {
    const auto at_a = keys_a.find(name), at_b = keys_b.find(name);
    const std::string value_a = at_a == keys_a.end() ? "" : at_a->second, value_b = at_b == keys_b.end() ? "" : at_b->second;
    if (value_a == value_b) continue;
    differences.push_back(name == "model.categories" ? vocabulary_difference(a.model.categories, b.model.categories) : PlanDifference{name, value_a, value_b});
  }
  return differences;
}

std::vector<PlanDifference> run_differences(const RunFacts& a, const RunFacts& b) {
  std::vector<PlanDifference> differences;
  for (const char* key : {"seed", "world", "checkpoint_every"}) {
    const auto shown = [&](const RunFacts& run) { return run.summary.contains(key) ? run.summary[key].dump() : std::string(); };
    if (shown(a) != shown(b)) differences.push_back({key, shown(a), shown(b)});
  }
  return differences;
}

std::vector<std::string> reasons_against(const RunFacts& a, const RunFacts& b) {
  std::vector<std::string> reasons;
  if (a.plan.model.name != b.plan.model.name) reasons.push_back("the models are of two kinds, " + a.plan.model.name + " and " + b.plan.model.name + ", and scored by other measures");
  if (a.plan.evaluation != b.plan.evaluation) reasons.emplace_back("the plans' evaluation rules differ");
  if (std::set(a.plan.model.categories.begin(), a.plan.model.categories.end()) != std::set(b.plan.model.categories.begin(), b.plan.model.categories.end()))
    reasons.emplace_back("the plans name other categories");
  if (a.plan.population != b.plan.population) reasons.emplace_back("the plans are of other populations");
  if (a.plan.evaluation == b.plan.evaluation) {  // then the same data have the same rows and baselines
    const bool same_rows = number_at(a.summary, "/held_out_rows") == number_at(b.summary, "/held_out_rows");
    const bool same_baselines = a.summary.value("/baselines"_json_pointer, nlohmann::json()) == b.summary.value("/baselines"_json_pointer, nlohmann::json());
    if (!same_rows || !same_baselines) reasons.emplace_back("the runs saw other data: their baselines differ");
  }
  return reasons;
}

std::vector<FigureRow> figures_of(const RunFacts& a, const RunFacts& b) {
  std::vector<FigureRow> rows;
  const auto add = [&](const std::string& key, const std::string& name, const std::string& pointer) {
    FigureRow row{key, name, number_at(a.summary, pointer), number_at(b.summary, pointer)};
    if (row.a || row.b) rows.push_back(std::move(row));
  };
  const models::Measure& measure = measure_of(a.summary);
  add("eval_accuracy", std::string(measure.name), "/eval_accuracy");
  if (!measure.second.empty()) add("eval_top3", std::string(measure.second), "/eval_top3");
  add("eval_loss", "loss, " + std::string(measure.loss_unit), "/eval_loss");
  add("prequential_accuracy", std::string(measure.name) + ", counting on", "/prequential_accuracy");
  add("central", "central training", "/references/central/accuracy");
  add("local_only", "local-only training", "/references/local_only/accuracy");
  add("share_gain", "clients that gain against their " + std::string(measure.alone), "/per_client/against_own_best/share_gain");
  add("share_lose", "clients that lose", "/per_client/against_own_best/share_lose");
  add("rounds", "rounds", "/rounds");
  add("rounds_aborted", "rounds aborted", "/rounds_aborted");
  add("model_round", "round of the model", "/model_round");
  add("updates", "updates", "/updates");
  add("bytes_up_per_client", "bytes up for each update", "/bytes_up_per_client");
  add("bytes_down_per_client", "bytes down for each update", "/bytes_down_per_client");
  add("simulated_seconds", "simulated time, s", "/simulated_seconds");
  add("eligible_clients", "eligible clients", "/eligible_clients");
  add("predictions", "predictions scored", "/predictions");
  return rows;
}

std::map<std::uint64_t, double> accuracy_by_round(const RunFacts& run) {
  std::map<std::uint64_t, double> accuracies;
  for (const nlohmann::json& line : run.rounds) {
    const auto round = number_at(line, "/round"), accuracy = number_at(line, "/eval_accuracy");
    if (round && accuracy && *round >= 0) accuracies[static_cast<std::uint64_t>(*round)] = *accuracy;
  }
  return accuracies;
}

std::vector<RoundRow> rounds_of(const RunFacts& a, const RunFacts& b) {
  std::map<std::uint64_t, RoundRow> rows;
  for (const auto& [round, accuracy] : accuracy_by_round(a)) rows[round].a = accuracy;
  for (const auto& [round, accuracy] : accuracy_by_round(b)) rows[round].b = accuracy;
  std::vector<RoundRow> list;
  for (auto& [round, row] : rows) {
    row.round = round;
    list.push_back(row);
  }
  return list;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> plan_keys(const Plan& plan) {
  std::map<std::string, std::string> keys;
  try {
    flatten(toml::parse(write_plan(plan)), "", keys);
  } catch (const toml::parse_error&) {
    FEDSPEND_CHECK(false, "the plan that was written can be read");
  }
  return {keys.begin(), keys.end()};
}

Result<ComparedRun> read_compared_run(const std::filesystem::path& folder) {
  ComparedRun run{.name = folder.string(), .facts = {}, .weights = {}};
  FEDSPEND_ASSIGN(run.facts, read_run_facts(folder));
  const std::filesystem::path path = folder / "model.fsm";
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxModelFileBytes));
  Result<ModelFile> model = decode_model_file(bytes);
  if (!model) return fail(model.error().code, path.string() + ": " + model.error().message, model.error().hint);
  run.weights = std::move(model->weights);
  return run;
}

Comparison compare_runs(const ComparedRun& a, const ComparedRun& b) {
  Comparison comparison;
  comparison.name_a = a.name;
  comparison.name_b = b.name;
  comparison.demonstration = (a.facts.plan.is_demonstration() ? a.facts.plan : b.facts.plan).demonstration_note();
  comparison.measure = measure_of(a.facts.summary);
  comparison.plan = plan_differences(a.facts.plan, b.facts.plan);
  comparison.run = run_differences(a.facts, b.facts);
  comparison.not_comparable = reasons_against(a.facts, b.facts);
  comparison.figures = figures_of(a.facts, b.facts);
  comparison.rounds = rounds_of(a.facts, b.facts);
  comparison.models_equal = std::equal(a.weights.begin(), a.weights.end(), b.weights.begin(), b.weights.end(), [](float x, float y) { return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y); });
  if (a.weights.size() == b.weights.size()) {
    double squares = 0;
    for (std::size_t i = 0; i < a.weights.size(); ++i) squares += std::pow(static_cast<double>(a.weights[i]) - static_cast<double>(b.weights[i]), 2);
    comparison.model_distance_l2 = std::sqrt(squares);
  }
  return comparison;
}

}  // namespace fedspend::simulations
