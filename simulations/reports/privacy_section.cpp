#include "simulations/reports/privacy_section.h"

#include <cmath>

#include "common/secagg/dp_statement.h"
#include "simulations/reports/chart.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

bool is_simulated(const RunFacts& run) { return run.plan.privacy.noise_cohort != 0; }
std::string epsilon_key(const RunFacts& run) { return is_simulated(run) ? "simulated_epsilon" : "epsilon"; }

constexpr int kSettingDigits = 6;  // of what somebody chose

// Of settings and of the marks of an axis, not of what bounds a loss.
std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string epsilon_text(const RunFacts& run, const std::string& of) {
  const auto epsilon = number_at(run.statement, of + "/" + epsilon_key(run));
  return epsilon ? bound_text(*epsilon) : "unbounded";
}

std::string times_text(const RunFacts& run, const std::string& of) {
  const double times = number_at(run.statement, of + "/participations").value_or(0);
  return count_text(times) + (times == 1 ? " participation" : " participations");
}

Html facts_table(const RunFacts& run) {
  Table table{.caption = {}, .header = {}, .rows = {}};
  const auto add = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) table.rows.push_back({name, element("span", value, "fact")});
  };
  const auto count = [&](const char* pointer) {
    const auto value = number_at(run.statement, pointer);
    return value ? number_text(*value) : std::string();
  };
  add("setting", text_at(run.statement, "/setting"));
  add("protects against", text_at(run.statement, "/protects_against"));
  add("unit", text_at(run.statement, "/unit"));
  add("adjacency", text_at(run.statement, "/adjacency"));
  add("mechanism", text_at(run.statement, "/mechanism/name"));
  if (const auto noise = number_at(run.statement, "/mechanism/noise_multiplier")) add("noise multiplier", least_text(*noise, kSettingDigits));
  add("clip norm", count("/mechanism/clip_norm_l2"));
  add("participations allowed a device", count("/participation/cap"));
  add("rounds between two", count("/participation/min_separation_rounds"));
  add("accountant", text_at(run.statement, "/accountant") + ", without amplification by sampling");
  if (const auto rho = number_at(run.statement, "/so_far/rho_zcdp")) add("rho of zCDP, so far", bound_text(*rho));
  add("honest shares that surely are in a sum", count("/noise_in_sum/honest_shares_least"));
  if (const auto wraps = number_at(run.statement, "/noise_in_sum/expected_wraps")) add("expected wraps, a sum", bound_text(*wraps));
  if (const auto excess = number_at(run.statement, "/noise_in_sum/noise_excess")) add("noise over what is counted", bound_text(*excess) + " times, where nobody is lost");
  add("secure aggregation", run.plan.aggregation.mode == Aggregation::secure ? "yes" : "no: the coordinator sees every single update");
  return table_of(table);
}

Html epsilon_chart(const RunFacts& run) {
  const std::string name = is_simulated(run) ? "simulated epsilon" : "epsilon";
  LineChart chart{.title = (is_simulated(run) ? "Simulated epsilon" : "Epsilon") + std::string(" by round"),
                  .caption = "Of the device that has taken part most until then, at delta " + bound_text(run.plan.privacy.delta, kSettingDigits) + ", rounded up in the table. Dashed: what the plan allows a device at most.",
                  .x_name = "round", .y_name = name, .lines = {}, .x_text = [](double x) { return count_text(x); }, .y_text = number_text, .from_zero = true, .table = {}};
  chart.table.header = {"round", name, "participations"};
  Line line{.name = "spent", .tone = Tone::main, .points = {}};
  for (const nlohmann::json& round : run.rounds) {
    const auto number = number_at(round, "/round"), epsilon = number_at(round, "/" + epsilon_key(run));
    if (!number || !epsilon) continue;
    // A row for each rise, so that the table stays short.
    if (line.points.empty() || line.points.back().second != *epsilon) chart.table.rows.push_back({count_text(*number), bound_text(*epsilon), count_text(number_at(round, "/most_participations").value_or(0))});
    line.points.emplace_back(*number, *epsilon);
  }
  line.points = thinned(line.points);
  chart.lines = {std::move(line)};
  if (const auto cap = number_at(run.statement, "/at_cap/" + epsilon_key(run))) chart.levels.push_back({"allowed", *cap});
  return figure_of(chart);
}

Html conditions_table(const RunFacts& run) {
  if (!run.statement.contains("assumptions") || !run.statement["assumptions"].is_array() || run.statement["assumptions"].empty()) return {};
  Table table{.caption = {}, .header = {"on what it stands", "", "why"}, .rows = {}};
  for (const nlohmann::json& assumption : run.statement["assumptions"])
    table.rows.push_back({text_at(assumption, "/what"), text_at(assumption, "/standing"), element("span", text_at(assumption, "/why"), "fact")});
  return folded("Every condition, enforced or assumed", table_of(table));
}

}  // namespace

std::string privacy_in_short(const RunFacts& run) {
  const PrivacySpec& privacy = run.plan.privacy;
  if (!privacy.has_noise()) return "No differential privacy: nothing bounds what the weights tell about one client. There is no epsilon.";
  if (!run.statement.is_object()) return "Differential privacy " + std::string(to_string(privacy.mode)) + "; this folder has no statement of what was spent.";
  const std::string as_if = is_simulated(run) ? "SIMULATED for a cohort of " + std::to_string(privacy.noise_cohort) + ": these models protect nobody. As if: "
                            : text_at(run.statement, "/noise_source") == "seed" ? "A simulation's figures, no guarantee for these models: " : "";
  return as_if + "epsilon " + epsilon_text(run, "/so_far") + " at delta " + bound_text(privacy.delta, kSettingDigits) + " for the device that took part most (" + times_text(run, "/so_far") + "), by " +
         text_at(run.statement, "/accountant") + "; at most " + epsilon_text(run, "/at_cap") + " (" + times_text(run, "/at_cap") + ").";
}

Html privacy_section(const RunFacts& run) {
  Html text = element("p", privacy_in_short(run));
  if (!run.statement.is_object()) return section("Privacy", text);
  if (run.plan.privacy.has_noise() && text_at(run.statement, "/noise_source") == "seed")
    text += element("p", "The noise of a simulation is drawn from its seed: whoever knows it can take it off again. The figures are those of a federation of devices with this plan and these participations.", "soft");
  if (!run.plan.privacy.has_noise()) return section("Privacy", text + element("p", "The statement that goes with the model: dp-statement.txt.", "soft"));
  const Html figures = element("div", epsilon_chart(run) + element("figure", facts_table(run) + element("figcaption", "The whole statement: dp-statement.txt, and for programs dp-statement.json.")), "charts");
  return section("Privacy", text + figures + conditions_table(run));
}

}  // namespace fedspend::simulations
