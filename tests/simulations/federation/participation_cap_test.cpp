// The devices' records hold over a whole simulated run: also from segment to segment, and over a resume.
#include <algorithm>
#include <map>
#include <optional>

#include <doctest/doctest.h>

#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

constexpr std::uint32_t kCap = 2;

// 30 clients with two participations each: 60. Cohorts of 10 in 5 rounds take 50, and whom the cap leaves is always enough for one.
tests::SmallRun capped_run(std::uint32_t segment_rounds, const std::string& rounds = "5", const std::string& aggregation = "secure") {
  tests::SmallRun run = tests::small_run(30, {"federation.rounds=" + rounds, "federation.cohort=10", "federation.min_cohort=6", "training.max_rows=4", "aggregation.mode=" + aggregation});
  run.options.federation.policy.max_participations = kCap;
  run.options.federation.segment_rounds = segment_rounds;
  return run;
}

struct Course {
  Result<RunResult> result = fail(ErrorCode::internal, "not run");
  std::vector<Bytes> checkpoints;
  std::map<ClientId, std::uint32_t> contributed;  // by the rounds' summaries
  std::uint32_t declined = 0;
};

Course course_of(const tests::SmallRun& run, std::optional<RunCheckpoint> from = {}) {
  Course course;
  course.result = run_federation(
      run.options, run.clients,
      [&](const SimulatedRound& round, const auto&) {
        for (const ClientId& client : round.summary.contributors) ++course.contributed[client];
        course.declined += round.summary.declined;
        return true;
      },
      [&](const RunCheckpoint& reached) -> Status {
        course.checkpoints.push_back(encode_checkpoint(reached));
        return {};
      },
      std::move(from));
  return course;
}

std::uint32_t most_of(const Course& course) {
  std::uint32_t most = 0;
  for (const auto& [client, count] : course.contributed) most = std::max(most, count);
  return most;
}

}  // namespace

TEST_CASE("with a cap of two no client contributes more than twice over a run, however short its segments are") {
  for (const std::uint32_t segment_rounds : {1U, 2U, 25U}) {
    CAPTURE(segment_rounds);
    const Course course = course_of(capped_run(segment_rounds));
    REQUIRE_MESSAGE(course.result, course.result.error().message);
    CHECK(course.result->record.rounds() == 5);
    CHECK(most_of(course) == kCap);
    CHECK(course.result->participation.front().max == kCap);
  }
}

TEST_CASE("a run that is gone on from any of its checkpoints keeps the cap, and ends as the undisturbed one to the bit") {
  const tests::SmallRun run = capped_run(1);
  const Course whole = course_of(run);
  REQUIRE_MESSAGE(whole.result, whole.result.error().message);
  REQUIRE(whole.checkpoints.size() == 4);
  for (std::size_t at = 0; at < whole.checkpoints.size(); ++at) {
    CAPTURE(at);
    Result<RunCheckpoint> checkpoint = decode_checkpoint(whole.checkpoints[at]);
    REQUIRE_MESSAGE(checkpoint, checkpoint.error().message);
    for (const DeviceState& device : checkpoint->state.devices) {
      CHECK(device.participations <= kCap);
      CHECK(device.contributed <= device.participations);
      CHECK(device.updates.size() <= device.participations);
    }
    const Course resumed = course_of(run, std::move(*checkpoint));
    REQUIRE_MESSAGE(resumed.result, resumed.result.error().message);
    CHECK((tests::bits_of(*resumed.result) == tests::bits_of(*whole.result)));
    CHECK(resumed.result->participation.front().max == kCap);
    for (std::size_t later = at + 1; later < whole.checkpoints.size(); ++later) {
      // But for the two times of the wall clock and the hash at the end.
      const Bytes &was = resumed.checkpoints[later - at - 1], &wanted = whole.checkpoints[later];
      REQUIRE(was.size() == wanted.size());
      CHECK(std::equal(was.begin(), was.end() - 48, wanted.begin()));
    }
  }
}

TEST_CASE("when all participations are spent the run ends, and says so") {
  const Course course = course_of(capped_run(2, "7"));
  REQUIRE_FALSE(course.result);
  CHECK(course.result.error().code == ErrorCode::timeout);
  CHECK(course.result.error().hint.find("have spent the policy's max_participations") != std::string::npos);
  CHECK(most_of(course) == kCap);
}

// A model that does not move and a training without an order: every device makes the same update in every round. That of some is zero, of
// one row without context, and may be handed in again.
TEST_CASE("the same update is not handed in again, also in a later segment and after a resume") {
  tests::SmallRun run = tests::small_run(30, {"federation.rounds=4", "federation.cohort=8", "federation.min_cohort=6", "federation.over_selection=1.5", "server.learning_rate=1e-300", "training.max_rows=1", "training.schedule.kind=constant"});
  run.options.federation.segment_rounds = 1;
  const Course whole = course_of(run);
  REQUIRE_MESSAGE(whole.result, whole.result.error().message);
  REQUIRE(whole.checkpoints.size() == 3);
  Result<RunCheckpoint> checkpoint = decode_checkpoint(whole.checkpoints[2]);
  REQUIRE(checkpoint);
  CHECK(checkpoint->state.weights == *whole.result->weights);
  std::size_t with_update = 0;
  for (const DeviceState& device : checkpoint->state.devices) {
    if (device.updates.empty()) continue;
    ++with_update;
    CHECK(device.updates.size() == 1);
    CHECK(device.contributed == 1);
  }
  CHECK(with_update > 5);
  CHECK(whole.declined > 0);  // who was asked again
  const Course resumed = course_of(run, std::move(*checkpoint));
  REQUIRE_MESSAGE(resumed.result, resumed.result.error().message);
  CHECK((tests::bits_of(*resumed.result) == tests::bits_of(*whole.result)));
  CHECK(resumed.declined > 0);
}

TEST_CASE("a checkpoint whose devices hold more updates than any does is refused") {
  RunCheckpoint checkpoint;
  checkpoint.state.devices.resize(2);
  checkpoint.state.devices[1] = {.next_check_in = Millis(5), .holds_plan = true, .asked = 3, .contributed = 1, .participations = 2, .updates = {7, 8}};
  const Result<RunCheckpoint> back = decode_checkpoint(encode_checkpoint(checkpoint));
  REQUIRE(back);
  CHECK(back->state.devices == checkpoint.state.devices);
  checkpoint.state.devices[1].updates.resize(17);
  CHECK_FALSE(decode_checkpoint(encode_checkpoint(checkpoint)));
}
