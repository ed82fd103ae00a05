// A coordinator that is killed at any moment goes on from its last published model, and what it leaves is whole.

#include <algorithm>
#include <csignal>
#include <random>
#include <sstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "common/protocol/model_file.h"
#include "coordinator/store.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

constexpr std::uint64_t kRounds = 12;

ModelFile model_at(const std::filesystem::path& path) {
  const std::string bytes = content_of(path);
  const Result<ModelFile> model = decode_model_file(as_bytes(bytes));
  INFO(path.string());
  REQUIRE(model);
  return *model;
}

// The rounds in the store of a coordinator that does not run: 1, 2, 3 ... and a newest model that has its hash.
std::uint64_t rounds_in_store(const SmallFederation& federation) {
  const PlanHash plan = hash_of_plan(as_bytes(federation.text_of("plan.toml")));
  const auto store = coordinator::Store::open(federation / "state/coordinator.sqlite", plan);
  INFO((store ? std::string() : store.error().message));
  REQUIRE(store);
  const auto rounds = (*store)->published_rounds();
  REQUIRE(rounds);
  for (std::size_t i = 0; i < rounds->size(); ++i) CHECK((*rounds)[i].round == i + 1);
  const auto newest = (*store)->latest_model();
  INFO((newest ? std::string() : newest.error().message));
  REQUIRE(newest);
  CHECK((*newest ? (*newest)->round : 0) == rounds->size());
  return rounds->size();
}

void check_what_is_left(const SmallFederation& federation) {
  CHECK(rounds_in_store(federation) == kRounds);
  CHECK(names_in(federation / "state") == std::vector<std::string>{"cohorts.jsonl", "coordinator.sqlite", "dp-statement.json", "dp-statement.txt", "model.fsm"});
  const ModelFile model = model_at(federation / "state/model.fsm");
  CHECK(model.round == kRounds);
  std::istringstream lines(federation.text_of("state/cohorts.jsonl"));
  std::string line;
  std::uint64_t round = 0;
  nlohmann::json last;
  while (std::getline(lines, line)) {
    last = nlohmann::json::parse(line);
    CHECK(last["round"] == ++round);
    CHECK_FALSE(last["contributors"].empty());
  }
  CHECK(round == kRounds);
  CHECK(last["model_hash"] == hash_of_weights(weights_to_bytes(model.weights)).hex());
}

// With an optimizer that has state and a schedule on each side: a restart that lost the moments or its place would give other bits.
TEST_CASE("a coordinator that is killed again and again finishes its federation, and the simulator repeats it to the bit") {
  const SmallFederation federation({.settings = {"federation.rounds=" + std::to_string(kRounds), "federation.retry_after_ms=100", "federation.selection_window_ms=100",
                                                 "federation.round_deadline_ms=5000", "server.optimizer=fedadam", "server.learning_rate=0.05",
                                                 "server.schedule.kind=cosine", "server.schedule.warmup_rounds=3", "training.schedule.kind=exponential",
                                                 "training.schedule.decay=0.9"}});
  REQUIRE(federation.text_of("plan.toml").find("mode = \"secure\"") != std::string::npos);
  Process coordinator = federation.start("coordinator", federation.coordinator("state"));
  const std::string endpoint = federation.endpoint_of("state");
  REQUIRE_FALSE(endpoint.empty());
  std::vector<Process> devices;
  for (const std::string process : {"process-1", "process-2", "process-3"}) devices.push_back(federation.start(process, federation.device(process, endpoint)));

  std::mt19937 random(20);  // NOLINT: moments of a test
  std::uint64_t rounds = 0;
  int kills = 0;
  for (; kills < 8 && rounds + 2 < kRounds; ++kills) {
    sleep_for(Millis(std::uniform_int_distribution<int>(20, 700)(random)));
    REQUIRE_MESSAGE(coordinator.running(), federation.text_of("coordinator.err"));
    coordinator.kill();
    CAPTURE(kills);
    const std::uint64_t now = rounds_in_store(federation);
    CHECK(now >= rounds);
    rounds = now;
    const bool last = kills == 7 || rounds + 2 >= kRounds;
    std::vector<std::string> again = federation.coordinator("state", endpoint);
    if (last) again.push_back("--exit-when-finished");
    coordinator = federation.start("coordinator", again);
  }
  CHECK(kills >= 3);
  const auto code = coordinator.wait(Millis(60'000));
  INFO(federation.text_of("coordinator.err"));
  REQUIRE(code == 0);
  check_what_is_left(federation);

  // As if the last kill had come between the store and the files beside it.
  const std::string log = federation.text_of("state/cohorts.jsonl");
  write_text(federation / "state/cohorts.jsonl", log.substr(0, log.size() - 40));
  write_text(federation / "state/model.fsm", federation.text_of("initial.fsm"));
  write_text(federation / "state/model.fsm.partial-1-0", "half");
  write_text(federation / "state/cohorts.jsonl.partial-1-1", "half");
  std::vector<std::string> afterwards = federation.coordinator("state", endpoint);
  afterwards.push_back("--exit-when-finished");
  coordinator = federation.start("coordinator", afterwards);
  CHECK(coordinator.wait(Millis(30'000)) == 0);
  check_what_is_left(federation);
  CHECK(federation.text_of("state/cohorts.jsonl") == log);

  for (Process& device : devices) {
    CHECK(device.running());  // none was started again: they came back by themselves
    device.send(SIGTERM);
    CHECK(device.wait(Millis(5'000)) == 0);
  }
  std::vector<std::string> repeat = {program_path("fedspend-sim"), "run", "--plan", (federation / "plan.toml").string(), "--cohorts", (federation / "state/cohorts.jsonl").string(),
                                     "--out", (federation / "simulated").string(), "--no-progress"};
  for (const std::string& option : federation.data_options()) repeat.push_back(option);
  require_done(repeat);
  CHECK(federation.text_of("simulated/model.fsm") == federation.text_of("state/model.fsm"));
}

TEST_CASE("SIGTERM and SIGINT end a coordinator and its devices cleanly within 2 seconds, in the middle of a federation") {
  const SmallFederation federation({.settings = {"federation.rounds=100000", "federation.retry_after_ms=50", "federation.selection_window_ms=50"}});
  for (const int signal : {SIGTERM, SIGINT}) {
    CAPTURE(signal);
    const std::string state = "state-" + std::to_string(signal);
    Process coordinator = federation.start("coordinator", federation.coordinator(state));
    const std::string endpoint = federation.endpoint_of(state);
    REQUIRE_FALSE(endpoint.empty());
    std::vector<Process> devices;
    for (const std::string process : {"process-1", "process-2", "process-3"}) devices.push_back(federation.start(process, federation.device(process, endpoint)));
    const bool two_rounds = eventually(Millis(30'000), [&] {
      const std::string log = federation.text_of(state + "/cohorts.jsonl");
      return std::count(log.begin(), log.end(), '\n') >= 2;
    });
    INFO(federation.text_of("coordinator.err"));
    REQUIRE(two_rounds);
    for (const std::string process : {"process-1", "process-2", "process-3"}) REQUIRE(federation.catches_signals(process));
    coordinator.send(signal);
    CHECK(coordinator.wait(Millis(2'000)) == 0);
    CHECK(federation.text_of("coordinator.out").find("rounds") != std::string::npos);
    CHECK(names_in(federation / state) == std::vector<std::string>{"cohorts.jsonl", "coordinator.sqlite", "dp-statement.json", "dp-statement.txt", "model.fsm"});
    for (Process& device : devices) device.send(signal);
    for (Process& device : devices) CHECK(device.wait(Millis(2'000)) == 0);
  }
}

}  // namespace
}  // namespace fedspend::test
