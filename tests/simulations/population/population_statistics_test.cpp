#include "simulations/population/population_statistics.h"

#include <doctest/doctest.h>

#include <cmath>

#include "models/transactions/transaction_fields.h"
#include "simulations/population/synthetic.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

void add(PopulationBuilder& builder, const char* client, std::int64_t day, std::int64_t amount, const char* category, const char* merchant, const char* label = "", models::Direction direction = models::Direction::debit) {
  // 2023-01-02 was a Monday.
  REQUIRE(builder.add(client, {.time_s = models::seconds_of_day(2023, 1, 2) + day * 86'400 + 36'000, .amount_minor = amount, .direction = direction, .category = category, .merchant = merchant, .currency = "EUR"}, label));
}

// Two clients; every figure can be counted by hand.
Population small_population() {
  PopulationBuilder builder;
  add(builder, "a", 0, 1'000, "food", "SHOP");
  add(builder, "a", 0, 1'099, "food", "SHOP");
  add(builder, "a", 7, 10'000, "food", "SHOP");
  add(builder, "a", 9, 10'095, "fuel", "SHOP", "odd");
  add(builder, "b", 1, 123, "food", "KIOSK");
  add(builder, "b", 5, 100'000, "rent", "LANDLORD", "", models::Direction::credit);
  return std::move(builder).build();
}

}  // namespace

TEST_CASE("the statistics of a population are those that can be counted by hand") {
  const PopulationStatistics s = compute_statistics(small_population());
  const auto is = [](double value, double expected) { return std::abs(value - expected) < 1e-9; };
  CHECK(s.clients == 2);
  CHECK(s.rows == 6);
  CHECK(s.categories == 3);
  CHECK(s.merchants == 3);
  CHECK(is(s.weeks, 10.0 / 7));
  CHECK(is(s.top1, 4.0 / 6));
  CHECK(is(s.top5, 1));
  CHECK(is(s.entropy_bits, -(4.0 / 6 * std::log2(4.0 / 6) + 2 * (1.0 / 6) * std::log2(1.0 / 6))));
  CHECK(is(s.repeated_category, 2.0 / 6));
  CHECK(is(s.category_met_before, 2.0 / 6));
  CHECK(is(s.merchant_met_before, 3.0 / 6));
  CHECK(is(s.merchants_of_one_row, 2.0 / 3));
  CHECK(is(s.rows_at_ambiguous_merchants, 4.0 / 6));  // SHOP sells food and fuel
  CHECK(is(s.whole_amounts, 3.0 / 6));
  CHECK(is(s.nines, 2.0 / 6));
  CHECK(is(s.credits, 1.0 / 6));
  CHECK(is(s.foreign, 0));
  CHECK(is(s.same_day, 1.0 / 6));
  CHECK(is(s.week_rhythm, 1.0 / 6));
  CHECK(is(s.weekdays[0], 3.0 / 6));
  CHECK(is(s.months[0], 1));
  CHECK(s.has_hours);
  CHECK(is(s.night, 0));
  CHECK(is(s.unusual, 1.0 / 6));
  CHECK(s.labels.at("odd") == 1);
  CHECK(is(s.days_between.median, 4));  // of 2, 4 and 7
}

TEST_CASE("quantiles are the values of the nearest rank, and of nothing zero") {
  CHECK(quantiles_of({}).median == 0);
  const Quantiles q = quantiles_of({5, 1, 4, 2, 3});
  CHECK(q.p5 == 1);
  CHECK(q.lower == 2);
  CHECK(q.median == 3);
  CHECK(q.upper == 4);
  CHECK(q.p95 == 5);
}

TEST_CASE("the table has a column for each population, and says the same as the JSON") {
  const PopulationStatistics one = compute_statistics(small_population());
  const auto synthetic = synthetic_population({.seed = 1, .clients = 30, .months = 6, .unusual_in_thousand = 500}, 2);
  REQUIRE(synthetic);
  const PopulationStatistics two = compute_statistics(*synthetic);
  const std::string table = statistics_table({"first", "second"}, {one, two});
  const auto line = [&](const std::string& title) {
    const std::size_t begin = table.find("\n" + title);
    return begin == std::string::npos ? std::string() : table.substr(begin + 1, table.find('\n', begin + 1) - begin - 1);
  };
  CHECK(table.find("first") < table.find("second"));
  CHECK(line("clients ").ends_with(" 30"));
  CHECK(line("rows with a label").find("16.7%") != std::string::npos);
  CHECK(line("clients with attributes").ends_with(" 30"));
  CHECK_FALSE(line("baseline: order-1 Markov, global").empty());
  CHECK_FALSE(line("label: account takeover").empty());
  const nlohmann::json json = to_json(two);
  CHECK(json["clients"] == 30);
  CHECK(json["unusual"].get<double>() > 0);
  CHECK(json["weekdays"].size() == 7);
  CHECK(json["months"].size() == 12);
  CHECK(json["amount"]["median"].get<double>() > 1);
  CHECK(json["baselines"]["markov_own"].get<double>() > 0);
  CHECK(to_json(one)["labels"]["odd"] == 1);
}

TEST_CASE("a synthetic year is lively: rows of each client, both ends of the amounts, all days and months, few unusual rows") {
  const auto synthetic = synthetic_population({.seed = 1, .clients = 150, .months = 12}, 2);
  REQUIRE(synthetic);
  const PopulationStatistics s = compute_statistics(*synthetic);
  CHECK(s.rows_per_client.p5 > 100);
  CHECK(s.rows_per_client.p95 < 2'000);
  CHECK(s.rows_per_client.upper > s.rows_per_client.lower * 1.3);
  CHECK(s.categories > 55);
  CHECK(s.top1 < 0.3);
  CHECK(s.amount.p5 < 6);
  CHECK(s.amount.p95 > 150);
  CHECK(s.log10_amount_deviation > 0.5);
  CHECK(s.credits > 0.015);
  CHECK(s.credits < 0.08);
  CHECK(s.foreign > 0.001);
  CHECK(s.merchant_met_before > 0.6);
  CHECK(s.merchant_met_before < 0.9);
  CHECK(s.merchants_of_one_row > 0.3);
  CHECK(s.weekdays[6] < s.weekdays[4]);
  for (const double month : s.months) CHECK(month > 0.05);
  CHECK(s.unusual > 0.001);
  CHECK(s.unusual < 0.01);
  CHECK(s.labels.size() == 7);
  CHECK(s.clients_with_attributes == 150);
}
