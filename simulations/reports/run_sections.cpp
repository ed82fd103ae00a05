#include "simulations/reports/run_sections.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "simulations/reports/accuracy_lines.h"
#include "simulations/reports/chart.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr std::size_t kRowsOfATable = 20;

bool is_published(const nlohmann::json& round) { return round.contains("published") && round["published"] == true; }

// The rounds that were published and have this value.
Points points_of(const RunFacts& run, const std::string& x, const std::string& y) {
  Points points;
  for (const nlohmann::json& round : run.rounds) {
    const auto at = number_at(round, x), value = number_at(round, y);
    if (at && value && is_published(round)) points.emplace_back(*at, *value);
  }
  return points;
}

// At most kRowsOfATable rounds, evenly, the last among them.
template <class Row>
std::vector<Row> some_of(const std::vector<Row>& rows) {
  const std::size_t step = (rows.size() + kRowsOfATable - 1) / kRowsOfATable;
  if (step <= 1) return rows;
  std::vector<Row> some;
  for (std::size_t i = (rows.size() - 1) % step; i < rows.size(); i += step) some.push_back(rows[i]);
  return some;
}

std::string thinning_remark(std::size_t points, std::size_t shown) {
  return points == shown ? "" : " Each point is the mean of " + std::to_string((points + shown - 1) / shown) + " rounds.";
}

// One row for each point of the first; the others are asked at the same x.
std::vector<std::vector<Html>> rows_of(const std::vector<Points>& columns, const NumberText& x_text, const std::vector<NumberText>& texts) {
  std::vector<std::vector<Html>> rows;
  for (const auto& [x, first] : some_of(columns.front())) {
    std::vector<Html> row = {x_text(x)};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto at = std::find_if(columns[i].begin(), columns[i].end(), [&, x = x](const auto& point) { return point.first == x; });
      row.push_back(at == columns[i].end() ? Html("") : Html(texts[i](at->second)));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string whole(double value) { return count_text(value); }
std::string percent(double value) { return percent_text(value, 1); }

double range_of(const Points& points) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& point : points) low = std::min(low, point.second), high = std::max(high, point.second);
  return high - low;
}

// As many decimals as the range needs: 54% and 55%, or 54.6% and 54.8%.
NumberText percent_ticks(const Points& points) {
  return [decimals = range_of(points) < 0.05 ? 1 : 0](double value) { return percent_text(value, decimals); };
}
NumberText decimal_ticks(const Points& points) {
  const double range = range_of(points);
  return [decimals = range < 0.05 ? 3 : range < 0.5 ? 2 : 1](double value) { return fixed_text(value, decimals); };
}

// A chart of one or more facts of each round.
struct RoundLine {
  std::string name, column;  // beside the line, and above the table
  Tone tone;
  std::string pointer;
};
LineChart by_round(const RunFacts& run, std::string title, std::string caption, std::string y_name, const std::vector<RoundLine>& lines, const NumberText& text) {
  LineChart chart{.title = std::move(title), .caption = std::move(caption), .x_name = "round", .y_name = std::move(y_name), .lines = {}, .x_text = whole, .y_text = text, .table = {}};
  std::vector<Points> columns;
  std::vector<NumberText> texts;
  chart.table.header = {"round"};
  std::string remark;
  for (const RoundLine& line : lines) {
    const Points points = points_of(run, "/round", line.pointer), shown = thinned(points);
    if (points.empty()) continue;
    remark = thinning_remark(points.size(), shown.size());
    chart.lines.push_back({line.name, line.tone, shown});
    columns.push_back(points);
    texts.push_back(text);
    chart.table.header.push_back(line.column);
  }
  chart.caption += remark;
  if (!columns.empty()) chart.table.rows = rows_of(columns, whole, texts);
  return chart;
}

Html score_chart(const RunFacts& run) {
  const models::Measure& measure = measure_of(run.summary);
  LineChart chart = by_round(run, capitalised(measure.name) + " by round", std::string(measure.meaning) + ", all evaluated clients together. Dashed: what it is to be compared with.", std::string(measure.headline),
                             {{"federated", std::string(measure.headline), Tone::main, "/eval_accuracy"}}, percent);
  const Points points = points_of(run, "/round", "/eval_accuracy");
  const std::vector<AccuracyLine> lines = accuracy_lines(run.summary);
  Points all = points;
  const auto best = best_baseline(lines);
  for (const AccuracyLine& line : lines) {
    if (line.key != "central" && line.key != "local_only" && !(best && line.key == best->key)) continue;
    chart.levels.push_back({line.short_name, line.accuracy});
    all.emplace_back(0, line.accuracy);
  }
  chart.y_text = percent_ticks(all);
  if (measure.second.empty()) {
    chart.table.rows = rows_of({points}, whole, {percent});
  } else {
    chart.table.header.push_back(std::string(measure.second));
    chart.table.rows = rows_of({points, points_of(run, "/round", "/eval_top3")}, whole, {percent, percent});
  }
  return figure_of(chart);
}

std::string gain_text(const nlohmann::json& gains) {
  return percent_text(number_at(gains, "/share_gain").value_or(0), 0) + " gain, " + percent_text(number_at(gains, "/share_lose").value_or(0), 0) + " lose; on average " +
         points_text(number_at(gains, "/mean").value_or(0));
}

Points quantile_points(const nlohmann::json& gains) {
  Points points;
  if (!gains.is_object() || !gains.contains("quantiles") || !gains["quantiles"].is_array()) return points;
  const nlohmann::json& quantiles = gains["quantiles"];
  for (std::size_t i = 1; i + 1 < quantiles.size(); ++i)  // the ends are single clients
    if (quantiles[i].is_number()) points.emplace_back(static_cast<double>(i) / static_cast<double>(quantiles.size() - 1), quantiles[i].get<double>());
  return points;
}

// Quantiles over clients, from the largest loss to the largest gain.
struct Gains {
  std::string name, column;
  Tone tone;
  Points points;
};
Html gains_chart(const std::string& what, const std::vector<Gains>& gains) {
  LineChart chart{.title = "Gain over clients, from the largest loss to the largest gain",
                  .caption = what + ", in points. Clients are ranked by it: read across for the share of clients below. From the 5th to the 95th percentile; a client has few held-out rows, so single ones say little.",
                  .x_name = "share of clients",
                  .y_name = "points",
                  .lines = {},
                  .x_text = [](double x) { return percent_text(x, 0); },
                  .y_text = [](double y) { return fixed_text(100 * y, 0); },
                  .from_zero = true,
                  .gain_and_loss = true,
                  .table = {.caption = {}, .header = {"clients below"}, .rows = {}}};
  std::vector<Points> columns;
  for (const Gains& each : gains) {
    if (each.points.empty()) continue;
    chart.lines.push_back({each.name, each.tone, each.points});
    chart.table.header.push_back(each.column);
    columns.push_back(each.points);
  }
  if (columns.empty()) return {};
  const std::vector<NumberText> texts(columns.size(), [](double y) { return points_text(y); });
  chart.table.rows = rows_of(columns, chart.x_text, texts);
  return figure_of(chart);
}

Html federated_gains_chart(const models::Measure& measure, const nlohmann::json& clients) {
  std::vector<Gains> gains;
  for (const auto& [key, name, tone] : {std::tuple{"against_own_best", "own counts", Tone::main}, std::tuple{"against_local_only", "local-only", Tone::second}})
    if (clients.contains(key)) gains.push_back({name, std::string("against ") + name, tone, quantile_points(clients[key])});
  return gains_chart(capitalised(measure.name) + " of the federated model less what the client has without it", gains);
}

Html personal_table(const models::Measure& measure, const nlohmann::json& groups, const std::string& heading, const std::string& first, const std::string& caption) {
  Table table{.caption = {}, .header = {first, "clients", "shared", "personal", "loss, shared", "personal", "better", "worse"}, .rows = {}};
  for (const nlohmann::json& group : groups) {
    const auto value = [&](const char* pointer) { return number_at(group, pointer).value_or(0); };
    if (value("/clients") == 0) continue;
    table.rows.push_back({text_at(group, "/name"), count_text(value("/clients")), percent_text(value("/shared_accuracy")), percent_text(value("/personal_accuracy")), fixed_text(value("/shared_loss"), 3),
                          fixed_text(value("/personal_loss"), 3), percent_text(value("/better") / value("/clients"), 0), percent_text(value("/worse") / value("/clients"), 0)});
  }
  return element("figure", element("h3", heading) + table_of(table) + element("figcaption", "Held-out rows: " + std::string(measure.headline) + ", and mean loss in " + std::string(measure.loss_unit) + "; better and worse: clients, by the loss. " + caption));
}

Html history_table(const models::Measure& measure, const nlohmann::json& clients) {
  if (!clients.contains("by_history") || !clients["by_history"].is_array()) return {};
  const bool local = clients.contains("against_local_only") && clients["against_local_only"].is_object();
  Table table{.caption = {}, .header = {"training rows", "clients", "federated", std::string(measure.alone)}, .rows = {}};
  if (local) table.header.emplace_back("local-only");
  table.header.insert(table.header.end(), {"gain", "lose"});
  for (const nlohmann::json& group : clients["by_history"]) {
    const auto value = [&](const char* pointer) { return number_at(group, pointer).value_or(0); };
    std::vector<Html> row = {count_text(value("/training_rows_from")) + " to " + count_text(value("/training_rows_to")), count_text(value("/clients")), percent_text(value("/accuracy")),
                             percent_text(value("/own_best_accuracy"))};
    if (local) row.emplace_back(percent_text(value("/local_only_accuracy")));
    row.emplace_back(percent_text(value("/share_gain"), 0));
    row.emplace_back(percent_text(value("/share_lose"), 0));
    table.rows.push_back(std::move(row));
  }
  return element("figure", element("h3", "By length of history") + table_of(table) + element("figcaption", "Held-out rows: " + std::string(measure.headline) + ", by the length of the client's history, in groups of about a quarter of the clients. Gain and lose: clients, against their " + std::string(measure.alone) + "."));
}

// How often each device took part, of all and of each class of devices.
Html spread_table(const RunFacts& run) {
  Table table{.caption = {}, .header = {"devices", "how many", "least", "median", "most", "never", "Gini"}, .rows = {}};
  const auto add = [&](const std::string& name, const nlohmann::json& spread) {
    const auto value = [&](const char* pointer) { return number_at(spread, pointer).value_or(0); };
    table.rows.push_back({name, count_text(value("/devices")), count_text(value("/min")), count_text(value("/median")), count_text(value("/max")), percent_text(value("/never_share"), 0), fixed_text(value("/gini"), 2)});
  };
  if (!run.summary.contains("participation") || !run.summary["participation"].is_object()) return {};
  const nlohmann::json& participation = run.summary["participation"];
  add("all", participation);
  if (participation.contains("by_class") && participation["by_class"].is_object() && participation["by_class"].size() > 1)
    for (const auto& [name, spread] : participation["by_class"].items()) add(name, spread);
  return element("figure", element("h3", "Updates of each device in the model") + table_of(table) +
                               element("figcaption", "Gini: 0 where all took part equally often, towards 1 where it was always the same few."));
}

// Why devices that were there or asked gave nothing to a round, summed over all rounds, aborted ones included.
Html losses_table(const RunFacts& run) {
  Table table{.caption = {}, .header = {"why", "devices"}, .rows = {}};
  for (const auto& [key, name] : {std::pair{"declined", "declined"}, std::pair{"dropped_waiting", "gone between check-in and being asked"}, std::pair{"dropped_training", "lost while training"},
                                  std::pair{"dropped_sending", "lost while sending"}, std::pair{"left", "their time within reach was over"}, std::pair{"too_slow", "stopped by the deadline"},
                                  std::pair{"late", "update came too late"}, std::pair{"replies_lost", "reply lost"}, std::pair{"reconnected", "connected again"}}) {
    double sum = 0;
    for (const nlohmann::json& round : run.rounds) sum += number_at(round, std::string("/") + key).value_or(0);
    if (sum > 0) table.rows.push_back({name, count_text(sum)});
  }
  return table.rows.empty() ? Html() : element("figure", element("h3", "What went wrong on the way") + table_of(table));
}

Html aborted_table(const RunFacts& run) {
  std::map<std::string, std::uint64_t> aborted;
  for (const nlohmann::json& round : run.rounds)
    if (!is_published(round)) ++aborted[text_at(round, "/why_aborted").substr(0, text_at(round, "/why_aborted").find(':'))];  // without its figures
  if (aborted.empty()) return {};
  Table table{.caption = {}, .header = {"why", "rounds"}, .rows = {}};
  for (const auto& [why, count] : aborted) table.rows.push_back({why, count_text(static_cast<double>(count))});
  return element("figure", element("h3", "Rounds that were aborted and tried again") + table_of(table));
}

std::string duration_of_ms(double ms) { return duration_text(ms / 1000); }

}  // namespace

Html convergence_section(const RunFacts& run) {
  const models::Measure& measure = measure_of(run.summary);
  Html charts = score_chart(run);
  LineChart loss = by_round(run, "Loss by round", "Mean of " + std::string(measure.loss) + ", on the held-out rows; lower is better.", std::string(measure.loss_unit),
                            {{"federated", std::string(measure.loss_unit), Tone::main, "/eval_loss"}}, [](double value) { return fixed_text(value, 4); });
  loss.y_text = decimal_ticks(points_of(run, "/round", "/eval_loss"));
  charts += figure_of(loss);
  LineChart norm = by_round(run, "Size of the mean update", "L2 norm of the mean of the clipped updates; when it stays level, more rounds change little.", "L2 norm",
                            {{"update", "L2 norm", Tone::third, "/update_norm_l2"}}, [](double value) { return fixed_text(value, 4); });
  norm.from_zero = true;
  norm.y_text = decimal_ticks(points_of(run, "/round", "/update_norm_l2"));
  charts += figure_of(norm);
  // Where it moves: one that is the same for all rounds is no news.
  const auto clip_norms = points_of(run, "/round", "/clip_norm_l2");
  if (std::adjacent_find(clip_norms.begin(), clip_norms.end(), [](const auto& a, const auto& b) { return a.second != b.second; }) != clip_norms.end()) {
    LineChart clip = by_round(run, "Clip norm by round", "L2 norm that updates were clipped to: it follows a quantile of their norms, from a noised count of those that were within it.", "L2 norm",
                              {{"clip norm", "L2 norm", Tone::second, "/clip_norm_l2"}}, [](double value) { return fixed_text(value, 4); });
    clip.from_zero = true;
    clip.y_text = decimal_ticks(clip_norms);
    charts += figure_of(clip);
  }
  return charts.empty() ? Html() : section("How it converged", element("div", charts, "charts"));
}

Html clients_section(const RunFacts& run) {
  if (!run.summary.contains("per_client") || !run.summary["per_client"].is_object()) return {};
  const nlohmann::json& clients = run.summary["per_client"];
  const models::Measure& measure = measure_of(run.summary);
  Html text;
  if (clients.contains("against_own_best")) text += element("p", "Against the client's " + std::string(measure.alone) + " (" + std::string(measure.alone_in_full) + "): " + gain_text(clients["against_own_best"]) + ".");
  if (clients.contains("against_local_only") && clients["against_local_only"].is_object()) text += element("p", "Against a model trained on the client's rows alone: " + gain_text(clients["against_local_only"]) + ".");
  return section("Who gains, who loses", text + element("div", federated_gains_chart(measure, clients) + history_table(measure, clients), "charts"));
}

Html personal_section(const RunFacts& run) {
  if (!run.summary.contains("personal") || !run.summary["personal"].is_object()) return {};
  const nlohmann::json& personal = run.summary["personal"];
  const models::Measure& measure = measure_of(run.summary);
  const auto value = [&](const char* pointer) { return number_at(personal, pointer).value_or(0); };
  const double clients = std::max(1.0, value("/clients"));
  const Html text = element("p", "Adapted to each client's own training rows, by what a device does, the model is " + std::string(measure.headline) + " in " + percent_text(value("/personal_accuracy"), 2) + " of the held-out rows, which had no say in it, and the shared one in " +
                                     percent_text(value("/shared_accuracy"), 2) + ", both counting on. By the loss it is better for " + percent_text(value("/better") / clients, 0) + " of the clients, and worse for " + percent_text(value("/worse") / clients, 0) + "; the others keep the shared one.");
  const nlohmann::json quantiles = personal.contains("uplift_quantiles") ? nlohmann::json{{"quantiles", personal["uplift_quantiles"]}} : nlohmann::json();
  const Html chart = gains_chart(capitalised(measure.name) + " of the adapted model less that of the shared one", {{"personal", "against the shared model", Tone::main, quantile_points(quantiles)}});
  Html tables;
  if (personal.contains("by_way")) tables += personal_table(measure, personal["by_way"], "By the way that was chosen on the device", "way", "Each device takes what is best on its newest training rows, or leaves the shared model as it is.");
  if (personal.contains("by_history")) tables += personal_table(measure, personal["by_history"], "Adapted models by length of history", "training rows", "Where more are worse than better it fails.");
  return section("What adapting it on the device is worth", text + element("div", chart + tables, "charts"));
}

Html participation_section(const RunFacts& run) {
  LineChart chart = by_round(run, "Devices by round", "Published rounds: devices that were asked, updates in the sum, devices that declined.", "devices",
                             {{"asked", "asked", Tone::second, "/asked"}, {"updates", "updates", Tone::main, "/updates"}, {"declined", "declined", Tone::third, "/declined"}}, whole);
  chart.from_zero = true;
  const Html charts = figure_of(chart) + spread_table(run) + losses_table(run) + aborted_table(run);
  return charts.empty() ? Html() : section("Who took part", element("div", charts, "charts"));
}

Html cost_section(const RunFacts& run) {
  LineChart bytes = by_round(run, "Bytes by round", "All frames between the devices and the coordinator in the published rounds, check-ins and late updates included.", "bytes",
                             {{"down", "down", Tone::second, "/bytes_down"}, {"up", "up", Tone::main, "/bytes_up"}}, bytes_text);
  bytes.from_zero = true;
  LineChart time = by_round(run, "Simulated time by round", "On the simulated clock, since the start, when the round was published.", "time", {{"time", "time", Tone::main, "/simulated_ms"}}, duration_of_ms);
  time.from_zero = true;
  LineChart phases = by_round(run, "Length of a round", "On the simulated clock: waiting for enough devices, and then for their updates.", "time",
                              {{"selection", "selection", Tone::second, "/selection_ms"}, {"collection", "collection", Tone::main, "/collection_ms"}}, duration_of_ms);
  phases.from_zero = true;
  const Html charts = figure_of(bytes) + figure_of(time) + figure_of(phases);
  return charts.empty() ? Html() : section("What it cost", element("div", charts, "charts"));
}

}  // namespace fedspend::simulations
