// Once the federation was finished no round began any more that would have reset the quotas, so that a device was no longer told that it is
// finished after its 64th message and waited for an answer at every check-in.

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

TEST_CASE("a device that comes every four hours is told so at its hundredth time, too") {
  MachineBench bench(testing::sample_plan(), 8, {}, 3);
  bench.machine->start(bench.now);
  for (int i = 0; i < 100; ++i) {
    bench.now += Millis(14'400'000);
    CHECK(bench.sent_to<ComeBack>(0, bench.check_in(0)).size() == 1);
  }
}

}  // namespace
}  // namespace fedspend::coordinator
