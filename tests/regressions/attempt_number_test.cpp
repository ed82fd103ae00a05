// An abort of the selection was numbered as attempt 0, or with the number of the attempt before it.

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

TEST_CASE("every attempt at a round has a number of its own, from 1, in each round anew") {
  MachineBench bench;
  bench.machine->start(bench.now);
  CHECK(the_one<RoundAborted>(bench.wake_after(Millis(600'000))).summary.attempt == 1);
  auto asked = bench.to_collecting();
  CHECK(the_one<RoundAborted>(bench.wake_after(Millis(60'000))).summary.attempt == 2);
  CHECK(the_one<RoundAborted>(bench.wake_after(Millis(600'000))).summary.attempt == 3);
  asked = bench.to_collecting();
  for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], 0.1F);
  CHECK(the_one<Publish>(bench.update(asked[2], 0.1F)).summary.attempt == 4);
  bench.stored();
  CHECK(the_one<RoundAborted>(bench.wake_after(Millis(600'000))).summary.attempt == 1);
}

}  // namespace
}  // namespace fedspend::coordinator
