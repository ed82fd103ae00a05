#include "simulations/reports/sweep_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "common/program/program.h"
#include "simulations/reports/accuracy_lines.h"
#include "simulations/reports/chart.h"
#include "simulations/reports/csv.h"
#include "simulations/reports/html.h"
#include "simulations/reports/quantities.h"
#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {
namespace {

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
    return element("div", figure_of(chart), "charts");
  }
  return {};
}

std::string title_of(const SweepTable& table) {
  const std::size_t seeds = table.rows.front().jobs.size();
  return std::to_string(table.rows.size()) + (table.rows.size() == 1 ? " point, " : " points, ") + std::to_string(seeds) + (seeds == 1 ? " seed" : " seeds");
}

std::string best_text(const SweepTable& table) {
  const SweepRow& best = table.rows[table.best];
  std::string text;
  for (std::size_t i = 0; i < table.keys.size(); ++i) text += (i == 0 ? "" : ", ") + table.keys[i] + " = " + best.values[i];
  return text;
}

}  // namespace

SweepTable sweep_table(std::string plan_name, std::string demonstration, std::vector<std::string> keys, std::vector<SweepJobFacts> jobs) {
  SweepTable table{.plan_name = std::move(plan_name), .demonstration = std::move(demonstration), .keys = std::move(keys), .rows = {}, .jobs = std::move(jobs)};
  for (const SweepJobFacts& job : table.jobs) {
    const double accuracy = accuracy_of(job);
    if (table.rows.empty() || table.rows.back().values != job.values) table.rows.push_back({.values = job.values, .jobs = {}, .lowest = accuracy, .highest = accuracy});
    SweepRow& row = table.rows.back();
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
  rows[0].insert(rows[0].end(), {"mean", "lowest", "highest", "spread", "loss", ""});
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const SweepRow& row = table.rows[i];
    rows.push_back(row.values);
    rows.back().insert(rows.back().end(), {fixed_text(row.mean, 4), fixed_text(row.lowest, 4), fixed_text(row.highest, 4), fixed_text(row.spread(), 4), fixed_text(row.mean_loss, 4), i == table.best ? "best" : ""});
  }
  return program::format_table(rows) + "accuracy on the held-out rows, " + title_of(table) + "; best: " + best_text(table) + "\n";
}

nlohmann::json to_json(const SweepTable& table) {
  nlohmann::json rows = nlohmann::json::array(), jobs = nlohmann::json::array();
  const auto settings = [&](const std::vector<std::string>& values) {
    nlohmann::json json = nlohmann::json::object();
    for (std::size_t i = 0; i < table.keys.size(); ++i) json[table.keys[i]] = values[i];
    return json;
  };
  for (const SweepRow& row : table.rows)
    rows.push_back({{"settings", settings(row.values)}, {"jobs", row.jobs}, {"accuracy_mean", row.mean}, {"accuracy_lowest", row.lowest}, {"accuracy_highest", row.highest}, {"accuracy_spread", row.spread()}, {"loss_mean", row.mean_loss}});
  for (const SweepJobFacts& job : table.jobs)
    jobs.push_back({{"job", job.name}, {"settings", settings(job.values)}, {"seed", job.seed}, {"eval_accuracy", accuracy_of(job)}, {"eval_loss", number_at(job.summary, "/eval_loss").value_or(0)},
                    {"model_hash", text_at(job.summary, "/model_hash")}});
  return {{"demonstration", !table.demonstration.empty()}, {"points", rows}, {"best", rows[table.best]}, {"jobs", jobs}};
}

std::string to_csv(const SweepTable& table) {
  std::string text = "job,";
  for (const std::string& key : table.keys) text += csv_cell(key) + ",";
  text += "seed,eval_accuracy,eval_top3,eval_loss,model_hash\n";
  for (const SweepJobFacts& job : table.jobs) {
    text += job.name + ",";
    for (const std::string& value : job.values) text += csv_cell(value) + ",";
    text += std::to_string(job.seed);
    for (const char* pointer : {"/eval_accuracy", "/eval_top3", "/eval_loss"}) text += "," + nlohmann::json(number_at(job.summary, pointer).value_or(0)).dump();
    text += "," + text_at(job.summary, "/model_hash") + "\n";
  }
  return text;
}

std::string sweep_page(const SweepTable& table) {
  Table shown{.caption = "Accuracy on the held-out rows, over the seeds: mean, lowest, highest and how far apart they are", .header = table.keys, .rows = {}};
  shown.header.insert(shown.header.end(), {"mean", "lowest", "highest", "spread", "loss, nats", ""});
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const SweepRow& row = table.rows[i];
    std::vector<Html> cells;
    for (const std::string& value : row.values) cells.push_back(i == table.best ? element("b", value) : Html(value));
    for (const double value : {row.mean, row.lowest, row.highest}) cells.emplace_back(percent_text(value, 2));
    cells.emplace_back(points_text(row.spread(), 2));
    cells.emplace_back(fixed_text(row.mean_loss, 3));
    cells.push_back(i == table.best ? element("b", "best") : Html(""));
    shown.rows.push_back(std::move(cells));
  }
  const SweepRow& best = table.rows[table.best];
  Html body = element("h1", table.plan_name + ": a sweep") + element("p", title_of(table) + ". Best: " + best_text(table) + ", " + percent_text(best.mean, 2) + " of the held-out rows right.");
  const std::vector<AccuracyLine> lines = accuracy_lines(table.jobs.front().summary);
  if (const auto baseline = best_baseline(lines)) body += element("p", "The best comparable baseline: " + baseline->name + ", " + percent_text(baseline->accuracy, 2) + ".", "soft");
  body += element("p", "The best of many is chosen on the rows that it is scored on: a little kind to it.", "soft");
  body += chart_of(table) + section("Every point", table_of(shown));
  return page(table.plan_name + ": a sweep", table.demonstration, body);
}

}  // namespace fedspend::simulations
