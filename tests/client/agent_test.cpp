#include "client/agent.h"

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "common/program/runtime.h"
#include "tests/client/temporary_folder.h"

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

TEST_CASE("a device does not start beside an earlier program's record, which it would forget, and says what to do") {
  const TemporaryFolder folder;
  const auto start = [&] {
    SystemRandom random;
    const program::SteadyClock clock;
    AgentOptions options;
    options.coordinator = "tcp://127.0.0.1:1";
    std::vector<Profile> profiles;
    profiles.push_back(Profile{folder.path(), IdentityKey::generate(random), CurveKeyPair::generate(random), {}, {}});
    const auto agent = Agent::create(std::move(profiles), std::move(options), clock, random);
    return agent ? Status{} : Status{fail(agent.error())};
  };
  write_text(folder.path() / "record.db", "");
  const Status refused = start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().message.find((folder.path() / "record.db").string()) == 0);
  CHECK_FALSE(refused.error().hint.empty());
  CHECK(names_in(folder.path()) == std::vector<std::string>{"record.db"});
  std::filesystem::remove(folder.path() / "record.db");
  CHECK(start());
  CHECK(names_in(folder.path()) == std::vector<std::string>{"device.db", "device.db.reserve", "device.db.seed", "store.key"});
}

}  // namespace
}  // namespace fedspend::client
