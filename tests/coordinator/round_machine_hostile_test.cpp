// What a device must not be able to do. A misbehaving device is a Dropped effect that is counted, and the round goes on.

#include <algorithm>

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

using Drops = std::vector<DropReason>;

// A round in which `asked` is being collected, then finished by the honest devices; what the sum is shows what was added.
struct HostileBench : MachineBench {
  std::vector<std::size_t> asked;

  explicit HostileBench(MachineOptions options = {}) : MachineBench(testing::sample_plan(), 8, options) {
    machine->start(now);
    asked = to_collecting();
  }
  // The other three contribute 0.1 each, or two of them if asked[0] already has; the published model is compared to the mean.
  void expect_honest_result(double sum, std::size_t count) {
    Effects effects;
    for (std::size_t i = 1; i < asked.size() && machine->phase() == "collecting"; ++i) {
      effects = update(asked[i], 0.1F);
    }
    const Publish publish = the_one<Publish>(effects);
    CHECK(publish.summary.contributors.size() == count);
    const std::vector<float> old = testing::sample_weights();
    for (std::size_t i = 0; i < old.size(); ++i) CHECK((*publish.weights)[i] == doctest::Approx(old[i] + 0.5 * sum / static_cast<double>(count)).epsilon(1e-5));
  }
};

TEST_CASE("a replayed update is acknowledged and added once (hostile case 1)") {
  HostileBench bench;
  bench.update(bench.asked[0], 0.2F);
  for (int i = 0; i < 5; ++i) {
    const Effects again = bench.update(bench.asked[0], 0.2F);
    CHECK(bench.reply_to(bench.asked[0], again) == UpdateStatus::duplicate);
    CHECK(testing::all_of<Dropped>(again).empty());
  }
  bench.expect_honest_result(0.2 + 0.1 + 0.1, 3);
  CHECK(bench.reply_to(bench.asked[0], bench.update(bench.asked[0], 0.2F)) == UpdateStatus::duplicate);  // and after the close
}

TEST_CASE("a second, different update keeps the first and is counted as equivocation (hostile case 4)") {
  HostileBench bench;
  bench.update(bench.asked[0], 0.2F);
  const Effects other = bench.update(bench.asked[0], -0.2F);
  CHECK(MachineBench::drops(other) == Drops{DropReason::equivocation});
  CHECK(bench.reply_to(bench.asked[0], other) == UpdateStatus::duplicate);
  bench.expect_honest_result(0.2 + 0.1 + 0.1, 3);
  const Effects late = bench.update(bench.asked[0], -0.2F);
  CHECK(MachineBench::drops(late) == Drops{DropReason::equivocation});
  CHECK(bench.reply_to(bench.asked[0], late) == UpdateStatus::late);
}

TEST_CASE("an update of another session is dropped (hostile case 2)") {
  HostileBench bench;
  SessionId other = bench.session();
  other.bytes[0] ^= 1;
  const Effects effects = bench.update(bench.asked[0], 0.2F, other);
  CHECK(MachineBench::drops(effects) == Drops{DropReason::wrong_session});
  CHECK(MachineBench::drops(bench.say(bench.asked[0], Decline{}, other)) == Drops{DropReason::wrong_session});
  bench.expect_honest_result(0.3, 3);
}

TEST_CASE("an update of the attempt before is late, and one of an attempt long gone is of a wrong session (hostile case 3)") {
  HostileBench bench;
  const std::size_t slow = bench.asked[0];
  const SessionId first = bench.session();
  the_one<RoundAborted>(bench.wake_after(Millis(60'000)));
  const Effects late = bench.update(slow, 0.2F, first);
  CHECK(MachineBench::drops(late) == Drops{DropReason::late});
  CHECK(bench.reply_to(slow, late) == UpdateStatus::late);
  bench.to_collecting();
  CHECK(bench.reply_to(slow, bench.update(slow, 0.2F, first)) == UpdateStatus::late);
  the_one<RoundAborted>(bench.wake_after(Millis(60'000)));
  CHECK(MachineBench::drops(bench.update(slow, 0.2F, first)) == Drops{DropReason::wrong_session});
}

TEST_CASE("a device that was not asked cannot contribute to a session that it has heard of") {
  HostileBench bench;
  const std::size_t outsider = 7;
  CHECK(MachineBench::drops(bench.update(outsider, 0.2F, bench.session())) == Drops{DropReason::not_assigned});
  CHECK(MachineBench::drops(bench.say(outsider, Decline{}, bench.session())) == Drops{DropReason::not_assigned});
  bench.expect_honest_result(0.3, 3);
  CHECK(MachineBench::drops(bench.update(outsider, 0.2F, bench.session())) == Drops{DropReason::not_assigned});
}

TEST_CASE("a device that declined is not counted again, whatever it says then") {
  HostileBench bench;
  bench.say(bench.asked[0], Decline{}, bench.session());
  CHECK(MachineBench::drops(bench.say(bench.asked[0], Decline{}, bench.session())) == Drops{DropReason::not_assigned});
  CHECK(MachineBench::drops(bench.update(bench.asked[0], 0.2F)) == Drops{DropReason::not_assigned});
  CHECK(bench.machine->phase() == "collecting");
  bench.expect_honest_result(0.3, 3);
}

TEST_CASE("a decline after an update takes nothing back") {
  HostileBench bench;
  bench.update(bench.asked[0], 0.2F);
  CHECK(MachineBench::drops(bench.say(bench.asked[0], Decline{}, bench.session())) == Drops{DropReason::not_assigned});
  bench.expect_honest_result(0.2 + 0.1 + 0.1, 3);
}

TEST_CASE("an identity over another connection, an unknown one and a bad signature are dropped before the body (hostile case 6)") {
  MachineOptions options;
  options.max_messages_per_device_and_round = 1'000'000;  // the quota is not what this case is about
  HostileBench bench(options);
  const testing::DeviceKeys& device = bench.devices[bench.asked[0]];
  const Bytes packed = bench.packed(0.2F);
  const auto bulk = testing::shared_bytes(packed);
  const Bytes good = seal_from_device(bench.update_message(packed), bench.session(), device.id, device.identity);

  SUBCASE("the connection of another enrolled device") {
    const Effects effects = bench.machine->step(MessageReceived{MachineBench::peer_of(7), bench.devices[7].transport, Frames{good, bulk}}, bench.now);
    REQUIRE(effects.size() == 1);
    CHECK(the_one<Dropped>(effects).reason == DropReason::wrong_transport);
    CHECK_FALSE(the_one<Dropped>(effects).client);
  }
  SUBCASE("an unknown identity") {
    const testing::DeviceKeys stranger = testing::device_keys(1'000);
    const Bytes foreign = seal_from_device(bench.update_message(packed), bench.session(), stranger.id, stranger.identity);
    const Effects effects = bench.machine->step(MessageReceived{MachineBench::peer_of(7), stranger.transport, Frames{foreign, bulk}}, bench.now);
    REQUIRE(effects.size() == 1);
    CHECK(the_one<Dropped>(effects).reason == DropReason::not_enrolled);
  }
  SUBCASE("a revoked identity, and one whose certificate has expired") {
    for (const auto& [reason, number] : {std::pair{DropReason::revoked, kRevokedDevice}, std::pair{DropReason::expired, kExpiredDevice}}) {
      const testing::DeviceKeys gone = testing::device_keys(number);
      const Bytes frame = seal_from_device(bench.update_message(packed), bench.session(), gone.id, gone.identity);
      const Effects effects = bench.machine->step(MessageReceived{MachineBench::peer_of(7), gone.transport, Frames{frame, bulk}}, bench.now);
      REQUIRE(effects.size() == 1);
      CHECK(the_one<Dropped>(effects).reason == reason);
      CHECK_FALSE(the_one<Dropped>(effects).client);
    }
  }
  SUBCASE("another's signature") {
    const Bytes forged = seal_from_device(bench.update_message(packed), bench.session(), device.id, bench.devices[7].identity);
    const Effects effects = bench.give(bench.asked[0], Frames{forged, bulk});
    CHECK(MachineBench::drops(effects) == Drops{DropReason::bad_signature});
    CHECK(effects.size() == 1);
  }
  SUBCASE("any flipped bit of a signed message") {
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      Bytes bent = good;
      bent[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      const Effects effects = bench.give(bench.asked[0], Frames{bent, bulk});
      CAPTURE(bit);
      CHECK(MachineBench::drops(effects).size() == 1);
      CHECK(bench.sent_to<UpdateReply>(bench.asked[0], effects).empty());
    }
  }
  bench.expect_honest_result(0.3, 3);
}

TEST_CASE("an update of a wrong length, width, hash or padding is refused, and the device may still send the right one (hostile cases 17, 18 and 19)") {
  HostileBench bench;
  Bytes packed = bench.packed(0.2F);
  Update message = bench.update_message(packed);
  SUBCASE("a byte fewer") {
    packed.pop_back();
    message.bulk_hash = hash_of_update(packed);
  }
  SUBCASE("a byte more") {
    packed.push_back(0);
    message.bulk_hash = hash_of_update(packed);
  }
  SUBCASE("no bytes") {
    packed.clear();
    message.bulk_hash = hash_of_update(packed);
  }
  SUBCASE("a megabyte") {
    packed.assign(1 << 20, 0);
    message.bulk_hash = hash_of_update(packed);
  }
  SUBCASE("a smaller count, with its length") {
    message.count = 12;
    packed.resize(packed_size(12, 21));
    message.bulk_hash = hash_of_update(packed);
  }
  SUBCASE("a count of 2^32 - 1") { message.count = 0xffffffff; }
  SUBCASE("a count of 0") {
    message.count = 0;
    packed.clear();
    message.bulk_hash = hash_of_update(packed);
  }
  SUBCASE("another width, with its length") {
    message.bits = 20;
    packed.assign(packed_size(testing::kParameters, 20), 0);
    message.bulk_hash = hash_of_update(packed);
  }
  SUBCASE("another width, of the same length") {
    message.bits = 22;  // 286 bits, 36 bytes, where 273 bits are 35
    packed.resize(35);
  }
  SUBCASE("a flipped bit, not hashed") { packed[3] ^= 1; }
  SUBCASE("pad bits, hashed") {
    packed.back() |= 0x80;
    message.bulk_hash = hash_of_update(packed);
  }
  const Effects effects = bench.say(bench.asked[0], message, bench.session(), testing::shared_bytes(packed));
  CHECK(MachineBench::drops(effects) == Drops{DropReason::bad_update});
  CHECK(bench.reply_to(bench.asked[0], effects) == UpdateStatus::refused);
  CHECK(bench.machine->phase() == "collecting");
  CHECK(bench.reply_to(bench.asked[0], bench.update(bench.asked[0], 0.2F)) == UpdateStatus::accepted);
  bench.expect_honest_result(0.2 + 0.1 + 0.1, 3);
}

TEST_CASE("frames that do not decode are counted, and those of an unknown version are told so (hostile cases 19 and 20)") {
  HostileBench bench;
  const Bytes good = seal_from_device(bench.check_in_message(), SessionId{}, bench.devices[5].id, bench.devices[5].identity);
  Bytes bent = good;
  SUBCASE("nothing") { bent.clear(); }
  SUBCASE("rubbish") { bent = testing::bytes_of("GET / HTTP/1.1\r\n\r\n"); }
  SUBCASE("truncated") { bent.pop_back(); }
  SUBCASE("a byte more") { bent.push_back(0); }
  SUBCASE("a body length of 2^32 - 1") { std::fill(bent.begin() + 136, bent.begin() + 140, std::uint8_t{0xff}); }
  SUBCASE("larger than any frame") { bent.resize(kMaxControlBytes + 1); }
  SUBCASE("a coordinator's message") { bent = seal_from_coordinator(ComeBack{}, SessionId{}); }
  bool told = false;
  SUBCASE("another version") {
    bent[4] = 2;
    told = true;
  }
  const Effects effects = bench.give(5, Frames{bent, nullptr});
  CHECK(MachineBench::drops(effects).size() == 1);
  const auto answers = bench.sent_to<ComeBack>(5, effects);
  CHECK(answers.size() == (told ? 1 : 0));
  for (const ComeBack& answer : answers) CHECK(answer.reason == ComeBackReason::version);
  CHECK(bench.machine->pool_size() == 0);
  bench.expect_honest_result(0.3, 3);
}

TEST_CASE("a check-in for another population, or of versions that are not spoken, is sent away") {
  HostileBench bench;
  CheckIn message = bench.check_in_message();
  SUBCASE("population") {
    message.population = "households";
    const Effects effects = bench.say(7, message);
    CHECK(MachineBench::drops(effects) == Drops{DropReason::wrong_population});
    CHECK(bench.sent_to<ComeBack>(7, effects).front().reason == ComeBackReason::wrong_population);
  }
  SUBCASE("versions") {
    message.version_min = 2;
    message.version_max = 9;
    const Effects effects = bench.say(7, message);
    CHECK(MachineBench::drops(effects) == Drops{DropReason::version});
    CHECK(bench.sent_to<ComeBack>(7, effects).front().reason == ComeBackReason::version);
  }
  CHECK(bench.machine->pool_size() == 0);
}

TEST_CASE("a flooding device spends its own quota and nobody else's, and has a new one in the next attempt (hostile case 31)") {
  HostileBench bench;
  unsigned dropped = 0;
  for (int i = 0; i < 200; ++i) dropped += static_cast<unsigned>(MachineBench::drops(bench.check_in(7)).size());
  CHECK(dropped == 200 - 64);
  // Messages with a bad signature are counted too: checking them is what costs.
  Bytes forged = seal_from_device(bench.check_in_message(), SessionId{}, bench.devices[6].id, bench.devices[7].identity);
  for (int i = 0; i < 64; ++i) CHECK(MachineBench::drops(bench.give(6, Frames{forged, nullptr})) == Drops{DropReason::bad_signature});
  CHECK(MachineBench::drops(bench.give(6, Frames{forged, nullptr})) == Drops{DropReason::quota});
  // Over another connection nobody can spend it.
  for (int i = 0; i < 100; ++i) bench.machine->step(MessageReceived{MachineBench::peer_of(7), bench.devices[7].transport, Frames{
      seal_from_device(bench.check_in_message(), SessionId{}, bench.devices[5].id, bench.devices[7].identity), nullptr}}, bench.now);
  CHECK(MachineBench::drops(bench.check_in(5)).empty());
  const RoundSummary summary = the_one<RoundAborted>(bench.wake_after(Millis(60'000))).summary;
  CHECK(summary.dropped.at(DropReason::quota) == 200 - 64 + 1);
  CHECK(summary.dropped.at(DropReason::bad_signature) == 64);
  CHECK(summary.dropped.at(DropReason::wrong_transport) == 100);
  CHECK(MachineBench::drops(bench.check_in(7)).empty());
}

TEST_CASE("a finished federation goes on telling devices so, however often they come over the weeks") {
  MachineBench bench(testing::sample_plan(), 8, {}, 3);
  bench.machine->start(bench.now);
  for (int i = 0; i < 200; ++i) {
    bench.now += Millis(14'400'000);
    REQUIRE(bench.sent_to<ComeBack>(0, bench.check_in(0)).size() == 1);
  }
  unsigned answered = 0;
  for (int i = 0; i < 200; ++i) answered += static_cast<unsigned>(bench.sent_to<ComeBack>(0, bench.check_in(0)).size());
  CHECK(answered < 65);
}

TEST_CASE("a bulk frame with a message that has none is dropped with its message") {
  HostileBench bench;
  CHECK(MachineBench::drops(bench.say(5, bench.check_in_message(), SessionId{}, testing::shared_bytes(Bytes(1)))) == std::vector{DropReason::undecodable});
  CHECK(bench.machine->pool_size() == 0);
  CHECK(MachineBench::drops(bench.say(bench.asked[0], Decline{}, bench.session(), testing::shared_bytes(Bytes(1)))) == std::vector{DropReason::undecodable});
  bench.expect_honest_result(0.3, 3);
}

TEST_CASE("an asked device that checks in from two connections is asked once, and its update counts once") {
  HostileBench bench;
  const std::size_t device = bench.asked[0];
  const SessionId sid = bench.session();
  const auto from = [&](const char* peer, const Message& message, const SessionId& session, std::shared_ptr<const Bytes> bulk) {
    return bench.machine->step(MessageReceived{PeerId{peer}, bench.devices[device].transport,
                                               Frames{seal_from_device(message, session, bench.devices[device].id, bench.devices[device].identity), std::move(bulk)}},
                               bench.now);
  };
  for (const char* peer : {"peer 100", "peer 101"}) {
    const auto sent = testing::all_of<Send>(from(peer, bench.check_in_message(), SessionId{}, nullptr));
    REQUIRE(sent.size() == 1);
    CHECK(sent.front().peer == PeerId{peer});
    CHECK(open_envelope(sent.front().frames.control)->session == sid);
  }
  CHECK(bench.machine->pool_size() == 0);
  const Bytes packed = bench.packed(0.1F);
  for (const char* peer : {"peer 100", "peer 101"}) from(peer, bench.update_message(packed), sid, testing::shared_bytes(packed));
  bench.expect_honest_result(0.3, 3);
}

}  // namespace
}  // namespace fedspend::coordinator
