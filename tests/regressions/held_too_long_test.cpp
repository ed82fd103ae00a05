// The coordinator held a checked-in device for ever while the device itself stopped waiting after ten minutes, so that in a population
// much larger than a cohort rounds were asked of devices that had gone, and waited for them until the deadline.

#include "client/session.h"
#include "tests/client/session_bench.h"
#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

TEST_CASE("the coordinator lets a device go before the device stops waiting, and does not ask it afterwards") {
  CHECK(MachineOptions{}.longest_hold < client::SessionOptions{}.hold_timeout);
  MachineBench bench;  // at least 2 devices make a sum
  bench.machine->start(bench.now);
  bench.check_in(0);
  bench.now += Millis(571'000);
  CHECK(bench.sent_to<ComeBack>(0, bench.wake()).size() == 1);
  bench.now += Millis(29'000);  // device 0, told nothing, would have gone by now
  bench.check_in(1);
  bench.wake_after(Millis(10'000));
  CHECK(bench.machine->phase() == "selecting");
  CHECK(bench.assigned.empty());
  bench.check_in(2);
  bench.wake_after(Millis(10'000));
  CHECK(bench.machine->phase() == "collecting");
  CHECK(bench.assigned.size() == 2);
  CHECK_FALSE(bench.assigned.contains(0));
}

TEST_CASE("a device that is told to come back comes back after the plan's time, not after a back-off") {
  client::SessionBench device;
  device.check_in();
  const auto effects = device.receive(ComeBack{.reason = ComeBackReason::not_selected, .retry_after_ms = 20'000}, SessionId{});
  CHECK(client::SessionBench::alarm(effects) <= device.now + Millis(24'000));
}

}  // namespace
}  // namespace fedspend::coordinator
