// SignSurvivors that comes when the quorum is there without it: RoundMachine::signs_late().
#include "tests/coordinator/secure_machine_bench.h"

namespace fedspend::coordinator {
namespace {

using Type = MessageType;

constexpr std::size_t kLate = 2, kLater = 5;  // five of eight are a quorum

// The quorum is there and has been sent to all eight; kLate and kLater have signed as well and nobody has revealed anything, but what
// they said is still on its way.
struct AtQuorum : SecureMachineBench {
  explicit AtQuorum(std::size_t held = kLate, MachineOptions options = {}) : SecureMachineBench(testing::secure_plan(), 8, options) {
    holds = [held](const OnTheTable& m) { return m.up && (m.type == Type::unmask || (m.type == Type::sign_survivors && (m.device == held || m.device == kLater))); };
    check_in_all();
    run();
    REQUIRE(machine->phase() == "revealing");
    REQUIRE(count_of(Type::quorum, held) == 1);
    seen.clear();
  }
  Frames signing(std::size_t device) const { return last_of(Type::sign_survivors, device).frames; }
  SessionId of_session() const { return open_envelope(signing(0).control).value().session; }
  MessageReceived message(std::size_t device, Frames frames) const { return {peer_of(device), devices[device].transport, std::move(frames)}; }
  // How many signatures of these are looked at when they arrive together.
  std::size_t checked_ahead(std::vector<MessageReceived> together) const {
    CountingExecutor executor;
    machine->check_signatures(together, executor);
    return executor.done;
  }
  // It is looked at: a wrong signature is found ahead and at its turn.
  void expect_checked(std::size_t device, const Frames& frames) {
    CHECK(checked_ahead({message(device, frames)}) == 1);
    const Effects effects = give(device, spoilt(frames));
    CHECK(effects.size() == 1);
    CHECK(drops(effects) == std::vector{DropReason::bad_signature});
  }
  void expect_quorum(std::size_t device, const Effects& effects) const {
    REQUIRE(effects.size() == 1);
    REQUIRE(sent_to<Quorum>(device, effects).size() == 1);
    CHECK(testing::all_of<Send>(effects).front().frames.bulk_bytes().size() == last_of(Type::quorum, device).frames.bulk_bytes().size());
  }
};

TEST_CASE("who signs for the first time when the quorum is there is neither checked nor answered, and is in the sum like the others") {
  AtQuorum bench;
  CHECK(bench.checked_ahead({bench.message(kLate, bench.signing(kLate)), bench.message(kLater, bench.signing(kLater))}) == 0);
  CHECK(bench.give(kLate, bench.signing(kLate)).empty());
  CHECK(bench.give(kLater, spoilt(bench.signing(kLater))).empty());  // as it is not looked at, it may be anything
  CHECK(bench.dropped(DropReason::bad_signature) == 0);
  bench.loses = [](const OnTheTable& m) { return m.up && m.type == Type::sign_survivors; };
  bench.release();
  bench.expect_published(kAll);
  for (std::size_t i = 0; i < 8; ++i) CHECK(bench.replies_to(i) == std::vector{UpdateStatus::accepted});
}

TEST_CASE("who signs again when the quorum is there is checked and sent the quorum, whether it was late or in time") {
  AtQuorum bench;
  REQUIRE(bench.give(kLate, bench.signing(kLate)).empty());
  for (const std::size_t device : {std::size_t{0}, kLate}) {
    CAPTURE(device);
    bench.expect_checked(device, bench.signing(device));
    for (int again = 0; again < 2; ++again) bench.expect_quorum(device, bench.give(device, bench.signing(device)));
  }
  bench.release();
  bench.expect_published(kAll);
}

// One who has a device's transport key and not its identity: the device's own first word is then checked, and a quorum is sent once more.
TEST_CASE("a first signature that is wrong costs the device nothing: its own is checked after it and answered with the quorum") {
  AtQuorum bench;
  REQUIRE(bench.give(kLate, spoilt(bench.signing(kLate))).empty());
  bench.expect_checked(kLate, bench.signing(kLate));
  bench.expect_quorum(kLate, bench.give(kLate, bench.signing(kLate)));
  bench.release();
  bench.expect_published(kAll);
}

TEST_CASE("case 6: before the quorum is there a wrong signature is dropped, and the signer is in no quorum by it") {
  SecureMachineBench bench;
  to_phase(bench, {Type::sign_survivors, "signing"});
  const auto signing = [&](std::size_t device) { return bench.last_of(Type::sign_survivors, device).frames; };
  for (std::size_t i = 0; i < 4; ++i) bench.from_machine(bench.give(i, signing(i)));
  for (int i = 0; i < 2; ++i) CHECK(MachineBench::drops(bench.give(kLater, spoilt(signing(kLater)))) == std::vector{DropReason::bad_signature});
  CHECK(bench.machine->phase() == "signing");  // four of five
  // It has not signed: what it says when the quorum is there is its first word.
  bench.from_machine(bench.give(7, signing(7)));
  REQUIRE(bench.machine->phase() == "revealing");
  CHECK(bench.give(kLater, spoilt(signing(kLater))).empty());
  bench.release();
  bench.expect_published(kAll);
}

TEST_CASE("when the quorum is there all but a survivor's first signature of this session is checked: other messages, sessions, connections") {
  AtQuorum bench;
  for (const Type type : {Type::unmask, Type::masked_input, Type::share_keys}) bench.expect_checked(kLate, bench.last_of(type, kLate).frames);
  bench.expect_checked(kLate, Frames{seal_from_device(Decline{}, bench.of_session(), bench.devices[kLate].id, bench.devices[kLate].identity), nullptr});
  SessionId other = bench.of_session();
  other.bytes[0] ^= 1;
  for (const SessionId& session : {other, SessionId{}}) {
    const Frames of_other{seal_from_device(SignSurvivors{}, session, bench.devices[kLate].id, bench.devices[kLate].identity), nullptr};
    bench.expect_checked(kLate, of_other);
    CHECK(MachineBench::drops(bench.give(kLate, of_other)) == std::vector{DropReason::wrong_session});
  }
  // Over another device's connection, and in another device's name.
  CHECK(MachineBench::drops(bench.give(kLater, bench.signing(kLate))) == std::vector{DropReason::wrong_transport});
  // None of it was kLate's first word.
  CHECK(bench.give(kLate, bench.signing(kLate)).empty());
  bench.release();
  bench.expect_published(kAll);
}

// Behind a gateway nothing but the signature says who speaks, so that a late one is looked at, too.
TEST_CASE("through a gateway a late signature that is wrong is dropped, and does not count as the device's first word") {
  const CurvePublicKey gateway = testing::device_keys(900).transport;
  AtQuorum bench(kLate, {.gateways = {gateway}});
  const Frames forged = spoilt(bench.signing(kLate));
  for (int i = 0; i < 2; ++i) {
    const Effects effects = bench.machine->step(MessageReceived{MachineBench::peer_of(kLate), gateway, forged}, bench.now);
    CHECK(MachineBench::drops(effects) == std::vector{DropReason::bad_signature});
    CHECK(testing::all_of<Send>(effects).empty());
  }
  CHECK(bench.give(kLate, bench.signing(kLate)).empty());
  bench.release();
  bench.expect_published(kAll);
}

TEST_CASE("case 31: signatures that come late are of the quota like any other message") {
  AtQuorum bench(kLate, {.max_messages_per_device_and_round = 6});  // check-in, keys, shares, masked input: four
  CHECK(bench.give(kLate, bench.signing(kLate)).empty());
  bench.expect_quorum(kLate, bench.give(kLate, bench.signing(kLate)));
  CHECK(MachineBench::drops(bench.give(kLate, bench.signing(kLate))) == std::vector{DropReason::quota});
}

TEST_CASE("who has revealed, has declined or is no survivor has its late signature checked and answered as ever") {
  SUBCASE("revealed") {
    AtQuorum bench;
    const Effects accepted = bench.give(kLate, bench.last_of(Type::unmask, kLate).frames);
    CHECK(bench.reply_to(kLate, accepted) == UpdateStatus::accepted);
    bench.expect_checked(kLate, bench.signing(kLate));
    CHECK(bench.reply_to(kLate, bench.give(kLate, bench.signing(kLate))) == UpdateStatus::duplicate);
  }
  SUBCASE("declined") {
    AtQuorum bench;
    static_cast<void>(bench.say(kLate, Decline{}, bench.of_session()));
    bench.expect_checked(kLate, bench.signing(kLate));
    CHECK(MachineBench::drops(bench.give(kLate, bench.signing(kLate))) == std::vector{DropReason::not_assigned});
  }
  SUBCASE("no survivor") {
    SecureMachineBench lost;
    // Its masked input never comes.
    lost.loses = [](const OnTheTable& m) { return m.up && m.type == Type::masked_input && m.device == kLate; };
    lost.holds = [](const OnTheTable& m) { return m.up && m.type == Type::unmask; };
    lost.check_in_all();
    lost.run();
    lost.pass_deadline_and_run();
    REQUIRE(lost.machine->phase() == "revealing");
    const SessionId session = open_envelope(lost.last_of(Type::sign_survivors, 0).frames.control).value().session;
    const Frames frames{seal_from_device(SignSurvivors{}, session, lost.devices[kLate].id, lost.devices[kLate].identity), nullptr};
    CHECK(MachineBench::drops(lost.give(kLate, spoilt(frames))) == std::vector{DropReason::bad_signature});
    const Effects effects = lost.give(kLate, frames);
    CHECK(MachineBench::drops(effects) == std::vector{DropReason::late});
    CHECK(lost.reply_to(kLate, effects) == UpdateStatus::late);
  }
}

std::vector<std::string> said(const Effects& effects) {
  std::vector<std::string> lines;
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<Send>(&effect)) lines.push_back("to " + send->peer.value + " " + to_hex(send->frames.control));
    if (const auto* dropped = std::get_if<Dropped>(&effect)) lines.push_back(std::string(to_string(dropped->reason)));
    if (const auto* wake = std::get_if<WakeAt>(&effect)) lines.push_back("wake at " + std::to_string(wake->time.count()));
    if (std::holds_alternative<ComputeSum>(effect)) lines.emplace_back("compute the sum");
  }
  return lines;
}

// From the first signature on. What devices say is that of a whole round of the same devices.
TEST_CASE("with signatures checked ahead the machine says the same around the quorum, whatever came together") {
  SecureMachineBench whole;
  whole.check_in_all();
  whole.run();
  const auto frames_of = [&](std::size_t device, unsigned kind) {
    constexpr std::array<Type, 4> kTypes{Type::sign_survivors, Type::unmask, Type::masked_input, Type::share_keys};
    const bool declines = kind == 8;
    if (declines) {
      const SessionId session = open_envelope(whole.last_of(Type::unmask, device).frames.control).value().session;
      return Frames{seal_from_device(Decline{}, session, whole.devices[device].id, whole.devices[device].identity), nullptr};
    }
    const Frames frames = whole.last_of(kTypes[kind % 4], device).frames;
    return kind >= 4 ? spoilt(frames) : frames;
  };
  std::set<std::string> phases;
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    const MachineOptions options{.max_messages_per_device_and_round = 8};
    SecureMachineBench one_by_one(testing::secure_plan(), 8, options);
    SecureMachineBench ahead(testing::secure_plan(), 8, options);
    for (SecureMachineBench* bench : {&one_by_one, &ahead}) to_phase(*bench, {Type::sign_survivors, "signing"});
    REQUIRE(ahead.last_of(Type::sign_survivors, 0).frames.control == frames_of(0, 0).control);
    ThreadExecutor executor(2);
    const auto together = [&](const std::vector<std::pair<std::size_t, unsigned>>& batch) {
      std::vector<MessageReceived> unchecked;
      for (const auto& [device, kind] : batch) unchecked.push_back({MachineBench::peer_of(device), whole.devices[device].transport, frames_of(device, kind)});
      std::vector<MessageReceived> checked = unchecked;
      ahead.machine->check_signatures(checked, executor);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        CAPTURE(batch[i].first);
        CAPTURE(batch[i].second);
        CHECK(said(ahead.machine->step(checked[i], ahead.now)) == said(one_by_one.machine->step(unchecked[i], one_by_one.now)));
      }
      phases.emplace(ahead.machine->phase());
    };
    std::vector<std::pair<std::size_t, unsigned>> first;
    for (std::size_t i = 0; i < seed % 6; ++i) first.emplace_back(i, 0);
    together(first);
    for (int batches = 0; batches < 6; ++batches) {
      std::vector<std::pair<std::size_t, unsigned>> batch(random.below(12));
      constexpr std::array<unsigned, 6> kMostly{0, 0, 0, 4, 1, 1};  // signatures, right and wrong, and shares
      for (auto& [device, kind] : batch) {
        device = random.below(8);
        const auto any = random.below(12);
        kind = any < kMostly.size() ? kMostly[any] : static_cast<unsigned>(random.below(9));
      }
      together(batch);
    }
  }
  CHECK(phases.contains("signing"));
  CHECK(phases.contains("revealing"));
}

}  // namespace
}  // namespace fedspend::coordinator
