#include "simulations/population/injected_unusual.h"

#include <map>
#include <set>
#include <string>

#include <doctest/doctest.h>

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

// Forty clients who each use three of twenty categories, on dates alone or at times of the day.
Population population(bool has_times) {
  PopulationBuilder builder;
  for (std::int64_t client = 0; client < 40; ++client)
    for (std::int64_t row = 0; row < 200; ++row)
      REQUIRE(builder.add("client " + std::to_string(100 + client), {.time_s = (17'000 + row) * 86'400 + (has_times ? 40'000 + client : 0), .amount_minor = 1'000 + row,
                                                                     .category = "category " + std::to_string((client + 7 * (row % 3)) % 20), .merchant = "shop " + std::to_string(row % 9), .currency = "GBP"}));
  return std::move(builder).build();
}

}  // namespace

TEST_CASE("injected unusual rows: what was there stays, what is added or changed has a label, and the same seed gives the same") {
  for (const bool has_times : {false, true}) {
    CAPTURE(has_times);
    const Population before = population(has_times);
    const auto after = inject_unusual(before, 20, 1);
    REQUIRE(after);
    CHECK(before.labels().size() == 1);
    CHECK(after->labels().size() == 5);
    std::map<std::string, std::size_t> kinds;
    for (std::size_t client = 0; client < before.clients(); ++client) {
      std::multiset<std::pair<std::int64_t, std::int64_t>> old;
      std::set<std::string> used;
      for (const PopulationRow& row : before.history(client)) {
        old.emplace(row.time_s, row.amount_minor);
        used.insert(before.categories()[row.category]);
      }
      std::size_t kept = 0, wrong = 0;
      for (const PopulationRow& row : after->history(client)) {
        const std::string& label = after->labels()[row.label];
        ++kinds[label];
        kept += label.empty() && old.contains({row.time_s, row.amount_minor}) ? 1u : 0u;
        wrong += label == "wrong_amount" ? 1u : 0u;
        if (label == "wrong_amount") CHECK((old.contains({row.time_s, row.amount_minor / 10}) || old.contains({row.time_s, row.amount_minor / 100})));
        if (label.starts_with("foreign")) CHECK_FALSE(used.contains(after->categories()[row.category]));
        if (label == "repeated" && !has_times) CHECK(old.contains({row.time_s, row.amount_minor}));
        if (!has_times) CHECK(row.time_s % 86'400 == 0);
      }
      CHECK(kept + wrong == before.history(client).size());
    }
    // 8,000 rows, 160 incidents, a quarter of each kind.
    CHECK(kinds["repeated"] > 20);
    CHECK(kinds["wrong_amount"] > 20);
    CHECK(kinds["foreign_row"] > 20);
    CHECK(kinds["foreign_burst"] > 3 * 20);
    const auto again = inject_unusual(before, 20, 1), other = inject_unusual(before, 20, 2);
    CHECK(again->rows() == after->rows());
    CHECK(other->rows() != after->rows());
  }
}

TEST_CASE("injecting nothing gives the population as it was") {
  const Population before = population(true);
  const auto after = inject_unusual(before, 0, 1);
  REQUIRE(after);
  CHECK(after->rows() == before.rows());
  CHECK(after->labels().size() == 1);
}
