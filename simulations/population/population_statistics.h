#pragma once
// What a population looks like, in figures that can be laid beside those of another: how many rows a client has and how often, how
// spending is divided over categories and merchants, amounts and their cents, the week and the year, what repeats itself, and what the
// baselines make of it. For holding an invented population against real ones. Pure functions of the population.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "simulations/population/baselines.h"
#include "simulations/population/population.h"

namespace fedspend::simulations {

struct Quantiles {
  double p5 = 0, lower = 0, median = 0, upper = 0, p95 = 0;  // lower, upper: the quartiles
};
// Of the sorted copy, by the nearest rank; all 0 of nothing.
Quantiles quantiles_of(std::vector<double> values);

struct PopulationStatistics {
  std::uint64_t clients = 0, rows = 0, categories = 0, merchants = 0, currencies = 0;
  double weeks = 0;                          // from the first row to the last

  Quantiles rows_per_client, rows_per_week;  // a week of the client's own span, at least one
  Quantiles categories_per_client, merchants_per_client, merchants_per_category;

  double top1 = 0, top5 = 0, top20 = 0;      // shares of the rows that the most frequent categories have
  double entropy_bits = 0;                   // of the categories of all rows
  double own_entropy_bits = 0;               // of a client's own categories: the median client of those with 20 rows
  double repeated_category = 0;              // share of rows whose category is that of the client's row before
  double category_met_before = 0;            // share of rows whose category the client has used before
  double merchant_met_before = 0;            // the same for the merchant's text
  double merchants_of_one_row = 0;           // share of the merchants that have one row
  double rows_at_ambiguous_merchants = 0;    // share of rows at merchants with rows of several categories

  Quantiles amount;                          // in units of the row's currency
  double log10_amount_deviation = 0;         // of amounts above 0
  double whole_amounts = 0, nines = 0;       // shares of amounts that end in .00, and in .95 or .99
  double credits = 0;                        // share of rows
  double foreign = 0;                        // of the rows with a currency, those not in the most frequent one

  double same_day = 0;                       // share of rows on the day of the client's row before
  Quantiles days_between;                    // of the others
  double week_rhythm = 0;                    // share of rows that are 7 days (or 14, 21, 28) after the client's last row of that category
  std::array<double, 7> weekdays{};          // shares of rows, Monday first, UTC
  std::array<double, 12> months{};           // shares of rows
  bool has_hours = false;                    // rows with a time of day
  double night = 0;                          // share of rows from 0 to 5 h UTC, where there are hours

  double unusual = 0;                        // share of rows with a label
  std::map<std::string, std::uint64_t> labels;  // rows by label
  std::uint64_t clients_with_attributes = 0;
  Baselines baselines;
};
PopulationStatistics compute_statistics(const Population& population);

nlohmann::json to_json(const PopulationStatistics& statistics);
// One line a figure, one column a population; `names` as many as `statistics`.
std::string statistics_table(const std::vector<std::string>& names, const std::vector<PopulationStatistics>& statistics);

}  // namespace fedspend::simulations
