// How the statistics of populations are shown: as a table side by side, and as JSON.

#include <cstdio>
#include <functional>

#include "common/program/program.h"
#include "simulations/population/population_statistics.h"

namespace fedspend::simulations {
namespace {

std::string number(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string percent(double share) { return number(100 * share, share < 0.1 ? 2 : 1) + "%"; }

// "21 / 40 / 77": few digits where the numbers are large.
std::string three(double a, double b, double c) {
  const auto shown = [](double value) { return number(value, value < 10 && value != static_cast<double>(static_cast<std::int64_t>(value)) ? 2 : 0); };
  return shown(a) + " / " + shown(b) + " / " + shown(c);
}
std::string quartiles(const Quantiles& q) { return three(q.lower, q.median, q.upper); }

template <std::size_t Size>
std::string profile(const std::array<double, Size>& shares) {
  std::string text;
  for (const double share : shares) (text += text.empty() ? "" : " ") += number(100 * share, 0);
  return text;
}

struct Line {
  const char* key;    // in JSON
  const char* title;  // in the table
  std::function<std::string(const PopulationStatistics&)> shown;
  std::function<nlohmann::json(const PopulationStatistics&)> json;
};

nlohmann::json json_of(const Quantiles& q) { return {{"p5", q.p5}, {"lower_quartile", q.lower}, {"median", q.median}, {"upper_quartile", q.upper}, {"p95", q.p95}}; }

Line count(const char* key, const char* title, std::uint64_t PopulationStatistics::*member) {
  return {key, title, [member](const PopulationStatistics& s) { return std::to_string(s.*member); }, [member](const PopulationStatistics& s) { return nlohmann::json(s.*member); }};
}
Line share(const char* key, const char* title, double PopulationStatistics::*member) {
  return {key, title, [member](const PopulationStatistics& s) { return percent(s.*member); }, [member](const PopulationStatistics& s) { return nlohmann::json(s.*member); }};
}
Line plain(const char* key, const char* title, double PopulationStatistics::*member, int digits) {
  return {key, title, [member, digits](const PopulationStatistics& s) { return number(s.*member, digits); }, [member](const PopulationStatistics& s) { return nlohmann::json(s.*member); }};
}
Line spread(const char* key, const char* title, Quantiles PopulationStatistics::*member) {
  return {key, title, [member](const PopulationStatistics& s) { return quartiles(s.*member); }, [member](const PopulationStatistics& s) { return json_of(s.*member); }};
}

const std::vector<Line>& lines() {
  using S = PopulationStatistics;
  static const std::vector<Line> all = {
      count("clients", "clients", &S::clients),
      count("rows", "rows", &S::rows),
      plain("weeks", "weeks", &S::weeks, 0),
      spread("rows_per_client", "rows per client: quartiles", &S::rows_per_client),
      spread("rows_per_week", "rows a week, per client: quartiles", &S::rows_per_week),
      count("categories", "categories", &S::categories),
      spread("categories_per_client", "categories per client: quartiles", &S::categories_per_client),
      share("top1", "rows of the most frequent category", &S::top1),
      share("top5", "rows of the 5 most frequent", &S::top5),
      share("top20", "rows of the 20 most frequent", &S::top20),
      plain("entropy_bits", "entropy of categories, bits", &S::entropy_bits, 2),
      plain("own_entropy_bits", "entropy within the median client, bits", &S::own_entropy_bits, 2),
      share("repeated_category", "category of the row before", &S::repeated_category),
      share("category_met_before", "category used before by the client", &S::category_met_before),
      count("merchants", "merchants (texts)", &S::merchants),
      spread("merchants_per_client", "merchants per client: quartiles", &S::merchants_per_client),
      spread("merchants_per_category", "merchants per category: quartiles", &S::merchants_per_category),
      share("merchant_met_before", "merchant used before by the client", &S::merchant_met_before),
      share("merchants_of_one_row", "merchants with a single row", &S::merchants_of_one_row),
      share("rows_at_ambiguous_merchants", "rows at merchants of several categories", &S::rows_at_ambiguous_merchants),
      {"amount", "amount: 5% / median / 95%", [](const S& s) { return three(s.amount.p5, s.amount.median, s.amount.p95); }, [](const S& s) { return json_of(s.amount); }},
      plain("log10_amount_deviation", "amount: deviation of log10", &S::log10_amount_deviation, 2),
      share("whole_amounts", "amounts that end in .00", &S::whole_amounts),
      share("nines", "amounts that end in .95 or .99", &S::nines),
      share("credits", "credits", &S::credits),
      share("foreign", "rows in another currency", &S::foreign),
      share("same_day", "on the day of the row before", &S::same_day),
      {"days_between", "days between other rows: median / 95%", [](const S& s) { return number(s.days_between.median, 0) + " / " + number(s.days_between.p95, 0); }, [](const S& s) { return json_of(s.days_between); }},
      share("week_rhythm", "whole weeks after the last of its category", &S::week_rhythm),
      {"weekdays", "Mo ... Su, %", [](const S& s) { return profile(s.weekdays); }, [](const S& s) { return nlohmann::json(s.weekdays); }},
      {"months", "January ... December, %", [](const S& s) { return profile(s.months); }, [](const S& s) { return nlohmann::json(s.months); }},
      {"night", "rows from 0 to 5 h UTC", [](const S& s) { return s.has_hours ? percent(s.night) : std::string("no hours"); }, [](const S& s) { return s.has_hours ? nlohmann::json(s.night) : nlohmann::json(); }},
      share("unusual", "rows with a label", &S::unusual),
      count("clients_with_attributes", "clients with attributes", &S::clients_with_attributes),
  };
  return all;
}

}  // namespace

nlohmann::json to_json(const PopulationStatistics& statistics) {
  nlohmann::json json = nlohmann::json::object();
  for (const Line& line : lines()) json[line.key] = line.json(statistics);
  json["labels"] = statistics.labels;
  json["baselines"] = nlohmann::json::object();
  for (const Baseline& line : statistics.baselines.lines) json["baselines"][line.key] = line.score.headline();
  return json;
}

std::string statistics_table(const std::vector<std::string>& names, const std::vector<PopulationStatistics>& statistics) {
  std::vector<std::vector<std::string>> table = {{""}};
  table[0].insert(table[0].end(), names.begin(), names.end());
  const auto add = [&](const std::string& title, const auto& shown) {
    std::vector<std::string> row = {title};
    for (const PopulationStatistics& one : statistics) row.push_back(shown(one));
    table.push_back(std::move(row));
  };
  for (const Line& line : lines()) add(line.title, line.shown);
  for (std::size_t i = 0; i < statistics.front().baselines.lines.size(); ++i)
    add("baseline: " + statistics.front().baselines.lines[i].name, [i](const PopulationStatistics& one) {
      const Baseline& line = one.baselines.lines[i];
      return number(line.score.headline(), 4);
    });
  std::map<std::string, bool> labels;
  for (const PopulationStatistics& one : statistics)
    for (const auto& [label, rows] : one.labels) labels[label] = true;
  for (const auto& [label, met] : labels)
    add("label: " + label, [&label = label](const PopulationStatistics& one) {
      const auto found = one.labels.find(label);
      return std::to_string(found == one.labels.end() ? 0 : found->second);
    });
  return program::format_table(table);
}

}  // namespace fedspend::simulations
