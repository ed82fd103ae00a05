#include "simulations/population/population.h"

#include <doctest/doctest.h>

#include "models/row_maker.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

models::Transaction transaction(std::int64_t time_s, std::int64_t amount, std::string category, std::string merchant = "m") {
  return {.time_s = time_s, .amount_minor = amount, .category = std::move(category), .merchant = std::move(merchant), .currency = "GBP"};
}

}  // namespace

TEST_CASE("clients are in the order of their ids, rows by time, and rows of one time as they came") {
  PopulationBuilder builder;
  REQUIRE(builder.add("b", transaction(20, 1, "x")));
  REQUIRE(builder.add("a", transaction(30, 2, "y")));
  REQUIRE(builder.add("b", transaction(10, 3, "x")));
  REQUIRE(builder.add("b", transaction(20, 4, "z")));
  REQUIRE(builder.add("b", transaction(20, 1, "x")));  // repeated: kept
  REQUIRE(builder.add("b", transaction(20, 6, "x")));
  REQUIRE(builder.add("10", transaction(1, 5, "z")));
  const Population population = std::move(builder).build();
  REQUIRE(population.clients() == 3);
  CHECK(population.rows() == 7);
  CHECK(population.client_name(0) == "10");
  CHECK(population.client_name(1) == "a");
  CHECK(population.client_name(2) == "b");
  const auto rows = population.history(2);
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].amount_minor == 3);
  CHECK(rows[1].amount_minor == 1);
  CHECK(rows[2].amount_minor == 4);
  CHECK(rows[3].amount_minor == 1);
  CHECK(rows[4].amount_minor == 6);
  CHECK(population.transaction(rows[2]).category == "z");
  CHECK(population.transaction(rows[2]).currency == "GBP");
}

TEST_CASE("rows without a category are left out and counted, and so is a client who has no others") {
  PopulationBuilder builder;
  REQUIRE(builder.add("a", transaction(1, 1, "")));
  REQUIRE(builder.add("b", transaction(1, 1, "x")));
  CHECK(builder.left_out() == 1);
  const Population population = std::move(builder).build();
  CHECK(population.clients() == 1);
  CHECK(population.rows() == 1);
}

TEST_CASE("the vocabulary is by frequency, then by name") {
  PopulationBuilder builder;
  for (const char* category : {"pear", "fig", "apple", "fig"}) REQUIRE(builder.add("a", transaction(1, 1, category)));
  const Population population = std::move(builder).build();
  CHECK(population.vocabulary() == std::vector<std::string>{"fig", "apple", "pear"});
  CHECK(population.vocabulary(2) == std::vector<std::string>{"fig", "apple"});
}

TEST_CASE("clients with too few rows are not counted among those with enough") {
  PopulationBuilder builder;
  for (int i = 0; i < 5; ++i) REQUIRE(builder.add("a", transaction(i, 1, "x")));
  for (int i = 0; i < 4; ++i) REQUIRE(builder.add("b", transaction(i, 1, "x")));
  const Population population = std::move(builder).build();
  CHECK(population.clients_with(5) == std::vector<std::size_t>{0});
  CHECK(population.clients_with(4) == std::vector<std::size_t>{0, 1});
}

TEST_CASE("an encoded history is that of the models, row by row") {
  PopulationBuilder builder;
  REQUIRE(builder.add("a", transaction(1, 7, "x", "Shop 1")));
  REQUIRE(builder.add("a", transaction(2, 8, "unknown", "")));
  const Population population = std::move(builder).build();
  ModelSpec model;
  model.categories = {"w", "x"};
  for (const char* name : {"next_category", "categoriser"}) {
    model.name = name;
    const auto rows = HistoryEncoder(population, model).encode(0);
    models::RowMaker maker(model);
    REQUIRE(rows.size() == 2);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const models::HistoryRow expected = maker.row(population.transaction(population.history(0)[i]));
      REQUIRE((rows[i].text == nullptr) == (expected.text == nullptr));
      if (expected.text != nullptr) CHECK(*rows[i].text == *expected.text);
      CHECK(rows[i].time_s == expected.time_s);
      CHECK(rows[i].amount_minor == expected.amount_minor);
      CHECK(rows[i].merchant_hash == expected.merchant_hash);
      CHECK(rows[i].category == expected.category);
      CHECK(rows[i].direction == expected.direction);
    }
    CHECK(rows[1].category == 2);
    CHECK((rows[0].text != nullptr) == (model.name == "categoriser"));
  }
}
