#include "client/agent.h"

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "common/program/runtime.h"

namespace fedspend::client {
namespace {

TEST_CASE("a device whose policy pins another release key than its configuration does not start") {
  const auto start = [](std::optional<IdentityPublicKey> pinned) {
    SeededRandom random(1);
    const program::SteadyClock clock;
    AgentOptions options;
    options.coordinator = "tcp://127.0.0.1:1";
    options.release_key.bytes.fill(3);
    options.policy.release_key = pinned;
    const auto agent = Agent::create({}, std::move(options), clock, random);
    return agent ? Status{} : Status{fail(agent.error())};
  };
  IdentityPublicKey pinned;
  pinned.bytes.fill(3);
  CHECK(start({}));
  CHECK(start(pinned));
  pinned.bytes[31] ^= 1;
  const Status refused = start(pinned);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::refused);
}

}  // namespace
}  // namespace fedspend::client
