// Many worlds (world.h), each from a seed. What is checked in all of them: no crash; no hang (a coordinator and a device always have an
// alarm, every round ends within its deadlines in a published model or in a stated abort, and on a network that is whole again the
// federation comes to its end); every published model is what the server optimizer makes of the old one and of exactly the contributors'
// quantised updates, computed apart; nobody contributes twice; rounds increase by one; a restart goes on from the last stored model and
// optimizer state; a corrupted message changes nothing.
//
//   FEDSPEND_WORLDS=5000   as many worlds instead of a few
//   FEDSPEND_WORLD=17      only the one of this seed, with its operations
//   FEDSPEND_SECURE_WORLDS, FEDSPEND_SECURE_WORLD   the same of the worlds with secure aggregation
// There, besides: what leaves a device is masked; the mean is that of the inputs that the contributors' sessions were handed; no update is
// in two published sums; no device is charged for fewer participations than inputs have left it, over all its restarts.

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include "tests/rounds/world.h"

namespace fedspend::testing {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string operations_of(const WorldOutcome& outcome) {
  std::string text;
  for (const std::string& operation : outcome.operations) text += "\n  " + operation;
  return text;
}

void expect_nothing_violated(const WorldOptions& options, const WorldOutcome& outcome) {
  if (outcome.violations.empty()) return;
  FAIL_CHECK(outcome.violations.front() << "\n" << options.describe() << "\nrun it alone with FEDSPEND_" << (options.secure ? "SECURE_" : "") << "WORLD=" << options.seed << "; the last operations:" << operations_of(outcome));
}

TEST_CASE("whatever the network and the devices do, rounds end in a right result or in a stated abort") {
  const std::uint64_t only = number_from("FEDSPEND_WORLD", 0);
  const std::uint64_t worlds = number_from("FEDSPEND_WORLDS", 60);
  WorldOutcome all;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : worlds); ++seed) {
    const WorldOptions options = WorldOptions::random(seed);
    const WorldOutcome outcome = run_world(options);
    expect_nothing_violated(options, outcome);
    if (only != 0) MESSAGE(options.describe() << operations_of(outcome));
    all.published += outcome.published;
    all.aborted += outcome.aborted;
    all.restarts += outcome.restarts;
    all.messages += outcome.messages;
    all.corrupted += outcome.corrupted;
    all.contributions += outcome.contributions;
    all.steps += outcome.steps;
  }
  MESSAGE(worlds << " worlds: " << all.published << " rounds published and " << all.aborted << " aborted, " << all.contributions << " contributions, " << all.restarts
                 << " coordinator restarts, " << all.messages << " messages of which " << all.corrupted << " corrupted, " << all.steps << " steps");
  // The faults did occur, and did not keep the federations from their work.
  if (only == 0) {
    CHECK(all.published >= 8 * worlds);
    CHECK(all.aborted > 0);
    CHECK(all.restarts > 0);
    CHECK(all.corrupted > 0);
  }
}

TEST_CASE("whatever the network and the devices do, secure rounds end in a right result or in a stated abort") {
  const std::uint64_t only = number_from("FEDSPEND_SECURE_WORLD", 0);
  const std::uint64_t worlds = number_from("FEDSPEND_SECURE_WORLDS", 15);
  WorldOutcome all;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : worlds); ++seed) {
    const WorldOptions options = WorldOptions::random_secure(seed);
    const WorldOutcome outcome = run_world(options);
    expect_nothing_violated(options, outcome);
    if (only != 0) MESSAGE(options.describe() << operations_of(outcome));
    all.published += outcome.published;
    all.aborted += outcome.aborted;
    all.restarts += outcome.restarts;
    all.corrupted += outcome.corrupted;
    all.contributions += outcome.contributions;
    all.messages += outcome.messages;
  }
  MESSAGE(worlds << " secure worlds: " << all.published << " rounds published and " << all.aborted << " aborted, " << all.contributions << " contributions, " << all.restarts
                 << " coordinator restarts, " << all.messages << " messages of which " << all.corrupted << " corrupted");
  if (only == 0) {
    CHECK(all.published >= 8 * worlds);
    CHECK(all.aborted > 0);
    CHECK(all.restarts > 0);
    CHECK(all.corrupted > 0);
  }
}

TEST_CASE("a secure world without faults publishes every round at the first attempt") {
  WorldOptions options;
  options.secure = true;
  options.heal_at = Millis(0);
  options.device_kills = options.coordinator_kills = options.partitions = 0;
  options.misbehaving_devices = false;
  const WorldOutcome outcome = run_world(options);
  expect_nothing_violated(options, outcome);
  CHECK(outcome.published == 8);
  CHECK(outcome.aborted == 0);
}

TEST_CASE("a world without faults publishes every round at the first attempt") {
  WorldOptions options;
  options.heal_at = Millis(0);
  options.device_kills = options.coordinator_kills = options.partitions = 0;
  options.misbehaving_devices = false;
  const WorldOutcome outcome = run_world(options);
  expect_nothing_violated(options, outcome);
  CHECK(outcome.published == 8);
  CHECK(outcome.aborted == 0);
  CHECK(outcome.corrupted == 0);
}

TEST_CASE("the same seed is the same world, to the operation") {
  for (const WorldOptions& options : {WorldOptions::random(7), WorldOptions::random_secure(7)}) {
    const WorldOutcome once = run_world(options);
    const WorldOutcome again = run_world(options);
    CHECK(once.operations == again.operations);
    CHECK(once.steps == again.steps);
    CHECK(once.ended_at == again.ended_at);
  }
}

}  // namespace
}  // namespace fedspend::testing
