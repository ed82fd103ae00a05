// The quota was counted only after the signature had been found right, so that an enrolled device could have the coordinator check wrong
// signatures without end.

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

TEST_CASE("messages with a wrong signature are counted against the device over whose connection they come") {
  MachineBench bench;
  bench.machine->start(bench.now);
  const Bytes forged = seal_from_device(bench.check_in_message(), SessionId{}, bench.devices[0].id, bench.devices[1].identity);
  for (int i = 0; i < 64; ++i) CHECK(MachineBench::drops(bench.give(0, Frames{forged, nullptr})) == std::vector{DropReason::bad_signature});
  CHECK(MachineBench::drops(bench.give(0, Frames{forged, nullptr})) == std::vector{DropReason::quota});
  CHECK(bench.machine->pool_size() == 0);
  bench.check_in(1);
  CHECK(bench.machine->pool_size() == 1);
}

}  // namespace
}  // namespace fedspend::coordinator
