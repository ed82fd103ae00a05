// What is unusual: only with consent, at the rate of false alarms that the customer chose, and with reasons that add up.

#include "client/unusual_insight.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/categoriser/categoriser.h"
#include "models/unusual_activity/unusual_activity.h"
#include "tests/client/fallible_vault.h"
#include "tests/client/parsed_json.h"
#include "tests/models/toy_history.h"

namespace fedspend::client {
namespace {

using models::HistoryRow;

const std::vector<std::string> kCategories = {"food", "fuel", "fun", "never"};
constexpr std::int64_t kDay = 86'400;

// One row a day, by turns of three categories, each at a merchant of its own, at much the same price.
std::vector<HistoryRow> regular(std::size_t days) {
  SeededRandom random(3);
  std::vector<HistoryRow> history;
  for (std::size_t i = 0; i < days; ++i)
    history.push_back({.time_s = static_cast<std::int64_t>(17'000 + i) * kDay + 9 * 3'600 + static_cast<std::int64_t>(random.below(1'800)),
                       .amount_minor = static_cast<std::int64_t>(950 + random.below(100)), .merchant_hash = 1 + i % 3, .category = static_cast<std::uint32_t>(i % 3)});
  return history;
}
// Of the day after.
std::vector<HistoryRow> then(std::vector<HistoryRow> history, const HistoryRow& row) {
  history.push_back(row);
  history.back().time_s += history.size() < 2 ? 0 : history[history.size() - 2].time_s;
  return history;
}
const HistoryRow kUsual = {.time_s = kDay, .amount_minor = 1'000, .merchant_hash = 1, .category = 0};
const HistoryRow kHuge = {.time_s = kDay, .amount_minor = 100'000, .merchant_hash = 1, .category = 0};
const HistoryRow kElsewhere = {.time_s = 3'600, .amount_minor = 1'000, .merchant_hash = 99, .category = 3};

struct Customer {
  MemoryVault vault;
  std::unique_ptr<Consents> consents = Consents::open(vault).value();
  std::unique_ptr<models::Trainer> trainer = models::make_trainer(models::default_unusual_activity(kCategories)).value();
  std::vector<float> weights = std::vector<float>(trainer->parameter_count());

  explicit Customer(float moved = 0.0f) {
    REQUIRE(consents->give(kPurposePersonalInsights, {.version = "1"}, 1));
    trainer->initialize(weights, 1);
    SeededRandom random(9);
    for (float& weight : weights) weight += (static_cast<float>(random.below(2'001)) / 1'000 - 1) * moved;
  }
  Result<Insight> ask(std::span<const HistoryRow> history, const InsightOptions& options = {}) { return unusual_insight(*consents, *trainer, weights, history, options); }
};

double sum_of(const Insight& insight) {
  double sum = insight.baseline_log_odds;
  for (const Reason& reason : insight.reasons) sum += reason.log_odds;
  return sum;
}

TEST_CASE("an alert asks, says in which way the row is unusual, and hands who disputes it to a person; a usual row is none") {
  Customer customer;
  const auto usual = customer.ask(then(regular(120), kUsual));
  REQUIRE(usual);
  CHECK(usual->kind == InsightKind::unusual);
  CHECK_FALSE(usual->is_alert);
  CHECK_FALSE(usual->abstains);
  CHECK(usual->rows == 120);
  CHECK(usual->hand_over == HandOver::none);
  CHECK(insight_text(*usual, kCategories) == "Nothing unusual.\n");

  const auto huge = customer.ask(then(regular(120), kHuge));
  REQUIRE(huge);
  CHECK(huge->is_alert);
  CHECK(huge->way == "wrong_amount");
  CHECK(huge->hand_over == HandOver::dispute);
  CHECK(huge->reasons.front().id == "amount");
  const std::string text = insight_text(*huge, kCategories);
  CHECK(text.starts_with("Was this you? The amount is unlike your others.\nWhy we ask:\n  - the amount, beside your others of this kind and at this merchant, makes this much more unusual\n"));

  HistoryRow again = regular(120).back();
  again.time_s = 60;
  const auto twice = customer.ask(then(regular(120), again));
  REQUIRE(twice);
  CHECK(twice->is_alert);
  CHECK(twice->way == "charged_again");

  const auto elsewhere = customer.ask(then(regular(120), kElsewhere));
  REQUIRE(elsewhere);
  CHECK(elsewhere->is_alert);
  CHECK(elsewhere->way == "out_of_place");

  const auto json = parsed(insight_json(*huge, kCategories));
  CHECK(json["kind"] == "unusual");
  CHECK(json["alert"] == true);
  CHECK(json["way"] == "wrong_amount");
  CHECK(json["hand_over"] == "dispute");
  CHECK(json["false_alarms_per_month"] == 1.0);
  CHECK(json["log_odds"].get<double>() > json["threshold"].get<double>());
  REQUIRE(json["reasons"].size() == models::kUnusualParts);
  CHECK(json["reasons"][0]["strength"] == "strong");
  for (const std::string_view part : customer.trainer->feature_groups()) CHECK(reason_text(InsightKind::unusual, {part, 1}) != reason_text(InsightKind::unusual, {"new one", 1}));
}

TEST_CASE("the reasons add up from nothing known to the surprise that the model gives") {
  Customer customer(0.2f);
  std::vector<float> outputs(customer.trainer->output_count());
  REQUIRE(customer.trainer->predict(customer.weights, {}, outputs));
  const float nothing = outputs.back();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto history = models::random_history(1 + seed * 7, kCategories.size(), seed);
    const auto insight = customer.ask(history);
    REQUIRE(insight);
    REQUIRE(customer.trainer->predict(customer.weights, history, outputs));
    CHECK(insight->baseline_log_odds == static_cast<double>(nothing));
    CHECK(insight->log_odds == static_cast<double>(outputs.back()));
    CHECK(sum_of(*insight) == doctest::Approx(insight->log_odds).epsilon(1e-9));
    CHECK(insight->reasons.size() == models::kUnusualParts);
    for (std::size_t i = 1; i < insight->reasons.size(); ++i) CHECK(std::abs(insight->reasons[i - 1].log_odds) >= std::abs(insight->reasons[i].log_odds));
  }
}

TEST_CASE("the customer's own past rows are alerts no oftener than was chosen, and the more are borne the lower the threshold") {
  Customer customer(0.1f);
  const auto history = models::random_history(400, kCategories.size(), 2);
  const auto days = static_cast<double>((history[398].time_s - history[0].time_s) / kDay + 1);
  std::vector<float> each(400 * customer.trainer->output_count());
  REQUIRE(customer.trainer->predict_each(customer.weights, history, 0, each));
  float before = std::numeric_limits<float>::infinity();
  for (const double rate : {0.0, 0.5, 1.0, 4.0, 1'000.0}) {
    const auto insight = customer.ask(history, {.alarms_per_month = rate});
    REQUIRE(insight);
    REQUIRE(insight->threshold);
    int alarms = 0;
    for (std::size_t i = 0; i < 399; ++i) alarms += each[(i + 1) * customer.trainer->output_count() - 1] > *insight->threshold ? 1 : 0;
    CHECK(alarms <= rate * days / 30);
    if (rate > 0 && rate < 1'000) CHECK(alarms == static_cast<int>(std::floor(rate * days / 30)));
    CHECK(*insight->threshold <= before);
    CHECK(insight->alarms_per_month == rate);
    before = *insight->threshold;
  }
  CHECK(customer.ask(history, {.alarms_per_month = 1'000})->is_alert);
  // Of the newest rows alone the threshold, of all of them what is usual.
  const auto newest = customer.ask(history, {.most_rows = 60});
  REQUIRE(newest);
  CHECK(newest->log_odds == customer.ask(history)->log_odds);
  CHECK(newest->threshold != customer.ask(history)->threshold);
}

TEST_CASE("with less than a month of rows before it nothing is an alert") {
  Customer customer;
  const auto alone = customer.ask(then({}, kHuge));
  REQUIRE(alone);
  CHECK(alone->abstains);
  CHECK(alone->hand_over == HandOver::low_confidence);
  CHECK(insight_text(*alone, kCategories) == "Nothing is known of you yet.\n");
  const auto young = customer.ask(then(regular(29), kHuge));
  REQUIRE(young);
  CHECK(young->abstains);
  CHECK_FALSE(young->is_alert);
  CHECK(insight_text(*young, kCategories) == "Not enough is known yet to say what is unusual.\n");
  CHECK(parsed(insight_json(*young, kCategories))["threshold"].is_null());
  CHECK_FALSE(customer.ask(then(regular(30), kHuge))->abstains);
}

TEST_CASE("no consent, options out of range, no row, other models: an error; odd rows: finite") {
  Customer customer;
  const auto history = then(regular(60), kUsual);
  for (const double rate : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    CHECK(customer.ask(history, {.alarms_per_month = rate}).error().code == ErrorCode::invalid_argument);
  CHECK(customer.ask(history, {.most_rows = 0}).error().code == ErrorCode::invalid_argument);
  CHECK(customer.ask({}).error().code == ErrorCode::invalid_argument);
  const auto other = models::make_trainer(models::default_categoriser(kCategories)).value();
  const std::vector<float> others(other->parameter_count());
  CHECK(unusual_insight(*customer.consents, *other, others, history).error().code == ErrorCode::invalid_argument);
  CHECK(unusual_insight(*customer.consents, *customer.trainer, others, history).error().code == ErrorCode::invalid_argument);
  CHECK(category_insight(*customer.consents, *customer.trainer, customer.weights, {}, history).error().code == ErrorCode::invalid_argument);

  auto odd = regular(60);
  odd[10].amount_minor = std::numeric_limits<std::int64_t>::max();
  odd[20].category = 999;
  odd[30].time_s = 0;  // a clock that jumped
  odd.back().time_s = 40'000 * kDay;
  const auto insight = customer.ask(then(odd, kHuge));
  REQUIRE(insight);
  CHECK(std::isfinite(insight->log_odds));
  for (const Reason& reason : insight->reasons) CHECK(std::isfinite(reason.log_odds));
  customer.weights[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(customer.ask(history));

  Customer refuses;
  REQUIRE(refuses.consents->withdraw(kPurposePersonalInsights, 2));
  CHECK(refuses.ask(history).error().code == ErrorCode::refused);
}

}  // namespace
}  // namespace fedspend::client
