#include "simulations/reports/sweep_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "common/program/program.h"
#include "common/secagg/dp_statement.h"
#include "simulations/reports/accuracy_lines.h"
#include "simulations/reports/chart.h"
#include "simulations/reports/csv.h"
#include "simulations/reports/html.h"
#include "simulations/reports/quantities.h"
#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {
namespace {

std::optional<double> epsilon_of(const SweepJobFacts& job) {
  const auto epsilon = number_at(job.summary, "/epsilon");
  return epsilon ? epsilon : number_at(job.summary, "/simulated_epsilon");
}

double accuracy_of(const SweepJobFacts& job) { return number_at(job.summary, "/eval_accuracy").value_or(0); }

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// Accuracy over the first key whose values are all numbers, one line for each combination of the others; nothing where that is
// more lines than can be told apart.
Html chart_of(const SweepTable& table) {
  constexpr Tone kTones[] = {Tone::main, Tone::second, Tone::third, Tone::fourth};
  for (std::size_t axis = 0; axis < table.keys.size(); ++axis) {
    std::map<std::string, std::vector<std::pair<double, double>>> lines;
    bool numbers = true;
    for (const SweepRow& row : table.rows) {
      const auto x = number_of(row.values[axis]);
      numbers = numbers && x;
      std::string others;
      for (std::size_t i = 0; i < row.values.size(); ++i)
        if (i != axis) others += (others.empty() ? "" : ", ") + row.values[i];
      if (x) lines[others].emplace_back(*x, row.mean);
    }
    if (!numbers || lines.size() > std::size(kTones) || lines.begin()->second.size() < 2) continue;
    LineChart chart{.title = "Accuracy over " + table.keys[axis], .caption = "Mean over the seeds.", .x_name = table.keys[axis], .y_name = "right", .lines = {},
                    .x_text = [](double x) { return nlohmann::json(x).dump(); }, .y_text = [](double y) { return percent_text(y, 1); }, .table = {}};
    chart.table.header = {table.keys[axis]};
    for (auto& [name, points] : lines) {
      std::sort(points.begin(), points.end());
      chart.lines.push_back({name.empty() ? "mean" : name, kTones[chart.lines.size()], points});
      chart.table.header.push_back(name.empty() ? "right" : name);
    }
    for (std::size_t i = 0; i < chart.lines.front().points.size(); ++i) {
      std::vector<Html> row = {chart.x_text(chart.lines.front().points[i].first)};
      for (const Line& line : chart.lines) row.emplace_back(i < line.points.size() ? percent_text(line.points[i].second, 2) : "");
      chart.table.rows.push_back(std::move(row));
    }
    return figure_of(chart);
  }
  return {};
}

std::string settings_text(const SweepTable& table, const SweepRow& row) {
  std::string text;
  for (std::size_t i = 0; i < table.keys.size(); ++i) text += (i == 0 ? "" : ", ") + table.keys[i] + " = " + row.values[i];
  return text;
}

bool has_epsilon(const SweepTable& table) { return std::any_of(table.rows.begin(), table.rows.end(), [](const SweepRow& row) { return row.epsilon.has_value(); }); }

std::string epsilon_name(const SweepTable& table) { return table.simulated ? "simulated epsilon" : "epsilon"; }

nlohmann::json value_at(const SweepJobFacts& job, const std::string& key) {
  const auto value = number_at(job.summary, "/" + key);
  return value ? nlohmann::json(*value) : nlohmann::json();
}

std::string epsilon_text(const SweepRow& row) { return row.epsilon ? bound_text(*row.epsilon) : "none"; }

// Accuracy against epsilon, one line for each combination of the keys that are not of [privacy]; nothing where epsilon is the same everywhere.
Html epsilon_chart(const SweepTable& table) {
  constexpr Tone kTones[] = {Tone::main, Tone::second, Tone::third, Tone::fourth};
  std::map<std::string, std::vector<const SweepRow*>> groups;
  for (const SweepRow& row : table.rows) {
    std::string others;
    for (std::size_t i = 0; i < row.values.size(); ++i)
      if (!table.keys[i].starts_with("privacy.")) others += (others.empty() ? "" : ", ") + row.values[i];
    if (row.epsilon) groups[others].push_back(&row);
  }
  const auto differs = [](const auto& group) { return std::any_of(group.second.begin(), group.second.end(), [&](const SweepRow* row) { return row->epsilon != group.second.front()->epsilon; }); };
  if (groups.size() > std::size(kTones) || std::none_of(groups.begin(), groups.end(), differs)) return {};
  LineChart chart{.title = "Accuracy against " + epsilon_name(table),
                  .caption = "Mean over the seeds, with bars from the lowest to the highest. Epsilon at the plan's delta, of the device that took part most, the highest of the seeds." +
                             std::string(table.simulated ? " SIMULATED for a noise cohort: these models protect nobody." : ""),
                  .x_name = epsilon_name(table), .y_name = "right", .lines = {}, .x_text = [](double x) { return nlohmann::json(std::round(x * 1e6) / 1e6).dump(); }, .y_text = [](double y) { return percent_text(y, 1); }, .table = {}};
  chart.table.header = {epsilon_name(table), "settings", "mean", "lowest", "highest"};
  for (auto& [name, rows] : groups) {
    std::stable_sort(rows.begin(), rows.end(), [](const SweepRow* a, const SweepRow* b) { return *a->epsilon < *b->epsilon; });
    Line line{.name = name.empty() ? "mean" : name, .tone = kTones[chart.lines.size()], .points = {}};
    for (const SweepRow* row : rows) {
      line.points.emplace_back(*row->epsilon, row->mean);
      line.bars.emplace_back(row->lowest, row->highest);
      chart.table.rows.push_back({bound_text(*row->epsilon), settings_text(table, *row), percent_text(row->mean, 2), percent_text(row->lowest, 2), percent_text(row->highest, 2)});
    }
    chart.lines.push_back(std::move(line));
  }
  return figure_of(chart);
}

std::string title_of(const SweepTable& table) {
  const std::size_t seeds = table.rows.front().jobs.size();
  return std::to_string(table.rows.size()) + (table.rows.size() == 1 ? " point, " : " points, ") + std::to_string(seeds) + (seeds == 1 ? " seed" : " seeds");
}

std::string best_text(const SweepTable& table) { return settings_text(table, table.rows[table.best]); }

}  // namespace

SweepTable sweep_table(std::string plan_name, std::string demonstration, std::vector<std::string> keys, std::vector<SweepJobFacts> jobs) {
  SweepTable table{.plan_name = std::move(plan_name), .demonstration = std::move(demonstration), .keys = std::move(keys), .rows = {}, .jobs = std::move(jobs)};
  for (const SweepJobFacts& job : table.jobs) {
    const double accuracy = accuracy_of(job);
    const auto epsilon = epsilon_of(job);
    if (table.rows.empty() || table.rows.back().values != job.values) table.rows.push_back({.values = job.values, .jobs = {}, .lowest = accuracy, .highest = accuracy, .epsilon = epsilon});
    SweepRow& row = table.rows.back();
    row.epsilon = epsilon && row.epsilon ? std::optional(std::max(*epsilon, *row.epsilon)) : std::nullopt;
    table.simulated = table.simulated || number_at(job.summary, "/simulated_epsilon");
    row.jobs.push_back(job.name);
    row.lowest = std::min(row.lowest, accuracy);
    row.highest = std::max(row.highest, accuracy);
    row.mean += accuracy;
    row.mean_loss += number_at(job.summary, "/eval_loss").value_or(0);
  }
  for (SweepRow& row : table.rows) {
    row.mean /= static_cast<double>(row.jobs.size());
    row.mean_loss /= static_cast<double>(row.jobs.size());
  }
  for (std::size_t i = 1; i < table.rows.size(); ++i)
    if (table.rows[i].mean > table.rows[table.best].mean) table.best = i;
  return table;
}

std::string to_text(const SweepTable& table) {
  std::vector<std::vector<std::string>> rows = {table.keys};
  rows[0].insert(rows[0].end(), {"mean", "lowest", "highest", "spread", "loss"});
  if (has_epsilon(table)) rows[0].push_back(epsilon_name(table));
  rows[0].emplace_back();
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const SweepRow& row = table.rows[i];
    rows.push_back(row.values);
    rows.back().insert(rows.back().end(), {fixed_text(row.mean, 4), fixed_text(row.lowest, 4), fixed_text(row.highest, 4), fixed_text(row.spread(), 4), fixed_text(row.mean_loss, 4)});
    if (has_epsilon(table)) rows.back().push_back(epsilon_text(row));
    rows.back().emplace_back(i == table.best ? "best" : "");
  }
  return program::format_table(rows) + std::string(measure_of(table.jobs.front().summary).name) + " on the held-out rows, " + title_of(table) + "; best: " + best_text(table) + "\n";
}

nlohmann::json to_json(const SweepTable& table) {
  nlohmann::json rows = nlohmann::json::array(), jobs = nlohmann::json::array();
  const auto settings = [&](const std::vector<std::string>& values) {
    nlohmann::json json = nlohmann::json::object();
    for (std::size_t i = 0; i < table.keys.size(); ++i) json[table.keys[i]] = values[i];
    return json;
  };
  for (const SweepRow& row : table.rows)
    rows.push_back({{"settings", settings(row.values)}, {"jobs", row.jobs}, {"accuracy_mean", row.mean}, {"accuracy_lowest", row.lowest}, {"accuracy_highest", row.highest}, {"accuracy_spread", row.spread()}, {"loss_mean", row.mean_loss},
                    {"epsilon", row.epsilon && !table.simulated ? nlohmann::json(*row.epsilon) : nlohmann::json()}, {"simulated_epsilon", row.epsilon && table.simulated ? nlohmann::json(*row.epsilon) : nlohmann::json()}});
  for (const SweepJobFacts& job : table.jobs)
    jobs.push_back({{"job", job.name}, {"settings", settings(job.values)}, {"seed", job.seed}, {"eval_accuracy", accuracy_of(job)}, {"eval_loss", number_at(job.summary, "/eval_loss").value_or(0)},
                    {"model_hash", text_at(job.summary, "/model_hash")}, {"epsilon", value_at(job, "epsilon")}, {"simulated_epsilon", value_at(job, "simulated_epsilon")}});
  return {{"demonstration", !table.demonstration.empty()}, {"points", rows}, {"best", rows[table.best]}, {"jobs", jobs}};
}

std::string to_csv(const SweepTable& table) {
  std::string text = "job,";
  for (const std::string& key : table.keys) text += csv_cell(key) + ",";
  text += "seed,eval_accuracy,eval_top3,eval_loss,model_hash,epsilon,simulated_epsilon\n";
  for (const SweepJobFacts& job : table.jobs) {
    text += job.name + ",";
    for (const std::string& value : job.values) text += csv_cell(value) + ",";
    text += std::to_string(job.seed);
    for (const char* pointer : {"/eval_accuracy", "/eval_top3", "/eval_loss"}) text += "," + nlohmann::json(number_at(job.summary, pointer).value_or(0)).dump();
    text += "," + text_at(job.summary, "/model_hash");
    for (const char* key : {"epsilon", "simulated_epsilon"}) text += "," + (value_at(job, key).is_null() ? std::string() : value_at(job, key).dump());
    text += "\n";
  }
  return text;
}

std::string sweep_page(const SweepTable& table) {
  const models::Measure& measure = measure_of(table.jobs.front().summary);
  Table shown{.caption = capitalised(measure.name) + " on the held-out rows, over the seeds: mean, lowest, highest and how far apart they are", .header = table.keys, .rows = {}};
  shown.header.insert(shown.header.end(), {"mean", "lowest", "highest", "spread", "loss, " + std::string(measure.loss_unit)});
  if (has_epsilon(table)) shown.header.push_back(epsilon_name(table));
  shown.header.emplace_back();
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const SweepRow& row = table.rows[i];
    std::vector<Html> cells;
    for (const std::string& value : row.values) cells.push_back(i == table.best ? element("b", value) : Html(value));
    for (const double value : {row.mean, row.lowest, row.highest}) cells.emplace_back(percent_text(value, 2));
    cells.emplace_back(points_text(row.spread(), 2));
    cells.emplace_back(fixed_text(row.mean_loss, 3));
    if (has_epsilon(table)) cells.emplace_back(epsilon_text(row));
    cells.push_back(i == table.best ? element("b", "best") : Html(""));
    shown.rows.push_back(std::move(cells));
  }
  const SweepRow& best = table.rows[table.best];
  Html body = element("h1", table.plan_name + ": a sweep") + element("p", title_of(table) + ". Best: " + best_text(table) + ", " + std::string(measure.name) + " " + percent_text(best.mean, 2) + ".");
  const std::vector<AccuracyLine> lines = accuracy_lines(table.jobs.front().summary);
  if (const auto baseline = best_baseline(lines)) body += element("p", "The best comparable baseline: " + baseline->name + ", " + percent_text(baseline->accuracy, 2) + ".", "soft");
  body += element("p", "The best of many is chosen on the rows that it is scored on: a little kind to it.", "soft");
  const Html charts = epsilon_chart(table) + chart_of(table);
  if (!charts.empty()) body += element("div", charts, "charts");
  body += section("Every point", table_of(shown));
  return page(table.plan_name + ": a sweep", table.demonstration, body);
}

}  // namespace fedspend::simulations
