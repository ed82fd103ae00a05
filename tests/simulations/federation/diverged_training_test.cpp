// Training that diverges: a device sends zero then and says nothing, so the simulator has to.
#include <doctest/doctest.h>

#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

Result<RunResult> run_at(const char* learning_rate) {
  const tests::SmallRun run = tests::small_run(12, {"aggregation.mode=open", "privacy.mode=none", "federation.rounds=4", "federation.cohort=6", "training.epochs=40", "training.gradient_clip_l2=0", std::string("training.learning_rate=") + learning_rate});
  return run_federation(run.options, run.clients, [](const SimulatedRound&, const auto&) { return true; });
}

}  // namespace

TEST_CASE("a run stops when training diverged on a whole cohort in a row, says in which round and what to change") {
  const Result<RunResult> stopped = run_at("1000");
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::limit);
  CHECK(stopped.error().message.find("devices in a row, in round 1") != std::string::npos);
  CHECK(stopped.error().hint.find("lower training.learning_rate") != std::string::npos);
  CHECK(run_at("0.01"));
}
