// A connection that may speak for many devices: only with a key that was named, and only what those devices have signed.
#include <doctest/doctest.h>

#include "tests/coordinator/secure_machine_bench.h"

namespace fedspend::coordinator {
namespace {

CurvePublicKey gateway_key() { return testing::device_keys(900).transport; }
MachineOptions with_gateway() { return {.max_messages_per_device_and_round = 3, .gateways = {gateway_key()}}; }

MessageReceived through_gateway(const MachineBench&, std::size_t device, Frames frames) { return {MachineBench::peer_of(device), gateway_key(), std::move(frames)}; }
Frames check_in_of(const MachineBench& bench, std::size_t device) {
  return {seal_from_device(bench.check_in_message(), {}, bench.devices[device].id, bench.devices[device].identity), nullptr};
}
Frames spoiled(Frames frames) {
  frames.control[kEnvelopeHeaderBytes - 4 - 64] ^= 1;
  return frames;
}

TEST_CASE("a gateway whose key is not named speaks for nobody") {
  MachineBench bench;
  (void)bench.take(bench.machine->start(bench.now));
  CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 0, check_in_of(bench, 0)), bench.now)) == std::vector{DropReason::wrong_transport});
  CHECK(bench.machine->pool_size() == 0);
}

TEST_CASE("a named gateway brings what devices have signed, each on its own connection") {
  MachineBench bench(testing::sample_plan(), 8, with_gateway());
  (void)bench.take(bench.machine->start(bench.now));
  CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 0, check_in_of(bench, 0)), bench.now)).empty());
  CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 1, check_in_of(bench, 1)), bench.now)).empty());
  CHECK(MachineBench::drops(bench.check_in(2)).empty());  // and devices still speak for themselves
  CHECK(bench.machine->pool_size() == 3);
}

TEST_CASE("a gateway cannot speak for a device without its signature, checked ahead or not, nor use up its quota so") {
  for (const bool ahead : {false, true}) {
    MachineBench bench(testing::sample_plan(), 8, with_gateway());
    (void)bench.take(bench.machine->start(bench.now));
    for (int i = 0; i < 10; ++i) {
      std::vector<MessageReceived> forged{through_gateway(bench, 0, spoiled(check_in_of(bench, 0)))};
      SerialExecutor executor;
      if (ahead) bench.machine->check_signatures(forged, executor);
      CHECK(MachineBench::drops(bench.machine->step(forged[0], bench.now)) == std::vector{DropReason::bad_signature});
    }
    CHECK(bench.machine->pool_size() == 0);
    CHECK(MachineBench::drops(bench.check_in(0)).empty());
  }
}

TEST_CASE("a message that another device has signed, and one of a device that is not enrolled, are dropped behind a gateway too") {
  MachineBench bench(testing::sample_plan(), 4, with_gateway());
  (void)bench.take(bench.machine->start(bench.now));
  const Frames others{seal_from_device(bench.check_in_message(), {}, bench.devices[0].id, bench.devices[1].identity), nullptr};
  CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 0, others), bench.now)) == std::vector{DropReason::bad_signature});
  const testing::DeviceKeys stranger = testing::device_keys(99);
  const Frames unknown{seal_from_device(bench.check_in_message(), {}, stranger.id, stranger.identity), nullptr};
  CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 0, unknown), bench.now)) == std::vector{DropReason::not_enrolled});
}

TEST_CASE("a device that a coordinator has left out stays out behind a gateway") {
  MachineBench bench(testing::sample_plan(), 4, with_gateway());
  (void)bench.take(bench.machine->start(bench.now));
  const testing::DeviceKeys revoked = testing::device_keys(kRevokedDevice);
  const Frames frames{seal_from_device(bench.check_in_message(), {}, revoked.id, revoked.identity), nullptr};
  CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 0, frames), bench.now)) == std::vector{DropReason::revoked});
}

TEST_CASE("a replay through a gateway counts once in the pool, and against the quota of its device") {
  MachineBench bench(testing::sample_plan(), 8, with_gateway());
  (void)bench.take(bench.machine->start(bench.now));
  const Frames recorded = check_in_of(bench, 0);
  for (int i = 0; i < 3; ++i) CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 0, recorded), bench.now)).empty());
  CHECK(bench.machine->pool_size() == 1);
  CHECK(MachineBench::drops(bench.machine->step(through_gateway(bench, 0, recorded), bench.now)) == std::vector{DropReason::quota});
}

struct QuotaBench {
  MachineBench bench;
  static CurvePublicKey other_gateway() { return testing::device_keys(901).transport; }
  explicit QuotaBench(GatewayQuota quota) : bench(testing::sample_plan(), 4, {.gateways = {gateway_key(), other_gateway()}, .gateway_quota = quota}) { (void)bench.take(bench.machine->start(bench.now)); }
  std::vector<DropReason> give(MessageReceived message) { return MachineBench::drops(bench.machine->step(std::move(message), bench.now)); }
  MessageReceived by(const CurvePublicKey& gateway, std::size_t device, std::size_t connection) const { return {MachineBench::peer_of(connection), gateway, check_in_of(bench, device)}; }
};
using Drops = std::vector<DropReason>;

TEST_CASE("what a gateway brings beyond its messages of a round is dropped, and touches neither another gateway nor a device's own connection") {
  QuotaBench at({.messages_per_device = 2});
  for (std::size_t i = 0; i < 8; ++i) CHECK(at.give(through_gateway(at.bench, i % 4, spoiled(check_in_of(at.bench, i % 4)))) == Drops{DropReason::bad_signature});
  CHECK(at.give(at.by(gateway_key(), 0, 0)) == Drops{DropReason::gateway_quota});
  CHECK(at.give({MachineBench::peer_of(0), gateway_key(), Frames{Bytes{1}, nullptr}}) == Drops{DropReason::gateway_quota});  // though it names nobody
  CHECK(at.give(at.by(QuotaBench::other_gateway(), 0, 0)).empty());
  CHECK(MachineBench::drops(at.bench.check_in(1)).empty());
  CHECK(at.bench.machine->pool_size() == 2);
}

TEST_CASE("a gateway's bytes of a round are bounded, and a message that does not fit takes nothing from those that do") {
  QuotaBench at({.bytes_per_device = 1'000});
  const std::uint64_t size = check_in_of(at.bench, 0).size();
  const auto large = [&](std::size_t device) {  // 2,000 - size
    Frames frames = spoiled(check_in_of(at.bench, device));
    frames.bulk = testing::shared_bytes(Bytes(2'000 - 2 * size));
    return through_gateway(at.bench, device, frames);
  };
  for (const std::size_t device : {0U, 1U}) CHECK(at.give(large(device)) == Drops{DropReason::bad_signature});
  CHECK(at.give(large(2)) == Drops{DropReason::gateway_quota});
  for (const std::size_t device : {0U, 1U}) CHECK(at.give(at.by(gateway_key(), device, device)).empty());  // 4,000
  CHECK(at.give(at.by(gateway_key(), 2, 2)) == Drops{DropReason::gateway_quota});
  CHECK(at.give(at.by(QuotaBench::other_gateway(), 1, 1)).empty());
}

TEST_CASE("a gateway's connections of a round are bounded, and those that it has go on") {
  QuotaBench at({.connections_per_device = 1});
  for (std::size_t connection = 0; connection < 4; ++connection) CHECK(at.give(at.by(gateway_key(), connection / 2, connection)).empty());
  CHECK(at.give(at.by(gateway_key(), 1, 4)) == Drops{DropReason::gateway_quota});
  CHECK(at.give(at.by(gateway_key(), 2, 3)).empty());
  CHECK(at.give(at.by(QuotaBench::other_gateway(), 2, 4)).empty());
}

TEST_CASE("one device has no more than two devices' share of its gateway, in messages, bytes and connections, and the others lose nothing by it") {
  const auto others_are_heard = [](QuotaBench& at) {
    for (std::size_t device = 1; device < 4; ++device) CHECK(at.give(at.by(gateway_key(), device, 10 + device)).empty());
  };
  SUBCASE("messages") {
    QuotaBench at({.messages_per_device = 2});
    for (int i = 0; i < 100; ++i) CHECK(at.give(through_gateway(at.bench, 0, spoiled(check_in_of(at.bench, 0)))) == Drops{i < 4 ? DropReason::bad_signature : DropReason::gateway_quota});
    others_are_heard(at);
  }
  SUBCASE("bytes") {
    QuotaBench at({.bytes_per_device = 1'000});
    Frames large = spoiled(check_in_of(at.bench, 0));
    large.bulk = testing::shared_bytes(Bytes(1'200));
    for (int i = 0; i < 100; ++i) CHECK(at.give(through_gateway(at.bench, 0, large)) == Drops{i < 1 ? DropReason::bad_signature : DropReason::gateway_quota});
    others_are_heard(at);
  }
  SUBCASE("connections") {
    QuotaBench at({.connections_per_device = 2});
    for (std::size_t i = 0; i < 9; ++i) CHECK(at.give(at.by(gateway_key(), 0, i)) == (i < 4 ? Drops{} : Drops{DropReason::gateway_quota}));
    others_are_heard(at);
  }
}

TEST_CASE("signatures beyond a gateway's quota are not checked ahead, and those within it are") {
  QuotaBench at({.messages_per_device = 1});
  std::vector<MessageReceived> messages;
  for (std::size_t i = 0; i < 8; ++i) messages.push_back(through_gateway(at.bench, i % 4, spoiled(check_in_of(at.bench, i % 4))));
  struct Counting final : Executor {
    std::size_t asked = 0;
    void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override {
      asked += count;
      for (std::size_t i = 0; i < count; ++i) work(i);
    }
    unsigned width() const override { return 1; }
  } executor;
  at.bench.machine->check_signatures(messages, executor);
  CHECK(executor.asked == 4);
  for (std::size_t i = 0; i < 8; ++i) CHECK(at.give(messages[i]) == Drops{i < 4 ? DropReason::bad_signature : DropReason::gateway_quota});
}

TEST_CASE("a new attempt at a round renews a gateway's quota") {
  QuotaBench at({.messages_per_device = 1});
  for (std::size_t i = 0; i < 4; ++i) CHECK(at.give(through_gateway(at.bench, i, spoiled(check_in_of(at.bench, i)))) == Drops{DropReason::bad_signature});
  CHECK(at.give(at.by(gateway_key(), 0, 0)) == Drops{DropReason::gateway_quota});
  at.bench.now += Millis(600'001);  // the selection ends without enough devices
  (void)at.bench.take(at.bench.machine->step(Wake{}, at.bench.now));
  CHECK(at.give(at.by(gateway_key(), 0, 0)).empty());
}

TEST_CASE("an update that was recorded in one session is of no use in the next") {
  MachineBench bench(testing::sample_plan(), 8, {.gateways = {gateway_key()}});
  (void)bench.take(bench.machine->start(bench.now));
  const std::vector<std::size_t> asked = bench.to_collecting();
  const Bytes packed = bench.packed(0.1f);
  const Frames recorded{seal_from_device(bench.update_message(packed), bench.session(), bench.devices[asked[0]].id, bench.devices[asked[0]].identity), testing::shared_bytes(packed)};
  for (const std::size_t device : asked) (void)bench.update(device, 0.1f);
  if (bench.machine->phase() != "selecting") (void)bench.stored();
  const auto before = bench.machine->rounds_done();
  (void)bench.to_collecting();
  const Effects effects = bench.take(bench.machine->step(through_gateway(bench, asked[0], recorded), bench.now));
  CHECK(bench.reply_to(asked[0], effects) == UpdateStatus::duplicate);  // of the session that ended; nothing is added
  CHECK(bench.machine->rounds_done() == before);
}

}  // namespace
}  // namespace fedspend::coordinator
