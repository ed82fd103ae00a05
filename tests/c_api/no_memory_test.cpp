// Every function of the C ABI with an allocation that fails, the first, the second and so on to the last: a status each time, nothing thrown, no lock
// that stays taken, and afterwards the device goes on, or says that it is to be opened anew, and then goes on. The allocations are those of C++
// (operator new, which this program replaces, in the library too).

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fedspend/client.h>
#include <nlohmann/json.hpp>

#include "common/protocol/certificate.h"
#include "common/protocol/enrolment_request.h"
#include "common/protocol/model_file.h"
#include "models/categoriser/categoriser.h"
#include "models/offers/offers.h"
#include "models/trainer.h"
#include "models/unusual_activity/unusual_activity.h"
#include "tests/c_api/failing_memory.h"
#include "tests/client/temporary_folder.h"
#include "tests/models/toy_history.h"
#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

constexpr std::int64_t kNow_s = static_cast<std::int64_t>(testing::kCertifiedAt_s) + 1'000;

struct App {
  TemporaryFolder folder;
  fedspend_device* device = nullptr;
  SignedPlan plan;
  Bytes model;
  std::string signature;
  std::atomic<std::int64_t> now_ms{0};
  std::atomic<bool> has_exchanged{false};
  std::vector<std::string> ids;
  std::vector<fedspend_transaction> rows;
  std::string text = std::string(1 << 18, '\0');
  bool listens = false;  // to insights
  int said = 0;
  std::string said_json = std::string(1 << 14, '\0');  // one after the other, in memory that is there

  App() {
    bring("next_category", models::small_model(4));
    static constexpr const char* kCategories[] = {"category 0", "category 1", "category 2", "category 3"};
    for (int i = 0; i < 60; ++i) ids.push_back(std::to_string(i));
    for (int i = 0; i < 60; ++i) rows.push_back({sizeof(fedspend_transaction), FEDSPEND_DEBIT, ids[static_cast<std::size_t>(i)].c_str(), kNow_s - 86'400 * (60 - i), 1'000 + i, kCategories[i % 4], "merchant", "CHF"});
  }
  ~App() { fedspend_device_free(device); }
  // The model that install_model() installs.
  void bring(const char* purpose, ModelSpec spec) {
    Plan drafted = testing::sample_plan();
    drafted.purpose = purpose;
    drafted.model = std::move(spec);
    const auto trainer = models::make_trainer(drafted.model).value();
    drafted.model.parameter_count = trainer->parameter_count();
    plan = testing::signed_plan(drafted);
    signature = to_hex(plan.signature);
    std::vector<float> weights(drafted.model.parameter_count, 0.01F);
    if (drafted.purpose != "next_category") trainer->initialize(weights, 1);
    model = encode_model_file({.model_name = drafted.model.name, .plan_hash = hash_of_plan(plan.bytes), .round = 3, .demonstration = false, .weights = std::move(weights)});
  }
  App(const App&) = delete;

  fedspend_host host() {
    fedspend_host given{};
    given.struct_size = sizeof(given);
    given.user = this;
    given.conditions = [](void* user, fedspend_conditions* now) {
      if (static_cast<App*>(user)->has_exchanged) return;  // ends the run: there is nobody at the other end
      now->idle = now->charging = now->unmetered = now->thermals_ok = FEDSPEND_YES;
      now->battery_level = 1;
      now->free_storage_bytes = 1'000'000'000;
    };
    given.unix_time_s = [](void*) { return kNow_s; };
    given.monotonic_ms = [](void* user) -> std::int64_t { return static_cast<App*>(user)->now_ms; };
    given.exchange = [](void* user, const std::uint8_t*, std::size_t, fedspend_body*, std::uint32_t) -> fedspend_status {
      static_cast<App*>(user)->now_ms += 1'000;
      static_cast<App*>(user)->has_exchanged = true;
      return FEDSPEND_UNAVAILABLE;
    };
    if (listens)
      given.insight = [](void* user, std::int32_t, const char*, const char* json) {
        App& app = *static_cast<App*>(user);
        ++app.said;
        app.said_json.assign(json);  // shorter than what there is room for
      };
    return given;
  }
  // Made before memory runs out.
  const std::string store = path("store"), cache = path("cache");
  const IdentityPublicKey release = testing::release_key().public_key(), authority = testing::authority_key().public_key();
  fedspend_status open() {
    const fedspend_host given = host();
    fedspend_options options{};
    options.struct_size = sizeof(options);
    options.persistent_dir = store.c_str();
    options.cache_dir = cache.c_str();
    options.population = "cards";
    options.policy_toml = "purposes = [\"next_category\"]\n";
    options.flags = FEDSPEND_KEY_IN_FILE;
    options.connect_timeout_ms = 1;
    std::ranges::copy(release.bytes, options.release_key);
    std::ranges::copy(authority.bytes, options.authority_key);
    return fedspend_device_create(&options, &given, &device);
  }
  void close() {
    fedspend_device_free(device);
    device = nullptr;
  }
  std::string path(const char* name) const {
    const auto made = folder.path() / name;
    std::filesystem::create_directories(made);
    return made.string();
  }
  fedspend_status wipe_folder() {
    const fedspend_host given = host();
    fedspend_options options{};
    options.struct_size = sizeof(options);
    options.persistent_dir = store.c_str();
    options.cache_dir = cache.c_str();
    options.flags = FEDSPEND_KEY_IN_FILE;
    return fedspend_wipe_directory(&options, &given);
  }
  fedspend_status install_model() { return fedspend_install_model(device, plan.bytes.data(), plan.bytes.size(), signature.c_str(), model.data(), model.size()); }
  fedspend_status give(const char* purpose) { return fedspend_consent_give(device, purpose, "1", "de-CH", "a switch in the settings of the app"); }
  // A device that has all that the calls below need.
  void ready() {
    REQUIRE(open() == FEDSPEND_OK);
    for (const char* purpose : {"next_category", "personal_insights", "evaluation"}) REQUIRE(give(purpose) == FEDSPEND_OK);
    REQUIRE(fedspend_ingest(device, rows.data(), rows.size(), nullptr) == FEDSPEND_OK);
    REQUIRE(install_model() == FEDSPEND_OK);
    // An identity that the library made; its certificate is by the tests' authority.
    REQUIRE(fedspend_enrolment_request(device, std::string(64, '3').c_str(), "laptop", text.data(), text.size(), nullptr) == FEDSPEND_OK);
    certificate = certificate_line(testing::certificate_of(EnrolmentRequests::parse(text.c_str()).value().requests.at(0).identity));
    REQUIRE(fedspend_install_certificate(device, certificate.c_str()) == FEDSPEND_OK);
  }
  std::string certificate;
};

// From another thread, so that a lock that was left taken is seen, and not waited for without end.
bool answers(fedspend_device* device) {
  auto answer = std::make_shared<std::promise<fedspend_status>>();
  std::future<fedspend_status> given = answer->get_future();
  std::thread([device, answer] {
    std::uint8_t is_given = 0;
    answer->set_value(fedspend_consent_is_given(device, "next_category", &is_given));
  }).detach();
  return given.wait_for(std::chrono::seconds(20)) == std::future_status::ready && given.get() == FEDSPEND_OK;
}

std::string last_error() {
  char words[512] = "";
  static_cast<void>(fedspend_last_error(words, sizeof(words), nullptr));
  return words;
}

// How often it failed.
int with_every_allocation_failing(const std::function<fedspend_status()>& call, const std::function<void()>& after_failure, fedspend_status also = FEDSPEND_INTERNAL) {
  for (long n = 0, failures = 0;; n += n < 400 ? 1 : 13) {
    CAPTURE(n);
    REQUIRE(n < 200'000);
    testing::fail_allocation(n);
    const fedspend_status status = call();
    if (!testing::stop_failing()) {
      CHECK(status == FEDSPEND_OK);
      return static_cast<int>(failures);
    }
    ++failures;
    // Some failures are got over: words that are missing, a cache that was not written.
    CHECK_MESSAGE((status == FEDSPEND_OK || status == FEDSPEND_INTERNAL || status == also), last_error());
    after_failure();
  }
}

TEST_CASE("a call of the ABI whose memory runs out at any moment gives a status, and the device goes on") {
  App app;
  app.ready();
  fedspend_prediction prediction{};
  prediction.struct_size = sizeof(prediction);
  fedspend_evaluation evaluation{};
  evaluation.struct_size = sizeof(evaluation);
  fedspend_run_report report{};
  report.struct_size = sizeof(report);
  char* const buffer = app.text.data();
  const std::size_t capacity = app.text.size();
  std::uint8_t byte = 0, key[32];
  const std::string token(64, '3'), hex(64, '5');
  struct Call {
    const char* name;
    std::function<fedspend_status()> go;
    fedspend_status also = FEDSPEND_INTERNAL;  // what it may come to, too: the library that parses TOML takes no memory for a number that is none
  };
  const std::vector<Call> calls{
      {"device_id", [&] { return fedspend_device_id(app.device, buffer, capacity, nullptr); }},
      {"enrolment_request", [&] { return fedspend_enrolment_request(app.device, token.c_str(), "a label that is not short", buffer, capacity, nullptr); }},
      {"install_certificate", [&] { return fedspend_install_certificate(app.device, app.certificate.c_str()); }},
      {"is_enrolled", [&] { return fedspend_is_enrolled(app.device, &byte); }},
      {"ingest", [&] { return fedspend_ingest(app.device, app.rows.data(), app.rows.size(), nullptr); }},
      {"ingest anew", [&] { return ++app.rows[7].amount_minor, fedspend_ingest(app.device, app.rows.data(), app.rows.size(), nullptr); }},
      {"consent_give", [&] { return app.give("another purpose of this app"); }},
      {"consent_withdraw", [&] { return fedspend_consent_withdraw(app.device, "another purpose of this app"); }},
      {"consent_is_given", [&] { return fedspend_consent_is_given(app.device, "another purpose of this app", &byte); }},
      {"set_false_alarms", [&] { return fedspend_set_false_alarms(app.device, 2); }},
      {"set_retention", [&] { return fedspend_set_retention(app.device, "another purpose of this app", 300); }},
      {"history", [&] { return fedspend_history(app.device, FEDSPEND_FORMAT_TEXT, buffer, capacity, nullptr); }},
      {"statement", [&] { return fedspend_statement(app.device, FEDSPEND_FORMAT_TEXT, buffer, capacity, nullptr); }},
      {"history in JSON", [&] { return fedspend_history(app.device, FEDSPEND_FORMAT_JSON, buffer, capacity, nullptr); }},
      {"statement in JSON", [&] { return fedspend_statement(app.device, FEDSPEND_FORMAT_JSON, buffer, capacity, nullptr); }},
      {"consent_records", [&] { return fedspend_consent_records(app.device, "Example Bank", "customer 1", buffer, capacity, nullptr); }},
      {"install_model", [&] { return app.install_model(); }, FEDSPEND_MALFORMED},
      {"predict", [&] { return fedspend_predict(app.device, nullptr, &prediction); }},
      {"explain", [&] { return fedspend_insight(app.device, FEDSPEND_INSIGHT_NEXT, nullptr, nullptr, FEDSPEND_FORMAT_TEXT, buffer, capacity, nullptr); }},
      {"explain in JSON", [&] { return fedspend_insight(app.device, FEDSPEND_INSIGHT_NEXT, nullptr, nullptr, FEDSPEND_FORMAT_JSON, buffer, capacity, nullptr); }},
      {"personalise", [&] { return fedspend_personalise(app.device, nullptr, nullptr); }},
      {"evaluate", [&] { return fedspend_evaluate(app.device, nullptr, &evaluation); }},
      {"check_policy", [&] { return fedspend_check_policy("purposes = [\"next_category\"]\nmax_clip_norm_l2 = 1.5\n", &byte); }, FEDSPEND_MALFORMED},
      {"pin_instruction_set", [&] { return fedspend_pin_instruction_set("best"); }},
      {"parse_key", [&] { return fedspend_parse_key(hex.c_str(), key); }},
      {"run_once", [&] {
         app.now_ms += 86'400'000 * 8LL;
         app.has_exchanged = false;
         return fedspend_run_once(app.device, &report);
       }},
      {"consent_withdraw_all", [&] { return fedspend_consent_withdraw_all(app.device); }},
  };
  int failures = 0;
  for (const Call& call : calls) {
    INFO(std::string(call.name));
    failures += with_every_allocation_failing(call.go, [&] {
      REQUIRE(answers(app.device));
      fedspend_status status = call.go();
      if (status == FEDSPEND_INTERNAL) {  // there was no memory for what the vault has taken: it is to be opened anew
        app.close();
        REQUIRE(app.open() == FEDSPEND_OK);
        status = call.go();
      }
      CHECK_MESSAGE(status == FEDSPEND_OK, last_error());
    }, call.also);
  }
  CHECK(failures > 1'000);
  MESSAGE(failures << " allocations failed");
}

// Two that are new each time: one without a category, and one that is unusual. All three kinds of callback are computed.
TEST_CASE("what is to be said at ingestion is said whole or not at all where memory runs out, and the transactions are in") {
  App app;
  app.listens = true;
  app.ready();
  const std::vector<std::string> categories{"category 0", "category 1", "category 2", "category 3"};
  REQUIRE(app.give("offer_suggestions") == FEDSPEND_OK);
  for (const auto& [name, spec] : {std::pair{"categoriser", models::default_categoriser(categories)}, {"unusual_activity", models::default_unusual_activity(categories)}, {"offers", models::default_offers(categories)}}) {
    app.bring(name, spec);
    REQUIRE(app.install_model() == FEDSPEND_OK);
  }
  REQUIRE(fedspend_set_false_alarms(app.device, 1'000) == FEDSPEND_OK);  // so that the hundredth like it is an alert, too
  char uncoded[16], unusual[16];
  int batch = 0;
  fedspend_ingest_report report{};
  report.struct_size = sizeof(report);
  const auto ingest = [&] {
    const fedspend_transaction two[] = {{sizeof(fedspend_transaction), FEDSPEND_DEBIT, uncoded, kNow_s - 60, 1'000, nullptr, "merchant", "CHF"},
                                        {sizeof(fedspend_transaction), FEDSPEND_DEBIT, unusual, kNow_s - 30, 9'000'000, "category 1", "merchant", "CHF"}};
    return fedspend_ingest(app.device, two, 2, &report);
  };
  int said = 0, silent = 0, kept_in_silence = 0;
  const auto check_said = [&] {
    if (app.said == 0) return;
    CHECK(nlohmann::json::accept(app.said_json));
    CHECK(app.said_json.ends_with("}\n"));
  };
  const int failures = with_every_allocation_failing(
      [&] {
        std::snprintf(uncoded, sizeof uncoded, "u%d", batch);
        std::snprintf(unusual, sizeof unusual, "x%d", batch++);
        app.said = 0;
        report.added = 0;
        return ingest();
      },
      [&] {
        check_said();
        const bool was_added = report.added == 2;
        app.said == 0 ? ++silent : ++said;
        if (app.said == 0 && was_added) ++kept_in_silence;
        REQUIRE(answers(app.device));
        fedspend_status status = ingest();
        if (status == FEDSPEND_INTERNAL) {
          app.close();
          REQUIRE(app.open() == FEDSPEND_OK);
          status = ingest();
        }
        CHECK_MESSAGE(status == FEDSPEND_OK, last_error());
        CHECK((report.added == 2 || report.unchanged == 2));
        if (was_added) CHECK(report.unchanged == 2);  // a call that was FEDSPEND_OK has kept them, whatever was said
      });
  CHECK(app.said >= 2);
  check_said();
  CHECK(kept_in_silence > 50);  // and the call was FEDSPEND_OK
  CHECK(said > 20);
  MESSAGE(failures << " allocations failed; nothing was said after " << silent << " of them (after " << kept_in_silence << " the transactions were in), something after " << said);
}

TEST_CASE("a device is made, opened and wiped with memory that runs out at any moment, and nothing is lost by it") {
  App app;
  SUBCASE("made") {
    with_every_allocation_failing(
        [&] {
          const fedspend_status status = app.open();
          const bool is_whole = !testing::has_failed();
          if (status == FEDSPEND_OK && !is_whole) app.close();
          return status;
        },
        [&] {
          CHECK(app.device == nullptr);
          REQUIRE(app.open() == FEDSPEND_OK);  // what was begun is finished, or begun anew
          app.close();
          REQUIRE(app.wipe_folder() == FEDSPEND_OK);
        });
  }
  SUBCASE("opened") {
    app.ready();
    app.close();
    with_every_allocation_failing([&] { return app.open(); },
                                  [&] {
                                    app.close();
                                    REQUIRE(app.open() == FEDSPEND_OK);
                                    std::uint8_t given = 0;
                                    CHECK((fedspend_consent_is_given(app.device, "evaluation", &given) == FEDSPEND_OK && given == 1));
                                    app.close();
                                  });
  }
  SUBCASE("wiped") {
    REQUIRE(app.open() == FEDSPEND_OK);
    with_every_allocation_failing([&] { return fedspend_wipe(app.device); },
                                  [&] {
                                    REQUIRE(answers(app.device));
                                    CHECK(fedspend_wipe(app.device) == FEDSPEND_OK);
                                    app.close();
                                    CHECK(std::filesystem::is_empty(app.store));
                                    REQUIRE(app.open() == FEDSPEND_OK);
                                  });
  }
  SUBCASE("wiped as a folder") {
    with_every_allocation_failing([&] { return app.wipe_folder(); },
                                  [&] {
                                    REQUIRE(app.open() == FEDSPEND_OK);
                                    app.close();
                                  });
  }
}

}  // namespace
}  // namespace fedspend::client
