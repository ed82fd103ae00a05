// Predictions, reasons, the personal model, figures and a trainer of the host's, through the C ABI; the model is one that an app brings.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include <fedspend/client.h>
#include <nlohmann/json.hpp>

#include "common/protocol/model_file.h"
#include "models/trainer.h"
#include "tests/c_api/insights_app.h"
#include "tests/models/toy_history.h"
#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

using namespace testing_app;

TEST_CASE("without consent, and without a model, nothing is predicted") {
  App app;
  fedspend_prediction prediction{};
  prediction.struct_size = sizeof(prediction);
  CHECK(fedspend_predict(app.device, nullptr, &prediction) == FEDSPEND_REFUSED);
  CHECK(fedspend_personalise(app.device, nullptr, nullptr) == FEDSPEND_REFUSED);
  app.consent("personal_insights");
  CHECK(fedspend_predict(app.device, nullptr, &prediction) == FEDSPEND_NOT_FOUND);
  REQUIRE(app.install() == FEDSPEND_OK);
  CHECK(fedspend_predict(app.device, nullptr, &prediction) == FEDSPEND_OK);
  CHECK(prediction.abstains == 1);  // an empty history
  CHECK(app.explain(FEDSPEND_FORMAT_TEXT) == "Nothing is known of you yet.\n");
  REQUIRE(fedspend_consent_withdraw(app.device, "personal_insights") == FEDSPEND_OK);
  CHECK(fedspend_predict(app.device, nullptr, &prediction) == FEDSPEND_REFUSED);
  CHECK(fedspend_insight(app.device, FEDSPEND_INSIGHT_NEXT, nullptr, nullptr, FEDSPEND_FORMAT_TEXT, nullptr, 0, nullptr) == FEDSPEND_REFUSED);
  fedspend_evaluation evaluation{};
  evaluation.struct_size = sizeof(evaluation);
  CHECK(fedspend_evaluate(app.device, nullptr, &evaluation) == FEDSPEND_REFUSED);  // its own purpose
}

TEST_CASE("a prediction says the likeliest categories by name, and its reasons add up") {
  App app;
  app.consent("personal_insights");
  REQUIRE(app.install() == FEDSPEND_OK);
  app.ingest(60);
  fedspend_predict_options options{};
  options.struct_size = sizeof(options);
  options.most_categories = 4;
  options.min_confidence = 1e-9;
  const fedspend_prediction prediction = app.predict(&options);
  CHECK(prediction.transactions == 60);
  CHECK(prediction.abstains == 0);
  REQUIRE(prediction.count == 4);
  for (int i = 0; i < 4; ++i) CHECK(std::string(prediction.next[i].name) == "category " + std::to_string(prediction.next[i].category));
  for (int i = 1; i < 4; ++i) CHECK(prediction.next[i - 1].probability >= prediction.next[i].probability);
  const auto json = nlohmann::json::parse(app.explain(FEDSPEND_FORMAT_JSON));
  CHECK(json["next"][0]["name"] == prediction.next[0].name);
  // With when it usually comes, and how much it is: each category came once a day, fifteen times.
  for (const auto& next : json["next"]) {
    const int category = next["category"];
    CHECK(next["amount_minor"]["low"].get<double>() == doctest::Approx(1'002.4 + category));
    CHECK(next["amount_minor"]["middle"].get<double>() == doctest::Approx(1'028 + category));
    CHECK(next["amount_minor"]["high"].get<double>() == doctest::Approx(1'053.6 + category));
    const int in_days = category < 2 ? 0 : 1;  // 2 and 3 were here today
    CHECK(next["in_days"] == nlohmann::json{{"earliest", in_days}, {"middle", in_days}, {"latest", in_days}});
  }
  double sum = json["baseline_log_odds"];
  REQUIRE(json["reasons"].size() == 7);
  for (const auto& reason : json["reasons"]) sum += reason["log_odds"].get<double>();
  CHECK(sum == doctest::Approx(json["log_odds"].get<double>()));
  CHECK(app.explain(FEDSPEND_FORMAT_TEXT).find("category") != std::string::npos);
  options.min_confidence = 1;
  CHECK(app.predict(&options).abstains == 1);
}

TEST_CASE("the personal model is chosen by the customer's own held-out rows, used from then on, and figures show it") {
  App app;
  app.consent("personal_insights");
  app.consent("evaluation");
  REQUIRE(app.install() == FEDSPEND_OK);
  app.ingest(200);
  CHECK(app.predict().is_personal == 0);
  fedspend_personal_report report{};
  report.struct_size = sizeof(report);
  REQUIRE(fedspend_personalise(app.device, nullptr, &report) == FEDSPEND_OK);
  CHECK(report.is_personal == 1);
  CHECK(report.predictions >= 10);
  CHECK(report.chosen_loss < report.shared_loss);
  const fedspend_prediction prediction = app.predict();
  CHECK(prediction.is_personal == 1);
  CHECK(std::string(prediction.next[0].name) == "category 0");  // 200 rows: the last was category 3
  fedspend_evaluation evaluation{};
  evaluation.struct_size = sizeof(evaluation);
  REQUIRE(fedspend_evaluate(app.device, nullptr, &evaluation) == FEDSPEND_OK);
  CHECK(evaluation.predictions == 40);  // a fifth
  CHECK(evaluation.has_personal == 1);
  CHECK(evaluation.personal_loss < evaluation.shared_loss);
  CHECK(evaluation.personal_correct > evaluation.shared_correct);
  CHECK(evaluation.shared_correct_in_3 >= evaluation.shared_correct);
  // A shared model that is newer makes it stale.
  const Bytes before = app.brought.file;
  ModelFile newer = decode_model_file(app.brought.file).value();
  newer.weights[0] += 1;
  app.brought.file = encode_model_file(newer);
  REQUIRE(app.install() == FEDSPEND_OK);
  CHECK(app.predict().is_personal == 0);
  app.brought.file = before;
  REQUIRE(app.install() == FEDSPEND_OK);
  CHECK(app.predict().is_personal == 1);
}

TEST_CASE("a model is installed only with its own plan, signed by the pinned key, for this population, and whole") {
  App app;
  app.consent("personal_insights");
  std::string signature = to_hex(app.brought.plan.signature);
  signature[0] = signature[0] == '0' ? '1' : '0';
  CHECK(app.install(signature) == FEDSPEND_UNAUTHORIZED);
  CHECK(app.install("12") == FEDSPEND_MALFORMED);
  const Bytes whole = app.brought.file;
  app.brought.file.pop_back();
  CHECK(app.install() == FEDSPEND_MALFORMED);
  ModelFile file = decode_model_file(whole).value();
  file.plan_hash.bytes[0] ^= 1;
  app.brought.file = encode_model_file(file);
  CHECK(app.install() == FEDSPEND_MALFORMED);
  file = decode_model_file(whole).value();
  file.weights.pop_back();
  app.brought.file = encode_model_file(file);
  CHECK(app.install() == FEDSPEND_MALFORMED);
  fedspend_prediction prediction{};
  prediction.struct_size = sizeof(prediction);
  CHECK(fedspend_predict(app.device, nullptr, &prediction) == FEDSPEND_NOT_FOUND);
  App elsewhere(small_plan(), "another");
  CHECK(elsewhere.install() == FEDSPEND_REFUSED);
}

TEST_CASE("what is wrong about the arguments is said, and nothing is written") {
  App app;
  fedspend_prediction prediction{};
  CHECK(fedspend_predict(app.device, nullptr, &prediction) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_predict(app.device, nullptr, nullptr) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_predict(nullptr, nullptr, &prediction) == FEDSPEND_INVALID_ARGUMENT);
  prediction.struct_size = sizeof(prediction);
  fedspend_predict_options options{};
  CHECK(fedspend_predict(app.device, &options, &prediction) == FEDSPEND_INVALID_ARGUMENT);
  options.struct_size = sizeof(options);
  options.most_categories = 9;
  CHECK(fedspend_predict(app.device, &options, &prediction) == FEDSPEND_INVALID_ARGUMENT);
  app.consent("personal_insights");
  REQUIRE(app.install() == FEDSPEND_OK);
  options.most_categories = 0;
  for (const double confidence : {-0.1, 1.1, std::nan("")}) {
    options.min_confidence = confidence;
    CHECK(fedspend_predict(app.device, &options, &prediction) == FEDSPEND_INVALID_ARGUMENT);
  }
  CHECK(prediction.count == 0);
  CHECK(fedspend_insight(app.device, FEDSPEND_INSIGHT_NEXT, nullptr, nullptr, 7, nullptr, 0, nullptr) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_evaluate(app.device, nullptr, nullptr) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_install_model(app.device, nullptr, 0, "", nullptr, 0) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_training_is_stopped(nullptr) == 1);
}

TEST_CASE("a personal model that is being made ends with the withdrawal, and is not kept") {
  App app;
  app.consent("personal_insights");
  REQUIRE(app.install() == FEDSPEND_OK);
  app.ingest(1'500);
  std::vector<fedspend_status> results;
  for (int repeat = 0; repeat < 20; ++repeat) {
    app.consent("personal_insights");
    std::thread maker([&] { results.push_back(fedspend_personalise(app.device, nullptr, nullptr)); });
    std::this_thread::sleep_for(std::chrono::microseconds(500 * repeat));
    CHECK(fedspend_consent_withdraw(app.device, "personal_insights") == FEDSPEND_OK);
    maker.join();
    CHECK((results.back() == FEDSPEND_OK || results.back() == FEDSPEND_REFUSED));
  }
  CHECK(std::ranges::count(results, FEDSPEND_REFUSED) > 0);
}

}  // namespace
}  // namespace fedspend::client
