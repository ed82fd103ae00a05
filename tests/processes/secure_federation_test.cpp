// Secure aggregation over ZeroMQ with the real programs: two hundred devices, of whom a tenth is killed at any moment of a round.

#include <algorithm>
#include <random>
#include <sstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

constexpr unsigned kClients = 200, kProcesses = 10;
constexpr std::size_t kRounds = 6;

// Of the plan.
std::string deadline_ms(std::int64_t ms) { return std::to_string(ms * kPatience); }

// The lines of a program's log with this event.
std::vector<nlohmann::json> events(const std::string& log, const std::string& event) {
  std::vector<nlohmann::json> found;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
    if (parsed.is_object() && parsed["event"] == event) found.push_back(std::move(parsed));
  }
  return found;
}

std::size_t rounds_done(const SmallFederation& federation) {
  const std::string log = federation.text_of("state/cohorts.jsonl");
  return static_cast<std::size_t>(std::count(log.begin(), log.end(), '\n'));
}

TEST_CASE("two hundred devices, a tenth of them killed at random moments: every round is published, and the simulator repeats it to the bit") {
  const SmallFederation federation({.clients = kClients,
                                    .processes = kProcesses,
                                    .settings = {"federation.rounds=" + std::to_string(kRounds), "federation.cohort=200", "federation.min_cohort=120", "federation.over_selection=1",
                                                 "federation.retry_after_ms=200", "federation.selection_window_ms=" + deadline_ms(2000), "federation.round_deadline_ms=" + deadline_ms(20000),
                                                 "aggregation.dropout_fraction=0.2", "aggregation.phase_deadline_ms=" + deadline_ms(4000)}});
  REQUIRE(federation.text_of("plan.toml").find("mode = \"secure\"") != std::string::npos);
  std::vector<std::string> command = federation.coordinator("state");
  command.insert(command.end(), {"--log-level", "debug", "--exit-when-finished"});
  Process coordinator = federation.start("coordinator", command);
  const std::string endpoint = federation.endpoint_of("state");
  REQUIRE_FALSE(endpoint.empty());
  std::vector<Process> devices;
  const auto start = [&](unsigned process) {
    const std::string name = "process-" + std::to_string(process + 1);
    return federation.start(name, federation.device(name, endpoint));
  };
  for (unsigned i = 0; i < kProcesses; ++i) devices.push_back(start(i));

  std::mt19937 random(200);  // NOLINT: moments of a test
  std::size_t done = 0, kills = 0;
  Millis round_began = steady_now(), round_took(0);
  const Millis end = steady_now() + Millis(150'000 * kPatience);
  while (coordinator.running() && steady_now() < end) {
    const std::size_t now_done = rounds_done(federation);
    if (now_done == done) {
      sleep_for(Millis(5));
      continue;
    }
    done = now_done;
    if (done == 1) round_took = steady_now() - round_began;
    if (done >= kRounds) break;
    // Anywhere in the next round, which lasts about as long as the last one.
    sleep_for(Millis(std::uniform_int_distribution<std::int64_t>(0, std::min<std::int64_t>(round_took.count(), 6'000))(random)));
    const unsigned victim = std::uniform_int_distribution<unsigned>(0, kProcesses - 1)(random);
    devices[victim].kill();
    ++kills;
    sleep_for(Millis(200));
    devices[victim] = start(victim);
  }
  const auto code = coordinator.wait(Millis(120'000 * kPatience));
  INFO(federation.text_of("coordinator.out"));
  REQUIRE(code == 0);
  CHECK(rounds_done(federation) == kRounds);
  CHECK(kills >= kRounds - 1);

  const std::string log = federation.text_of("coordinator.err");
  const auto published = events(log, "round_published");
  REQUIRE(published.size() == kRounds);
  std::ostringstream times;
  for (const nlohmann::json& round : published) {
    CHECK(std::stoul(round["updates"].get<std::string>()) >= 120);
    times << " " << round["updates"].get<std::string>() << " updates: " << round["selection_ms"].get<std::string>() << " + " << round["collection_ms"].get<std::string>() << " ms;";
  }
  CHECK(std::stoul(published.front()["updates"].get<std::string>()) >= 150);  // nobody had been killed yet; a busy machine loses some to a phase's deadline
  MESSAGE(kClients << " devices in " << kProcesses << " processes, " << kills << " of these killed and started again, " << events(log, "round_aborted").size()
                   << " rounds aborted; selection + assignment to sum:" << times.str());
  for (Process& device : devices) device.kill();

  std::vector<std::string> repeat = {program_path("fedspend-sim"), "run", "--plan", (federation / "plan.toml").string(), "--cohorts", (federation / "state/cohorts.jsonl").string(),
                                     "--out", (federation / "simulated").string(), "--no-progress"};
  for (const std::string& option : federation.data_options()) repeat.push_back(option);
  require_done(repeat);
  CHECK(federation.text_of("simulated/model.fsm") == federation.text_of("state/model.fsm"));
}

}  // namespace
}  // namespace fedspend::test
