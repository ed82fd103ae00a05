// A device took a plan that the coordinator left out from a cache that it shares with other sessions, although it had never claimed it: the
// plan had been checked against another session's release key, not against the one that this device pins.

#include "tests/client/session_bench.h"

namespace fedspend::client {
namespace {

TEST_CASE("a plan in a shared cache that this session did not check is refused when it is left out") {
  Offer offer;
  SessionOptions options = session_options();
  options.release_key = testing::device_keys(77).identity.public_key();  // another bank's
  SessionBench bench(options);
  bench.cache.keep(HeldPlan{std::make_shared<const Plan>(offer.plan), SignedPlan{offer.assignment.plan, offer.assignment.plan_signature}, offer.assignment.plan_hash});
  bench.check_in();
  offer.assignment.plan.clear();
  const Effects effects = offer.give(bench);
  CHECK(testing::all_of<StartTraining>(effects).empty());
  CHECK(bench.sent<Decline>(effects).reason == DeclineReason::plan_signature);
}

}  // namespace
}  // namespace fedspend::client
