// What a device says with a next category, held against what came.

#include "simulations/runs/occurrence_scores.h"

#include <doctest/doctest.h>

#include "models/categoriser/categoriser.h"
#include "models/next_category/next_category.h"
#include "models/trainer.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

const std::vector<std::string> kCategories = {"a", "b", "c", "d", "e", "f"};
constexpr std::size_t kDays = 60, kFirst = 48;  // of which a fifth is held out

Plan plan_of() {
  Plan plan;
  plan.model = models::default_next_category(kCategories);
  plan.evaluation = {.holdout_fraction = 0.2, .min_rows = 5};
  return plan;
}

std::vector<float> untrained(const Plan& plan) {
  const auto trainer = *models::make_trainer(plan.model);
  std::vector<float> weights(trainer->parameter_count());
  trainer->initialize(weights, 1);
  return weights;
}

// A row a day: a for 1.00, b for 2.00, c for 3.00, and again.
std::vector<models::HistoryRow> round_of_three() {
  std::vector<models::HistoryRow> rows;
  for (std::uint32_t day = 0; day < kDays; ++day)
    rows.push_back({.time_s = (17'000 + std::int64_t{day}) * 86'400 + 40'000, .amount_minor = 100 + 100 * (day % 3), .category = day % 3});
  return rows;
}

}  // namespace

TEST_CASE("habits that are kept hold, in day and amount, as far as the data reach") {
  const Plan plan = plan_of();
  const std::vector<FederatedClient> clients = {{"", round_of_three()}};
  const auto scores = score_occurrences(plan, untrained(plan), clients, 1);
  REQUIRE(scores);
  REQUIRE(scores->by_rank.size() == kOccurrencesShown);
  // The likeliest is what comes the next day. Of the last but one row that is the last day, of which the data may not be all.
  const OccurrenceScore& likeliest = scores->by_rank.front();
  CHECK(likeliest.moments == kDays - kFirst);
  CHECK(likeliest.silent == 0);
  CHECK(likeliest.overdue == 0);
  CHECK(likeliest.open == 1);
  CHECK(likeliest.days == kDays - kFirst - 1);
  CHECK(likeliest.days_within == likeliest.days);
  CHECK(likeliest.amounts == kDays - kFirst);
  CHECK(likeliest.amounts_within == likeliest.amounts);
  CHECK(likeliest.day_widths == std::vector<double>(likeliest.days, 0.0));
  // The other two come a day or two later.
  OccurrenceScore others = scores->by_rank[1];
  others += scores->by_rank[2];
  CHECK(others.moments == 2 * (kDays - kFirst));
  CHECK(others.open == 2 + 3);
  CHECK(others.days_within == others.days);
  CHECK(others.day_errors == std::vector<double>(others.days, 0.0));
}

TEST_CASE("habits that are broken do not hold: what never comes, comes early, or costs more") {
  const Plan plan = plan_of();
  std::vector<models::HistoryRow> rows = round_of_three();
  for (std::size_t row = kFirst; row < kDays; ++row) rows[row].category = 0, rows[row].amount_minor = 1'000;
  const std::vector<FederatedClient> clients = {{"", rows}};
  const auto scores = score_occurrences(plan, untrained(plan), clients, 1);
  REQUIRE(scores);
  OccurrenceScore sum;
  for (const OccurrenceScore& one : scores->by_rank) sum += one;
  CHECK(sum.days_within < sum.days);
  CHECK(sum.days_before > 0);  // a comes every day, of which every third was expected
  CHECK(sum.days_within + sum.days_before < sum.days);  // b and c never come
  CHECK(sum.overdue > 0);
  CHECK(sum.amounts_within < sum.amounts);
  CHECK(sum.amounts_below == 0);
}

TEST_CASE("who has too few rows of a category is told nothing; any number of threads gives the same; and a model that does not look ahead is refused") {
  Plan plan = plan_of();
  std::vector<models::HistoryRow> rows = round_of_three();
  std::vector<models::HistoryRow> short_one(rows.begin(), rows.begin() + 6);  // two of each
  const std::vector<FederatedClient> clients = {{"", short_one}, {"", rows}, {"", {}}};
  const auto scores = score_occurrences(plan, untrained(plan), clients, 1), again = score_occurrences(plan, untrained(plan), clients, 3);
  REQUIRE(scores);
  REQUIRE(again);
  CHECK(to_json(*scores) == to_json(*again));
  CHECK(scores->by_rank.front().silent == 2);
  CHECK(to_text(*scores).find("of the likeliest category") != std::string::npos);
  plan.model = models::default_categoriser(kCategories);
  const auto refused = score_occurrences(plan, untrained(plan), clients, 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_argument);
}
