// The deadline of an assignment, which is neither signed nor in the session id, could keep a device at one session for 49 days.

#include <algorithm>

#include "tests/client/session_bench.h"

namespace fedspend::client {
namespace {

TEST_CASE("a device gives up a session at the plan's deadline, whatever the assignment says, and at once if it says so") {
  for (const std::uint32_t deadline_ms : {0U, 1U, 59'999U, 60'000U, 60'001U, 0xffffffffU}) {
    CAPTURE(deadline_ms);
    SessionBench bench;
    bench.check_in();
    Offer offer;
    offer.assignment.deadline_ms = deadline_ms;
    const Effects effects = offer.give(bench);
    CHECK(SessionBench::alarm(effects) - bench.now == Millis(std::min(deadline_ms, 60'000U)));
    bench.wake_at(effects);
    CHECK(bench.session.phase() == "idle");
  }
}

}  // namespace
}  // namespace fedspend::client
