#include "simulations/reports/run_facts.h"

#include <cmath>

#include "common/program/files.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kMaxSummaryBytes = 16 << 20;
constexpr std::size_t kMaxMetricsBytes = std::size_t{1} << 30;

const nlohmann::json* find(const nlohmann::json& json, const std::string& pointer) {
  const nlohmann::json::json_pointer where(pointer);
  return json.contains(where) ? &json.at(where) : nullptr;
}

Result<nlohmann::json> read_object(const std::filesystem::path& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxSummaryBytes));
  nlohmann::json json = nlohmann::json::parse(as_text(bytes), nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::malformed, path.string() + " is not a JSON object", "give a folder that `fedspend-sim run` has written");
  return json;
}

}  // namespace

Result<RunFacts> read_run_facts(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    return fail(ErrorCode::not_found, folder.string() + " is not a folder", "give a folder that `fedspend-sim run` has written");
  RunFacts facts;
  FEDSPEND_ASSIGN(const Bytes plan, program::read_file(folder / "plan.toml", kMaxPlanBytes));
  facts.plan_text = as_text(plan);
  Result<Plan> parsed = parse_plan(facts.plan_text);
  if (!parsed) return fail(parsed.error().code, (folder / "plan.toml").string() + ": " + parsed.error().message, parsed.error().hint);
  facts.plan = std::move(*parsed);
  FEDSPEND_ASSIGN(facts.summary, read_object(folder / "summary.json"));
  if (std::filesystem::exists(folder / "dp-statement.json")) {
    FEDSPEND_ASSIGN(facts.statement, read_object(folder / "dp-statement.json"));
  }
  FEDSPEND_ASSIGN(const Bytes metrics, program::read_file(folder / "metrics.jsonl", kMaxMetricsBytes));
  std::string_view rest = as_text(metrics);
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    nlohmann::json line = nlohmann::json::parse(rest.substr(0, end), nullptr, false);
    if (!line.is_object())
      return fail(ErrorCode::malformed, (folder / "metrics.jsonl").string() + ": line " + std::to_string(number) + " is not a JSON object", "give a folder that `fedspend-sim run` has written");
    facts.rounds.push_back(std::move(line));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return facts;
}

std::optional<double> number_at(const nlohmann::json& json, const std::string& pointer) {
  const nlohmann::json* const found = find(json, pointer);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string text_at(const nlohmann::json& json, const std::string& pointer) {
  const nlohmann::json* const found = find(json, pointer);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

const models::Measure& measure_of(const nlohmann::json& summary) { return models::stock_model_or_first(text_at(summary, "/model")).measure; }

std::string chosen_by_its_figure(const RunFacts& run) {
  const auto best = number_at(run.summary, "/best_round");
  if (!best) return {};
  return " Early stopping chose the model of round " + std::to_string(static_cast<std::uint64_t>(*best)) + " by its " + std::string(measure_of(run.summary).name) + " on these same rows: the figure is a little kind to it.";
}

}  // namespace fedspend::simulations
