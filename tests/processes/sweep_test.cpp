// fedspend-sim sweep and references as processes: a sweep that is killed at any point goes on to the same result.

#include <algorithm>
#include <csignal>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/paths.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

const SmallFederation& federation() {
  static const SmallFederation made({.clients = 30, .settings = {"federation.rounds=10", "federation.cohort=10", "federation.min_cohort=9"}});
  return made;
}

std::vector<std::string> command_of(const std::string& name, const std::vector<std::string>& more) {
  std::vector<std::string> command = {program_path("fedspend-sim"), name, "--plan", federation() / "plan.toml", "--no-progress"};
  for (const std::string& option : federation().data_options()) command.push_back(option);
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::vector<std::string> sweep(const fs::path& out, const std::string& threads = "2") {
  return command_of("sweep", {"--grid", "server.learning_rate=0.5,1,2", "--seeds", "1,2", "--out", out, "--threads", threads});
}

std::vector<std::string> jobs_in(const fs::path& folder) {
  std::vector<std::string> jobs;
  for (const std::string& name : names_in(folder / "jobs"))
    if (name.find(".partial-") == std::string::npos) jobs.push_back(name);
  return jobs;
}

void check_same_sweep(const fs::path& one, const fs::path& other) {
  for (const std::string name : {"summary.json", "summary.csv", "sweep.html", "sweep.json"}) {
    CAPTURE(name);
    CHECK_FALSE(content_of(one / name).empty());
    CHECK(content_of(one / name) == content_of(other / name));
  }
  CHECK(names_in(one / "jobs") == names_in(other / "jobs"));
  for (const std::string& job : names_in(one / "jobs"))
    for (const std::string name : {"plan.toml", "metrics.jsonl", "model.fsm", "events.out.tfevents.0.fedspend-sim"}) CHECK(content_of(one / "jobs" / job / name) == content_of(other / "jobs" / job / name));
}

TEST_CASE("a sweep that is killed, and one that is interrupted, go on to the result of an undisturbed one") {
  const TemporaryFolder folder;
  require_done(sweep(folder / "whole", "1"));
  CHECK(jobs_in(folder / "whole").size() == 6);
  for (const int signal : {SIGKILL, SIGTERM}) {
    CAPTURE(signal);
    const fs::path out = folder / ("out-" + std::to_string(signal));
    Process disturbed({.command = sweep(out), .out = {}, .err = {}, .folder = {}, .environment = {}});
    CHECK(eventually(Millis(60'000), [&] { return !jobs_in(out).empty(); }));
    disturbed.send(signal);
    CHECK(disturbed.wait(Millis(20'000)).has_value());
    require_done(sweep(out));
    check_same_sweep(folder / "whole", out);
  }
}

TEST_CASE("a sweep that is done is taken as it is, and the table is the same") {
  const TemporaryFolder folder;
  require_done(sweep(folder / "out"));
  const auto written = fs::last_write_time(folder / "out/jobs/001-seed-1/model.fsm");
  const Outcome again = run_to_end(sweep(folder / "out"));
  CHECK(again.code == 0);
  CHECK(again.out.find("best: server.learning_rate = ") != std::string::npos);
  CHECK(fs::last_write_time(folder / "out/jobs/001-seed-1/model.fsm") == written);
}

TEST_CASE("a job of a sweep and a run of its plan and seed give the same model") {
  const TemporaryFolder folder;
  require_done(sweep(folder / "out"));
  std::vector<std::string> run = command_of("run", {"--seed", "2", "--out", folder / "run"});
  require_done(with_option(run, "--plan", (folder / "out/jobs/003-seed-2/plan.toml").string()));
  CHECK(content_of(folder / "run/model.fsm") == content_of(folder / "out/jobs/003-seed-2/model.fsm"));
  const Outcome compared = run_to_end({program_path("fedspend-sim"), "compare", folder / "run", folder / "out/jobs/003-seed-2", "--format", "json"});
  REQUIRE(compared.code == 0);
  const auto json = nlohmann::json::parse(compared.out)["data"];
  CHECK(json["models_equal"] == true);
  CHECK(json["plan"].empty());
  CHECK(json["comparable"] == true);
}

TEST_CASE("a sweep takes the course of a run, and its jobs are that run") {
  const TemporaryFolder folder;
  const std::vector<std::string> course = {"--world", tests::source_dir() + "/simulations/worlds/mixed.toml", "--checkpoint-every", "4", "--evaluate-every", "2", "--stop-after-no-gain", "3", "--min-gain", "0.01", "--keep-models", "5", "--isa", "SSE4"};
  std::vector<std::string> swept = {"--grid", "server.learning_rate=1,2", "--seeds", "2", "--trainers", "lean", "--out", folder / "out"};
  swept.insert(swept.end(), course.begin(), course.end());
  require_done(command_of("sweep", swept));
  std::vector<std::string> run = {"--seed", "2", "--set", "server.learning_rate=2", "--references", "none", "--out", folder / "run"};
  run.insert(run.end(), course.begin(), course.end());
  require_done(command_of("run", run));
  for (const std::string name : {"model.fsm", "metrics.jsonl"}) CHECK(content_of(folder / "run" / name) == content_of(folder / "out/jobs/002-seed-2" / name));
  CHECK(names_in(folder / "run/models") == names_in(folder / "out/jobs/002-seed-2/models"));
  CHECK(nlohmann::json::parse(content_of(folder / "out/sweep.json")).dump().find("mixed") != std::string::npos);
  // What cannot be, in one line: for both.
  const std::pair<std::vector<std::string>, std::string> wrong[] = {{{"--min-gain", "0.1"}, "--min-gain says what a gain is, and nothing looks for one"},
                                                                    {{"--isa", "abacus"}, "abacus"},
                                                                    {{"--trainers", "abacus"}, "there are no trainers"},
                                                                    {{"--world", folder / "nowhere.toml"}, "nowhere.toml"},
                                                                    {{"--evaluate-every", "0"}, "--evaluate-every"}};
  for (const auto& [options, message] : wrong) {
    for (std::vector<std::string> more : {std::vector<std::string>{"--out", folder / "wrong"}, std::vector<std::string>{"--out", folder / "wrong", "--grid", "server.learning_rate=1,2"}}) {
      const std::string name = more.size() == 2 ? "run" : "sweep";
      CAPTURE(name);
      more.insert(more.end(), options.begin(), options.end());
      const Outcome refused = run_to_end(command_of(name, more));
      CAPTURE(refused.err);
      CHECK(refused.code == 4);
      CHECK(refused.err.find(message) != std::string::npos);
      CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
    }
  }
}

TEST_CASE("references give the three trainings with every seed and every number of epochs") {
  const Outcome outcome = run_to_end(command_of("references", {"--seeds", "1,2", "--epochs", "1,2", "--format", "json"}));
  REQUIRE(outcome.code == 0);
  const auto data = nlohmann::json::parse(outcome.out)["data"];
  for (const char* key : {"central", "federated", "local_only"}) {
    CHECK(data["table"][key]["accuracy_mean"] > 0);
    CHECK(data["table"][key]["accuracy_lowest"] <= data["table"][key]["accuracy_highest"]);
  }
  CHECK(data["seeds"].size() == 2);
  CHECK(data["seeds"][1]["references"]["central"]["grid"].size() == 4);  // two learning rates
  CHECK(data["baselines"].contains("markov_own"));
}

TEST_CASE("a run with references and per-client scores shows them, and without asking names nobody") {
  const TemporaryFolder folder;
  require_done(command_of("run", {"--out", folder / "plain", "--references", "none"}));
  CHECK(content_of(folder / "plain/report.html").find("--references all") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "plain/per_client.csv"));
  require_done(command_of("run", {"--out", folder / "ranks", "--references", "all", "--per-client", "ranks"}));
  const std::string report = content_of(folder / "ranks/report.html");
  CHECK(report.find("central training") != std::string::npos);
  CHECK(report.find("local-only training") != std::string::npos);
  CHECK(content_of(folder / "ranks/model-card.md").find("local-only training") != std::string::npos);
  for (const std::string name : {"report.html", "summary.json", "model-card.md", "per_client.csv", "metrics.jsonl"}) CHECK(content_of(folder / "ranks" / name).find("customer-") == std::string::npos);
  require_done(command_of("run", {"--out", folder / "labels", "--references", "none", "--per-client", "labels"}));
  CHECK(content_of(folder / "labels/per_client.csv").find("customer-") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::test
