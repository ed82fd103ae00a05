// A simulated run whose clip norm adapts: it is in the metrics and in the checkpoints.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>

#include <doctest/doctest.h>

#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

tests::SmallRun adaptive_run() {
  tests::SmallRun run = tests::small_run(24, {"federation.rounds=5", "federation.cohort=12", "training.max_rows=4", "aggregation.mode=secure", "aggregation.clip_norm_l2=0.5", "privacy.mode=distributed",
                                              "privacy.noise_multiplier=0.5", "privacy.max_epsilon=1e6", "privacy.max_participations=5", "privacy.clip_quantile=0.5", "privacy.clip_learning_rate=0.5"});
  run.options.federation.segment_rounds = 1;
  return run;
}

struct Course {
  Result<RunResult> result = fail(ErrorCode::internal, "not run");
  std::vector<Bytes> checkpoints;
};

Course course_of(const tests::SmallRun& run, std::optional<RunCheckpoint> from = {}) {
  Course course;
  course.result = run_federation(
      run.options, run.clients, [](const SimulatedRound&, const auto&) { return true; },
      [&](const RunCheckpoint& reached) -> Status {
        course.checkpoints.push_back(encode_checkpoint(reached));
        return {};
      },
      std::move(from));
  return course;
}

}  // namespace

TEST_CASE("a run whose clip norm adapts shows it round for round, and goes on from any of its checkpoints to the same bytes") {
  const tests::SmallRun run = adaptive_run();
  const Course whole = course_of(run);
  REQUIRE_MESSAGE(whole.result, whole.result.error().message);
  std::vector<double> norms;
  for (const auto& line : whole.result->record.lines()) {
    REQUIRE(line.at("published").get<bool>());
    norms.push_back(line.at("clip_norm_l2").get<double>());
  }
  REQUIRE(norms.size() == 5);
  CHECK(norms.front() == 0.5);
  for (std::size_t i = 1; i < norms.size(); ++i) {
    CHECK(norms[i] != norms[i - 1]);
    CHECK(std::abs(std::log(norms[i] / norms[i - 1])) <= 0.5);  // eta times what noise and share can be off the quantile
  }
  REQUIRE(whole.checkpoints.size() == 4);
  for (std::size_t at = 0; at < whole.checkpoints.size(); ++at) {
    CAPTURE(at);
    Result<RunCheckpoint> checkpoint = decode_checkpoint(whole.checkpoints[at]);
    REQUIRE_MESSAGE(checkpoint, checkpoint.error().message);
    CHECK(checkpoint->state.clip_norm_l2 == norms[at + 1]);
    const Course resumed = course_of(run, std::move(*checkpoint));
    REQUIRE_MESSAGE(resumed.result, resumed.result.error().message);
    CHECK((tests::bits_of(*resumed.result) == tests::bits_of(*whole.result)));
  }
}

TEST_CASE("a checkpoint with a clip norm that the plan cannot have come to is refused") {
  const tests::SmallRun run = adaptive_run();
  const Course whole = course_of(run);
  REQUIRE(whole.checkpoints.size() == 4);
  for (const double bad : {0.0, 51.0, 0.0049, std::nan("")}) {
    RunCheckpoint checkpoint = decode_checkpoint(whole.checkpoints[1]).value();
    checkpoint.state.clip_norm_l2 = bad;
    const Course resumed = course_of(run, std::move(checkpoint));
    REQUIRE_FALSE(resumed.result);
    CHECK(resumed.result.error().message.find("the round's clip norm is") == 0);
  }
}

TEST_CASE("an update that is made, like an audit's canary, is asked for at the clip norm of its round") {
  tests::SmallRun run = adaptive_run();
  std::mutex mutex;
  std::set<double> asked;
  const std::size_t parameters = static_cast<std::size_t>(run.options.plan.plan.model.parameter_count);
  run.options.federation.made_updates = [&](std::size_t, double clip_norm_l2) -> std::optional<std::vector<float>> {
    const std::lock_guard lock(mutex);
    asked.insert(clip_norm_l2);
    return std::vector<float>(parameters);  // zeros may be handed in again
  };
  const Course whole = course_of(run);
  REQUIRE_MESSAGE(whole.result, whole.result.error().message);
  std::set<double> norms;
  for (const auto& line : whole.result->record.lines()) norms.insert(line.at("clip_norm_l2").get<double>());
  CHECK(norms.size() == 5);
  CHECK(asked == norms);
}
