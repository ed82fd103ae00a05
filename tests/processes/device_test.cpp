// Device processes that are killed, refused, or alone.

#include <algorithm>
#include <csignal>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

// One federation without a coordinator for all cases of this file: they differ in who runs.
const SmallFederation& federation() {
  static const SmallFederation made({.settings = {"federation.rounds=6", "federation.retry_after_ms=100", "federation.selection_window_ms=200",
                                                  "federation.round_deadline_ms=4000"}});
  return made;
}

// A client with keys of its own that is on no list.
fs::path stranger() {
  const fs::path folder = federation() / "profiles/stranger/client-1";
  if (fs::exists(folder)) return folder.parent_path();
  fs::create_directories(folder);
  fs::copy_file(*fs::directory_iterator(federation() / "profiles/process-1") / fs::path("transactions.csv"), folder / "transactions.csv");
  federation().request("stranger");
  federation().enrol({"stranger"}, "strangers.list");
  return folder.parent_path();
}

struct Running {
  Process coordinator;
  std::string endpoint;
};

Running start_coordinator(const std::string& state, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = federation().coordinator(state);
  command.insert(command.end(), more.begin(), more.end());
  Running running{federation().start(state, command), {}};
  running.endpoint = federation().endpoint_of(state);
  INFO(federation().text_of(state + ".err"));
  REQUIRE_FALSE(running.endpoint.empty());
  return running;
}

// It ends with `code` and one line that has `fault` in it.
void check_ends(const std::string& name, std::vector<std::string> command, int code, const std::string& fault) {
  CAPTURE(name);
  Process device = federation().start(name, std::move(command));
  const auto ended = device.wait(Millis(20'000));
  CHECK(ended == code);
  const std::vector<std::string> lines = lines_without_log(federation().text_of(name + ".err"));
  INFO(federation().text_of(name + ".err"));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find(fault) != std::string::npos);
  CHECK(federation().text_of(name + ".out").empty());
}

TEST_CASE("an instruction set that is not there is refused with those that are") {
  std::vector<std::string> command = federation().device("process-1", "tcp://127.0.0.1:1");
  command.insert(command.end(), {"--isa", "abacus"});
  check_ends("abacus", command, 4, "--isa: there is no instruction set \"abacus\" here");
  CHECK(federation().text_of("abacus.err").find("use one of best, ") != std::string::npos);
}

TEST_CASE("a device process that is killed twice in the middle is started again, and the federation finishes") {
  Running running = start_coordinator("killed", {"--exit-when-finished", "--max-failed-rounds", "3"});
  std::vector<Process> devices;
  const auto start = [&](const std::string& name) { return federation().start(name, federation().device(name, running.endpoint)); };
  for (const std::string name : {"process-1", "process-2", "process-3"}) devices.push_back(start(name));
  for (const int pause_ms : {450, 700}) {
    sleep_for(Millis(pause_ms));
    devices[1].kill();
    sleep_for(Millis(100));
    devices[1] = start("process-2");
  }
  const auto code = running.coordinator.wait(Millis(60'000));
  INFO(federation().text_of("killed.err"));
  CHECK(code == 0);
  CHECK(federation().text_of("killed.out").find("round 6 of 6 done") != std::string::npos);
  CHECK(federation().catches_signals("process-2"));
  for (Process& device : devices) {
    device.send(SIGTERM);
    CHECK(device.wait(Millis(30'000)) == 0);
  }
  for (const std::string& client : names_in(federation() / "process-2.cache"))
    for (const std::string& name : names_in(federation() / "process-2.cache" / client)) CHECK((name == "model-next_category.plan" || name == "model-next_category.weights"));
}

TEST_CASE("a device that is not on the list ends with 2 and is told to enrol, and one among others does not stop them") {
  Running running = start_coordinator("strangers");
  const std::string folder = stranger();
  check_ends("stranger", with_option(federation().device("x", running.endpoint), "--profiles", folder), 2, "enrol the device");

  const fs::path mixed = federation() / "profiles/mixed";
  fs::create_directories(mixed);
  fs::copy(folder + "/client-1", mixed / "stranger", fs::copy_options::recursive);
  fs::copy(*fs::directory_iterator(federation() / "profiles/process-1"), mixed / "enrolled", fs::copy_options::recursive);
  Process device = federation().start("mixed", federation().device("mixed", running.endpoint));
  CHECK(eventually(Millis(10'000), [] { return federation().text_of("mixed.err").find("client_refused") != std::string::npos; }));
  CHECK(device.running());
  device.send(SIGTERM);
  CHECK(device.wait(Millis(30'000)) == 0);
}

TEST_CASE("a consent is withdrawn while an agent runs, which ends what it was doing; what needs the store itself says who has it") {
  Running running = start_coordinator("withdrawn");
  Process device = federation().start("withdrawn-device", federation().device("process-2", running.endpoint));
  REQUIRE(federation().catches_signals("withdrawn-device"));
  const std::string profiles = (federation() / "profiles/process-2").string();
  const auto consent = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command = {program_path("fedspend-device"), "consent", "--profiles", profiles, "--population", "synthetic", "--purpose", "next_category"};
    command.insert(command.end(), more.begin(), more.end());
    return run_to_end(command);
  };
  const Outcome busy = run_to_end({program_path("fedspend-device"), "history", "--profiles", profiles, "--population", "synthetic"});
  CHECK(busy.code != 0);
  const Outcome withdrawn = consent({"--withdraw"});
  INFO(withdrawn.err);
  CHECK(withdrawn.code == 0);
  CHECK(withdrawn.out.find("4 clients: the consent to next_category is withdrawn") != std::string::npos);
  CHECK(eventually(Millis(10'000), [] { return federation().text_of("withdrawn-device.err").find("\"waits\"") != std::string::npos; }));
  device.send(SIGTERM);
  CHECK(device.wait(Millis(30'000)) == 0);
  const Outcome history = run_to_end({program_path("fedspend-device"), "history", "--profiles", profiles, "--population", "synthetic"});
  CHECK(history.code == 0);
  CHECK(consent({"--notice", "test"}).code == 0);
}

TEST_CASE("a customer corrects a transaction by the id that was listed; an id of nobody's, and a folder of many, are refused") {
  const fs::path profile = federation() / "profiles/corrected/client-1";
  fs::create_directories(profile);
  fs::copy_file(*fs::directory_iterator(federation() / "profiles/process-1") / fs::path("transactions.csv"), profile / "transactions.csv");
  federation().request("corrected");
  const auto device = [&](const std::string& command, const fs::path& profiles, const std::vector<std::string>& more) {
    std::vector<std::string> words = {program_path("fedspend-device"), command, "--profiles", profiles.string(), "--population", "synthetic"};
    words.insert(words.end(), more.begin(), more.end());
    return run_to_end(words);
  };
  REQUIRE(device("ingest", profile, {"--ids"}).code == 0);
  const std::string ids = content_of(profile / "transactions.ids"), rows = content_of(profile / "transactions.csv");
  CHECK(std::ranges::count(ids, '\n') == std::ranges::count(rows, '\n') - 1);  // but for the line of names
  const std::string id = ids.substr(0, ids.find('\n'));
  const Outcome done = device("correct", profile, {"--transaction", id, "--category", "groceries"});
  INFO(done.err);
  CHECK(done.code == 0);
  CHECK(done.out == "the transaction is of the category groceries from now on\n");
  const Outcome unknown = device("correct", profile, {"--transaction", "nobody's", "--category", "groceries"});
  CHECK(unknown.code != 0);
  CHECK(unknown.err.find("client-1") != std::string::npos);
  const Outcome many = device("correct", federation() / "profiles/process-1", {"--transaction", id, "--category", "groceries"});
  CHECK(many.code == 4);
  CHECK(many.err.find("4 clients") != std::string::npos);
}

TEST_CASE("a store that is damaged is wiped, and nothing of it stays") {
  const fs::path profile = federation() / "profiles/damaged";
  fs::create_directories(profile);
  fs::copy(*fs::directory_iterator(federation() / "profiles/process-1"), profile / "client", fs::copy_options::recursive);
  write_text(profile / "client/device.db", "rubbish");
  const auto command = [&](const std::string& name) { return std::vector<std::string>{program_path("fedspend-device"), name, "--profiles", profile, "--population", "synthetic"}; };
  CHECK(run_to_end(command("history")).code == 4);
  const Outcome wiped = run_to_end(command("wipe"));
  INFO(wiped.err);
  CHECK(wiped.code == 0);
  for (const std::string& name : names_in(profile / "client")) CHECK((name == "transactions.csv" || name == "label"));
}

TEST_CASE("a device that pins another coordinator's key, or finds no coordinator, ends with 2 in bounded time") {
  Running running = start_coordinator("keys-pinned");
  require_done({program_path("fedspend-admin"), "keygen", "--out", (federation() / "other-keys").string()});
  std::vector<std::string> command = with_option(federation().device("process-1", running.endpoint), "--connect-timeout-s", "2");
  check_ends("wrong-pin", with_option(command, "--coordinator-key", federation() / "other-keys/coordinator.key.pub"), 2, "pinned key");
  // Nobody listens on port 1.
  check_ends("nobody", with_option(command, "--coordinator", "tcp://127.0.0.1:1"), 2, "tcp://127.0.0.1:1 does not answer");
}

TEST_CASE("a device that pins another release key refuses every assignment and says so") {
  Running running = start_coordinator("release");
  std::vector<Process> devices;
  if (!fs::exists(federation() / "third-keys")) require_done({program_path("fedspend-admin"), "keygen", "--out", (federation() / "third-keys").string()});
  for (const std::string name : {"process-1", "process-2", "process-3"}) {
    std::vector<std::string> command = with_option(federation().device(name, running.endpoint), "--release-key", federation() / "third-keys/release.key.pub");
    command = with_option(with_option(command, "--format", "json"), "--cache", federation() / (name + ".other-cache"));
    devices.push_back(federation().start(name, command));
  }
  // Whom the coordinator asks is drawn: it need not be a client of every process.
  const std::vector<std::string> names = {"process-1", "process-2", "process-3"};
  const bool refused = eventually(Millis(20'000), [&] {
    return std::any_of(names.begin(), names.end(), [](const std::string& name) { return federation().text_of(name + ".err").find("assignment_refused") != std::string::npos; });
  });
  CHECK(refused);
  for (const std::string& name : names) CHECK(federation().catches_signals(name));
  for (Process& device : devices) {
    device.send(SIGTERM);
    CHECK(device.wait(Millis(30'000)) == 0);
  }
  std::uint64_t refusals = 0;
  for (const std::string& name : names) {
    const auto report = nlohmann::json::parse(federation().text_of(name + ".out"), nullptr, false);
    REQUIRE_FALSE(report.is_discarded());
    CHECK(report["data"]["trainings"] == 0);
    const auto here = report["data"]["assignments_refused"].get<std::uint64_t>();
    refusals += here;
    CHECK((report["data"]["last_refusal"].get<std::string>().find("sign") != std::string::npos) == (here > 0));
  }
  CHECK(refusals > 0);
}

TEST_CASE("devices with the default policy refuse a demonstration, and the coordinator gives up with 3 and says why") {
  Running running = start_coordinator("default-policy", {});
  running.coordinator.kill();
  std::vector<std::string> command = with_option(federation().coordinator("default-policy", running.endpoint), "--selection-timeout-s", "5");
  Process coordinator = federation().start("default-policy", with_option(command, "--max-failed-rounds", "1"));
  std::vector<Process> devices;
  for (const std::string name : {"process-1", "process-2", "process-3"})
    devices.push_back(federation().start(name, with_option(federation().device(name, running.endpoint), "--policy", "")));
  const auto code = coordinator.wait(Millis(30'000));
  CHECK(code == 3);
  const std::vector<std::string> lines = lines_without_log(federation().text_of("default-policy.err"));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("policies allow the plan") != std::string::npos);
  for (Process& device : devices) {
    device.send(SIGTERM);
    CHECK(device.wait(Millis(30'000)) == 0);
  }
  CHECK(federation().text_of("process-1.out").find("0 updates") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::test
