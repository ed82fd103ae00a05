#pragma once
// A bank's app as a test plays it: a device of the C ABI with models that the app brings, and what the device said of itself. One thread.

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fedspend/client.h>

#include "common/crypto/random.h"
#include "common/protocol/model_file.h"
#include "models/trainer.h"
#include "tests/client/temporary_folder.h"
#include "tests/models/toy_history.h"
#include "tests/rounds/sample.h"

namespace fedspend::client::testing_app {

inline constexpr std::int64_t kNow_s = 1'790'000'000;

inline Plan small_plan() {
  Plan plan = testing::sample_plan();
  plan.model = models::small_model(4);
  plan.model.parameter_count = models::make_trainer(plan.model).value()->parameter_count();
  return plan;
}

// A plan with the model's file, whose weights are random or, untrained, as the model begins.
struct BroughtModel {
  SignedPlan plan;
  Bytes file;

  static BroughtModel random(const Plan& given) {
    SeededRandom random(9);
    std::vector<float> weights(given.model.parameter_count);
    for (float& weight : weights) weight = static_cast<float>(random.below(2'001)) / 1'000 - 1;
    return of(given, std::move(weights));
  }
  static BroughtModel untrained(const Plan& given) {
    std::vector<float> weights(given.model.parameter_count);
    models::make_trainer(given.model).value()->initialize(weights, 1);
    return of(given, std::move(weights));
  }

 private:
  static BroughtModel of(const Plan& given, std::vector<float> weights) {
    BroughtModel brought{testing::signed_plan(given), {}};
    brought.file = encode_model_file({.model_name = given.model.name, .plan_hash = hash_of_plan(brought.plan.bytes), .round = 3, .demonstration = false, .weights = std::move(weights)});
    return brought;
  }
};

// What the callback `insight` was given.
struct Said {
  std::int32_t kind;
  std::string transaction_id, json;
};

struct App {
  TemporaryFolder folder;
  fedspend_device* device = nullptr;
  BroughtModel brought;
  std::vector<Said> said = {};

  explicit App(const Plan& given = small_plan(), const char* population = "cards", bool listens = false) : brought(BroughtModel::random(given)) {
    population_ = population;
    listens_ = listens;
    open();
  }
  ~App() { fedspend_device_free(device); }
  App(const App&) = delete;
  // As after the app was ended; the models are to be installed again.
  void reopen() {
    fedspend_device_free(device);
    device = nullptr;
    open();
  }

  fedspend_status install(const BroughtModel& model, const std::string& signature) {
    return fedspend_install_model(device, model.plan.bytes.data(), model.plan.bytes.size(), signature.c_str(), model.file.data(), model.file.size());
  }
  fedspend_status install(const std::string& signature) { return install(brought, signature); }
  fedspend_status install(const BroughtModel& model) { return install(model, to_hex(model.plan.signature) + "\n"); }
  fedspend_status install() { return install(brought); }
  void consent(const char* purpose) { REQUIRE(fedspend_consent_give(device, purpose, "1", nullptr, nullptr) == FEDSPEND_OK); }
  // Of a customer whose categories come in turn.
  void ingest(int rows) {
    static constexpr const char* kCategories[] = {"category 0", "category 1", "category 2", "category 3"};
    std::vector<std::string> ids(static_cast<std::size_t>(rows));
    std::vector<fedspend_transaction> transactions;
    for (int i = 0; i < rows; ++i) {
      std::string& id = ids[static_cast<std::size_t>(i)] = std::to_string(i);
      transactions.push_back({sizeof(fedspend_transaction), FEDSPEND_DEBIT, id.c_str(), kNow_s - 86'400LL / 4 * (rows - i), 1'000 + i, kCategories[i % 4], nullptr, nullptr});
    }
    REQUIRE(fedspend_ingest(device, transactions.data(), transactions.size(), nullptr) == FEDSPEND_OK);
  }
  fedspend_prediction predict(const fedspend_predict_options* options = nullptr) {
    fedspend_prediction prediction{};
    prediction.struct_size = sizeof(prediction);
    REQUIRE(fedspend_predict(device, options, &prediction) == FEDSPEND_OK);
    return prediction;
  }
  std::string explain(std::int32_t format) {
    std::string text(16'384, '\0');
    std::size_t needed = 0;
    REQUIRE(fedspend_insight(device, FEDSPEND_INSIGHT_NEXT, nullptr, nullptr, format, text.data(), text.size(), &needed) == FEDSPEND_OK);
    text.resize(needed - 1);
    return text;
  }

 private:
  void open() {
    fedspend_options options{};
    options.struct_size = sizeof(options);
    const std::string path = folder.path().string();
    options.persistent_dir = path.c_str();
    options.population = population_.c_str();
    options.flags = FEDSPEND_KEY_IN_FILE;
    std::ranges::copy(testing::release_key().public_key().bytes, options.release_key);
    options.authority_key[0] = 1;
    fedspend_host host{};
    host.struct_size = sizeof(host);
    host.unix_time_s = [](void*) { return kNow_s; };
    host.user = this;
    if (listens_)
      host.insight = [](void* user, std::int32_t kind, const char* id, const char* json) { static_cast<App*>(user)->said.push_back({kind, id == nullptr ? "" : id, json}); };
    REQUIRE(fedspend_device_create(&options, &host, &device) == FEDSPEND_OK);
  }

  std::string population_;
  bool listens_ = false;
};

}  // namespace fedspend::client::testing_app
