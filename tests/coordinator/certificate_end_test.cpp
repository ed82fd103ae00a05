// A coordinator runs for months, certificates end one by one. All neighbours of a device leave a secure round when its certificate has
// ended, so that one such device would end every round that it is asked for.

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

struct Check {
  std::uint64_t left_s;  // until the certificates end
  bool is_taken;
};

TEST_CASE("who checks in with less than a day left of its certificate is sent away, also long after the coordinator has started") {
  std::uint64_t wall = testing::kCertifiedAt_s;
  MachineOptions options;
  options.unix_time_s = [&] { return wall; };
  MachineBench bench(testing::sample_plan(), 2, options);
  for (const Check& check : {Check{2 * kCertificateClockTolerance_s, true}, Check{kCertificateClockTolerance_s + 1, true}, Check{kCertificateClockTolerance_s, false}, Check{0, false}}) {
    CAPTURE(check.left_s);
    wall = testing::kCertifiedUntil_s - check.left_s;
    const std::size_t held = bench.machine->pool_size();
    const Effects effects = bench.check_in(check.left_s == 2 * kCertificateClockTolerance_s ? 0 : 1);
    if (check.is_taken) {
      CHECK(MachineBench::drops(effects).empty());
    } else {
      CHECK(MachineBench::drops(effects) == std::vector{DropReason::expired});
      CHECK(bench.machine->pool_size() == held);
      const auto replies = bench.sent_to<ComeBack>(1, effects);
      REQUIRE(replies.size() == 1);
      CHECK(replies.front().reason == ComeBackReason::not_enrolled);
    }
  }
}

}  // namespace
}  // namespace fedspend::coordinator
