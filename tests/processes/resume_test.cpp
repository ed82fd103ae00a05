// fedspend-sim run --resume: a run that was killed at any point ends as one that was not disturbed, byte for byte; and it goes on
// with the same run only.

#include <algorithm>
#include <csignal>
#include <random>
#include <regex>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

const SmallFederation& federation() {
  static const SmallFederation made({.clients = 30, .settings = {"federation.rounds=60", "federation.cohort=8", "federation.min_cohort=6", "federation.over_selection=1.5"}});
  return made;
}

std::vector<std::string> run_command(const fs::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {program_path("fedspend-sim"), "run",         "--plan", federation() / "plan.toml", "--out", out, "--no-progress",
                                      "--checkpoint-every", "4", "--keep-models", "7", "--evaluate-every", "3"};
  for (const std::string& option : federation().data_options()) command.push_back(option);
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::vector<std::string> with(std::vector<std::string> command, const std::vector<std::string>& more) {
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

// Everything that a run leaves, but what the clock on the wall has written.
std::vector<std::pair<std::string, std::string>> results_in(const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> results;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = fs::relative(entry.path(), folder).string();
    std::string content = content_of(entry.path());
    if (name == "summary.json") {
      auto summary = nlohmann::json::parse(content);
      for (const char* key : {"seconds", "clients_per_second", "threads"}) summary.erase(key);
      content = summary.dump();
    }
    // The report marks what the clock has written; the model card has none of it.
    if (name == "report.html") content = std::regex_replace(content, std::regex("<span class=\"wall-clock\">[^<]*</span>"), "");
    results.emplace_back(name, content);
  }
  std::sort(results.begin(), results.end());
  return results;
}

void check_same(const fs::path& folder, const fs::path& expected) {
  const auto results = results_in(folder), wanted = results_in(expected);
  REQUIRE(results.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    CAPTURE(wanted[i].first);
    CHECK(results[i].first == wanted[i].first);
    CHECK(results[i].second == wanted[i].second);
  }
}

// Starts it again and again, and kills it each time it has gone on for a random while, until it ends by itself; how often.
unsigned kill_until_done(const std::vector<std::string>& command, const fs::path& out, std::mt19937& random) {
  const fs::path checkpoint = out.string() + ".checkpoint";
  unsigned kills = 0;
  for (unsigned attempt = 0; attempt < 200; ++attempt) {
    const std::string before = fs::exists(checkpoint) ? content_of(checkpoint) : std::string();
    Process run({.command = command, .out = {}, .err = {}, .folder = {}, .environment = {}});
    // Some way behind a checkpoint, so that each attempt gets further, however fast the machine is.
    static_cast<void>(eventually(Millis(20'000), [&] { return !run.running() || (fs::exists(checkpoint) && content_of(checkpoint) != before); }));
    sleep_for(Millis(static_cast<int>(random() % 40)));
    if (!run.running()) {
      CHECK(run.wait(Millis(1)) == 0);
      return kills;
    }
    run.kill();
    write_text(checkpoint.string() + ".partial-4711-0", "half");  // a kill that comes while a checkpoint is written leaves this
    ++kills;
  }
  FAIL("it did not come to its end");
  return kills;
}

TEST_CASE("a run that is killed at random points and resumed leaves what an undisturbed one leaves, byte for byte") {
  const TemporaryFolder folder;
  std::mt19937 random(20231);
  for (const std::string seed : {"1", "2"}) {
    CAPTURE(seed);
    require_done(run_command(folder / ("whole-" + seed), {"--seed", seed, "--threads", "1"}));
    CHECK(fs::exists(folder / ("whole-" + seed) / "models/round-000056.fsm"));
    const fs::path out = folder / ("killed-" + seed);
    const unsigned kills = kill_until_done(run_command(out, {"--seed", seed, "--resume"}), out, random);
    CHECK(kills >= 3);
    check_same(out, folder / ("whole-" + seed));
  }
  // No checkpoint and no part of a folder is left.
  CHECK(names_in(folder.path()) == std::vector<std::string>{"killed-1", "killed-2", "whole-1", "whole-2"});
}

// 192 participations are taken of the 210 that there are: towards the end many devices are silent.
TEST_CASE("a killed and resumed run keeps the devices' participation cap, and leaves what an undisturbed one leaves") {
  const TemporaryFolder folder;
  write_text(folder / "policy.toml", content_of(federation() / "policy.toml") + "max_participations = 7\n");
  const auto command = [&](const std::string& out) { return run_command(folder / out, {"--rounds", "24", "--policy", folder / "policy.toml"}); };
  require_done(command("whole"));
  const auto participation = nlohmann::json::parse(content_of(folder / "whole/summary.json"))["participation"];
  CHECK(participation["max"] == 7);
  std::mt19937 random(5);
  CHECK(kill_until_done(with(command("killed"), {"--resume"}), folder / "killed", random) >= 2);
  check_same(folder / "killed", folder / "whole");
}

TEST_CASE("a run that is stopped by a signal says how to go on, and another one does not overwrite its checkpoint") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out";
  Process run({.command = run_command(out), .out = {}, .err = folder / "err", .folder = {}, .environment = {}});
  CHECK(eventually(Millis(20'000), [&] { return fs::exists(folder / "out.checkpoint"); }));
  run.send(SIGINT);
  CHECK(run.wait(Millis(10'000)) == 1);
  CHECK(content_of(folder / "err").find("--resume") != std::string::npos);
  CHECK(lines_without_log(content_of(folder / "err")).size() == 1);

  const std::string checkpoint = content_of(folder / "out.checkpoint");
  const Outcome anew = run_to_end(run_command(out));
  CHECK(anew.code == 4);
  CHECK(anew.err.find("--resume") != std::string::npos);
  CHECK(content_of(folder / "out.checkpoint") == checkpoint);
  require_done(with(run_command(out), {"--resume"}));
  CHECK(!fs::exists(folder / "out.checkpoint"));
  CHECK(fs::exists(out / "summary.json"));
}

TEST_CASE("a resume of another plan, seed, population or way of running is refused, and says what differs") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out";
  Process run({.command = run_command(out), .out = {}, .err = {}, .folder = {}, .environment = {}});
  CHECK(eventually(Millis(20'000), [&] { return fs::exists(folder / "out.checkpoint"); }));
  run.kill();
  const std::string checkpoint = content_of(folder / "out.checkpoint");
  const auto other_population = (folder / "other").string();
  require_done({program_path("fedspend-sim"), "synth", "--clients", "31", "--months", "3", "--out", other_population});
  const std::vector<std::tuple<std::string, std::string, std::string>> differences = {
      {"--rounds", "59", "plan"},          {"--seed", "5", "seed"},         {"--data", other_population + "/synthetic.toml", "data"},
      {"--checkpoint-every", "5", "checkpoint-every"}, {"--evaluate-every", "2", "evaluate-every"}, {"--keep-models", "8", "keep-models"},
      {"--stop-after-no-gain", "3", "stop-after-no-gain"}, {"--policy", federation() / "policy.toml", "policy"}};
  for (const auto& [option, value, name] : differences) {
    CAPTURE(option);
    std::vector<std::string> command = with_option(run_command(out, {"--resume"}), option, value);
    if (std::find(command.begin(), command.end(), option) == command.end()) command = with(std::move(command), {option, value});
    const Outcome refused = run_to_end(command);
    CHECK(refused.code == 4);
    CHECK(lines_without_log(refused.err).size() == 1);
    CHECK(refused.err.find("another run: " + name + " ") != std::string::npos);
    CHECK(content_of(folder / "out.checkpoint") == checkpoint);
  }
}

TEST_CASE("a checkpoint that is torn, altered or something else is refused in one line, and left alone") {
  const TemporaryFolder folder;
  Process run({.command = run_command(folder / "out"), .out = {}, .err = {}, .folder = {}, .environment = {}});
  CHECK(eventually(Millis(20'000), [&] { return fs::exists(folder / "out.checkpoint"); }));
  run.kill();
  const std::string good = content_of(folder / "out.checkpoint");
  std::string altered = good;
  altered[good.size() / 2] = static_cast<char>(altered[good.size() / 2] ^ 1);
  for (const std::string& bad : {std::string(), std::string("FSCHECK4"), good.substr(0, good.size() - 1), good.substr(0, good.size() / 2), altered, good + "x", std::string(4096, 'a')}) {
    write_text(folder / "out.checkpoint", bad);
    const Outcome refused = run_to_end(run_command(folder / "out", {"--resume"}));
    CHECK(refused.code == 4);
    CHECK(lines_without_log(refused.err).size() == 1);
    CHECK(refused.err.find("out.checkpoint") != std::string::npos);
    CHECK(content_of(folder / "out.checkpoint") == bad);
  }
}

TEST_CASE("a full disk ends a run with 1 and one line, and the checkpoint before it is whole") {
  const TemporaryFolder folder;
  require_done(with_option(run_command(folder / "whole"), "--keep-models", "1"));
  // A limit on the size of files stands for the disk: a checkpoint with few models fits, one with many does not.
  const auto limited = [&](const std::vector<std::string>& command, const std::string& blocks) {
    return with({"/bin/bash", "-c", "ulimit -f " + blocks + "; exec \"$@\"", "limited"}, command);
  };
  const auto command = with_option(run_command(folder / "out", {"--resume"}), "--keep-models", "1");
  const Outcome full = run_to_end(limited(command, "1000"));
  CHECK(full.code == 1);
  CHECK(lines_without_log(full.err).size() == 1);
  CHECK(full.err.find("out.checkpoint") != std::string::npos);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"out.checkpoint", "whole"});
  require_done(command);
  check_same(folder / "out", folder / "whole");
}

TEST_CASE("a run that no longer gains ends early and keeps the best model, also when it is killed on the way") {
  const TemporaryFolder folder;
  const std::vector<std::string> rule = {"--stop-after-no-gain", "2", "--min-gain", "0.02", "--rounds", "1000"};
  require_done(run_command(folder / "whole", rule));
  const auto summary = nlohmann::json::parse(content_of(folder / "whole/summary.json"));
  CHECK(summary["stopped_early"] == true);
  const auto best = summary["best_round"].get<std::uint64_t>(), rounds = summary["rounds"].get<std::uint64_t>();
  CHECK(rounds == best + 6);  // two evaluations, three rounds apart
  double best_accuracy = 0;
  std::uint64_t best_round = 0;
  const std::string lines = content_of(folder / "whole/metrics.jsonl");
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    const auto line = nlohmann::json::parse(lines.substr(at, end - at));
    at = end + 1;
    if (line["eval_accuracy"].is_null() || line["eval_accuracy"].get<double>() <= best_accuracy + 0.02) continue;
    best_accuracy = line["eval_accuracy"];
    best_round = line["round"];
  }
  CHECK(best == best_round);
  CHECK(summary["eval_accuracy"] == best_accuracy);
  std::mt19937 random(7);
  const unsigned kills = kill_until_done(run_command(folder / "killed", with(rule, {"--resume"})), folder / "killed", random);
  CHECK(kills >= 1);
  check_same(folder / "killed", folder / "whole");
}

}  // namespace
}  // namespace fedspend::test
