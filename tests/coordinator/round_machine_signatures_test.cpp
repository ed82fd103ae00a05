// Signatures checked ahead on several threads: the machine does what it would have done without.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

MessageReceived message_from(const MachineBench& bench, std::size_t device, Frames frames) {
  return MessageReceived{MachineBench::peer_of(device), bench.devices[device].transport, std::move(frames)};
}
Frames check_in_of(const MachineBench& bench, std::size_t device) {
  return {seal_from_device(bench.check_in_message(), {}, bench.devices[device].id, bench.devices[device].identity), nullptr};
}
void spoil_signature(MessageReceived& message) { message.frames = spoilt(std::move(message.frames)); }

// Good ones and one of each kind that the gate turns away.
MessageReceived any_message(const MachineBench& bench, std::size_t device, unsigned kind) {
  MessageReceived message = message_from(bench, device, check_in_of(bench, device));
  switch (kind) {
    case 1: spoil_signature(message); break;
    case 2: message.transport_key = bench.devices[(device + 1) % bench.devices.size()].transport; break;
    case 3: message.frames.control.pop_back(); break;
    case 4: {
      const testing::DeviceKeys stranger = testing::device_keys(99);
      message = MessageReceived{MachineBench::peer_of(device), stranger.transport, Frames{seal_from_device(bench.check_in_message(), {}, stranger.id, stranger.identity), nullptr}};
      break;
    }
    case 5: message.frames.control[kEnvelopeHeaderBytes - 4 - 64 - 64] ^= 1; break;  // the sender
    default: break;
  }
  return message;
}

std::vector<std::string> said(const Effects& effects) {
  std::vector<std::string> lines;
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<Send>(&effect)) lines.push_back("to " + send->peer.value + " " + to_hex(send->frames.control));
    if (const auto* dropped = std::get_if<Dropped>(&effect)) lines.push_back(std::string(to_string(dropped->reason)));
    if (const auto* wake = std::get_if<WakeAt>(&effect)) lines.push_back("wake at " + std::to_string(wake->time.count()));
  }
  return lines;
}

TEST_CASE("with signatures checked ahead the machine says the same, message by message, whatever came together") {
  CHECK(rc::check([] {
    const MachineOptions options{.max_messages_per_device_and_round = 3};
    MachineBench one_by_one(testing::sample_plan(), 4, options);
    MachineBench ahead(testing::sample_plan(), 4, options);
    (void)one_by_one.take(one_by_one.machine->start(one_by_one.now));
    (void)ahead.take(ahead.machine->start(ahead.now));
    ThreadExecutor executor(2);
    const auto batches = *rc::gen::container<std::vector<std::vector<std::pair<std::size_t, unsigned>>>>(
        rc::gen::container<std::vector<std::pair<std::size_t, unsigned>>>(rc::gen::pair(rc::gen::inRange<std::size_t>(0, 4), rc::gen::inRange<unsigned>(0, 8))));
    for (const auto& batch : batches) {
      std::vector<MessageReceived> messages;
      for (const auto& [device, kind] : batch) messages.push_back(any_message(ahead, device, kind));
      const std::vector<MessageReceived> unchecked = messages;
      ahead.machine->check_signatures(messages, executor);
      for (std::size_t i = 0; i < messages.size(); ++i)
        RC_ASSERT(said(ahead.machine->step(messages[i], ahead.now)) == said(one_by_one.machine->step(unchecked[i], one_by_one.now)));
    }
  }));
}

TEST_CASE("case 6: a wrong signature that was found ahead is dropped, and a right one is not checked twice") {
  MachineBench bench;
  (void)bench.take(bench.machine->start(bench.now));
  std::vector<MessageReceived> messages{message_from(bench, 0, check_in_of(bench, 0)), message_from(bench, 1, check_in_of(bench, 1))};
  spoil_signature(messages[1]);
  SerialExecutor executor;
  bench.machine->check_signatures(messages, executor);
  // What it found is what counts: the frames are the driver's to leave as they are.
  spoil_signature(messages[0]);
  spoil_signature(messages[1]);
  CHECK(MachineBench::drops(bench.machine->step(messages[0], bench.now)).empty());
  CHECK(MachineBench::drops(bench.machine->step(messages[1], bench.now)) == std::vector{DropReason::bad_signature});
  CHECK(bench.machine->pool_size() == 1);
}

TEST_CASE("case 31: what a device may not send any more is not checked ahead, nor is what has no enrolled sender") {
  MachineBench bench(testing::sample_plan(), 4, {.max_messages_per_device_and_round = 5});
  (void)bench.take(bench.machine->start(bench.now));
  for (int i = 0; i < 2; ++i) (void)bench.check_in(0);
  std::vector<MessageReceived> messages;
  for (int i = 0; i < 10; ++i) messages.push_back(any_message(bench, 0, 0));
  messages.push_back(any_message(bench, 1, 0));
  for (unsigned kind = 2; kind <= 5; ++kind) messages.push_back(any_message(bench, 1, kind));
  CountingExecutor executor;
  bench.machine->check_signatures(messages, executor);
  CHECK(executor.done == 3 + 1);
  std::size_t over = 0;
  for (const MessageReceived& message : messages) {
    for (const DropReason reason : MachineBench::drops(bench.machine->step(message, bench.now))) over += reason == DropReason::quota ? 1 : 0;
  }
  CHECK(over == 7);
}

// The quotas begin anew with the attempt that ended in between: step() looks at the signature itself.
TEST_CASE("a message that the quota let through only when its turn came is checked then") {
  MachineBench bench(testing::sample_plan(), 4, {.selection_timeout = Millis(1'000), .max_messages_per_device_and_round = 1});
  (void)bench.take(bench.machine->start(bench.now));
  (void)bench.check_in(0);
  std::vector<MessageReceived> messages{any_message(bench, 0, 1), any_message(bench, 0, 0)};
  CountingExecutor executor;
  bench.machine->check_signatures(messages, executor);
  CHECK(executor.done == 0);
  REQUIRE(testing::all_of<RoundAborted>(bench.wake_after(Millis(1'000))).size() == 1);
  CHECK(MachineBench::drops(bench.machine->step(messages[0], bench.now)) == std::vector{DropReason::bad_signature});
  REQUIRE(testing::all_of<RoundAborted>(bench.wake_after(Millis(1'000))).size() == 1);
  CHECK(MachineBench::drops(bench.machine->step(messages[1], bench.now)).empty());
}

}  // namespace
}  // namespace fedspend::coordinator
