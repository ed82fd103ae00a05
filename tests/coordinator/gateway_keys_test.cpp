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
