// An external beacon with the real programs (hostile case 33): what fedspend-admin signs and refuses, what a coordinator does not start
// without, and a federation whose devices pin the beacon's key.

#include <sys/stat.h>

#include <algorithm>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "common/program/file_lock.h"
#include "common/program/key_files.h"
#include "common/secagg/beacon.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

const SmallFederation& federation() {
  static const SmallFederation made({.clients = 9,
                                     .processes = 2,
                                     .settings = {"federation.rounds=2", "federation.retry_after_ms=100", "federation.selection_window_ms=200", "aggregation.beacon=external"}});
  return made;
}

std::string digits(char digit) { return std::string(64, digit); }

std::vector<std::string> sign_command(const std::string& key, const std::vector<std::string>& request) {
  std::vector<std::string> command = {program_path("fedspend-admin"), "beacon-sign", "--beacon-key", key};
  command.insert(command.end(), request.begin(), request.end());
  return command;
}

void check_refused(const std::vector<std::string>& command, const std::string& fault) {
  CAPTURE(fault);
  const Outcome outcome = run_to_end(command);
  INFO(outcome.out << outcome.err);
  CHECK(outcome.code == 4);
  CHECK(outcome.out.empty());
  const std::vector<std::string> lines = lines_without_log(outcome.err);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find(fault) != std::string::npos);
}

TEST_CASE("fedspend-admin makes a beacon, signs an attempt's roster, and never a second one of it") {
  const TemporaryFolder folder;
  const std::string key = folder / "beacon/beacon.key";
  require_done({program_path("fedspend-admin"), "beacon-keygen", "--out", folder / "beacon"});
  CHECK(names_in(folder / "beacon") == std::vector<std::string>{"beacon.key", "beacon.key.ledger", "beacon.key.pub"});
  check_refused({program_path("fedspend-admin"), "beacon-keygen", "--out", folder / "beacon"}, "is there already");

  const Outcome signed_once = run_to_end(sign_command(key, {digits('a'), digits('b')}));
  REQUIRE(signed_once.code == 0);
  REQUIRE(signed_once.out.size() == 129);
  const IdentityPublicKey public_key = *program::read_identity_public_key(key + ".pub", "beacon");
  SessionId assignment;
  Hash256 root{};
  Signature signature{};
  REQUIRE(from_hex(digits('a'), assignment.bytes));
  REQUIRE(from_hex(digits('b'), root));
  REQUIRE(from_hex(signed_once.out.substr(0, 128), signature));
  CHECK(open_beacon(public_key, assignment, root, signature).has_value());
  const Outcome again = run_to_end(sign_command(key, {digits('a'), digits('b'), "--format", "json"}));
  CHECK(nlohmann::json::parse(again.out)["data"]["signature"] == signed_once.out.substr(0, 128));

  check_refused(sign_command(key, {digits('a'), digits('c')}), "another roster of the attempt " + digits('a') + " was signed before");
  for (const std::vector<std::string>& request : std::vector<std::vector<std::string>>{{digits('a')}, {digits('a'), digits('b'), digits('c')}, {digits('a'), "b"}, {digits('x'), digits('b')}})
    check_refused(sign_command(key, request), "an assignment id and a roster root");
  check_refused(sign_command(key, {}), "HEX is missing");
  check_refused(sign_command(federation() / "keys/release.key", {digits('d'), digits('b')}), "not a beacon private key but a release private one");
  {
    const auto held = program::FileLock::take(key + ".lock", key);
    REQUIRE(held);
    check_refused(sign_command(key, {digits('d'), digits('b')}), "in use by another process");
  }
  fs::remove(key + ".ledger");
  check_refused(sign_command(key, {digits('d'), digits('b')}), "beacon.key.ledger");
}

TEST_CASE("a coordinator does not start a plan with an external beacon without the command and the key, nor with a key that is none") {
  const auto with = [](const std::string& state, std::vector<std::pair<std::string, std::string>> options) {
    std::vector<std::string> command = with_option(federation().coordinator(state), "--ready-file", "");
    for (const auto& [option, value] : options) command = with_option(command, option, value);
    return command;
  };
  check_refused(with("none", {}), "plan.toml: the plan has an external beacon, and --beacon-command is not given");
  check_refused(with("none", {{"--beacon-command", "/bin/true"}}), "plan.toml: the plan has an external beacon, and --beacon-key is not given");
  check_refused(with("none", {{"--beacon-command", "/bin/true"}, {"--beacon-key", federation() / "keys/release.key.pub"}}), "release.key.pub is not a beacon public key but a release public one");
  CHECK_FALSE(fs::exists(federation() / "none"));
}

TEST_CASE("a federation with an external beacon finishes where the devices pin its key") {
  const auto in = [](const std::string& name) { return (federation() / name).string(); };
  require_done({program_path("fedspend-admin"), "beacon-keygen", "--out", in("beacon")});
  write_text(in("beacon.sh"), "#!/bin/sh\nexec " + program_path("fedspend-admin").string() + " beacon-sign --beacon-key " + in("beacon/beacon.key") + " \"$@\"\n");
  REQUIRE(::chmod(in("beacon.sh").c_str(), 0700) == 0);
  const std::string policy = content_of(in("policy.toml"));
  write_text(in("pinning.toml"), policy + "allow_roster_beacon = false\nbeacon_key = \"" + to_hex(program::read_identity_public_key(in("beacon/beacon.key.pub"), "beacon")->bytes) + "\"\n");

  std::vector<std::string> command = federation().coordinator("run");
  command.insert(command.end(), {"--exit-when-finished", "--max-failed-rounds", "3", "--beacon-command", in("beacon.sh"), "--beacon-key", in("beacon/beacon.key.pub")});
  Process coordinator = federation().start("run", command);
  const std::string endpoint = federation().endpoint_of("run");
  INFO(federation().text_of("run.err"));
  REQUIRE_FALSE(endpoint.empty());
  std::vector<Process> devices;
  for (const std::string name : {"process-1", "process-2"}) devices.push_back(federation().start(name, with_option(federation().device(name, endpoint), "--policy", in("pinning.toml"))));
  CHECK(coordinator.wait(Millis(60'000)) == 0);
  INFO(federation().text_of("process-1.err"));
  CHECK(federation().text_of("run.out").find("round 2 of 2 done") != std::string::npos);
  // A line of heading, and one for each attempt.
  const std::string ledger = content_of(in("beacon/beacon.key.ledger"));
  CHECK(std::count(ledger.begin(), ledger.end(), '\n') >= 3);
}

}  // namespace
}  // namespace fedspend::test
