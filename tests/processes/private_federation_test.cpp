// Distributed privacy between real processes over the wire, with a coordinator that is killed: what is charged, and what is said of it.

#include <algorithm>
#include <csignal>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "coordinator/store.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

constexpr std::uint64_t kRounds = 5;

// A plan that does not allow what its devices' policies refuse: no demonstration.
void forbid_demonstrations(const SmallFederation& federation, const std::string& more) {
  write_text(federation / "policy.toml", "purposes = [\"next_category\"]\nmin_cohort = 5\nmax_clip_norm_l2 = 100.0\n" + more);
}

Result<PopulationLedger> ledger_of(const SmallFederation& federation) {
  FEDSPEND_ASSIGN(const auto store, coordinator::Store::open(federation / "state/coordinator.sqlite", hash_of_plan(as_bytes(federation.text_of("plan.toml")))));
  return store->ledger();
}

double next_clip_norm_of(const SmallFederation& federation) {
  auto store = coordinator::Store::open(federation / "state/coordinator.sqlite", hash_of_plan(as_bytes(federation.text_of("plan.toml"))));
  REQUIRE(store);
  return (*store)->latest_model().value().value().next_clip_norm_l2;
}

TEST_CASE("a private federation of real processes, killed in between, charges every round that it publishes, goes on with its clip norm, and its statement says what was spent") {
  // The share of updates within the norm is noised in whole numbers: a quantile that it is never equal to, so that every round moves the norm.
  const SmallFederation federation({.settings = {"federation.rounds=" + std::to_string(kRounds), "federation.retry_after_ms=100", "federation.selection_window_ms=300", "federation.round_deadline_ms=30000",
                                                 "aggregation.phase_deadline_ms=10000", "privacy.mode=distributed", "privacy.noise_multiplier=0.5", "privacy.max_participations=60", "privacy.max_epsilon=1000",
                                                 "privacy.clip_quantile=0.4137"}});
  forbid_demonstrations(federation, "max_epsilon = 1000.0\n");
  Process coordinator = federation.start("coordinator", federation.coordinator("state"));
  const std::string endpoint = federation.endpoint_of("state");
  REQUIRE_FALSE(endpoint.empty());
  std::vector<Process> devices;
  for (const std::string process : {"process-1", "process-2", "process-3"}) devices.push_back(federation.start(process, federation.device(process, endpoint)));
  const auto lines = [&] {
    const std::string log = federation.text_of("state/cohorts.jsonl");
    return std::count(log.begin(), log.end(), '\n');
  };
  std::uint64_t charges = 0;
  double clip_norm_before = parse_plan(federation.text_of("plan.toml")).value().aggregation.clip_norm_l2;
  for (const int rounds : {1, 2}) {
    const bool reached = eventually(Millis(90'000), [&] { return lines() >= rounds; });
    INFO(federation.text_of("coordinator.err"), federation.text_of("process-1.err"), federation.text_of("process-2.err"), federation.text_of("process-3.err"));
    REQUIRE(reached);
    coordinator.kill();
    const auto ledger = ledger_of(federation);
    REQUIRE(ledger);
    CHECK(ledger->charges() >= static_cast<std::uint64_t>(lines()));
    CHECK(ledger->charges() > charges);  // and none was lost
    charges = ledger->charges();
    const double clip_norm = next_clip_norm_of(federation);
    CHECK(clip_norm > 0);
    CHECK(clip_norm != clip_norm_before);
    clip_norm_before = clip_norm;
    std::vector<std::string> again = federation.coordinator("state", endpoint);
    if (rounds == 2) again.push_back("--exit-when-finished");
    coordinator = federation.start("coordinator", again);
  }
  const auto code = coordinator.wait(Millis(90'000));
  INFO(federation.text_of("coordinator.err"));
  REQUIRE(code == 0);
  for (Process& device : devices) device.send(SIGTERM);
  for (Process& device : devices) CHECK(device.wait(Millis(5'000)) == 0);

  const auto ledger = ledger_of(federation);
  REQUIRE(ledger);
  CHECK(ledger->charges() >= kRounds);
  const PrivacyAccount worst = ledger->worst();
  CHECK(worst.participations >= 2);
  const auto statement = nlohmann::json::parse(federation.text_of("state/dp-statement.json"));
  INFO(statement.dump());
  CHECK(statement.dump().find("\"distributed\"") != std::string::npos);
  CHECK(federation.text_of("state/dp-statement.txt").find("epsilon") != std::string::npos);
  // The model is no demonstration, and nothing that was printed says so.
  CHECK(federation.text_of("coordinator.out").find("DEMONSTRATION") == std::string::npos);
}

TEST_CASE("devices whose policy has not enough epsilon for the plan's cap take no part, and say why") {
  const SmallFederation federation({.settings = {"federation.rounds=2", "federation.retry_after_ms=100", "federation.selection_window_ms=200", "privacy.mode=distributed",
                                                 "privacy.noise_multiplier=1", "privacy.max_participations=2", "privacy.max_epsilon=100"}});
  forbid_demonstrations(federation, "max_epsilon = 1.0\n");
  Process coordinator = federation.start("coordinator", federation.coordinator("state"));
  const std::string endpoint = federation.endpoint_of("state");
  REQUIRE_FALSE(endpoint.empty());
  Process device = federation.start("process-1", federation.device("process-1", endpoint));
  std::vector<Process> others;
  for (const std::string process : {"process-2", "process-3"}) others.push_back(federation.start(process, federation.device(process, endpoint)));
  // Of all devices some are asked; once these have refused, too few are left for another attempt.
  const auto said = [&] { return federation.text_of("process-1.err") + federation.text_of("process-2.err") + federation.text_of("process-3.err"); };
  const bool refused = eventually(Millis(60'000), [&] { return said().find("participations would spend epsilon") != std::string::npos; });
  INFO(said());
  CHECK(refused);
  CHECK(federation.text_of("state/cohorts.jsonl").empty());
  device.send(SIGTERM);
  for (Process& other : others) other.send(SIGTERM);
  coordinator.send(SIGTERM);
  CHECK(coordinator.wait(Millis(5'000)) == 0);
  CHECK(device.wait(Millis(5'000)) == 0);
  for (Process& other : others) CHECK(other.wait(Millis(5'000)) == 0);
}

}  // namespace
}  // namespace fedspend::test
