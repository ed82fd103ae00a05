// Devices of the C ABI behind a real gateway, beside devices that speak ZeroMQ themselves.
#include <algorithm>
#include <thread>

#include "tests/gateway/gateway_bench.h"

namespace fedspend::test {
namespace {

constexpr Millis kLimit{90'000 * kPatience};

struct Running : GatewayFederation {
  std::vector<std::unique_ptr<GatewayDevice>> behind;
  std::vector<Process> beside;
  std::vector<std::string> outcomes;
  std::vector<std::thread> threads;

  Running() : behind(customers(*this, 3)) {
    REQUIRE(federation.text_of("plan.toml").find("mode = \"secure\"") != std::string::npos);
    start_coordinator();
    start_gateway();
    for (const std::string name : {"process-1", "process-2"}) beside.push_back(federation.start(name, federation.device(name, endpoint)));
  }
  ~Running() { join(); }
  void begin() {
    outcomes.assign(behind.size(), "");
    for (std::size_t i = 0; i < behind.size(); ++i) threads.emplace_back([this, i] { outcomes[i] = behind[i]->run_until_contributed(kLimit); });
  }
  void join() {
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
  void expect_all_contributed() {
    join();
    INFO(federation.text_of("gateway.err"));
    INFO(federation.text_of("coordinator.err"));
    for (const std::string& outcome : outcomes) CHECK(outcome == "contributed");
  }
};

TEST_CASE("devices behind a gateway take part in secure rounds, and the gateway ends cleanly") {
  Running running;
  const Millis begun = steady_now();
  running.begin();
  running.expect_all_contributed();
  std::uint64_t up = 0, down = 0;
  int exchanges = 0;
  for (const auto& device : running.behind) up += device->bytes_up, down += device->bytes_down, exchanges += device->exchanges;
  if (std::ranges::count(running.outcomes, "contributed") == 3) MESSAGE("three devices contributed in " << (steady_now() - begun).count() << " ms, with " << exchanges << " exchanges, " << up << " bytes up and " << down << " down");
  running.gateway.send(SIGTERM);
  CHECK(running.gateway.wait(Millis(10'000 * kPatience)) == 0);
}

TEST_CASE("a gateway that is killed and started again while rounds run costs a retry") {
  Running running;
  running.begin();
  for (int i = 0; i < 3; ++i) {
    sleep_for(Millis(300));
    running.gateway.kill();
    sleep_for(Millis(100));
    running.start_gateway();
  }
  running.expect_all_contributed();
}

TEST_CASE("a coordinator that is killed and started again is found again through the gateway") {
  Running running;
  running.begin();
  sleep_for(Millis(500));
  running.coordinator.kill();
  sleep_for(Millis(300));
  running.start_coordinator();
  running.expect_all_contributed();
}

TEST_CASE("a gateway whose key the coordinator was not given ends and says so") {
  GatewayFederation federation;
  federation.start_coordinator(false);
  const Outcome outcome = run_to_end(federation.gateway_command());
  CHECK(outcome.code == 2);
  CHECK(outcome.err.find("--gateway-key") != std::string::npos);
}

TEST_CASE("a cancel ends a run behind a gateway at once, though an exchange is under way") {
  GatewayFederation federation;
  const auto devices = customers(federation, 1);
  federation.start_coordinator();
  federation.start_gateway();
  std::thread run([&] { CHECK(devices[0]->run().outcome == FEDSPEND_RUN_CANCELLED); });
  REQUIRE(eventually(Millis(20'000 * kPatience), [&] { return devices[0]->exchanges >= 2; }));
  devices[0]->cancel();
  run.join();
}

}  // namespace
}  // namespace fedspend::test
