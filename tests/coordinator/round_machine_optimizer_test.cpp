// The server optimizer's state in the round machine: it moves on with the weights, over aborted attempts and restarts.

#include "coordinator/round_machine.h"

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

Plan plan_with(const ServerSpec& server) {
  Plan plan = testing::sample_plan();
  plan.server = server;
  return plan;
}
const ServerSpec kAdam{.optimizer = "fedadam", .learning_rate = 0.5, .beta1 = 0.9, .beta2 = 0.99, .tau = 0.1};

TEST_CASE("the optimizer's state goes out with the weights, and moves on with them only when they are stored") {
  MachineBench bench(plan_with(kAdam));
  bench.machine->start(bench.now);
  const std::vector<float> initial = *bench.machine->optimizer_state();
  CHECK(initial == make_server_optimizer(kAdam, 3).value()->initial_state(testing::kParameters));
  const auto asked = bench.to_collecting();
  for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], 0.1F);
  const Publish publish = the_one<Publish>(bench.update(asked[2], 0.1F));
  CHECK(*bench.machine->optimizer_state() == initial);
  REQUIRE(publish.optimizer_state->size() == 2 * testing::kParameters);
  for (std::size_t i = 0; i < testing::kParameters; ++i) {
    CHECK((*publish.optimizer_state)[i] == doctest::Approx(0.1 * 0.1).epsilon(1e-4));
    CHECK((*publish.optimizer_state)[testing::kParameters + i] == doctest::Approx(0.99 * 0.01 + 0.01 * 0.01).epsilon(1e-4));
  }
  bench.stored();
  CHECK(bench.machine->optimizer_state() == publish.optimizer_state);
}

TEST_CASE("an attempt that is aborted leaves the optimizer's state as it was") {
  MachineBench bench(plan_with(kAdam));
  bench.machine->start(bench.now);
  const std::vector<float> initial = *bench.machine->optimizer_state();
  const auto asked = bench.to_collecting();
  bench.update(asked[0], 0.1F);
  the_one<RoundAborted>(bench.wake_after(Millis(60'000)));
  CHECK(*bench.machine->optimizer_state() == initial);
}

// One round with what was published before, in a machine that has seen everything and in one that was begun anew.
TEST_CASE("a machine that goes on from the published weights and state makes the same bits as one that was never ended") {
  for (const ServerSpec& server : {ServerSpec{.optimizer = "fedavgm", .learning_rate = 0.5, .momentum = 0.9}, kAdam}) {
    CAPTURE(server.optimizer);
    const auto round = [](MachineBench& bench, float value) {
      const auto asked = bench.to_collecting();
      for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], value);
      return the_one<Publish>(bench.update(asked[2], -0.02F));
    };
    MachineBench whole(plan_with(server));
    const std::vector<float> initial_state = *whole.machine->optimizer_state();
    whole.machine->start(whole.now);
    const Publish first = round(whole, 0.1F);
    whole.stored();
    const Publish second = round(whole, 0.2F);

    MachineBench again(plan_with(server), 8, {}, 1, nullptr, *first.weights, *first.optimizer_state);
    again.machine->start(again.now);
    const Publish repeated = round(again, 0.2F);
    CHECK(*repeated.weights == *second.weights);
    CHECK(*repeated.optimizer_state == *second.optimizer_state);
    // With another state the round would have been another: the comparison above can fail.
    MachineBench without(plan_with(server), 8, {}, 1, nullptr, *first.weights, initial_state);
    without.machine->start(without.now);
    CHECK(*round(without, 0.2F).weights != *second.weights);
  }
}

TEST_CASE("the server's schedule is that of the round, whatever was aborted before") {
  ServerSpec server{.learning_rate = 0.5};
  server.schedule = {.kind = ScheduleKind::step, .decay = 0.5, .period_rounds = 1};
  for (const std::uint64_t rounds_done : {0U, 1U, 2U}) {
    MachineBench bench(plan_with(server), 8, {}, rounds_done);
    bench.machine->start(bench.now);
    bench.to_collecting();
    bench.wake_after(Millis(60'000));
    const auto asked = bench.to_collecting();
    for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], 0.1F);
    const Publish publish = the_one<Publish>(bench.update(asked[2], 0.1F));
    CHECK(publish.summary.attempt == 2);
    CHECK((*publish.weights)[0] - testing::sample_weights()[0] == doctest::Approx(0.1 * 0.5 / (1 << rounds_done)).epsilon(1e-4));
  }
}

}  // namespace
}  // namespace fedspend::coordinator
