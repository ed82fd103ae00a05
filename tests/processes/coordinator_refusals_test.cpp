// What a coordinator does not start with: one line, the exit code of DESIGN.md, and nothing written.

#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

const SmallFederation& federation() {
  static const SmallFederation made({.settings = {"federation.rounds=2"}});
  return made;
}

// A coordinator with other files, made by `prepare` in a folder of the case.
struct Case {
  std::string name;
  std::function<std::vector<std::string>(std::vector<std::string> command, const fs::path& folder)> prepare;
  std::string fault;  // the path or option that the line must name
  std::string hint;
};

void flip_byte(const fs::path& path, std::size_t at) {
  std::string bytes = content_of(path);
  REQUIRE(bytes.size() > at);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_text(path, bytes);
}

// A plan of its own, signed with the right key, and the initial model of the right plan beside it.
fs::path other_plan(const fs::path& folder, const std::string& setting) {
  const std::string path = folder / "other.toml";
  std::vector<std::string> plan = {program_path("fedspend-sim"), "plan", "--seed", "2", "--out", path, "--set", setting};
  for (const std::string& option : federation().data_options()) plan.push_back(option);
  require_done(plan);
  require_done({program_path("fedspend-admin"), "sign-plan", "--plan", path, "--release-key", federation() / "keys/release.key"});
  return path;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> made = {
      {"an initial model with a wrong byte",
       [](auto command, const fs::path& folder) {
         fs::copy_file(federation() / "initial.fsm", folder / "damaged.fsm");
         flip_byte(folder / "damaged.fsm", 2000);
         return with_option(command, "--initial-model", folder / "damaged.fsm");
       },
       "damaged.fsm", ""},
      {"an initial model that is cut off",
       [](auto command, const fs::path& folder) {
         write_text(folder / "short.fsm", federation().text_of("initial.fsm").substr(0, 300));
         return with_option(command, "--initial-model", folder / "short.fsm");
       },
       "short.fsm", ""},
      {"an initial model of another plan",
       [](auto command, const fs::path& folder) {
         require_done({program_path("fedspend-sim"), "init", "--plan", other_plan(folder, "model.sizes.hidden=8"), "--out", folder / "other.fsm"});
         return with_option(command, "--initial-model", folder / "other.fsm");
       },
       "other.fsm", "fedspend-sim init"},
      {"a plan without a signature",
       [](auto command, const fs::path& folder) {
         fs::copy_file(federation() / "plan.toml", folder / "unsigned.toml");
         return with_option(command, "--plan", folder / "unsigned.toml");
       },
       "unsigned.toml.sig", "sign-plan"},
      {"a plan that was changed after it was signed",
       [](auto command, const fs::path& folder) {
         write_text(folder / "changed.toml", federation().text_of("plan.toml") + "# one more line\n");
         fs::copy_file(federation() / "plan.toml.sig", folder / "changed.toml.sig");
         return with_option(command, "--plan", folder / "changed.toml");
       },
       "changed.toml", "sign"},
      {"a signature that is none",
       [](auto command, const fs::path& folder) {
         fs::copy_file(federation() / "plan.toml", folder / "rubbish.toml");
         write_text(folder / "rubbish.toml.sig", "this is no signature\n");
         return with_option(command, "--plan", folder / "rubbish.toml");
       },
       "rubbish.toml.sig", "sign-plan"},
      {"a plan whose participations would overspend its own budget",
       [](auto command, const fs::path& folder) {
         const fs::path plan = other_plan(folder, "federation.rounds=2");
         std::string text = content_of(plan);
         const std::size_t budget = text.find("max_epsilon = ");
         REQUIRE(budget != std::string::npos);
         text.replace(budget, text.find('\n', budget) - budget, "max_epsilon = 2.0");
         write_text(plan, text);
         require_done({program_path("fedspend-admin"), "sign-plan", "--plan", plan, "--release-key", federation() / "keys/release.key"});
         require_done({program_path("fedspend-sim"), "init", "--plan", plan, "--out", folder / "private.fsm"});
         return with_option(with_option(command, "--plan", plan), "--initial-model", folder / "private.fsm");
       },
       "other.toml", "privacy.noise_multiplier = "},
      {"a plan whose last day is over",
       [](auto command, const fs::path& folder) {
         const fs::path plan = other_plan(folder, "last_day=2026-11-21");
         require_done({program_path("fedspend-sim"), "init", "--plan", plan, "--out", folder / "over.fsm"});
         return with_option(with_option(command, "--plan", plan), "--initial-model", folder / "over.fsm");
       },
       "its last day was 2026-11-21", "last_day"},
      {"a private key that others can read",
       [](auto command, const fs::path& folder) {
         fs::copy_file(federation() / "keys/coordinator.key", folder / "open.key");
         REQUIRE(::chmod((folder / "open.key").c_str(), 0644) == 0);
         return with_option(command, "--curve-key", folder / "open.key");
       },
       "open.key", "chmod 600"},
      {"a folder for the state that is a file",
       [](auto command, const fs::path& folder) {
         write_text(folder / "file", "x");
         return with_option(command, "--state", folder / "file");
       },
       "file is not a folder", "folder"},
      {"a folder for the state below a file",
       [](auto command, const fs::path& folder) {
         write_text(folder / "file", "x");
         return with_option(command, "--state", folder / "file/state");
       },
       "file/state", ""},
      {"a folder for the results below a file",
       [](auto command, const fs::path& folder) {
         write_text(folder / "file", "x");
         return with_option(command, "--out", folder / "file/out");
       },
       "file/out", ""},
      {"a folder for the state where nobody can write",
       [](auto command, const fs::path&) { return with_option(command, "--state", "/proc/fedspend-state"); }, "/proc/fedspend-state", ""},
      {"a list of devices with a broken line",
       [](auto command, const fs::path& folder) {
         write_text(folder / "broken.list", federation().text_of("devices.list") + "beef\n");
         return with_option(command, "--devices", folder / "broken.list");
       },
       "broken.list", "64 hexadecimal digits"},
      {"an address that is none", [](auto command, const fs::path&) { return with_option(command, "--listen", "localhost"); }, "localhost", "tcp://"},
      {"an address of another machine", [](auto command, const fs::path&) { return with_option(command, "--listen", "tcp://192.0.2.1:5570"); }, "192.0.2.1", ""},
  };
  return made;
}

void check_refused(const Outcome& text, const Outcome& json, const std::string& fault, const std::string& hint) {
  INFO(text.out << text.err << json.out << json.err);
  CHECK(text.code == 4);
  CHECK(text.out.empty());
  const std::vector<std::string> lines = lines_without_log(text.err);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find(fault) != std::string::npos);
  CHECK(lines[0].find(hint) != std::string::npos);
  CHECK(json.code == 4);
  CHECK(lines_without_log(json.err).empty());
  const auto envelope = nlohmann::json::parse(json.out, nullptr, false);
  REQUIRE(envelope.is_object());
  CHECK(envelope["status"] == "error");
  CHECK_FALSE(envelope["hint"].get<std::string>().empty());
}

TEST_CASE("a coordinator with wrong input ends with 4 and one line that names it, and writes nothing") {
  for (const Case& bad : cases()) {
    const TemporaryFolder folder;
    std::vector<std::string> command = with_option(federation().coordinator("none"), "--state", folder / "state");
    command = bad.prepare(with_option(command, "--ready-file", folder / "ready"), folder.path());
    const std::vector<std::string> before = names_in(folder.path());
    const Outcome text = run_to_end(command);
    const Outcome json = run_to_end(with_option(command, "--format", "json"));
    CAPTURE(bad.name);
    check_refused(text, json, bad.fault, bad.hint);
    std::vector<std::string> after = names_in(folder.path());
    std::erase(after, "state");  // it may be there, and then it holds no model
    CHECK(after == before);
    CHECK_FALSE(fs::exists(folder / "state/model.fsm"));
    CHECK_FALSE(fs::exists(folder / "state/cohorts.jsonl"));
  }
}

TEST_CASE("a second coordinator on the same state, port or database of another plan ends with 4, and the first one goes on") {
  Process first = federation().start("first", federation().coordinator("shared"));
  const std::string endpoint = federation().endpoint_of("shared");
  REQUIRE_FALSE(endpoint.empty());
  const auto second = [](std::vector<std::string> command, const std::string& fault, const std::string& hint) {
    command = with_option(command, "--ready-file", "");
    check_refused(run_to_end(command), run_to_end(with_option(command, "--format", "json")), fault, hint);
  };
  SUBCASE("the same state") { second(federation().coordinator("shared"), "shared/coordinator.sqlite", "another --state folder"); }
  SUBCASE("the same port") { second(federation().coordinator("own", endpoint), endpoint.substr(endpoint.rfind(':')), ""); }
  CHECK(first.running());
  first.kill();
  SUBCASE("the state of another plan") {
    const TemporaryFolder folder;
    const fs::path plan = other_plan(folder.path(), "federation.rounds=3");
    require_done({program_path("fedspend-admin"), "sign-plan", "--plan", plan, "--release-key", federation() / "keys/release.key"});
    require_done({program_path("fedspend-sim"), "init", "--plan", plan, "--out", folder / "other.fsm"});
    second(with_option(with_option(federation().coordinator("shared"), "--plan", plan), "--initial-model", folder / "other.fsm"), "shared/coordinator.sqlite", "another plan");
  }
}

TEST_CASE("a damaged database is refused and left as it is") {
  const TemporaryFolder folder;
  std::string rubbish;
  for (unsigned i = 0; i < 8192; ++i) rubbish.push_back(static_cast<char>((i * 2654435761U) >> 24));
  write_text(folder / "coordinator.sqlite", rubbish);
  const std::vector<std::string> command = with_option(with_option(federation().coordinator("none"), "--state", folder.path()), "--ready-file", "");
  check_refused(run_to_end(command), run_to_end(with_option(command, "--format", "json")), "coordinator.sqlite", "");
  CHECK(names_in(folder.path()) == std::vector<std::string>{"coordinator.sqlite"});
  CHECK(content_of(folder / "coordinator.sqlite") == rubbish);
}

}  // namespace
}  // namespace fedspend::test
