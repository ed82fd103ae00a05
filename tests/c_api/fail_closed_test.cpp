// What a host leaves out, does not know or cannot do, through the C ABI: an enrolled device with consent, of which nothing goes to the transport.

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

#include <fedspend/client.h>

#include "common/protocol/certificate.h"
#include "tests/client/temporary_folder.h"
#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

constexpr std::int64_t kNow_s = static_cast<std::int64_t>(testing::kCertifiedAt_s) + 1'000;

// All is well, until a test says otherwise.
struct App {
  TemporaryFolder folder;
  fedspend_conditions now{};
  fedspend_status signs = FEDSPEND_OK;
  int exchanges = 0;
  std::uint64_t bytes_sent = 0;
  fedspend_host host{};
  fedspend_options options{};
  const char* consents_to = "next_category";
  fedspend_device* device = nullptr;

  App() {
    now.idle = now.charging = now.unmetered = now.thermals_ok = FEDSPEND_YES;
    now.battery_level = 0.9;
    now.free_storage_bytes = 1'000'000'000;
    host.struct_size = sizeof(host);
    host.user = this;
    host.unix_time_s = [](void*) { return kNow_s; };
    host.conditions = [](void* user, fedspend_conditions* asked) {
      const std::uint32_t size = asked->struct_size;
      *asked = static_cast<App*>(user)->now;
      asked->struct_size = size;
    };
    host.sign = [](void* user, const std::uint8_t* message, std::size_t size, std::uint8_t signature[64]) -> fedspend_status {
      const auto& app = *static_cast<App*>(user);
      if (app.signs == FEDSPEND_OK) std::ranges::copy(testing::device_keys(1).identity.sign({message, size}), signature);
      return app.signs;
    };
    host.exchange = [](void* user, const std::uint8_t*, std::size_t, fedspend_body*, std::uint32_t) -> fedspend_status {
      ++static_cast<App*>(user)->exchanges;
      return FEDSPEND_UNAVAILABLE;
    };
    options.struct_size = sizeof(options);
    options.flags = FEDSPEND_KEY_IN_FILE;
    options.population = "cards";
    options.policy_toml = "purposes = [\"next_category\"]";
    std::ranges::copy(testing::release_key().public_key().bytes, options.release_key);
    std::ranges::copy(testing::authority_key().public_key().bytes, options.authority_key);
    std::ranges::copy(testing::device_keys(1).identity.public_key().bytes, options.identity_key);
    options.connect_timeout_ms = 50;
  }
  ~App() { fedspend_device_free(device); }
  App(const App&) = delete;

  // A run of a new handle; reports FEDSPEND_RUN_... or, below 0, the status of the call that said no.
  std::int32_t run() {
    const std::string path = folder.path().string();
    options.persistent_dir = path.c_str();
    REQUIRE(fedspend_device_create(&options, &host, &device) == FEDSPEND_OK);
    const std::string line = certificate_line(testing::certificate_of(testing::device_keys(1).identity.public_key()));
    const fedspend_status installed = fedspend_install_certificate(device, line.c_str());
    CHECK((installed == FEDSPEND_OK || installed == FEDSPEND_UNAUTHORIZED));
    if (consents_to != nullptr) REQUIRE(fedspend_consent_give(device, consents_to, "1", nullptr, nullptr) == FEDSPEND_OK);
    fedspend_run_report report{};
    report.struct_size = sizeof(report);
    const fedspend_status status = fedspend_run_once(device, &report);
    bytes_sent = report.bytes_sent;
    return status == FEDSPEND_OK ? report.outcome : -status;
  }
  bool has_checked_in() {
    std::string history(65'536, '\0');
    REQUIRE(fedspend_history(device, FEDSPEND_FORMAT_JSON, history.data(), history.size(), nullptr) == FEDSPEND_OK);
    return history.find("checked_in") != std::string::npos;
  }
};

void check_silent(const std::function<void(App&)>& bend, std::int32_t expected) {
  App app;
  bend(app);
  const std::int32_t outcome = app.run();
  CHECK_MESSAGE(outcome == expected, std::string(outcome > 0 ? fedspend_run_name(outcome) : fedspend_status_name(-outcome)));
  CHECK(app.exchanges == 0);
  CHECK(app.bytes_sent == 0);
  CHECK_FALSE(app.has_checked_in());
}

TEST_CASE("a host that says all and can do all gets its device's check-in to the transport") {
  App app;
  CHECK(app.run() == FEDSPEND_RUN_UNREACHABLE);
  CHECK(app.exchanges > 0);
  CHECK(app.bytes_sent > 0);
  CHECK(app.has_checked_in());
}

TEST_CASE("without `conditions`, and with any one of them unknown, no, or no value that it can have, nothing goes out; an app that does not ask for it gets on") {
  check_silent([](App& app) { app.host.conditions = nullptr; }, FEDSPEND_RUN_CONDITIONS);
  struct One {
    std::uint8_t fedspend_conditions::*field;
    std::uint32_t without;
  };
  for (const One one : {One{&fedspend_conditions::idle, FEDSPEND_WITHOUT_IDLE}, One{&fedspend_conditions::charging, FEDSPEND_WITHOUT_CHARGING}, One{&fedspend_conditions::unmetered, FEDSPEND_WITHOUT_UNMETERED},
                        One{&fedspend_conditions::thermals_ok, FEDSPEND_WITHOUT_THERMALS}}) {
    for (const int value : {int{FEDSPEND_UNKNOWN}, int{FEDSPEND_NO}, 3, 255}) check_silent([&](App& app) { app.now.*one.field = static_cast<std::uint8_t>(value); }, FEDSPEND_RUN_CONDITIONS);
    App app;
    app.now.*one.field = FEDSPEND_NO;
    app.options.flags |= one.without;
    CHECK(app.run() == FEDSPEND_RUN_UNREACHABLE);
    CHECK(app.exchanges > 0);
  }
  for (const double level : {-1.0, 0.1, 1.5, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) check_silent([&](App& app) { app.now.battery_level = level; }, FEDSPEND_RUN_CONDITIONS);
  check_silent([](App& app) { app.now.free_storage_bytes = 0; }, FEDSPEND_RUN_CONDITIONS);
  App app;
  app.now.battery_level = -1;
  app.now.free_storage_bytes = 0;
  app.options.flags |= FEDSPEND_WITHOUT_BATTERY | FEDSPEND_WITHOUT_STORAGE;
  CHECK(app.run() == FEDSPEND_RUN_UNREACHABLE);
}

TEST_CASE("without a transport, a pinned key, a policy, a consent, an enrolment or a key that signs nothing goes out") {
  check_silent([](App& app) { app.host.exchange = nullptr; }, -FEDSPEND_INVALID_ARGUMENT);
  check_silent([](App& app) { std::ranges::fill(app.options.release_key, std::uint8_t{0}); }, -FEDSPEND_INVALID_ARGUMENT);
  check_silent([](App& app) { std::ranges::fill(app.options.authority_key, std::uint8_t{0}); }, FEDSPEND_RUN_NOT_ENROLLED);
  check_silent([](App& app) { app.options.population = "loans"; }, FEDSPEND_RUN_NOT_ENROLLED);
  check_silent([](App& app) { app.host.unix_time_s = [](void*) { return static_cast<std::int64_t>(testing::kCertifiedUntil_s) + 1; }; }, FEDSPEND_RUN_NOT_ENROLLED);
  check_silent([](App& app) { app.options.policy_toml = nullptr; }, FEDSPEND_RUN_NO_CONSENT);
  check_silent([](App& app) { app.options.policy_toml = "purposes = []"; }, FEDSPEND_RUN_NO_CONSENT);
  check_silent([](App& app) { app.consents_to = nullptr; }, FEDSPEND_RUN_NO_CONSENT);
  check_silent([](App& app) { app.consents_to = "personal_insights"; }, FEDSPEND_RUN_NO_CONSENT);
  check_silent([](App& app) { app.signs = FEDSPEND_UNAVAILABLE; }, FEDSPEND_RUN_REFUSED);
  check_silent([](App& app) { app.host.monotonic_ms = [](void*) { return std::int64_t{-1}; }; }, FEDSPEND_RUN_FAILED);
}

}  // namespace
}  // namespace fedspend::client
