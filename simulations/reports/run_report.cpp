#include "simulations/reports/run_report.h"

#include <algorithm>

#include "simulations/reports/accuracy_lines.h"
#include "simulations/reports/html.h"
#include "simulations/reports/privacy_section.h"
#include "simulations/reports/quantities.h"
#include "simulations/reports/run_sections.h"

namespace fedspend::simulations {
namespace {

std::string filled_in(std::string text, std::initializer_list<std::pair<std::string_view, std::string>> values) {
  for (const auto& [place, value] : values)
    if (const std::size_t at = text.find(place); at != std::string::npos) text.replace(at, place.size(), value);
  return text;
}

std::string headline(const RunFacts& run, const std::vector<AccuracyLine>& lines) {
  const auto accuracy = number_at(run.summary, "/eval_accuracy");
  if (!accuracy) return "No client was evaluated.";
  std::string text = "The federated model " + filled_in(std::string(measure_of(run.summary).sentence), {{"{share}", percent_text(*accuracy)}, {"{count}", count_text(number_at(run.summary, "/predictions").value_or(0))}});
  if (const auto best = best_baseline(lines)) text += ", " + points_text(*accuracy - best->accuracy) + " against the best comparable baseline (" + best->name + ", " + percent_text(best->accuracy) + ")";
  return text + "." + chosen_by_its_figure(run);
}

Html tiles_of(const RunFacts& run, const std::vector<AccuracyLine>& lines) {
  const auto value = [&](const char* pointer) { return number_at(run.summary, pointer); };
  Html tiles;
  if (const auto accuracy = value("/eval_accuracy")) {
    const auto best = best_baseline(lines);
    tiles += tile(percent_text(*accuracy), std::string(measure_of(run.summary).headline) + ", held-out rows", best ? points_text(*accuracy - best->accuracy) + " against " + best->short_name : "");
  }
  if (const auto gain = value("/per_client/against_own_best/share_gain"))
    tiles += tile(percent_text(*gain, 0), "of clients gain", percent_text(value("/per_client/against_own_best/share_lose").value_or(0), 0) + " lose, against their " + std::string(measure_of(run.summary).alone));
  if (const auto rounds = value("/rounds")) tiles += tile(count_text(*rounds), *rounds == 1 ? "round" : "rounds", count_text(value("/updates").value_or(0)) + " updates");
  if (const auto up = value("/bytes_up_per_client")) tiles += tile(bytes_text(*up), "up for each update", bytes_text(value("/bytes_down_per_client").value_or(0)) + " down");
  if (const auto simulated = value("/simulated_seconds")) tiles += tile(duration_text(*simulated), "simulated time");
  return element("div", tiles, "tiles");
}

// The name, with its accuracy as a bar below it. The width is a number of ours: nothing of the data gets into the attribute.
Html measured_name(const AccuracyLine& line, double most) {
  const double width = most > 0 ? std::max(0.0, 100 * line.accuracy / most) : 0;
  return Html(line.name) + Html::raw("<span class=\"measure" + std::string(line.federated ? " own" : "") + "\" style=\"width:" + fixed_text(width, 1) + "%\"></span>");
}

Html kind_table(const models::Measure& measure, const std::vector<AccuracyLine>& lines, LineKind kind, const std::string& caption, double most) {
  Table table{.caption = caption, .header = {"", std::string(measure.headline), "federated is"}, .rows = {}};
  const auto ours = std::find_if(lines.begin(), lines.end(), [&](const AccuracyLine& line) { return line.kind == kind && line.federated; });
  if (ours == lines.end()) table.header.pop_back();
  for (const AccuracyLine& line : lines) {
    if (line.kind != kind) continue;
    std::vector<Html> row = {measured_name(line, most), percent_text(line.accuracy, 2)};
    if (ours != lines.end()) row.emplace_back(line.federated ? Html("") : Html(points_text(ours->accuracy - line.accuracy, 2)));
    table.rows.push_back(std::move(row));
  }
  return table.rows.empty() ? Html() : element("figure", table_of(table));
}

Html grid_table(const models::Measure& measure, const nlohmann::json& summary) {
  Table table{.caption = "Everything that was tried; what has the best " + std::string(measure.name) + " on the held-out rows is the figure above: kind to the references.",
              .header = {"training", "learning rate", "epochs", std::string(measure.headline), "loss, " + std::string(measure.loss_unit)},
              .rows = {}};
  for (const auto& [key, name] : {std::pair{"central", "central"}, std::pair{"local_only", "local-only"}}) {
    const nlohmann::json::json_pointer where("/references/" + std::string(key) + "/grid");
    if (!summary.contains(where) || !summary.at(where).is_array()) continue;
    for (const nlohmann::json& point : summary.at(where))
      table.rows.push_back({name, fixed_text(number_at(point, "/learning_rate").value_or(0), 3), count_text(number_at(point, "/epochs").value_or(0)), percent_text(number_at(point, "/accuracy").value_or(0), 2), fixed_text(number_at(point, "/loss").value_or(0), 3)});
  }
  return table.rows.empty() ? Html() : folded("Learning rates and epochs of the central and the local-only training", table_of(table));
}

Html comparison_section(const RunFacts& run, const std::vector<AccuracyLine>& lines) {
  const models::Measure& measure = measure_of(run.summary);
  double most = 0;
  for (const AccuracyLine& line : lines) most = std::max(most, line.accuracy);
  const Html main_table = kind_table(measure, lines, LineKind::frozen, "From the past alone, and what is counted of it stands still at the last training row: the rule of the project", most);
  const Html others = kind_table(measure, lines, LineKind::counting_on, "Counting on through the held-out rows, as an app in use does", most) +
                      kind_table(measure, lines, LineKind::sees_merchant, "Sees the merchant of the row whose category it gives: another task, not a line to beat", most);
  Html text;
  if (!number_at(run.summary, "/references/central/accuracy"))
    text += element("p", "Central and local-only training were not computed for this run: fedspend-sim run --references all, or fedspend-sim references.", "soft");
  const auto predicted = number_at(run.summary, "/predictions"), held_out = number_at(run.summary, "/held_out_rows");
  if (predicted && held_out && *predicted < *held_out)
    text += element("p", "The model is scored on " + count_text(*predicted) + " of " + count_text(*held_out) + " held-out rows: the plan does not name the categories of the others, on which the baselines are scored too.", "soft");
  return section("What it is to be compared with", text + element("div", main_table + element("div", others, "stack"), "charts") + grid_table(measure, run.summary));
}

Html facts_section(const RunFacts& run) {
  Table table{.caption = {}, .header = {}, .rows = {}};
  const auto add = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) table.rows.push_back({name, element("span", value, "fact")});
  };
  const auto count = [&](const char* pointer) {
    const auto value = number_at(run.summary, pointer);
    return value ? count_text(*value) : std::string();
  };
  add("population", run.plan.population);
  add("clients", count("/clients"));
  add("eligible to train", count("/eligible_clients"));
  add("rows", count("/rows_in_all"));
  add("held-out rows", count("/held_out_rows"));
  add("parameters", count_text(static_cast<double>(run.plan.model.parameter_count)));
  add("rounds aborted", count("/rounds_aborted"));
  add("model of round", count("/model_round"));
  add("world of devices", text_at(run.summary, "/world"));
  add("seed", count("/seed"));
  add("aggregation", std::string(to_string(run.plan.aggregation.mode)));
  add("privacy", std::string(to_string(run.plan.privacy.mode)));
  for (const auto& [name, pointer] : {std::pair{"plan", "/plan_hash"}, std::pair{"model", "/model_hash"}})
    if (const std::string hash = text_at(run.summary, pointer); !hash.empty()) table.rows.push_back({std::string(name) + " hash", element("code", hash)});
  const auto seconds = number_at(run.summary, "/seconds"), rate = number_at(run.summary, "/clients_per_second");
  if (seconds && rate)
    table.rows.push_back({"on this machine", wall_clock(duration_text(*seconds) + " with " + count("/threads") + (count("/threads") == "1" ? " thread, " : " threads, ") + count_text(*rate) + " clients a second, without evaluations")});
  return section("The run", table_of(table) + folded("The resolved plan", element("pre", run.plan_text)));
}

}  // namespace

std::string run_report(const RunFacts& run) {
  const std::vector<AccuracyLine> lines = accuracy_lines(run.summary);
  const std::string title = run.plan.name + ": report of a run";
  Html body = element("h1", run.plan.name) + element("p", headline(run, lines)) + tiles_of(run, lines);
  body += comparison_section(run, lines);
  body += convergence_section(run);
  body += privacy_section(run);
  body += clients_section(run);
  body += personal_section(run);
  body += participation_section(run);
  body += cost_section(run);
  body += facts_section(run);
  return page(title, std::string(run.plan.demonstration_note()), body);
}

}  // namespace fedspend::simulations
