#pragma once
// Test equipment: a small federation of real programs with a gateway before its coordinator, behind a certificate that openssl makes for the
// test, and devices of the C ABI whose transport is an HTTPS client that pins it. A device's callbacks run in its own threads.

#include <atomic>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fedspend/client.h>
#include <httplib.h>

#include "tests/processes/small_federation.h"

namespace fedspend::test {

struct GatewayFederation {
  std::unique_ptr<SmallFederation> own;
  const SmallFederation& federation;
  Process coordinator{quiet()}, gateway{quiet()};
  std::string endpoint;
  int port = 0;

  static ProcessOptions quiet() { return {.command = {"/bin/true"}, .out = {}, .err = {}, .folder = {}, .environment = {}}; }
  static SmallFederationOptions options() { return {.clients = 12, .processes = 2, .settings = {"federation.rounds=200", "federation.retry_after_ms=200", "federation.selection_window_ms=500"}}; }

  GatewayFederation() : GatewayFederation(std::make_unique<SmallFederation>(options())) {}
  explicit GatewayFederation(std::unique_ptr<SmallFederation> made) : GatewayFederation(*made) { own = std::move(made); }
  explicit GatewayFederation(const SmallFederation& of) : federation(of) {  // which outlives it
    std::signal(SIGPIPE, SIG_IGN);  // the client library writes to connections that the other end has closed
    require_done({program_path("fedspend-admin"), "gateway-keygen", "--out", in("gateway")});
    require_done({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                  "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", in("server.key"), "-out", in("server.pem")});
  }
  std::string in(const std::string& name) const { return (federation / name).string(); }

  void start_coordinator(bool with_gateway_key = true) {
    std::vector<std::string> command = federation.coordinator("state", endpoint.empty() ? "tcp://127.0.0.1:*" : endpoint);
    if (with_gateway_key) command.insert(command.end(), {"--gateway-key", in("gateway/gateway.key.pub")});
    coordinator = federation.start("coordinator", std::move(command));
    endpoint = federation.endpoint_of("state");
    INFO(federation.text_of("coordinator.err"));
    REQUIRE_FALSE(endpoint.empty());
  }
  std::vector<std::string> gateway_command() const {
    return {program_path("fedspend-gateway"), "--listen", "127.0.0.1:" + std::to_string(port), "--certificate", in("server.pem"), "--private-key", in("server.key"), "--coordinator", endpoint,
            "--coordinator-key", in("keys/coordinator.key.pub"), "--curve-key", in("gateway/gateway.key"), "--devices", in("devices.list"), "--authority-key", in("authority/authority.key.pub"),
            "--population", "synthetic", "--max-connections", "16", "--max-device-connections", "32", "--ready-file", in("gateway.endpoint")};
  }
  void start_gateway(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = gateway_command();
    command.insert(command.end(), more.begin(), more.end());
    gateway = federation.start("gateway", std::move(command));
    const std::string url = federation.endpoint_of("gateway");
    INFO(federation.text_of("gateway.err"));
    REQUIRE_FALSE(url.empty());
    port = std::stoi(url.substr(url.rfind(':') + 1));
    REQUIRE(eventually(Millis(20'000 * kPatience), [&] { return health() == 200; }));
  }
  std::unique_ptr<httplib::SSLClient> client() const {
    auto made = std::make_unique<httplib::SSLClient>("127.0.0.1", port);
    made->set_ca_cert_path(in("server.pem").c_str());
    made->enable_server_certificate_verification(true);
    made->set_read_timeout(40, 0);
    return made;
  }
  int health() const {
    const auto answer = client()->Get("/v1/health");
    return answer ? answer->status : 0;
  }
};

// One customer behind the gateway.
class GatewayDevice {
 public:
  std::atomic<int> exchanges{0}, failed{0};
  std::atomic<std::uint64_t> bytes_up{0}, bytes_down{0};

  GatewayDevice(const GatewayFederation& to, std::string name) : to_(to), folder_(to.federation / name) {
    for (const char* sub : {"persistent", "cache"}) std::filesystem::create_directories(folder_ / sub);
    std::filesystem::permissions(folder_ / "persistent", std::filesystem::perms::owner_all);
    fedspend_options options;
    fedspend_host host;
    std::memset(&options, 0, sizeof options);
    std::memset(&host, 0, sizeof host);
    options.struct_size = sizeof options;
    host.struct_size = sizeof host;
    const std::string persistent = (folder_ / "persistent").string(), cache = (folder_ / "cache").string(), policy = to.federation.text_of("policy.toml");
    options.flags = FEDSPEND_KEY_IN_FILE;
    options.persistent_dir = persistent.c_str();
    options.cache_dir = cache.c_str();
    options.population = "synthetic";
    options.policy_toml = policy.c_str();
    options.transient_backoff_ms = 200;
    options.connect_timeout_ms = 60'000;
    REQUIRE(fedspend_parse_key(to.federation.text_of("keys/release.key.pub").c_str(), options.release_key) == FEDSPEND_OK);
    REQUIRE(fedspend_parse_key(to.federation.text_of("authority/authority.key.pub").c_str(), options.authority_key) == FEDSPEND_OK);
    host.user = this;
    host.conditions = [](void*, fedspend_conditions* now) {
      now->idle = now->charging = now->unmetered = now->thermals_ok = FEDSPEND_YES;
      now->battery_level = 1.0;
      now->free_storage_bytes = 1'000'000'000;
    };
    host.exchange = [](void* user, const std::uint8_t* request, std::size_t size, fedspend_body* response, std::uint32_t timeout_ms) {
      return static_cast<GatewayDevice*>(user)->exchange(request, size, response, timeout_ms);
    };
    host.give_up_exchange = [](void* user) {
      auto& self = *static_cast<GatewayDevice*>(user);
      const std::lock_guard lock(self.mutex_);
      if (self.client_) self.client_->stop();
    };
    REQUIRE(fedspend_device_create(&options, &host, &device_) == FEDSPEND_OK);
  }
  ~GatewayDevice() { fedspend_device_free(device_); }
  GatewayDevice(const GatewayDevice&) = delete;
  GatewayDevice& operator=(const GatewayDevice&) = delete;

  std::string request(const std::string& token) const {
    char text[4096];
    std::size_t needed = 0;
    REQUIRE(fedspend_enrolment_request(device_, token.c_str(), "gateway", text, sizeof text, &needed) == FEDSPEND_OK);
    return text;
  }
  void prepare(const std::string& certificates) {
    REQUIRE(fedspend_install_certificate(device_, certificates.c_str()) == FEDSPEND_OK);
    REQUIRE(fedspend_consent_give(device_, "next_category", "2026-11", nullptr, nullptr) == FEDSPEND_OK);
    const std::vector<std::string> categories = {"groceries", "coffee", "bakery"};
    std::vector<std::string> ids;
    for (int i = 0; i < 60; ++i) ids.push_back("t" + std::to_string(i));
    std::vector<fedspend_transaction> rows(60);
    const auto now_s = static_cast<std::int64_t>(std::time(nullptr));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::memset(&rows[i], 0, sizeof rows[i]);
      rows[i].struct_size = sizeof rows[i];
      rows[i].direction = FEDSPEND_DEBIT;
      rows[i].id = ids[i].c_str();
      rows[i].time_s = now_s - 86'400 * static_cast<std::int64_t>(rows.size() - i);
      rows[i].amount_minor = 1'000 + static_cast<std::int64_t>(i);
      rows[i].category = categories[i % categories.size()].c_str();
    }
    REQUIRE(fedspend_ingest(device_, rows.data(), rows.size(), nullptr) == FEDSPEND_OK);
  }
  void cancel() { fedspend_cancel(device_); }
  fedspend_run_report run() {
    fedspend_run_report report;
    std::memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    if (fedspend_run_once(device_, &report) != FEDSPEND_OK) report.outcome = 0;
    return report;
  }
  // Until one run contributes; the words of the last otherwise.
  std::string run_until_contributed(Millis limit) {
    std::string last;
    const Millis end = steady_now() + limit;
    while (steady_now() < end) {
      const fedspend_run_report report = run();
      if (report.outcome != FEDSPEND_RUN_TOO_EARLY) last = std::string(fedspend_run_name(report.outcome)) + ": " + report.words;
      if (report.outcome == FEDSPEND_RUN_CONTRIBUTED) return "contributed";
      sleep_for(std::min(Millis(static_cast<std::int64_t>(report.come_back_in_ms)), Millis(500)));
    }
    return last;
  }

 private:
  fedspend_status exchange(const std::uint8_t* request, std::size_t size, fedspend_body* response, std::uint32_t timeout_ms) {
    std::shared_ptr<httplib::SSLClient> client;
    {
      const std::lock_guard lock(mutex_);
      if (!client_) {
        client_ = to_.client();
        client_->set_keep_alive(true);
        client_->set_tcp_nodelay(true);
      }
      client = client_;
    }
    client->set_read_timeout(timeout_ms / 1'000, (timeout_ms % 1'000) * 1'000);
    const auto answer = client->Post("/v1/exchange", reinterpret_cast<const char*>(request), size, "application/octet-stream");
    ++exchanges;
    bytes_up += size;
    if (!answer || answer->status != 200) {
      ++failed;
      const std::lock_guard lock(mutex_);
      client_.reset();
      return FEDSPEND_UNAVAILABLE;
    }
    bytes_down += answer->body.size();
    return fedspend_body_add(response, reinterpret_cast<const std::uint8_t*>(answer->body.data()), answer->body.size());
  }

  const GatewayFederation& to_;
  std::filesystem::path folder_;
  fedspend_device* device_ = nullptr;
  std::mutex mutex_;
  std::shared_ptr<httplib::SSLClient> client_;
};

// So many customers, enrolled, before the coordinator starts.
inline std::vector<std::unique_ptr<GatewayDevice>> customers(const GatewayFederation& to, std::size_t count) {
  const std::string admin = program_path("fedspend-admin");
  require_done({admin, "token", "--authority", to.in("authority"), "--population", "synthetic", "--count", std::to_string(count), "--out", to.in("customers.tokens")});
  std::ifstream tokens(to.in("customers.tokens"));
  std::vector<std::unique_ptr<GatewayDevice>> all;
  std::vector<std::string> enrol = {admin, "enrol", "--authority", to.in("authority"), "--devices", to.in("devices.list")};
  for (std::size_t i = 0; i < count; ++i) {
    std::string token;
    REQUIRE(std::getline(tokens, token).good());
    all.push_back(std::make_unique<GatewayDevice>(to, "customer-" + std::to_string(i)));
    enrol.push_back(to.in("customer-" + std::to_string(i) + ".list"));
    std::ofstream(enrol.back()) << all.back()->request(token);
  }
  require_done(enrol);
  for (std::size_t i = 0; i < count; ++i) all[i]->prepare(to.federation.text_of("customer-" + std::to_string(i) + ".list.certificates"));
  return all;
}

}  // namespace fedspend::test
