// A device took part in any round that the coordinator named, also after the last one of the signed plan.

#include "tests/client/session_bench.h"

namespace fedspend::client {
namespace {

TEST_CASE("a device takes part in the rounds that its plan has and in no other") {
  for (const std::uint64_t round : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{4}, ~std::uint64_t{0}}) {
    CAPTURE(round);
    SessionBench bench;
    bench.check_in();
    Offer offer;  // of 3 rounds
    offer.assignment.round = RoundId{round};
    const Effects effects = offer.give(bench);
    const bool allowed = round >= 1 && round <= 3;
    CHECK(testing::all_of<StartTraining>(effects).size() == (allowed ? 1 : 0));
    if (!allowed) CHECK(bench.sent<Decline>(effects).reason == DeclineReason::policy);
  }
}

}  // namespace
}  // namespace fedspend::client
