// fedspend-sim run: the same seed gives the same bytes on any number of threads, and its folder appears whole or not at all.

#include <algorithm>
#include <csignal>

#include <doctest/doctest.h>

#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

const SmallFederation& federation() {
  static const SmallFederation made({.clients = 30, .settings = {"federation.rounds=5", "federation.cohort=10", "federation.min_cohort=9"}});
  return made;
}

std::vector<std::string> run_command(const fs::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {program_path("fedspend-sim"), "run", "--plan", federation() / "plan.toml", "--out", out, "--no-progress"};
  for (const std::string& option : federation().data_options()) command.push_back(option);
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

TEST_CASE("the same seed gives the same bytes on any number of threads, and another seed another model") {
  const TemporaryFolder folder;
  require_done(run_command(folder / "one", {"--seed", "7", "--threads", "1"}));
  for (const std::string threads : {"2", "5"}) {
    CAPTURE(threads);
    require_done(run_command(folder / threads, {"--seed", "7", "--threads", threads}));
    for (const std::string name : {"metrics.jsonl", "metrics.csv", "model.fsm", "plan.toml"}) {
      CAPTURE(name);
      const std::string one = content_of(folder / "one" / name);
      CHECK_FALSE(one.empty());
      CHECK(content_of(folder / threads / name) == one);
    }
  }
  require_done(run_command(folder / "eight", {"--seed", "8"}));
  CHECK(content_of(folder / "eight/model.fsm") != content_of(folder / "one/model.fsm"));
}

TEST_CASE("--set changes any key of the plan for one run, and what is written down is the resolved plan") {
  const TemporaryFolder folder;
  require_done(run_command(folder / "plain"));
  require_done(run_command(folder / "set", {"--set", "server.optimizer=fedyogi", "--set", "server.tau=0.01", "--set", "federation.rounds=3"}));
  const std::string plan = content_of(folder / "set/plan.toml");
  CHECK(plan.find("optimizer = \"fedyogi\"\n") != std::string::npos);
  CHECK(plan.find("tau = 0.01\n") != std::string::npos);
  CHECK(content_of(folder / "set/model.fsm") != content_of(folder / "plain/model.fsm"));
  std::vector<std::string> again = run_command(folder / "again");
  require_done(with_option(again, "--plan", (folder / "set/plan.toml").string()));
  CHECK(content_of(folder / "again/model.fsm") == content_of(folder / "set/model.fsm"));

  const Outcome refused = run_to_end(run_command(folder / "refused", {"--set", "server.optimiser=fedyogi"}));
  CHECK(refused.code == 4);
  CHECK(refused.err.find("did you mean server.optimizer?") != std::string::npos);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"again", "plain", "set"});
}

TEST_CASE("a run that is interrupted before its first checkpoint ends with 1 and leaves neither a folder nor a part of one") {
  const TemporaryFolder folder;
  for (const int signal : {SIGINT, SIGTERM}) {
    Process run({.command = run_command(folder / "out", {"--rounds", "100000", "--checkpoint-every", "100000"}), .out = {}, .err = federation() / "interrupted.err", .folder = {}, .environment = {}});
    CHECK(eventually(Millis(20'000), [&] { return !names_in(folder.path()).empty(); }));
    sleep_for(Millis(300));
    run.send(signal);
    CHECK(run.wait(Millis(10'000)) == 1);
    CHECK(lines_without_log(federation().text_of("interrupted.err")).size() == 1);
    CHECK(names_in(folder.path()).empty());
  }
  require_done(run_command(folder / "out"));
  const std::string before = content_of(folder / "out/model.fsm");
  Process again({.command = run_command(folder / "out", {"--rounds", "100000", "--checkpoint-every", "100000"}), .out = {}, .err = {}, .folder = {}, .environment = {}});
  CHECK(eventually(Millis(20'000), [&] { return names_in(folder.path()).size() == 2; }));
  again.send(SIGINT);
  CHECK(again.wait(Millis(10'000)) == 1);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"out"});
  CHECK(content_of(folder / "out/model.fsm") == before);
}

TEST_CASE("a population and profiles that are interrupted leave nothing") {
  const TemporaryFolder folder;
  Process synth({.command = {program_path("fedspend-sim"), "synth", "--clients", "1000000", "--out", folder / "out"}, .out = {}, .err = {}, .folder = {}, .environment = {}});
  CHECK(eventually(Millis(20'000), [&] { return !names_in(folder.path()).empty(); }));
  synth.send(SIGINT);
  CHECK(synth.wait(Millis(10'000)) == 1);
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("a run replaces the folder of another run as a whole, and no folder of anything else") {
  const TemporaryFolder folder;
  require_done(run_command(folder / "out", {"--rounds", "2"}));
  require_done(run_command(folder / "out"));
  const std::string metrics = content_of(folder / "out/metrics.jsonl");
  CHECK(std::count(metrics.begin(), metrics.end(), '\n') == 5);

  write_text(folder / "out/notes.txt", "mine");
  const Outcome refused = run_to_end(run_command(folder / "out"));
  CHECK(refused.code == 4);
  CHECK(refused.err.find((folder / "out").string()) != std::string::npos);
  CHECK(content_of(folder / "out/notes.txt") == "mine");
  CHECK(content_of(folder / "out/metrics.jsonl") == metrics);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"out"});
}

}  // namespace
}  // namespace fedspend::test
