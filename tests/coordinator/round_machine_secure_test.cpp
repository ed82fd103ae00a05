// Rounds of secure aggregation with real sessions: whole, with losses in every phase, at their deadlines, and over restarts.

#include "tests/coordinator/secure_machine_bench.h"

namespace fedspend::coordinator {
namespace {

using Type = MessageType;

// What devices send, and the machine's phase while it waits for it.
struct PhaseOf {
  Type up;
  std::string_view phase;
};
constexpr std::array<PhaseOf, 5> kPhases{{{Type::advertise_keys, "advertising"},
                                          {Type::share_keys, "sharing"},
                                          {Type::masked_input, "masking"},
                                          {Type::sign_survivors, "signing"},
                                          {Type::unmask, "revealing"}}};
const std::set<std::size_t> kAll{0, 1, 2, 3, 4, 5, 6, 7};

// Of eight two may be lost, but for those who do not even advertise: of seven on the roster one.
std::set<std::size_t> lost_in(const PhaseOf& at) { return at.phase == "advertising" ? std::set<std::size_t>{5} : std::set<std::size_t>{2, 5}; }
// In whose sum they are, all the same.
std::set<std::size_t> sum_without(const PhaseOf& at) {
  std::set<std::size_t> left = kAll;
  if (at.up < Type::sign_survivors) for (const std::size_t i : lost_in(at)) left.erase(i);
  return left;
}

// The devices have said `up`, and the machine has heard none of it.
void to_phase(SecureMachineBench& bench, const PhaseOf& at) {
  bench.hold_up(at.up);
  bench.check_in_all();
  bench.run();
  // Sessions' own: a quorum suffices to leave the signing phase, every other waits for all.
  REQUIRE(bench.machine->phase() == at.phase);
}

TEST_CASE("a secure round of all publishes exactly the mean of their updates, and tells each that it is accepted") {
  SecureMachineBench bench;
  bench.check_in_all();
  bench.run();
  bench.expect_published(kAll);
  const RoundSummary summary = testing::all_of<Publish>(bench.seen).front().summary;
  CHECK(summary.advertised == 8);
  CHECK(summary.asked == bench.ids_of(kAll));
  CHECK(summary.declined == 0);
  CHECK(summary.dropped.empty());
  CHECK(summary.nonce != std::array<std::uint8_t, 16>{});
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(bench.replies_to(i) == std::vector{UpdateStatus::accepted});
    for (const Type type : {Type::advertise_keys, Type::roster_view, Type::share_keys, Type::deliver_shares, Type::masked_input, Type::survivors, Type::sign_survivors, Type::quorum, Type::unmask})
      CHECK(bench.count_of(type, i) == 1);
    CHECK(bench.table[i]->session->phase() == "idle");
    CHECK(bench.table[i]->record.participations(bench.plan.task).value() == 1);
  }
  CHECK(bench.machine->rounds_done() == 1);
  CHECK(bench.machine->phase() == "selecting");
}

TEST_CASE("the round begins when its goal is reached: who comes later is told so and takes part in the next") {
  Plan plan = testing::secure_plan();
  plan.federation.over_selection = 1.25;
  SecureMachineBench bench(plan, 10);
  const std::set<std::size_t> late{3, 8};
  bench.holds = [&](const OnTheTable& m) { return m.up && m.type == Type::advertise_keys && late.contains(m.device); };
  bench.check_in_all();
  bench.run();
  bench.expect_published({0, 1, 2, 4, 5, 6, 7, 9});
  CHECK(testing::all_of<Publish>(bench.seen).front().summary.asked.size() == 10);
  CHECK(testing::all_of<Publish>(bench.seen).front().summary.advertised == 8);
  bench.release();
  for (const std::size_t i : late) CHECK(bench.table[i]->session->phase() == "idle");
}

TEST_CASE("who advertises while the round is on its way is told that it is late") {
  Plan plan = testing::secure_plan();
  plan.federation.over_selection = 1.25;
  SecureMachineBench bench(plan, 10);
  bench.check_in_all();
  bench.holds = [&](const OnTheTable& m) { return m.up && (m.type == Type::share_keys || (m.type == Type::advertise_keys && (m.device == 3 || m.device == 8))); };
  bench.run();
  REQUIRE(bench.machine->phase() == "sharing");
  bench.hold_up(Type::share_keys);
  bench.run();
  for (const std::size_t i : {std::size_t{3}, std::size_t{8}}) {
    CHECK(bench.replies_to(i) == std::vector{UpdateStatus::late});
    CHECK(bench.table[i]->session->phase() == "idle");
  }
  CHECK(bench.dropped(DropReason::late) == 2);
  bench.release();
  bench.expect_published({0, 1, 2, 4, 5, 6, 7, 9});
}

TEST_CASE("who falls silent in any phase is waited for until its deadline and no longer, and the round goes on (hostile cases 3 and 31)") {
  for (const PhaseOf& at : kPhases) {
    CAPTURE(at.phase);
    SecureMachineBench bench;
    bench.lose_from(at.up, lost_in(at));
    bench.check_in_all();
    bench.run();
    if (at.phase != "signing") {  // there q of them are enough
      REQUIRE(bench.machine->phase() == at.phase);
      const Millis wait = bench.machine_alarm - bench.now;
      CHECK(wait == (at.phase == "advertising" ? Millis(60'000) : Millis(10'000)));
      bench.now = bench.machine_alarm - Millis(1);
      bench.from_machine(bench.machine->step(Wake{}, bench.now));
      CHECK(bench.machine->phase() == at.phase);
      bench.pass_deadline_and_run();
    }
    while (bench.machine->rounds_done() == 0 && bench.machine->phase() != "selecting") bench.pass_deadline_and_run();
    bench.expect_published(sum_without(at));
  }
}

TEST_CASE("more losses than are tolerated abort the round at the phase's deadline with the reason, publish nothing and tell who is left (hostile cases 10 and 11)") {
  for (const PhaseOf& at : kPhases) {
    CAPTURE(at.phase);
    SecureMachineBench bench;
    bench.lose_from(at.up, {1, 2, 5, 7});
    bench.check_in_all();
    bench.run();
    REQUIRE(bench.machine->phase() == at.phase);
    bench.pass_deadline_and_run();
    const RoundSummary summary = bench.aborted();
    CHECK_FALSE(summary.why_aborted.empty());
    CHECK(summary.contributors.empty());
    CHECK(summary.attempt == 1);
    CHECK(bench.machine->phase() == "selecting");
    for (const std::size_t i : {0U, 3U, 4U, 6U}) {
      // By a name that the device knows: before the roster it knows the assignment's alone.
      CHECK(bench.table[i]->session->phase() == "idle");
      CHECK(bench.replies_to(i) == std::vector{at.phase == "revealing" ? UpdateStatus::accepted : UpdateStatus::aborted});
    }
  }
}

TEST_CASE("fewer than a threshold of shares abort the round, and no sum is computed (hostile case 10)") {
  SecureMachineBench bench;
  bench.lose_from(Type::unmask, {1, 2, 5, 7});  // each of the four that stay has three neighbours left, of at least four
  bench.check_in_all();
  bench.run();
  REQUIRE(bench.machine->phase() == "revealing");
  bench.pass_deadline_and_run();
  CHECK(bench.aborted().why_aborted.find("shares") != std::string::npos);
  CHECK(testing::all_of<ComputeSum>(bench.seen).empty());
}

TEST_CASE("nobody waits for who declines, in any phase") {
  for (const PhaseOf& at : kPhases) {
    CAPTURE(at.phase);
    SecureMachineBench bench;
    bench.alters = [&](OnTheTable& m) {
      if (!m.up || m.type != at.up || !lost_in(at).contains(m.device)) return;
      const Envelope envelope = open_envelope(m.frames.control).value();
      m.frames = Frames{seal_from_device(Decline{DeclineReason::secure_aggregation}, envelope.session, bench.devices[m.device].id, bench.devices[m.device].identity), nullptr};
      m.type = Type::decline;
    };
    bench.check_in_all();
    const Millis began = bench.now;
    bench.run();
    CHECK(bench.now == began);  // no deadline had to pass
    bench.expect_published(sum_without(at));
    CHECK(testing::all_of<Publish>(bench.seen).front().summary.declined == lost_in(at).size());
    for (const std::size_t i : lost_in(at)) CHECK(bench.count_of(at.up, i) == 0);
  }
}

TEST_CASE("who declines to sign is not sent the quorum") {
  SecureMachineBench bench;
  to_phase(bench, kPhases[3]);
  const SessionId session = open_envelope(bench.last_of(Type::sign_survivors, 0).frames.control).value().session;
  for (const std::size_t i : {2U, 5U}) bench.from_machine(bench.say(i, Decline{}, session));
  bench.release();
  for (std::size_t i = 0; i < 8; ++i) CHECK(bench.count_of(Type::quorum, i) == (i == 2 || i == 5 ? 0 : 1));
  bench.expect_published(kAll);
}

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

TEST_CASE("all who are asked decline: the round ends at once") {
  SecureMachineBench bench;
  bench.alters = [&](OnTheTable& m) {
    if (!m.up || m.type != Type::advertise_keys) return;
    const Envelope envelope = open_envelope(m.frames.control).value();
    m.frames = Frames{seal_from_device(Decline{DeclineReason::training_failed}, envelope.session, bench.devices[m.device].id, bench.devices[m.device].identity), nullptr};
    m.type = Type::decline;
  };
  bench.check_in_all();
  bench.run();
  CHECK(bench.aborted().declined == 8);
}

TEST_CASE("a device that missed the coordinator's message says its last one again and gets that of the phase, in every phase") {
  constexpr std::array<Type, 4> kDown{Type::roster_view, Type::deliver_shares, Type::survivors, Type::quorum};
  for (const Type type : kDown) {
    CAPTURE(to_string(type));
    SecureMachineBench bench;
    bench.loses = [&](const OnTheTable& m) { return !m.up && m.type == type && m.device == 4; };
    bench.check_in_all();
    bench.run();
    CHECK(testing::all_of<Publish>(bench.seen).empty());
    bench.loses = [](const OnTheTable&) { return false; };
    bench.from_device(4, bench.table[4]->session->step(client::ConnectionRestored{}, bench.now));
    bench.run();
    if (type == Type::survivors) {
      // A quorum of the others has signed: this phase's message is the quorum, which is nothing to one who has not signed.
      CHECK(bench.count_of(Type::quorum, 4) >= 2);
      CHECK(bench.table[4]->session->phase() == "aggregating");
      bench.pass_deadline_and_run();
    } else {
      CHECK(bench.count_of(type, 4) == 2);
    }
    bench.expect_published(kAll);
    CHECK(bench.dropped(DropReason::late) == 0);
  }
}

TEST_CASE("a device whose message was lost says it again over its new connection, from another peer") {
  for (const PhaseOf& at : kPhases) {
    CAPTURE(at.phase);
    if (at.phase == "signing") continue;  // the quorum does without it
    SecureMachineBench bench;
    bench.lose_from(at.up, {4});
    bench.check_in_all();
    bench.run();
    REQUIRE(bench.machine->phase() == at.phase);
    bench.loses = [](const OnTheTable&) { return false; };
    bench.connections[4] = PeerId{"peer 4, again"};
    bench.from_device(4, bench.table[4]->session->step(client::ConnectionRestored{}, bench.now));
    bench.run();
    bench.expect_published(kAll);
    CHECK(bench.told.at(4) == bench.connections[4]);
  }
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

TEST_CASE("a device that was restarted while it trained gets the same assignment again, and advertises keys of its own (hostile case 32)") {
  SecureMachineBench bench;
  bench.lose_from(Type::advertise_keys, {3});
  bench.check_in_all();
  bench.run();
  REQUIRE(bench.machine->phase() == "advertising");
  bench.loses = [](const OnTheTable&) { return false; };
  const OnTheTable before = bench.last_of(Type::advertise_keys, 3);
  bench.table[3]->boot(3);
  static_cast<void>(bench.table[3]->session->start(bench.now));
  bench.wake_device(3);
  bench.run();
  CHECK(bench.last_of(Type::advertise_keys, 3).frames.control != before.frames.control);
  bench.expect_published(kAll);
}

TEST_CASE("a device that was restarted after it advertised is a dropout, and waits for the next round") {
  SecureMachineBench bench;
  bench.lose_from(Type::share_keys, {3});
  bench.check_in_all();
  bench.run();
  REQUIRE(bench.machine->phase() == "sharing");
  bench.loses = [](const OnTheTable&) { return false; };
  bench.table[3]->boot(3);
  static_cast<void>(bench.table[3]->session->start(bench.now));
  bench.wake_device(3);
  bench.run();
  CHECK(bench.machine->phase() == "sharing");
  CHECK(bench.machine->pool_size() == 1);
  bench.pass_deadline_and_run();
  bench.expect_published({0, 1, 2, 4, 5, 6, 7});
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

TEST_CASE("no frame of a secure round is larger than the transport's cap, also where the quorum is larger than the model") {
  SecureMachineBench bench;
  bench.check_in_all();
  bench.run();
  std::size_t largest = 0;
  for (const OnTheTable& message : bench.carried) largest = std::max(largest, message.frames.bulk_bytes().size());
  CHECK(largest > 4 * testing::kParameters);
  CHECK(largest <= largest_bulk_bytes(bench.plan));
  CHECK(largest_bulk_bytes(testing::sample_plan()) == 4 * testing::kParameters);
}

TEST_CASE("while the sum is computed check-ins are held and nothing is published; it is the answer that ends the round") {
  SecureMachineBench bench;
  bench.computes = false;
  bench.check_in_all();
  bench.run();
  REQUIRE(bench.machine->phase() == "unmasking");
  CHECK(testing::all_of<Publish>(bench.seen).empty());
  bench.from_machine(bench.check_in(0));
  CHECK(bench.machine->pool_size() == 1);
  const OnTheTable unmask = bench.last_of(Type::unmask, 1);
  bench.deliver(unmask);  // late, and said so
  CHECK(bench.dropped(DropReason::late) == 1);
  bench.from_machine(bench.machine->step(Wake{}, bench.now + Millis(1'000'000)));
  CHECK(bench.machine->phase() == "unmasking");
  bench.compute_sum(testing::all_of<ComputeSum>(bench.seen).front().session);
  bench.expect_published(kAll);
}

}  // namespace
}  // namespace fedspend::coordinator
