// A plan whose selection window was longer than the selection timeout could never choose a cohort: enough devices waited for the window to
// end, the timeout came first, called them too few, and began the window anew, for ever.

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

TEST_CASE("a selection window beyond the selection timeout ends in a round, not in an abort") {
  Plan plan = testing::sample_plan();
  plan.federation.selection_window_ms = 3'600'000;
  MachineBench bench(plan);
  bench.machine->start(bench.now);
  const Millis ends = bench.now + Millis(600'000);
  bench.now += Millis(60'000);
  bench.check_in(0);
  bench.check_in(1);
  CHECK(bench.machine->phase() == "selecting");
  bench.now = ends;
  const Effects effects = bench.wake();
  CHECK(testing::all_of<RoundAborted>(effects).empty());
  CHECK(bench.machine->phase() == "collecting");
  CHECK(bench.assigned.size() == 2);
}

}  // namespace
}  // namespace fedspend::coordinator
