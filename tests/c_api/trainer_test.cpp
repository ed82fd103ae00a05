// A trainer of the host's, through the C ABI, against a real coordinator: what it is given, and what becomes of what it gives.

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <fedspend/client.h>

#include "common/program/files.h"
#include "models/transactions/transaction_csv.h"
#include "tests/processes/loopback_port.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

// One customer's app, in this process.
struct App {
  const SmallFederation& federation;
  fs::path folder;
  fedspend_device* device = nullptr;
  // What its trainer does, and what it saw.
  float change = 0.001F;
  fedspend_status answer = FEDSPEND_OK;
  int trainings = 0;
  std::size_t rows = 0, weights = 0, categories = 0;
  bool was_in_order = true, was_stopped = true;
  std::string model;

  App(const SmallFederation& given, const std::string& name) : federation(given), folder(given / name) { fs::create_directories(folder); }
  ~App() { fedspend_device_free(device); }
  App(const App&) = delete;

  static fedspend_status train(void* user, const fedspend_training* task, float* trained) {
    auto& app = *static_cast<App*>(user);
    ++app.trainings;
    app.rows = task->row_count;
    app.weights = task->weight_count;
    app.categories = task->category_count;
    app.model = task->model;
    app.was_stopped = fedspend_training_is_stopped(task) != 0;
    for (std::size_t i = 1; i < task->row_count; ++i) app.was_in_order = app.was_in_order && task->rows[i - 1].time_s <= task->rows[i].time_s && task->rows[i].category <= task->category_count;
    for (std::size_t i = 0; i < task->weight_count; ++i) trained[i] = task->weights[i] + app.change;
    return app.answer;
  }
  static void conditions(void*, fedspend_conditions* now) {
    now->idle = now->charging = now->unmetered = now->thermals_ok = FEDSPEND_YES;
    now->battery_level = 1;
    now->free_storage_bytes = 1'000'000'000;
  }

  void open(const std::string& endpoint) {
    const auto key_of = [&](const fs::path& file, std::uint8_t(&key)[32]) {
      REQUIRE(fedspend_parse_key(content_of(file).c_str(), key) == FEDSPEND_OK);
    };
    fedspend_options options{};
    options.struct_size = sizeof(options);
    options.flags = FEDSPEND_KEY_IN_FILE;
    const std::string path = folder.string(), policy = federation.text_of("policy.toml");
    options.persistent_dir = path.c_str();
    options.population = "synthetic";
    options.policy_toml = policy.c_str();
    key_of(federation / "keys/release.key.pub", options.release_key);
    key_of(federation / "authority/authority.key.pub", options.authority_key);
    key_of(federation / "keys/coordinator.key.pub", options.coordinator_key);
    options.coordinator = endpoint.c_str();
    options.transient_backoff_ms = 200;
    options.permanent_backoff_ms = 200;
    fedspend_host host{};
    host.struct_size = sizeof(host);
    host.user = this;
    host.conditions = conditions;
    host.train = train;
    REQUIRE(fedspend_device_create(&options, &host, &device) == FEDSPEND_OK);
  }
  void enrol() {
    const std::string base = folder.string(), admin = program_path("fedspend-admin").string(), authority = (federation / "authority").string();
    require_done({admin, "token", "--authority", authority, "--count", "1", "--out", base + ".tokens", "--population", "synthetic"});
    std::string token = content_of(base + ".tokens");
    token.erase(token.find_last_not_of(" \r\n") + 1);
    std::string request(8'192, '\0');
    std::size_t needed = 0;
    REQUIRE(fedspend_enrolment_request(device, token.c_str(), nullptr, request.data(), request.size(), &needed) == FEDSPEND_OK);
    request.resize(needed - 1);
    std::ofstream(base + ".list") << request;
    require_done({admin, "enrol", "--authority", authority, "--devices", (federation / "devices.list").string(), base + ".list"});
    REQUIRE(fedspend_install_certificate(device, content_of(base + ".list.certificates").c_str()) == FEDSPEND_OK);
    REQUIRE(fedspend_consent_give(device, "next_category", "1", nullptr, nullptr) == FEDSPEND_OK);
  }
  void ingest(const fs::path& csv) {
    const Bytes bytes = program::read_file(csv, 1 << 24).value();
    const auto read = models::parse_transaction_csv(bytes).value();
    for (std::size_t i = 0; i < read.size(); ++i) {
      const std::string id = std::to_string(i);
      const fedspend_transaction one{sizeof(fedspend_transaction), read[i].direction == models::Direction::credit ? FEDSPEND_CREDIT : FEDSPEND_DEBIT, id.c_str(), read[i].time_s, read[i].amount_minor,
                                     read[i].category.c_str(), read[i].merchant.c_str(), read[i].currency.c_str()};
      REQUIRE(fedspend_ingest(device, &one, 1, nullptr) == FEDSPEND_OK);
    }
  }
  std::int32_t run() {
    fedspend_run_report report{};
    report.struct_size = sizeof(report);
    REQUIRE(fedspend_run_once(device, &report) == FEDSPEND_OK);
    return report.outcome;
  }
};

TEST_CASE("a host's own trainer contributes; one that gives no finite weights too, with no change; one that fails declines") {
  const SmallFederation federation{{.clients = 12, .processes = 3, .settings = {"federation.rounds=200", "federation.retry_after_ms=200"}}};
  const LoopbackPort port;
  const std::string endpoint = "tcp://" + port.address();
  const fs::path profile = fs::directory_iterator(federation / "profiles/process-3")->path() / "transactions.csv";
  App good(federation, "good"), wild(federation, "wild"), failing(federation, "failing");
  wild.change = std::numeric_limits<float>::quiet_NaN();
  failing.answer = FEDSPEND_INTERNAL;
  for (App* app : {&good, &wild, &failing}) {
    app->open(endpoint);
    app->enrol();
    app->ingest(profile);
  }
  Process coordinator = federation.start("state", federation.coordinator("state", endpoint));
  REQUIRE(federation.endpoint_of("state") == endpoint);
  std::vector<Process> devices;
  for (const std::string name : {"process-1", "process-2", "process-3"}) devices.push_back(federation.start(name, federation.device(name, endpoint)));
  for (App* app : {&good, &wild}) {
    std::int32_t outcome = 0;
    REQUIRE(eventually(Millis(60'000), [&] { return (outcome = app->run()) == FEDSPEND_RUN_CONTRIBUTED; }));
    CHECK(app->trainings >= 1);
    CHECK(app->rows > 0);
    CHECK(app->was_in_order);
    CHECK_FALSE(app->was_stopped);
    CHECK(app->model == "next_category");
    CHECK(app->categories > 0);
  }
  REQUIRE(eventually(Millis(60'000), [&] {
    const std::int32_t outcome = failing.run();
    CHECK(outcome != FEDSPEND_RUN_CONTRIBUTED);
    return failing.trainings > 0;
  }));
}

}  // namespace
}  // namespace fedspend::test
