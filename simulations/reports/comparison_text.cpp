// The three forms of a comparison: text, JSON and a page.

#include "common/program/program.h"
#include "simulations/reports/chart.h"
#include "simulations/reports/comparison.h"
#include "simulations/reports/html.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

bool is_share(const std::string& key) {
  return key.starts_with("eval_acc") || key == "eval_top3" || key == "prequential_accuracy" || key == "central" || key == "local_only" || key.starts_with("share_");
}

std::string figure_text(const std::string& key, const std::optional<double>& value) {
  if (!value) return "";
  if (is_share(key)) return percent_text(*value, 2);
  if (key == "eval_loss") return fixed_text(*value, 4);
  return count_text(*value);
}

std::string difference_text(const FigureRow& row) {
  if (!row.a || !row.b ) return "";
  if (is_share(row.key)) return points_text(*row.b - *row.a, 2);
  const double difference = *row.b - *row.a;
  return (difference > 0 ? "+" : "") + (row.key == "eval_loss" ? fixed_text(difference, 4) : count_text(difference));
}

std::string plan_value(const std::string& value) { return value.empty() ? "(absent)" : value; }

std::vector<std::vector<std::string>> difference_cells(const std::vector<PlanDifference>& differences) {
  std::vector<std::vector<std::string>> cells;
  for (const PlanDifference& difference : differences) cells.push_back({difference.key, plan_value(difference.a), plan_value(difference.b)});
  return cells;
}

nlohmann::json differences_json(const std::vector<PlanDifference>& differences) {
  nlohmann::json json = nlohmann::json::array();
  for (const PlanDifference& difference : differences) json.push_back({{"key", difference.key}, {"a", difference.a}, {"b", difference.b}});
  return json;
}

std::string models_text(const Comparison& comparison) {
  if (comparison.models_equal) return "the models are equal, to the bit";
  if (!comparison.model_distance_l2) return "the models are of different lengths";
  return "the models differ: L2 distance " + fixed_text(*comparison.model_distance_l2, 4);
}

std::vector<std::vector<std::string>> round_cells(const Comparison& comparison) {
  std::vector<std::vector<std::string>> rows;
  for (const RoundRow& row : comparison.rounds)
    rows.push_back({std::to_string(row.round), figure_text("eval_accuracy", row.a), figure_text("eval_accuracy", row.b), row.a && row.b ? points_text(*row.b - *row.a, 2) : ""});
  return rows;
}

nlohmann::json optional_json(const std::optional<double>& value) { return value ? nlohmann::json(*value) : nlohmann::json(); }

Html html_table(std::vector<std::string> header, const std::vector<std::vector<std::string>>& cells) {
  Table table{.caption = {}, .header = std::move(header), .rows = {}};
  for (const auto& row : cells) table.rows.emplace_back(row.begin(), row.end());
  return element("figure", table_of(table));
}

Html chart_of(const Comparison& comparison) {
  LineChart chart{.title = capitalised(comparison.measure.name) + " by round", .caption = std::string(comparison.measure.meaning) + ".", .x_name = "round", .y_name = std::string(comparison.measure.headline), .lines = {{"A", Tone::main, {}}, {"B", Tone::second, {}}},
                  .x_text = [](double x) { return count_text(x); }, .y_text = [](double y) { return percent_text(y); }, .table = {.caption = {}, .header = {"round", "A", "B", "B less A"}, .rows = {}}};
  for (const RoundRow& row : comparison.rounds) {
    if (row.a) chart.lines[0].points.emplace_back(row.round, *row.a);
    if (row.b) chart.lines[1].points.emplace_back(row.round, *row.b);
  }
  for (Line& line : chart.lines) line.points = thinned(line.points);
  for (const auto& row : round_cells(comparison)) chart.table.rows.emplace_back(row.begin(), row.end());
  return figure_of(chart);
}

}  // namespace

std::string to_text(const Comparison& comparison) {
  std::string text = "A: " + comparison.name_a + "\nB: " + comparison.name_b + "\n\n";
  for (const std::string& reason : comparison.not_comparable) text += "NOT COMPARABLE: " + reason + "\n";
  std::vector<std::vector<std::string>> rows = {{"", "A", "B", "B less A"}};
  for (const FigureRow& row : comparison.figures) rows.push_back({row.name, figure_text(row.key, row.a), figure_text(row.key, row.b), difference_text(row)});
  text += program::format_table(rows) + "\n" + models_text(comparison) + "\n\n";
  if (comparison.plan.empty()) text += "the plans are the same, key by key\n";
  for (const auto& [name, differences] : {std::pair{"key of the plan", &comparison.plan}, std::pair{"beside the plan", &comparison.run}}) {
    if (differences->empty()) continue;
    rows = {{name, "A", "B"}};
    for (auto& row : difference_cells(*differences)) rows.push_back(std::move(row));
    text += program::format_table(rows);
  }
  rows = {{"round", "A", "B", "B less A"}};
  for (auto& row : round_cells(comparison)) rows.push_back(std::move(row));
  return text + "\n" + program::format_table(rows);
}

nlohmann::json to_json(const Comparison& comparison) {
  nlohmann::json figures = nlohmann::json::object(), rounds = nlohmann::json::array();
  for (const FigureRow& row : comparison.figures) figures[row.key] = {{"a", optional_json(row.a)}, {"b", optional_json(row.b)}, {"difference", row.a && row.b ? nlohmann::json(*row.b - *row.a) : nlohmann::json()}};
  for (const RoundRow& row : comparison.rounds) rounds.push_back({{"round", row.round}, {"a", optional_json(row.a)}, {"b", optional_json(row.b)}});
  return {{"a", comparison.name_a},
          {"b", comparison.name_b},
          {"comparable", comparison.not_comparable.empty()},
          {"why_not_comparable", comparison.not_comparable},
          {"models_equal", comparison.models_equal},
          {"model_distance_l2", optional_json(comparison.model_distance_l2)},
          {"plan", differences_json(comparison.plan)},
          {"run", differences_json(comparison.run)},
          {"summary", figures},
          {"rounds", rounds},
          {"demonstration", !comparison.demonstration.empty()}};
}

std::string comparison_page(const Comparison& comparison) {
  Html body = element("h1", "Two runs") + element("p", "A: " + comparison.name_a) + element("p", "B: " + comparison.name_b);
  for (const std::string& reason : comparison.not_comparable) body += element("p", "Not comparable: " + reason + ".", "note");
  std::vector<std::vector<std::string>> rows;
  for (const FigureRow& row : comparison.figures) rows.push_back({row.name, figure_text(row.key, row.a), figure_text(row.key, row.b), difference_text(row)});
  body += section("The figures", element("div", html_table({"", "A", "B", "B less A"}, rows) + chart_of(comparison), "charts") + element("p", "Models: " + models_text(comparison) + "."));
  body += section("The plans", comparison.plan.empty() ? element("p", "The same, key by key.") : html_table({"key", "A", "B"}, difference_cells(comparison.plan)));
  if (!comparison.run.empty()) body += section("Beside the plan", html_table({"", "A", "B"}, difference_cells(comparison.run)));
  return page("Two runs", comparison.demonstration, body);
}

}  // namespace fedspend::simulations
