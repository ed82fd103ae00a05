// A session whose key is elsewhere: what it sends holds under that key, and a key that does not sign ends the round in silence.

#include "client/session.h"

#include "tests/client/secure_bench.h"

namespace fedspend::client {
namespace {

struct Hardware {
  IdentityKey key = testing::device_keys(1).identity;
  bool works = true;
  std::uint64_t signatures = 0;

  std::unique_ptr<IdentitySigner> signer() {
    return std::make_unique<ForeignSigner>(key.public_key(), [this](ByteSpan message) -> Result<Signature> {
      if (!works) return fail(ErrorCode::unavailable, "the key store is locked");
      ++signatures;
      return key.sign(message);
    });
  }
};

void expect_silent_end(SessionBench& bench, const Effects& effects) {
  CHECK(bench.session.phase() == "idle");
  CHECK(testing::all_of<Send>(effects).empty());
  const auto refused = testing::all_of<Refused>(effects);
  REQUIRE(refused.size() == 1);
  CHECK(refused.front().why.find("key") != std::string::npos);
  const Millis wait = SessionBench::alarm(effects) - bench.now;
  CHECK(wait >= Millis(720'000));  // the transient back-off, less a fifth
  CHECK(wait <= Millis(1'080'000));
}

TEST_CASE("the messages of a key in hardware hold under it") {
  Hardware hardware;
  SessionBench bench(session_options(), hardware.signer(), {});
  bench.check_in();  // verifies
  const Offer offer;
  offer.give(bench);
  bench.sent<Update>(bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters, 0.1F)}, bench.now));
  CHECK(hardware.signatures == 2);
}

TEST_CASE("a key that does not sign: no check-in, and again after the transient back-off") {
  Hardware hardware;
  hardware.works = false;
  SessionBench bench(session_options(), hardware.signer(), {});
  bench.session.start(bench.now);
  const Effects effects = bench.wake();
  expect_silent_end(bench, effects);
  hardware.works = true;
  CHECK(testing::all_of<Send>(bench.wake_at(effects)).size() == 1);
}

TEST_CASE("a key that does not sign an open update costs nothing: it is charged only once it is signed") {
  Hardware hardware;
  SessionBench bench(session_options(), hardware.signer(), {});
  bench.check_in();
  const Offer offer;
  offer.give(bench);
  hardware.works = false;
  expect_silent_end(bench, bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters, 0.1F)}, bench.now));
  CHECK(bench.own_record.participations(offer.plan.task).value() == 0);
}

TEST_CASE("a key that does not sign ends a secure round at each of its messages") {
  Hardware hardware;
  SecureBench bench(hardware.signer(), {});
  std::string_view phase;
  SUBCASE("keys") {}
  SUBCASE("shares") { phase = "sharing"; }
  SUBCASE("masked input") { phase = "masking"; }
  SUBCASE("signature over the survivors") { phase = "signing"; }
  SUBCASE("unmasking") { phase = "revealing"; }
  Effects effects;
  if (phase.empty()) {
    bench.first().check_in();
    bench.offer.give(bench.first());
    hardware.works = false;
    effects = bench.session().step(TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)}, bench.first().now);
  } else {
    bench.train_all();
    bench.reach(phase);
    hardware.works = false;
    effects = bench.tell(0);
  }
  expect_silent_end(bench.first(), effects);
}

TEST_CASE("a plan that is refused by a device whose key does not sign is refused all the same, in silence") {
  Hardware hardware;
  SessionBench bench(session_options(), hardware.signer(), {});
  bench.check_in();
  Offer offer;
  offer.plan.purpose = "advertising";
  offer.rebuild();
  hardware.works = false;
  const Effects effects = offer.give(bench);
  CHECK(testing::all_of<Send>(effects).empty());
  CHECK(testing::all_of<Refused>(effects).size() == 1);
  CHECK(bench.session.phase() == "idle");
}

}  // namespace
}  // namespace fedspend::client
