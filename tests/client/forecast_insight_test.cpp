// What the customer will spend: only with consent, budgets and their outlook, and reasons that add up.

#include "client/forecast_insight.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/spend_forecast/spend_forecast.h"
#include "tests/client/fallible_vault.h"
#include "tests/client/parsed_json.h"
#include "tests/models/toy_history.h"

namespace fedspend::client {
namespace {

using models::HistoryRow;

constexpr std::int64_t kDay = 17'000;  // 2016-07-18
constexpr std::int64_t kNow_s = kDay * 86'400 + 40'000;
const std::vector<std::string> kCategories = {"rent", "food", "fun", "never"};

// Rent on every tenth day, food daily, fun of late alone; up to today.
std::vector<HistoryRow> household(std::int64_t days) {
  std::vector<HistoryRow> history;
  for (std::int64_t day = kDay - days + 1; day <= kDay; ++day) {
    if (day % 10 == 0) history.push_back({.time_s = day * 86'400, .amount_minor = 20'000, .category = 0});
    history.push_back({.time_s = day * 86'400 + 1, .amount_minor = 900 + day * 37 % 200, .category = 1});
    if (day > kDay - 20) history.push_back({.time_s = day * 86'400 + 2, .amount_minor = 300, .category = 2});
  }
  return history;
}

struct Customer {
  MemoryVault vault;
  std::unique_ptr<Consents> consents = Consents::open(vault).value();
  std::unique_ptr<models::Trainer> trainer = models::make_trainer(models::default_spend_forecast(kCategories)).value();
  std::vector<float> weights = std::vector<float>(trainer->parameter_count());

  explicit Customer(float moved = 0.0f) {
    REQUIRE(consents->give(kPurposePersonalInsights, {.version = "1"}, 1));
    trainer->initialize(weights, 1);
    SeededRandom random(9);
    for (float& weight : weights) weight += (static_cast<float>(random.below(2'001)) / 1'000 - 1) * moved;
  }
  Result<Insight> ask(std::span<const HistoryRow> history, const InsightOptions& options = {}) {
    return forecast_insight(*consents, *trainer, weights, history, kCategories, kNow_s, options);
  }
};

double sum_of_reasons(const SpendLine& line) {
  double sum = 0;
  for (const SpendReason& reason : line.reasons) sum += reason.minor;
  return sum;
}

TEST_CASE("the next 30 days in all and by category, what was spent this month, and reasons that add up to the middle") {
  Customer customer(0.1f);
  const auto insight = customer.ask(household(400));
  REQUIRE(insight);
  CHECK(insight->kind == InsightKind::forecast);
  CHECK_FALSE(insight->abstains);
  CHECK(insight->hand_over == HandOver::none);
  CHECK(insight->rows == household(400).size());
  REQUIRE(insight->spends.size() == 3);  // in all, rent and food: fun is too new, and of the last there is none
  CHECK(insight->spends[0].category == kCategories.size());
  CHECK(insight->spends[1].category == 0);
  CHECK(insight->spends[2].category == 1);
  for (const SpendLine& line : insight->spends) {
    CHECK((line.low_minor > 0 && line.low_minor <= line.middle_minor && line.middle_minor <= line.high_minor));
    CHECK(line.could_save_minor == line.middle_minor - line.low_minor);
    CHECK(line.reasons.size() == customer.trainer->feature_groups().size());
    CHECK(sum_of_reasons(line) == doctest::Approx(line.middle_minor).epsilon(1e-5));
    for (std::size_t i = 1; i < line.reasons.size(); ++i) CHECK(std::abs(line.reasons[i - 1].minor) >= std::abs(line.reasons[i].minor));
  }
  CHECK(insight->spends[1].spent_this_month_minor == 40'000);  // on July 8th and 18th, days 16990 and 17000
  CHECK(insight->spends[2].outlook == BudgetOutlook::none);
  const std::string text = insight_text(*insight, kCategories);
  CHECK(text.find("  - rent: likely ") != std::string::npos);
  CHECK(text.find("so far this month 400.00.") != std::string::npos);
  CHECK(text.find(" adds ") != std::string::npos);
}

TEST_CASE("each budget has its outlook: within, may run over, likely to run over and by how much, or unknown") {
  Customer customer;
  const auto first = customer.ask(household(400));
  REQUIRE(first);
  const SpendLine food = first->spends[2];
  REQUIRE(food.high_minor > food.middle_minor + 2);
  const auto with = [&](double food_budget) {
    InsightOptions options;
    options.budgets = {{"fun", 5'000}, {"food", static_cast<std::int64_t>(food_budget)}, {"", 1'000}};
    auto insight = customer.ask(household(400), options);
    REQUIRE(insight);
    REQUIRE(insight->spends.size() == 4);  // in all, fun, food, rent
    CHECK(insight->spends[0].outlook == BudgetOutlook::likely_to_run_over);
    CHECK(insight->spends[0].over_minor == doctest::Approx(insight->spends[0].middle_minor - 1'000));
    CHECK(insight->spends[1].outlook == BudgetOutlook::unknown);
    CHECK(insight->spends[1].abstains);
    CHECK(insight->spends[1].middle_minor == 0);
    CHECK(insight->spends[1].spent_this_month_minor == 18 * 300);
    CHECK(insight->spends[3].category == 0);
    return insight->spends[2];
  };
  CHECK(with(food.high_minor + 1).outlook == BudgetOutlook::within);
  CHECK(with(food.middle_minor + 1).outlook == BudgetOutlook::may_run_over);
  CHECK(with(food.middle_minor + 1).over_minor == 0);
  const SpendLine over = with(food.middle_minor - 500);
  CHECK(over.outlook == BudgetOutlook::likely_to_run_over);
  CHECK(over.over_minor == doctest::Approx(500).epsilon(0.01));
}

TEST_CASE("who means to spend less in all than even the low of it is handed over as in hardship") {
  Customer customer;
  const double low = customer.ask(household(400))->spends[0].low_minor;
  const auto with = [&](std::string category, double budget) { return customer.ask(household(400), {.budgets = {{std::move(category), static_cast<std::int64_t>(budget)}}})->hand_over; };
  CHECK(with("", low + 1) == HandOver::none);
  CHECK(with("", low - 1) == HandOver::hardship);
  CHECK(with("food", 1) == HandOver::none);  // of one category it is no more than a budget that does not hold
  CHECK(customer.ask(household(55), {.budgets = {{"", 1}}})->hand_over == HandOver::low_confidence);
}

TEST_CASE("a forecast counts from today: months of silence are months without spend, and rows dated after today are left out") {
  Customer customer;
  std::vector<HistoryRow> history = household(200);
  const auto today = customer.ask(history);
  REQUIRE(today);
  std::vector<HistoryRow> dated = history;
  dated.push_back({.time_s = kNow_s + 400 * 86'400, .amount_minor = 1'000'000, .category = 1});
  const auto again = customer.ask(dated);
  REQUIRE(again);
  CHECK(again->rows == history.size());
  CHECK(again->spends[0].middle_minor == today->spends[0].middle_minor);
  for (HistoryRow& row : history) row.time_s -= 20 * 86'400;
  const auto quiet = customer.ask(history);
  REQUIRE(quiet);
  CHECK(quiet->spends[0].low_minor < today->spends[0].low_minor - 1'000);  // of the newest windows a part is silent
  for (HistoryRow& row : history) row.time_s -= 40 * 86'400;
  const auto silent = customer.ask(history);
  REQUIRE(silent);
  CHECK(silent->abstains);
  CHECK(silent->spends[0].spent_this_month_minor == 0);
}

TEST_CASE("too short a history abstains, and hands over; an empty one says so") {
  Customer customer(0.1f);
  const auto brief = customer.ask(household(55));
  REQUIRE(brief);
  CHECK(brief->abstains);
  CHECK(brief->hand_over == HandOver::low_confidence);
  REQUIRE(brief->spends.size() == 1);
  CHECK(brief->spends[0].reasons.empty());
  CHECK(insight_text(*brief, kCategories).find("not enough months yet to say") != std::string::npos);
  const auto empty = customer.ask({});
  REQUIRE(empty);
  CHECK(empty->abstains);
  CHECK(insight_text(*empty, kCategories) == "Nothing is known of you yet.\n");
}

TEST_CASE("no consent, no forecast; and budgets, weights and trainers that do not fit are refused") {
  Customer customer;
  const auto history = household(400);
  const auto code_with = [&](std::vector<Budget> budgets) {
    InsightOptions options;
    options.budgets = std::move(budgets);
    const auto insight = customer.ask(history, options);
    REQUIRE_FALSE(insight);
    return insight.error().code;
  };
  CHECK(code_with({{"food", -1}}) == ErrorCode::invalid_argument);
  CHECK(code_with({{"yachts", 5}}) == ErrorCode::invalid_argument);
  CHECK(code_with({{"food", 5}, {"food", 6}}) == ErrorCode::invalid_argument);
  CHECK(code_with({{"", 5}, {"", 6}}) == ErrorCode::invalid_argument);
  const auto another = models::make_trainer(models::small_model(4)).value();
  std::vector<float> weights(another->parameter_count());
  CHECK(forecast_insight(*customer.consents, *another, weights, history, kCategories, kNow_s).error().code == ErrorCode::invalid_argument);
  CHECK(category_insight(*customer.consents, *customer.trainer, customer.weights, {}, history).error().code == ErrorCode::invalid_argument);
  customer.weights.front() = std::numeric_limits<float>::quiet_NaN();
  std::ranges::fill(customer.weights, std::numeric_limits<float>::quiet_NaN());
  CHECK(customer.ask(history).error().code == ErrorCode::limit);
  customer.weights.pop_back();
  CHECK(customer.ask(history).error().code == ErrorCode::invalid_argument);
  REQUIRE(customer.consents->withdraw(kPurposePersonalInsights, 2));
  CHECK(customer.ask(history).error().code == ErrorCode::refused);
}

TEST_CASE("the forecast's JSON is numbers in minor units, under names that stay") {
  Customer customer;
  InsightOptions options;
  options.budgets = {{"food", 10}};
  options.most_categories = 1;
  const auto insight = customer.ask(household(400), options);
  REQUIRE(insight);
  const nlohmann::json json = parsed(insight_json(*insight, kCategories));
  CHECK(json["kind"] == "forecast");
  CHECK(json["schema_version"] == 1);
  CHECK(json["abstains"] == false);
  REQUIRE(json["forecast"].size() == 3);
  CHECK(json["forecast"][0]["category"].is_null());
  CHECK(json["forecast"][0]["budget_minor"].is_null());
  CHECK(json["forecast"][0]["outlook"] == "none");
  CHECK(json["forecast"][1]["name"] == "food");
  CHECK(json["forecast"][1]["budget_minor"] == 10);
  CHECK(json["forecast"][1]["outlook"] == "likely-to-run-over");
  CHECK(json["forecast"][1]["over_minor"] == json["forecast"][1]["middle_minor"].get<double>() - 10);
  CHECK(json["forecast"][2]["name"] == "rent");
  CHECK(json["forecast"][2]["reasons"].size() == 6);
}

}  // namespace
}  // namespace fedspend::client
