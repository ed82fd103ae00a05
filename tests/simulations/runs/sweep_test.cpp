#include "simulations/runs/sweep.h"

#include <sys/resource.h>

#include <csignal>
#include <set>

#include <doctest/doctest.h>

#include "tests/simulations/runs/small_population.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

namespace fs = std::filesystem;

Sweep sweep_of(const Population& population, const std::vector<std::string>& grid, std::vector<std::uint64_t> seeds = {1, 2}) {
  std::vector<GridAxis> axes;
  for (const std::string& text : grid) axes.push_back(parse_grid_axis(text).value());
  return plan_sweep(tests::small_plan(population), std::move(axes), std::move(seeds)).value();
}

Error refusal(const std::vector<std::string>& grid, std::vector<std::uint64_t> seeds = {1}) {
  std::vector<GridAxis> axes;
  for (const std::string& text : grid) {
    Result<GridAxis> axis = parse_grid_axis(text);
    if (!axis) return axis.error();
    axes.push_back(std::move(*axis));
  }
  const Result<Sweep> sweep = plan_sweep(tests::small_plan(tests::small_population()), std::move(axes), std::move(seeds));
  REQUIRE_FALSE(sweep);
  return sweep.error();
}

bool says(const Error& error, const std::string& part) { return error.message.find(part) != std::string::npos; }

bool always(std::size_t) { return true; }

// Every file below a folder that does not depend on the machine, with its bytes.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != "summary.json" && entry.path().filename() != "report.html") files[fs::relative(entry.path(), folder)] = tests::TemporaryFolder::read(entry.path());
  return files;
}

}  // namespace

TEST_CASE("a grid is every combination, the last key changing fastest, each with every seed") {
  const Sweep sweep = sweep_of(tests::small_population(), {"server.learning_rate=1,2", "training.learning_rate=0.1,0.2,0.3"}, {7, 9});
  REQUIRE(sweep.points.size() == 6);
  CHECK(sweep.jobs() == 12);
  CHECK(sweep.points[1].values == std::vector<std::string>{"1", "0.2"});
  CHECK(sweep.points[3].values == std::vector<std::string>{"2", "0.1"});
  CHECK(sweep.points[4].plan.plan.server.learning_rate == 2.0);
  CHECK(sweep.points[4].plan.plan.training.learning_rate == 0.2);
  CHECK(sweep.name_of(9) == "005-seed-9");
  std::set<std::string> names;
  for (std::size_t job = 0; job < sweep.jobs(); ++job) names.insert(sweep.name_of(job));
  CHECK(names.size() == 12);
}

TEST_CASE("a grid that cannot be run is refused before anything runs, and the fault is named") {
  CHECK(says(refusal({}), "the grid is empty"));
  CHECK(says(refusal({"server.learning_rate"}), "not of the form"));
  CHECK(says(refusal({"=1"}), "not of the form"));
  CHECK(says(refusal({"server.learning_rate="}), "empty value"));
  CHECK(says(refusal({"server.learning_rate=1,,2"}), "empty value"));
  CHECK(says(refusal({"server.learning_rate=1,2,1"}), "1 twice"));
  CHECK(says(refusal({"server.learning_rate=1", "server.learning_rate=2"}), "given twice"));
  CHECK(says(refusal({"server.learning_rate=1,2,1.0"}), "server.learning_rate=1 and server.learning_rate=1.0 are the same plan"));
  CHECK(says(refusal({"federation.rounds=3", "server.learning_rate=2,20e-1"}), "federation.rounds=3, server.learning_rate=2 and federation.rounds=3, server.learning_rate=20e-1 are the same plan"));
  CHECK(says(refusal({"server.learnig_rate=1"}), "server.learnig_rate"));
  CHECK(says(refusal({"federation.rounds=3,0"}), "federation.rounds=0"));
  CHECK(says(refusal({"server.learning_rate=1,-2"}), "server.learning_rate=-2"));
  CHECK(says(refusal({"server.learning_rate=1"}, {}), "no seed"));
  CHECK(says(refusal({"server.learning_rate=1"}, {3, 3}), "twice"));
  std::string many = "model.initial_seed=0";
  for (int i = 1; i <= 101; ++i) many += "," + std::to_string(i);
  std::string more = "federation.rounds=1";
  for (int i = 2; i <= 100; ++i) more += "," + std::to_string(i);
  const Error too_many = refusal({many, more});
  CHECK(too_many.code == ErrorCode::limit);
  CHECK(says(too_many, "more than 10000 jobs"));
}

TEST_CASE("a cohort that the data cannot fill is refused before any job starts") {
  const tests::TemporaryFolder folder;
  const Population population = tests::small_population();
  const auto refused = run_sweep(sweep_of(population, {"federation.cohort=9", "federation.min_cohort=4,8"}), population, folder.path() / "out", 1, always);
  REQUIRE_FALSE(refused);
  CHECK(says(refused.error(), "federation.cohort=9, federation.min_cohort=8"));  // of 8 asked, 8 need not be left
  CHECK(says(refused.error(), "a round asks at least 9 clients, and 8 clients are eligible"));
  CHECK_FALSE(fs::exists(folder.path() / "out"));
}

TEST_CASE("every job leaves the whole folder of a run, the same for any number of threads") {
  const tests::TemporaryFolder folder;
  const Population population = tests::small_population();
  const Sweep sweep = sweep_of(population, {"server.learning_rate=0.5,2"});
  const auto one = run_sweep(sweep, population, folder.path() / "one", 1, always), three = run_sweep(sweep, population, folder.path() / "three", 3, always);
  REQUIRE(one);
  REQUIRE(three);
  CHECK(one->size() == 4);
  for (const char* name : {"plan.toml", "metrics.jsonl", "metrics.csv", "model.fsm", "model-card.md", "report.html", "summary.json", "events.out.tfevents.0.fedspend-sim"})
    CHECK(fs::exists(folder.path() / "one/jobs/002-seed-2" / name));
  CHECK(contents(folder.path() / "one") == contents(folder.path() / "three"));
  for (std::size_t job = 0; job < 4; ++job) CHECK((*one)[job].summary["eval_loss"] == (*three)[job].summary["eval_loss"]);
  CHECK((*one)[0].summary["model_hash"] != (*one)[1].summary["model_hash"]);
  CHECK((*one)[0].summary["model_hash"] != (*one)[2].summary["model_hash"]);
}

TEST_CASE("the course of a sweep is that of each of its jobs, and a sweep of another course is another one") {
  const tests::TemporaryFolder folder;
  const Population population = tests::small_population();
  Sweep sweep = sweep_of(population, {"server.learning_rate=0.5,2"}, {1});
  sweep.course = {.segment_rounds = 2, .evaluate_every = 1, .early_stopping = {.evaluations = 1, .min_gain = 1}, .keep_models_every = 1};
  const auto facts = run_sweep(sweep, population, folder.path() / "out", 1, always);
  REQUIRE(facts);
  for (const SweepJobFacts& job : *facts) CHECK(job.summary["stopped_early"] == true);  // nothing gains more than 1
  CHECK(fs::exists(folder.path() / "out/jobs/001-seed-1/models"));
  Sweep other = sweep;
  other.course.world.name = "elsewhere";
  const auto refused = run_sweep(other, population, folder.path() / "out", 1, always);
  REQUIRE_FALSE(refused);
  CHECK(says(refused.error(), "holds another sweep: world"));
  other = sweep;
  other.course.segment_rounds = 3;
  CHECK_FALSE(run_sweep(other, population, folder.path() / "out", 1, always));
  CHECK(run_sweep(sweep, population, folder.path() / "out", 1, always));
}

TEST_CASE("a sweep that was stopped goes on where it was, to the same result, and runs no job twice") {
  const tests::TemporaryFolder folder;
  const Population population = tests::small_population();
  const Sweep sweep = sweep_of(population, {"server.learning_rate=0.5,2"});
  REQUIRE(run_sweep(sweep, population, folder.path() / "whole", 1, always));
  const auto stopped = run_sweep(sweep, population, folder.path() / "out", 1, [](std::size_t done) { return done < 2; });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::io);
  CHECK(says(stopped.error(), "2 of 4 jobs are done"));
  const fs::file_time_type first = fs::last_write_time(folder.path() / "out/jobs/001-seed-1/model.fsm");
  const auto again = run_sweep(sweep, population, folder.path() / "out", 2, always);
  REQUIRE(again);
  CHECK(again->size() == 4);
  CHECK(fs::last_write_time(folder.path() / "out/jobs/001-seed-1/model.fsm") == first);
  CHECK(contents(folder.path() / "out") == contents(folder.path() / "whole"));
}

TEST_CASE("a folder of another sweep, or of something else, is left alone") {
  const tests::TemporaryFolder folder;
  const Population population = tests::small_population();
  const Sweep sweep = sweep_of(population, {"server.learning_rate=0.5,2"}, {1});
  REQUIRE(run_sweep(sweep, population, folder.path() / "out", 1, always));
  const auto before = contents(folder.path() / "out");
  const auto grid = run_sweep(sweep_of(population, {"server.learning_rate=0.5,3"}, {1}), population, folder.path() / "out", 1, always);
  REQUIRE_FALSE(grid);
  CHECK(says(grid.error(), "grid of server.learning_rate 0.5,2 there, 0.5,3 here"));
  const auto seeds = run_sweep(sweep_of(population, {"server.learning_rate=0.5,2"}, {1, 2}), population, folder.path() / "out", 1, always);
  REQUIRE_FALSE(seeds);
  CHECK(says(seeds.error(), "seeds 1 there, 1,2 here"));
  const auto data = run_sweep(sweep, tests::small_population(9), folder.path() / "out", 1, always);
  REQUIRE_FALSE(data);
  CHECK(says(data.error(), "data"));
  CHECK(contents(folder.path() / "out") == before);
  folder.write("other/notes.txt", "mine");
  const auto other = run_sweep(sweep, population, folder.path() / "other", 1, always);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ErrorCode::conflict);
  CHECK(contents(folder.path() / "other").size() == 1);
}

TEST_CASE("a full disk ends the sweep with the job's name, and what is done stays") {
  const tests::TemporaryFolder folder;
  const Population population = tests::small_population();
  const Sweep sweep = sweep_of(population, {"server.learning_rate=0.5,2"}, {1});
  rlimit saved{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &saved) == 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const auto full = run_sweep(sweep, population, folder.path() / "out", 1, [&](std::size_t done) {
    if (done == 1) {
      const rlimit limit{4096, saved.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    return true;
  });
  ::setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, previous);
  REQUIRE_FALSE(full);
  CHECK(full.error().code == ErrorCode::io);
  CHECK(says(full.error(), "job 002-seed-1"));
  CHECK(fs::exists(folder.path() / "out/jobs/001-seed-1/model.fsm"));
  CHECK(std::distance(fs::directory_iterator(folder.path() / "out/jobs"), fs::directory_iterator()) == 1);
  CHECK(run_sweep(sweep, population, folder.path() / "out", 1, always));
}
