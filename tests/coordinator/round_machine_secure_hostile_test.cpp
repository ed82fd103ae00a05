// Secure rounds against devices that repeat, lie, flood or bend their shares, a beacon that fails, and a coordinator that dies.

#include "tests/coordinator/secure_machine_bench.h"

namespace fedspend::coordinator {
namespace {

using Type = MessageType;

TEST_CASE("a decline is counted once, and whoever has declined is not heard any more (hostile cases 1 and 4)") {
  SecureMachineBench bench;
  to_phase(bench, kPhases[1]);
  const SessionId session = open_envelope(bench.last_of(Type::share_keys, 0).frames.control).value().session;
  bench.from_machine(bench.say(2, Decline{}, session));
  bench.from_machine(bench.say(2, Decline{}, session));
  CHECK(bench.dropped(DropReason::not_assigned) == 1);
  bench.release();  // its shares among them
  CHECK(bench.dropped(DropReason::not_assigned) >= 2);
  bench.expect_published({0, 1, 3, 4, 5, 6, 7});
  CHECK(testing::all_of<Publish>(bench.seen).front().summary.declined == 1);
}

TEST_CASE("the same message again is never added again, whenever it comes (hostile cases 1 and 3)") {
  SecureMachineBench bench;
  bench.alters = [&](OnTheTable& m) {
    // Everything that devices say comes three times.
    if (!m.up) return;
    for (int i = 0; i < 2; ++i) bench.messages.push_back(m);
  };
  bench.check_in_all();
  bench.run();
  bench.expect_published(kAll);
  // And once more when it is over: it is told that it is late, and nothing is published.
  const auto carried = bench.carried;
  std::uint64_t repeated = 0;
  bench.seen.clear();
  for (const OnTheTable& m : carried) {
    if (!m.up || m.type == Type::check_in) continue;
    ++repeated;
    bench.from_machine(bench.machine->step(MessageReceived{bench.peer_of(m.device), bench.devices[m.device].transport, m.frames}, bench.now));
  }
  CHECK(testing::all_of<Publish>(bench.seen).empty());
  CHECK(bench.dropped(DropReason::late) + bench.dropped(DropReason::wrong_session) == repeated);
  CHECK(repeated >= 40);
  CHECK(bench.machine->rounds_done() == 1);
}

TEST_CASE("another message of the same device in a phase: the first one stays (hostile case 4)") {
  SUBCASE("keys") {
    SecureMachineBench bench;
    to_phase(bench, kPhases[0]);
    const auto first = bench.last_of(Type::advertise_keys, 0), other = bench.last_of(Type::advertise_keys, 1);
    const auto keys = [](const OnTheTable& m) {
      const Envelope envelope = open_envelope(m.frames.control).value();
      return std::get<AdvertiseKeys>(decode_body(envelope.type, envelope.body).value());
    };
    AdvertiseKeys mixed = keys(first);
    mixed.keys.commitment[0] ^= 1;
    bench.deliver(first);
    bench.from_machine(bench.say(0, mixed, bench.session()));
    CHECK(bench.dropped(DropReason::equivocation) == 1);
    // Another's key is nobody's second one (case 5).
    AdvertiseKeys stolen = keys(other);
    stolen.keys.agreement = keys(first).keys.agreement;
    bench.from_machine(bench.say(1, stolen, bench.session()));
    CHECK(bench.dropped(DropReason::bad_update) == 1);
    bench.release();
    bench.expect_published(kAll);
  }
  SUBCASE("masked inputs") {
    SecureMachineBench bench;
    to_phase(bench, kPhases[2]);
    const OnTheTable first = bench.last_of(Type::masked_input, 0);
    bench.deliver(first);
    Bytes other(*first.frames.bulk);
    other[0] ^= 1;
    const SessionId session = open_envelope(first.frames.control).value().session;
    bench.from_machine(bench.say(0, MaskedInput{hash_of_update(other), static_cast<std::uint32_t>(testing::kParameters), 21}, session, testing::shared_bytes(other)));
    CHECK(bench.dropped(DropReason::equivocation) == 1);
    bench.release();
    bench.expect_published(kAll);
  }
}

TEST_CASE("messages of the wrong form, session or sender change nothing (hostile cases 2, 6, 16, 17, 18, 19 and 25)") {
  SecureMachineBench bench(testing::secure_plan(), 10);  // two of them are not asked
  to_phase(bench, kPhases[2]);
  const SessionId session = open_envelope(bench.last_of(Type::masked_input, 0).frames.control).value().session;
  const Bytes zeros(packed_size(testing::kParameters, 21));
  const auto input = [&](const Bytes& bulk) { return MaskedInput{hash_of_update(bulk), static_cast<std::uint32_t>(testing::kParameters), 21}; };
  const auto say = [&](std::size_t device, const Message& message, const SessionId& sid, const Bytes& bulk) {
    bench.seen.clear();
    bench.from_machine(bench.say(device, message, sid, testing::shared_bytes(bulk)));
    const auto drops = MachineBench::drops(bench.seen);
    REQUIRE(drops.size() == 1);
    return drops.front();
  };
  Bytes longer = zeros, shorter = zeros, padded = zeros;
  longer.push_back(0);
  shorter.pop_back();
  padded.back() |= 0x80;
  CHECK(say(0, input(longer), session, longer) == DropReason::bad_update);
  CHECK(say(0, input(shorter), session, shorter) == DropReason::bad_update);
  CHECK(say(0, input(padded), session, padded) == DropReason::bad_update);
  CHECK(say(0, input(longer), session, zeros) == DropReason::bad_update);  // not its hash
  MaskedInput narrow = input(zeros);
  narrow.bits = 20;
  CHECK(say(0, narrow, session, zeros) == DropReason::bad_update);
  SessionId other = session;
  other.bytes[0] ^= 1;
  CHECK(say(0, input(zeros), other, zeros) == DropReason::wrong_session);
  CHECK(say(0, input(zeros), bench.assigned.begin()->second.first.session, zeros) == DropReason::wrong_session);  // the assignment's
  CHECK(say(0, input(zeros), SessionId{}, zeros) == DropReason::wrong_session);
  std::size_t outsider = 0;
  while (bench.assigned.contains(outsider)) ++outsider;
  CHECK(say(outsider, input(zeros), session, zeros) == DropReason::not_assigned);
  Frames forged{seal_from_device(input(zeros), session, bench.devices[0].id, bench.devices[1].identity), testing::shared_bytes(zeros)};
  bench.seen.clear();
  bench.from_machine(bench.give(0, forged));
  CHECK(bench.dropped(DropReason::bad_signature) == 1);
  // An open update in a secure round: nobody can be had to send one in the clear.
  CHECK(say(0, Update{hash_of_update(zeros), static_cast<std::uint32_t>(testing::kParameters), 21}, session, zeros) == DropReason::wrong_session);
  bench.seen.clear();
  bench.loses = [](const OnTheTable& m) { return m.type == Type::update_reply && m.device == 0; };  // the answers to what it never said
  bench.release();
  CHECK(testing::all_of<Publish>(bench.seen).size() == 1);
}

// On the roster they would make every neighbour give up: it is not this attempt that their owner has signed them for.
TEST_CASE("keys that were advertised for another attempt are refused, and the right ones take their place (hostile case 2)") {
  SecureMachineBench bench;
  to_phase(bench, kPhases[0]);
  const Envelope envelope = open_envelope(bench.last_of(Type::advertise_keys, 2).frames.control).value();
  const Message keys = decode_body(envelope.type, envelope.body).value();
  SessionId other = envelope.session;
  other.bytes[0] ^= 1;
  for (const SessionId& session : {other, SessionId{}}) {
    bench.seen.clear();
    bench.from_machine(bench.say(2, keys, session));
    CHECK(bench.dropped(DropReason::wrong_session) == 1);
    CHECK(bench.replies_to(2).back() == UpdateStatus::refused);
  }
  bench.release();
  bench.expect_published(kAll);
}

TEST_CASE("a device that floods a phase spends its quota, and the others' round is right (hostile case 31)") {
  SecureMachineBench bench;
  to_phase(bench, kPhases[2]);
  const SessionId session = open_envelope(bench.last_of(Type::masked_input, 0).frames.control).value().session;
  for (int i = 0; i < 500; ++i) bench.from_machine(bench.say(6, SignSurvivors{}, session));
  CHECK(bench.dropped(DropReason::quota) > 400);
  const auto replies = bench.count_of(Type::deliver_shares, 6);
  CHECK(replies <= 64);
  bench.holds = [](const OnTheTable& m) { return m.device == 6; };
  bench.run();
  CHECK(bench.machine->phase() == "masking");  // it has no message left
  bench.pass_deadline_and_run();
  bench.expect_published({0, 1, 2, 3, 4, 5, 7});
}

TEST_CASE("wrong shares beyond correction abort the round, and their dealers are left out of the next ones (hostile case 24)") {
  SecureMachineBench bench;
  bench.computes = false;
  bench.check_in_all();
  bench.run();
  REQUIRE(bench.machine->phase() == "unmasking");
  const auto compute = testing::all_of<ComputeSum>(bench.seen);
  REQUIRE(compute.size() == 1);
  bench.from_machine(bench.machine->step(SumComputed{compute.front().session, tl::unexpected(UnmaskingFailure{"a client's secret does not fit", {bench.devices[2].id}})}, bench.now));
  CHECK(bench.aborted().why_aborted == "a client's secret does not fit");
  CHECK(bench.dropped(DropReason::excluded) == 1);
  // It is told to come back, and is not asked; the others are too few without it.
  const auto told = bench.sent_to<ComeBack>(2, bench.check_in(2));
  REQUIRE(told.size() == 1);
  CHECK(told.front().reason == ComeBackReason::not_selected);
  CHECK(bench.machine->pool_size() == 0);
}

// The shares that device 3 seals open for nobody.
void spoil_shares(SecureMachineBench& bench) {
  bench.alters = [&](OnTheTable& m) {
    if (!m.up || m.type != Type::share_keys || m.device != 3) return;
    const Envelope envelope = open_envelope(m.frames.control).value();
    auto shares = std::get<ShareKeys>(decode_body(envelope.type, envelope.body).value());
    for (std::size_t i = kSealedShareBytes - 1; i < shares.sealed.size(); i += kSealedShareBytes) shares.sealed[i] ^= 1;
    m.frames = Frames{seal_from_device(shares, envelope.session, bench.devices[3].id, bench.devices[3].identity), nullptr};
  };
}

TEST_CASE("a device whose sealed shares open for nobody ends one round, and is left out of the next ones (hostile cases 8 and 10)") {
  SecureMachineBench bench;
  spoil_shares(bench);
  bench.check_in_all();
  bench.run();
  CHECK(bench.aborted().dropped.at(DropReason::excluded) == 1);
  for (std::size_t i = 0; i < 8; ++i) {
    const auto told = bench.sent_to<ComeBack>(i, bench.check_in(i));
    CHECK(told.size() == (i == 3 ? 1 : 0));
  }
  CHECK(bench.machine->pool_size() == 7);  // the others, who are enough
}

// Colluding holders can bring it on an honest dealer, so it is not for ever.
TEST_CASE("a dealer that was left out takes part again when its rounds are over (hostile case 24)") {
  MachineOptions options;
  options.rounds_excluded = 1;
  SecureMachineBench bench(testing::secure_plan(), 8, options);
  spoil_shares(bench);
  bench.check_in_all();
  bench.run();
  CHECK(bench.aborted().dropped.at(DropReason::excluded) == 1);
  bench.alters = [](OnTheTable&) {};
  for (const std::set<std::size_t>& contributors : {std::set<std::size_t>{0, 1, 2, 4, 5, 6, 7}, kAll}) {
    bench.shift += 0.01F;  // the update that was unmasked is not handed in again
    bench.seen.clear();
    bench.check_in_all();
    bench.run();
    if (testing::all_of<Publish>(bench.seen).empty()) bench.pass_deadline_and_run();  // the window for an eighth
    const auto published = testing::all_of<Publish>(bench.seen);
    REQUIRE(published.size() == 1);
    CHECK(published.front().summary.contributors == bench.ids_of(contributors));
  }
}

TEST_CASE("shares that are bent on the way out are corrected or blamed, and never change the sum (hostile case 24)") {
  for (const std::size_t liars : {std::size_t{1}, std::size_t{2}}) {
    CAPTURE(liars);
    SecureMachineBench bench;
    bench.alters = [&](OnTheTable& m) {
      if (!m.up || m.type != Type::unmask || m.device >= liars) return;
      const Envelope envelope = open_envelope(m.frames.control).value();
      auto unmask = std::get<Unmask>(decode_body(envelope.type, envelope.body).value());
      for (std::size_t i = 0; i < unmask.shares.size(); i += 32) unmask.shares[i] ^= 1;
      m.frames = Frames{seal_from_device(unmask, envelope.session, bench.devices[m.device].id, bench.devices[m.device].identity), nullptr};
    };
    bench.check_in_all();
    bench.run();
    if (liars == 1) {  // seven shares, four needed: one can be wrong
      bench.expect_published(kAll);
      CHECK(bench.dropped(DropReason::bad_share) == 1);
    } else {
      CHECK(bench.aborted().dropped.at(DropReason::excluded) >= 1);
    }
  }
}

TEST_CASE("a coordinator that dies in any phase begins the round anew, with a new session and new keys (hostile case 32)") {
  for (const PhaseOf& at : kPhases) {
    CAPTURE(at.phase);
    SecureMachineBench bench;
    to_phase(bench, at);
    const std::vector<OnTheTable> before = bench.carried;
    // Gone, and begun anew from the last stored model: there is none.
    auto made = RoundMachine::create(testing::signed_plan(bench.plan), testing::release_key().public_key(), {.rounds_done = 0, .weights = testing::sample_weights(), .optimizer_state = {}},
                                     enrolment_of(8), {}, bench.chooser, bench.random);
    REQUIRE(made);
    bench.machine = std::move(*made);
    bench.messages.clear();
    bench.holds = [](const OnTheTable&) { return false; };
    bench.from_machine(bench.machine->start(bench.now));
    // The devices say their last word over the new connection, hear that their session is no more, and come again.
    for (std::size_t i = 0; i < 8; ++i) bench.from_device(i, bench.table[i]->session->step(client::ConnectionRestored{}, bench.now));
    bench.run();
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(bench.replies_to(i).back() == UpdateStatus::refused);
      CHECK(bench.table[i]->session->phase() == "idle");
    }
    bench.now += Millis(30'000);
    bench.shift = 0.004F;  // another attempt trains from another seed; the same update would be refused (case 29)
    for (std::size_t i = 0; i < 8; ++i) bench.wake_device(i);
    bench.run();
    bench.expect_published(kAll);
    std::set<SessionId> old_sessions;
    std::set<std::array<std::uint8_t, 32>> keys;
    const auto collect = [&](const std::vector<OnTheTable>& messages, std::size_t from, bool is_new) {
      for (std::size_t i = from; i < messages.size(); ++i) {
        const Envelope envelope = open_envelope(messages[i].frames.control).value();
        if (!messages[i].up || envelope.session.is_zero()) continue;
        if (messages[i].type != Type::advertise_keys) continue;
        const auto advertised = std::get<AdvertiseKeys>(decode_body(envelope.type, envelope.body).value());
        if (!is_new) old_sessions.insert(envelope.session);
        if (is_new && old_sessions.contains(envelope.session)) continue;  // the last word said again
        for (const auto& key : {advertised.keys.agreement, advertised.keys.mask, advertised.keys.commitment}) CHECK(keys.insert(key).second);
      }
    };
    collect(before, 0, false);
    collect(bench.carried, before.size(), true);
    CHECK(keys.size() == 2 * 8 * 3);
    for (std::size_t i = 0; i < 8; ++i) {
      // Charged once for each masked input that left, also for the one that went nowhere.
      const bool had_masked = at.up == Type::masked_input || at.up == Type::sign_survivors || at.up == Type::unmask;
      CHECK(bench.table[i]->record.participations(bench.plan.task).value() == (had_masked ? 2 : 1));
    }
  }
}

TEST_CASE("with an external beacon devices take the graph that it has signed, and one that fails is an abort with its reason (hostile case 33)") {
  Plan plan = testing::secure_plan();
  plan.aggregation.beacon = BeaconSource::external;
  testing::SigningBeacon beacon;
  MachineOptions options;
  options.external_beacon = &beacon;
  SUBCASE("it answers") {
    SecureMachineBench bench(plan, 8, options);
    bench.check_in_all();
    bench.run();
    const Envelope advertised = open_envelope(bench.last_of(Type::advertise_keys, 0).frames.control).value();
    const Envelope envelope = open_envelope(bench.last_of(Type::roster_view, 0).frames.control).value();
    const auto view = std::get<RosterView>(decode_body(envelope.type, envelope.body).value());
    REQUIRE(beacon.asked.size() == 1);
    CHECK(beacon.asked.front() == std::pair{advertised.session, view.root});
    CHECK(open_beacon(beacon.key().public_key(), advertised.session, view.root, view.beacon_signature)->value == view.beacon);
    bench.expect_published(kAll);
  }
  SUBCASE("it does not") {
    beacon.fails = true;
    SecureMachineBench bench(plan, 8, options);
    bench.check_in_all();
    bench.run();
    CHECK(bench.aborted().why_aborted == "the beacon does not answer");
    for (std::size_t i = 0; i < 8; ++i) CHECK(bench.table[i]->session->phase() == "idle");
  }
  SUBCASE("it is the coordinator's own: no device goes on, and nothing is published") {
    testing::SigningBeacon own(1);
    options.external_beacon = &own;
    SecureMachineBench bench(plan, 8, options);
    bench.check_in_all();
    bench.run();
    CHECK(own.asked.size() == 1);
    CHECK(bench.aborted().why_aborted != "");
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(bench.count_of(Type::share_keys, i) == 0);
      CHECK(bench.count_of(Type::decline, i) == 1);
    }
  }
}

}  // namespace
}  // namespace fedspend::coordinator
