// What a device says of itself when transactions are ingested, what it says when it is asked, and that it learns from a correction at once.

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <fedspend/client.h>
#include <nlohmann/json.hpp>

#include "models/categoriser/categoriser.h"
#include "models/offers/offers.h"
#include "models/spend_forecast/spend_forecast.h"
#include "models/unusual_activity/unusual_activity.h"
#include "tests/c_api/insights_app.h"

namespace fedspend::client {
namespace {

using namespace testing_app;

Plan categoriser_plan() {
  Plan plan = testing::sample_plan();
  plan.purpose = "categoriser";
  plan.model = models::default_categoriser(small_plan().model.categories);
  plan.model.parameter_count = models::make_trainer(plan.model).value()->parameter_count();
  return plan;
}

// With both models; the categoriser as it begins, which goes by the customer's own tables.
struct SpeakingApp : App {
  SpeakingApp() : App(small_plan(), "cards", true) {
    REQUIRE(install(BroughtModel::untrained(categoriser_plan())) == FEDSPEND_OK);
    REQUIRE(install() == FEDSPEND_OK);
  }
  void spend(const std::string& id, int days_ago, const char* category, const char* merchant) {
    const fedspend_transaction one{sizeof(fedspend_transaction), FEDSPEND_DEBIT, id.c_str(), kNow_s - 86'400LL * days_ago, 1'000, category, merchant, nullptr};
    REQUIRE(fedspend_ingest(device, &one, 1, nullptr) == FEDSPEND_OK);
  }
  // Two merchants, each always of one category.
  void live() {
    for (int i = 0; i < 40; ++i) spend("old " + std::to_string(i), 100 - i, i % 2 == 0 ? "category 1" : "category 2", i % 2 == 0 ? "ALDI 12" : "SHELL 7");
  }
  nlohmann::json ask(std::int32_t kind, const char* id) {
    std::string text(16'384, '\0');
    std::size_t needed = 0;
    REQUIRE(fedspend_insight(device, kind, id, nullptr, FEDSPEND_FORMAT_JSON, text.data(), text.size(), &needed) == FEDSPEND_OK);
    return nlohmann::json::parse(text.substr(0, needed - 1));
  }
  fedspend_status status(std::int32_t kind, const char* id) { return fedspend_insight(device, kind, id, nullptr, FEDSPEND_FORMAT_JSON, nullptr, 0, nullptr); }
};

TEST_CASE("a transaction without a category is given one as it is ingested, with reasons that add up") {
  SpeakingApp app;
  app.live();
  app.consent("personal_insights");
  REQUIRE(app.said.empty());  // there was no consent
  app.spend("new", 1, nullptr, "SHELL 7");
  REQUIRE(app.said.size() == 1);
  CHECK(app.said[0].kind == FEDSPEND_INSIGHT_CATEGORY);
  CHECK(app.said[0].transaction_id == "new");
  const auto json = nlohmann::json::parse(app.said[0].json);
  CHECK(json["kind"] == "category");
  CHECK(json["transaction_id"] == "new");
  CHECK(json["abstains"] == false);
  CHECK(json["hand_over"] == "none");
  CHECK(json["next"][0]["name"] == "category 2");
  CHECK(json["transactions"] == 40);
  double sum = json["baseline_log_odds"];
  for (const auto& reason : json["reasons"]) sum += reason["log_odds"].get<double>();
  CHECK(sum == doctest::Approx(json["log_odds"].get<double>()));
  CHECK(app.ask(FEDSPEND_INSIGHT_CATEGORY, "new") == json);  // asked for, it is the same
  CHECK(app.ask(FEDSPEND_INSIGHT_CATEGORY, nullptr)["next"] == json["next"]);  // and the newest

  // One with the bank's category is not spoken of, nor one that was there before; and each kind has its own model.
  app.said.clear();
  app.spend("coded", 1, "category 1", "ALDI 12");
  app.spend("new", 1, nullptr, "SHELL 7");
  CHECK(app.said.empty());
  CHECK(app.ask(FEDSPEND_INSIGHT_NEXT, nullptr)["kind"] == "next");
  CHECK(app.status(FEDSPEND_INSIGHT_FORECAST, nullptr) == FEDSPEND_NOT_FOUND);
  CHECK(std::string(fedspend_insight_name(FEDSPEND_INSIGHT_OFFERS)) == "offers");
  CHECK(std::string(fedspend_insight_name(0)) == "unknown");
  CHECK(std::string(fedspend_insight_name(6)) == "unknown");
  CHECK(std::string(fedspend_hand_over_name(FEDSPEND_HAND_OVER_LOW_CONFIDENCE)) == "low-confidence");
  CHECK(std::string(fedspend_hand_over_name(FEDSPEND_HAND_OVER_DISPUTE)) == "dispute");
  for (const std::int32_t number : {-1, 4, 256}) CHECK(std::string(fedspend_hand_over_name(number)) == "unknown");
}

TEST_CASE("a correction counts at once") {
  SpeakingApp app;
  app.live();
  app.consent("personal_insights");
  app.spend("a", 2, nullptr, "SHELL 7");
  REQUIRE(app.ask(FEDSPEND_INSIGHT_CATEGORY, "a")["next"][0]["name"] == "category 2");
  // Twenty rows said category 2; the customer says once that it is 3.
  REQUIRE(fedspend_correct_category(app.device, "a", "category 3") == FEDSPEND_OK);
  app.said.clear();
  app.spend("b", 1, nullptr, "SHELL 7");
  REQUIRE(app.said.size() == 1);
  const auto json = nlohmann::json::parse(app.said[0].json);
  CHECK(json["next"][0]["name"] == "category 3");
  CHECK(json["reasons"][0]["id"] == "own_merchant");
  std::string text(16'384, '\0');  // and what is said is, to the byte, what is given when asked for
  std::size_t needed = 0;
  REQUIRE(fedspend_insight(app.device, FEDSPEND_INSIGHT_CATEGORY, "b", nullptr, FEDSPEND_FORMAT_JSON, text.data(), text.size(), &needed) == FEDSPEND_OK);
  CHECK(app.said[0].json == text.substr(0, needed - 1));
  CHECK(fedspend_correct_category(app.device, "c", "category 3") == FEDSPEND_NOT_FOUND);
  CHECK(fedspend_correct_category(app.device, "a", "") == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_correct_category(app.device, "a", nullptr) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_correct_category(app.device, nullptr, "category 3") == FEDSPEND_INVALID_ARGUMENT);
}

TEST_CASE("of many transactions at once the newest sixteen are spoken of, in the order of time") {
  SpeakingApp app;
  app.live();
  app.consent("personal_insights");
  std::vector<std::string> ids;
  for (int i = 0; i < 50; ++i) ids.push_back("many " + std::to_string(i));
  std::vector<fedspend_transaction> many;
  for (int i = 0; i < 50; ++i)
    many.push_back({sizeof(fedspend_transaction), FEDSPEND_DEBIT, ids[static_cast<std::size_t>(i)].c_str(), kNow_s - 3'600LL * (i + 1), 500, nullptr, "ALDI 12", nullptr});
  REQUIRE(fedspend_ingest(app.device, many.data(), many.size(), nullptr) == FEDSPEND_OK);
  REQUIRE(app.said.size() == 16);
  for (std::size_t i = 0; i < 16; ++i) CHECK(app.said[i].transaction_id == "many " + std::to_string(15 - i));
}

TEST_CASE("what is not consented to, or not there, is not said") {
  SpeakingApp app;
  app.live();
  CHECK(app.status(FEDSPEND_INSIGHT_CATEGORY, nullptr) == FEDSPEND_REFUSED);
  app.spend("a", 1, nullptr, "SHELL 7");
  CHECK(app.said.empty());
  app.consent("personal_insights");
  CHECK(app.status(FEDSPEND_INSIGHT_CATEGORY, "nobody's") == FEDSPEND_NOT_FOUND);
  CHECK(app.status(FEDSPEND_INSIGHT_CATEGORY, "") == FEDSPEND_INVALID_ARGUMENT);
  CHECK(app.status(0, nullptr) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(app.status(6, nullptr) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(app.status(257, nullptr) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(app.status(FEDSPEND_INSIGHT_OFFERS, nullptr) == FEDSPEND_REFUSED);  // a purpose of its own
  app.consent("offer_suggestions");
  CHECK(app.status(FEDSPEND_INSIGHT_OFFERS, nullptr) == FEDSPEND_NOT_FOUND);
  REQUIRE(fedspend_consent_withdraw(app.device, "personal_insights") == FEDSPEND_OK);
  app.spend("b", 1, nullptr, "SHELL 7");
  CHECK(app.said.empty());
  CHECK(app.status(FEDSPEND_INSIGHT_OFFERS, nullptr) == FEDSPEND_REFUSED);
}

TEST_CASE("a forecast holds the budgets that the app gives against the next 30 days; an app of before there were budgets is served as it was") {
  SpeakingApp app;
  Plan plan = testing::sample_plan();
  plan.purpose = "spend_forecast";
  plan.model = models::default_spend_forecast(small_plan().model.categories);
  REQUIRE(app.install(BroughtModel::untrained(plan)) == FEDSPEND_OK);
  app.consent("personal_insights");
  app.consent("evaluation");
  for (int i = 0; i < 200; ++i) app.spend("day " + std::to_string(i), 200 - i, "category 1", "ALDI 12");
  std::string text(16'384, '\0');
  std::size_t needed = 0;
  fedspend_budget budgets[] = {{sizeof(fedspend_budget), 0, nullptr, 1'000'000}, {sizeof(fedspend_budget), 0, "category 1", 20'000}};
  fedspend_predict_options options{sizeof(fedspend_predict_options), 0, 0, budgets, 2, 0};
  const auto ask = [&] { return fedspend_insight(app.device, FEDSPEND_INSIGHT_FORECAST, nullptr, &options, FEDSPEND_FORMAT_JSON, text.data(), text.size(), &needed); };
  REQUIRE(ask() == FEDSPEND_OK);
  auto json = nlohmann::json::parse(text.substr(0, needed - 1));
  REQUIRE(json["forecast"].size() == 2);
  CHECK(json["forecast"][0]["outlook"] == "within");
  CHECK(json["forecast"][1]["name"] == "category 1");
  CHECK(json["forecast"][1]["outlook"] == "likely-to-run-over");
  CHECK(json["forecast"][1]["over_minor"].get<double>() == doctest::Approx(10'000));

  options.struct_size = offsetof(fedspend_predict_options, budgets);  // what lies behind it is not the library's to read
  REQUIRE(ask() == FEDSPEND_OK);
  json = nlohmann::json::parse(text.substr(0, needed - 1));
  CHECK(json["forecast"][1]["budget_minor"].is_null());
  options.struct_size -= 8;
  CHECK(ask() == FEDSPEND_INVALID_ARGUMENT);
  options.struct_size = sizeof(options);

  options.budgets = nullptr;
  CHECK(ask() == FEDSPEND_INVALID_ARGUMENT);
  options.budgets = budgets;
  options.budget_count = 1'025;
  CHECK(ask() == FEDSPEND_LIMIT);
  options.budget_count = 2;
  budgets[1].category = "yachts";
  CHECK(ask() == FEDSPEND_INVALID_ARGUMENT);
  budgets[1].category = "";
  CHECK(ask() == FEDSPEND_INVALID_ARGUMENT);
  budgets[1] = {sizeof(fedspend_budget) + 8, 0, nullptr, 5};
  CHECK(ask() == FEDSPEND_INVALID_ARGUMENT);
  budgets[1] = {sizeof(fedspend_budget), 0, "category 1", 5};
  fedspend_prediction prediction{};
  prediction.struct_size = sizeof(prediction);
  CHECK(fedspend_predict(app.device, &options, &prediction) == FEDSPEND_INVALID_ARGUMENT);  // budgets are not its

  // There is no personal forecast, and its figures are those of the shared one.
  fedspend_personal_report report{};
  report.struct_size = sizeof(report);
  report.struct_size = offsetof(fedspend_personal_report, head_loss);  // of before there were the ways by themselves: what lies behind it is not written
  report.proximal_loss = 7;
  REQUIRE(fedspend_personalise(app.device, "spend_forecast", &report) == FEDSPEND_OK);
  CHECK(report.proximal_loss == 7);
  CHECK(report.is_personal == 0);
  CHECK(report.predictions == 0);
  fedspend_evaluation evaluation{};
  evaluation.struct_size = sizeof(evaluation);
  REQUIRE(fedspend_evaluate(app.device, "spend_forecast", &evaluation) == FEDSPEND_OK);
  CHECK(evaluation.predictions > 0);
  CHECK(evaluation.predictions < 10);  // forecasts, of which there are fewer than held-out transactions
  CHECK(evaluation.has_personal == 0);
}

TEST_CASE("an alert is spoken of as its transaction is ingested, at the rate of false alarms that the customer chose; what is usual is not") {
  SpeakingApp app;
  Plan plan = testing::sample_plan();
  plan.purpose = "unusual_activity";
  plan.model = models::default_unusual_activity(small_plan().model.categories);
  const BroughtModel model = BroughtModel::untrained(plan);
  REQUIRE(app.install(model) == FEDSPEND_OK);
  app.live();
  app.consent("personal_insights");
  app.spend("usual", 2, "category 1", "ALDI 12");
  CHECK(app.said.empty());
  const auto spend_much = [&](const char* id, const char* category) {
    const fedspend_transaction one{sizeof(fedspend_transaction), FEDSPEND_DEBIT, id, kNow_s - 3'600, 500'000, category, "SHELL 7", nullptr};
    REQUIRE(fedspend_ingest(app.device, &one, 1, nullptr) == FEDSPEND_OK);
  };
  spend_much("much", "category 2");
  REQUIRE(app.said.size() == 1);
  CHECK(app.said[0].kind == FEDSPEND_INSIGHT_UNUSUAL);
  CHECK(app.said[0].transaction_id == "much");
  const auto json = nlohmann::json::parse(app.said[0].json);
  CHECK(json["kind"] == "unusual");
  CHECK(json["alert"] == true);
  CHECK(json["way"] == "wrong_amount");
  CHECK(json["transactions"] == 41);
  CHECK(app.ask(FEDSPEND_INSIGHT_UNUSUAL, "much") == json);
  CHECK(app.ask(FEDSPEND_INSIGHT_UNUSUAL, "usual")["alert"] == false);

  // Without a category it is given one, and nothing is said of how unusual it is.
  app.said.clear();
  spend_much("uncoded", nullptr);
  REQUIRE(app.said.size() == 1);
  CHECK(app.said[0].kind == FEDSPEND_INSIGHT_CATEGORY);
  CHECK(app.status(FEDSPEND_INSIGHT_UNUSUAL, "uncoded") == FEDSPEND_INVALID_ARGUMENT);

  fedspend_predict_options options{};
  options.struct_size = sizeof(options);
  std::string text(16'384, '\0');
  std::size_t needed = 0;
  const auto ask = [&](std::int32_t kind) { return fedspend_insight(app.device, kind, "usual", &options, FEDSPEND_FORMAT_JSON, text.data(), text.size(), &needed); };
  options.false_alarms_per_month = 1'000;
  REQUIRE(ask(FEDSPEND_INSIGHT_UNUSUAL) == FEDSPEND_OK);
  CHECK(nlohmann::json::parse(text.substr(0, needed - 1))["alert"] == true);
  CHECK(ask(FEDSPEND_INSIGHT_CATEGORY) == FEDSPEND_INVALID_ARGUMENT);
  options.struct_size = offsetof(fedspend_predict_options, false_alarms_per_month);  // what lies behind it is not the library's to read
  REQUIRE(ask(FEDSPEND_INSIGHT_UNUSUAL) == FEDSPEND_OK);
  CHECK(nlohmann::json::parse(text.substr(0, needed - 1))["false_alarms_per_month"] == 1.0);
  options.struct_size = sizeof(options);
  for (const double wrong : {-1.0, 1'000.5, std::nan("")}) {
    options.false_alarms_per_month = wrong;
    CHECK(ask(FEDSPEND_INSIGHT_UNUSUAL) == FEDSPEND_INVALID_ARGUMENT);
    CHECK(fedspend_set_false_alarms(app.device, wrong) == FEDSPEND_INVALID_ARGUMENT);
  }

  // The customer's choice: kept, of what is ingested and of what is asked without a rate.
  REQUIRE(fedspend_set_false_alarms(app.device, 1'000) == FEDSPEND_OK);
  app.said.clear();
  app.spend("usual too", 1, "category 1", "ALDI 12");
  REQUIRE(app.said.size() == 1);
  CHECK(nlohmann::json::parse(app.said[0].json)["false_alarms_per_month"] == 1'000.0);
  CHECK(app.ask(FEDSPEND_INSIGHT_UNUSUAL, "usual")["alert"] == true);
  app.reopen();
  REQUIRE(app.install(model) == FEDSPEND_OK);
  CHECK(app.ask(FEDSPEND_INSIGHT_UNUSUAL, "usual")["alert"] == true);
  options.false_alarms_per_month = 1;
  REQUIRE(ask(FEDSPEND_INSIGHT_UNUSUAL) == FEDSPEND_OK);
  CHECK(nlohmann::json::parse(text.substr(0, needed - 1))["alert"] == false);
  REQUIRE(fedspend_set_false_alarms(app.device, 0) == FEDSPEND_OK);
  CHECK(app.ask(FEDSPEND_INSIGHT_UNUSUAL, "usual")["false_alarms_per_month"] == 1.0);
  app.reopen();
  REQUIRE(app.install(model) == FEDSPEND_OK);
  CHECK(app.ask(FEDSPEND_INSIGHT_UNUSUAL, "usual")["false_alarms_per_month"] == 1.0);
}

TEST_CASE("each model is personalised and evaluated by its name") {
  SpeakingApp app;
  app.live();
  app.consent("personal_insights");
  app.consent("evaluation");
  fedspend_personal_report report{};
  report.struct_size = sizeof(report);
  CHECK(fedspend_personalise(app.device, "categoriser", &report) == FEDSPEND_OK);
  CHECK(report.predictions > 0);
  for (const double loss : {report.head_loss, report.proximal_loss, report.own_counts_loss}) {
    CHECK(loss > 0);
    CHECK(report.chosen_loss <= loss + 0.01);
  }
  fedspend_evaluation evaluation{};
  evaluation.struct_size = sizeof(evaluation);
  REQUIRE(fedspend_evaluate(app.device, "categoriser", &evaluation) == FEDSPEND_OK);
  CHECK(evaluation.shared_correct == evaluation.predictions);  // by its merchants
  REQUIRE(fedspend_evaluate(app.device, "next_category", &evaluation) == FEDSPEND_OK);
  CHECK(evaluation.shared_correct < evaluation.predictions);  // random weights
  CHECK(fedspend_evaluate(app.device, "offers", &evaluation) == FEDSPEND_NOT_FOUND);
  CHECK(fedspend_personalise(app.device, "\xff", &report) == FEDSPEND_INVALID_ARGUMENT);
}

TEST_CASE("suggestions are of categories new to the customer, under a purpose of their own, and end with it") {
  SpeakingApp app;
  Plan plan = testing::sample_plan();
  plan.purpose = "offers";
  plan.model = models::default_offers(small_plan().model.categories);
  REQUIRE(app.install(BroughtModel::untrained(plan)) == FEDSPEND_OK);
  app.consent("personal_insights");
  for (int i = 0; i < 20; ++i) app.spend("day " + std::to_string(i), 200 - i, "category 1", "ALDI 12");
  CHECK(app.status(FEDSPEND_INSIGHT_OFFERS, nullptr) == FEDSPEND_REFUSED);
  app.consent("offer_suggestions");
  std::string text(16'384, '\0');
  std::size_t needed = 0;
  REQUIRE(fedspend_insight(app.device, FEDSPEND_INSIGHT_OFFERS, nullptr, nullptr, FEDSPEND_FORMAT_JSON, text.data(), text.size(), &needed) == FEDSPEND_OK);
  const auto json = nlohmann::json::parse(text.substr(0, needed - 1));
  CHECK(json["kind"] == "offers");
  REQUIRE_FALSE(json["next"].empty());
  for (const auto& each : json["next"]) CHECK(each["name"] != "category 1");
  REQUIRE(fedspend_consent_withdraw(app.device, "offer_suggestions") == FEDSPEND_OK);
  CHECK(app.status(FEDSPEND_INSIGHT_OFFERS, nullptr) == FEDSPEND_REFUSED);
}

TEST_CASE("a suggestion is spoken of when new transactions made it the first one, under its own purpose alone") {
  SpeakingApp app;
  Plan plan = testing::sample_plan();
  plan.purpose = "offers";
  plan.model = models::default_offers(small_plan().model.categories);
  REQUIRE(app.install(BroughtModel::untrained(plan)) == FEDSPEND_OK);
  app.consent("personal_insights");
  for (int i = 0; i < 20; ++i) app.spend("day " + std::to_string(i), 200 - i, "category 1", "ALDI 12");
  CHECK(app.said.empty());  // there was no consent to suggestions
  app.consent("offer_suggestions");
  const std::string first = app.ask(FEDSPEND_INSIGHT_OFFERS, nullptr)["next"][0]["name"];
  app.spend("the same again", 150, "category 1", "ALDI 12");
  CHECK(app.said.empty());  // the first one is what it was
  app.spend("tries it", 20, first.c_str(), "SHELL 7");
  REQUIRE(app.said.size() == 1);
  CHECK(app.said[0].kind == FEDSPEND_INSIGHT_OFFERS);
  CHECK(app.said[0].transaction_id.empty());
  const auto json = nlohmann::json::parse(app.said[0].json);
  CHECK(json == app.ask(FEDSPEND_INSIGHT_OFFERS, nullptr));
  CHECK(json["abstains"] == false);
  CHECK(json["next"][0]["name"] != first);
  app.said.clear();
  app.spend("tries it", 20, first.c_str(), "SHELL 7");  // handed in again
  CHECK(app.said.empty());
  REQUIRE(fedspend_consent_withdraw(app.device, "offer_suggestions") == FEDSPEND_OK);
  app.spend("another", 10, json["next"][0]["name"].get<std::string>().c_str(), "SHELL 7");
  CHECK(app.said.empty());
}
}  // namespace
}  // namespace fedspend::client
