#include "simulations/population/baselines.h"

#include <algorithm>

#include <doctest/doctest.h>

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

struct Row {
  const char* category;
  const char* merchant;
};

void add(PopulationBuilder& builder, const char* client, std::initializer_list<Row> rows) {
  std::int64_t time_s = 0;
  for (const Row& row : rows) REQUIRE(builder.add(client, {.time_s = ++time_s, .amount_minor = 1, .category = row.category, .merchant = row.merchant, .currency = ""}));
}

std::uint64_t correct(const Baselines& baselines, const std::string& key) {
  for (const Baseline& line : baselines.lines)
    if (line.key == key) return line.score.correct_top1;
  FAIL("no such baseline: ", key);
  return 0;
}

}  // namespace

TEST_CASE("each baseline predicts what it is said to predict") {
  PopulationBuilder builder;
  // Held out are the last ceil(0.2 * 10) = 2 rows of "a" and the last row of "b"; "c" has too few rows.
  add(builder, "a", {{"x", "1"}, {"y", "2"}, {"x", "1"}, {"y", "2"}, {"x", "1"}, {"y", "2"}, {"x", "1"}, {"x", "3"}, /* held out */ {"y", "2"}, {"z", "4"}});
  add(builder, "b", {{"y", "4"}, {"z", "4"}, {"y", "4"}, {"z", "4"}, /* held out */ {"y", "1"}});
  add(builder, "c", {{"q", "9"}, {"q", "9"}, {"q", "9"}, {"q", "9"}});
  const Baselines baselines = compute_baselines(std::move(builder).build());
  CHECK(baselines.clients == 2);
  CHECK(baselines.held_out == 3);
  // x and y are counted 5 times each in the training rows; x was met first.
  CHECK(correct(baselines, "global_most_frequent") == 0);
  // "a": x. "b": y and z tie, z was used last.
  CHECK(correct(baselines, "own_most_frequent") == 0);
  // After x: y 3, x 1. After y: x 3, z 2. After z: y. So y (right), x (wrong), y (right).
  CHECK(correct(baselines, "markov_global") == 2);
  CHECK(correct(baselines, "markov_own") == 2);
  // Merchant 2: y (right). Merchant 4: y 2, z 2, y met first (wrong). Merchant 1: x (wrong).
  CHECK(correct(baselines, "merchant_lookup") == 1);
  // "a" has not met merchant 4 nor "b" merchant 1: the global lookup.
  CHECK(correct(baselines, "own_merchant_lookup") == 1);
}

TEST_CASE("the held-out rows teach the counts nothing") {
  PopulationBuilder builder;
  add(builder, "a", {{"x", "1"}, {"x", "1"}, {"x", "1"}, {"x", "1"}, {"x", "1"}, {"x", "1"}, {"x", "1"}, /* held out */ {"z", "2"}, {"z", "2"}});
  const Baselines baselines = compute_baselines(std::move(builder).build());
  CHECK(baselines.held_out == 2);
  for (const Baseline& line : baselines.lines) {
    CAPTURE(line.key);
    CHECK((line.prequential || line.score.correct_top1 == 0));
  }
}

TEST_CASE("the mixture keeps counting") {
  PopulationBuilder builder;
  std::int64_t time_s = 0;
  for (int i = 0; i < 100; ++i) REQUIRE(builder.add("a", {.time_s = ++time_s, .amount_minor = 1, .category = i < 80 ? "x" : "z", .merchant = "", .currency = ""}));
  const Baselines baselines = compute_baselines(std::move(builder).build());
  CHECK(baselines.held_out == 20);
  CHECK(correct(baselines, "markov_own") == 0);
  CHECK(correct(baselines, "mixture") >= 10);
}

TEST_CASE("beside spend_forecast: last month, three months, smoothing and the own quantiles, on the thirty days that the model is scored on") {
  PopulationBuilder builder;
  // Held out are the days from 240 on, of rows it would be those from 220. Of the month before more was spent than ever.
  for (std::int64_t day = 0; day < 300; ++day)
    for (int half = 0; half < (day < 100 ? 2 : 1); ++half)
      REQUIRE(builder.add("a", {.time_s = day * 86'400, .amount_minor = day < 100 ? 50 : day >= 210 && day < 240 ? 150 : 100, .category = "x", .merchant = "", .currency = ""}));
  ModelSpec model;
  model.name = "spend_forecast";
  model.categories = {"x"};
  const Baselines baselines = compute_baselines(std::move(builder).build(), {.model = model});
  const auto saved = [&](const std::string& key) {
    const auto line = std::ranges::find(baselines.lines, key, &Baseline::key);
    REQUIRE(line != baselines.lines.end());
    CHECK(line->score.predictions == 2);  // the category, and all spending
    return line->score.headline();
  };
  // What comes is 3000; the forecasts are 4500, 3500, .2 * 4500 + .8 * 3000, and 3000, 3000, 3450.
  CHECK(saved("last_month") == doctest::Approx(1 - 1'500.0 / 300));
  CHECK(saved("three_months") == doctest::Approx(1 - 500.0 / 300));
  CHECK(saved("smoothing") == doctest::Approx(0));
  CHECK(saved("own_quantiles") == doctest::Approx(1 - 0.1 * 450 / 3 / (0.5 * 300)));
}

TEST_CASE("without a client that has enough rows nothing is held out") {
  PopulationBuilder builder;
  add(builder, "a", {{"x", "1"}, {"x", "1"}});
  CHECK(compute_baselines(std::move(builder).build()).held_out == 0);
}
