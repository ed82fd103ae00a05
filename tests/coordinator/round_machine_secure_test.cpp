// Rounds of secure aggregation with real sessions: whole, with losses in every phase, at their deadlines, and over restarts.

#include "tests/coordinator/secure_machine_bench.h"

namespace fedspend::coordinator {
namespace {

using Type = MessageType;

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
