// A hostile coordinator, through the whole engine: what it cannot make a device say, and that the customer can read what was refused and why.
// The cases are those of SECAGG.md that a device can meet; each check by itself is tested with the session (tests/client).

#include <doctest/doctest.h>

#include "tests/device/bench.h"

namespace fedspend::client {
namespace {

// Refused with words, after a check-in and whatever was right before; the refusal is in the history with its plan, its reason and its bytes.
void check_refused(EngineBench& bench, const RunReport& report, const std::string& part) {
  CHECK(report.outcome == RunOutcome::refused);
  CHECK_MESSAGE(report.words.find(part) != std::string::npos, report.words);
  REQUIRE_FALSE(bench.wire.said.empty());
  CHECK(type_of_frames(bench.wire.said.back()) == MessageType::decline);
  bench.check_history_is_whole();
  const auto entry = bench.entries().back();
  CHECK(entry["kind"] == "refused");
  CHECK(entry["bytes"] == bench.wire.said.back().size());
  CHECK(entry["note"].get<std::string>().find(part.substr(0, 40)) != std::string::npos);
  CHECK_FALSE(entry["plan"].is_null());
  CHECK(bench.device->history_words().value().find("It sent only that it refuses") != std::string::npos);
}

TEST_CASE("a plan that is weaker than the policy, unsigned, signed by another key, expired, for another population or not consented to is refused (hostile cases 6 and 27)") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  Offer& offer = coordinator.cohort.offer;
  std::string part;
  SUBCASE("a larger clip norm") { offer.plan.aggregation.clip_norm_l2 = 1.5; part = "clip norm"; }
  SUBCASE("a smaller cohort") { bench.policy.min_cohort = 6; part = "smallest cohort"; }
  SUBCASE("no noise") { bench.policy.allow_no_privacy = false; part = "no noise"; }
  SUBCASE("an honest coordinator's thresholds") { offer.plan.aggregation.threat = Threat::curious; part = "semi-malicious"; }
  SUBCASE("fewer bits") { offer.plan.aggregation.bits = 15; part = "bits"; }
  SUBCASE("expired") { offer.plan.last_day = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(kEngineNow_s - 86'400))); part = "has expired: its last day was"; }
  SUBCASE("another population") { offer.plan.population = "loans"; part = "population"; }
  SUBCASE("a purpose that the policy does not have") { offer.plan.purpose = "advertising"; part = "purpose"; }
  SUBCASE("a purpose that is not consented to") { offer.plan.purpose = "other"; part = "not consented"; }
  offer.rebuild();
  SUBCASE("unsigned") { offer.assignment.plan_signature = {}; part = "sign"; }
  SUBCASE("signed by another key") {
    offer.assignment.plan_signature = sign_plan(offer.assignment.plan, testing::authority_key()).signature;
    part = "sign";
  }
  SUBCASE("one byte of it is another") { offer.assignment.plan[20] ^= 1; part = "sign"; }
  SUBCASE("a round that it does not have") { offer.assignment.round = RoundId{4}; part = "round"; }
  SUBCASE("a cohort that it does not have") { offer.assignment.cohort = 9; part = "cohort"; }
  SUBCASE("another task") { offer.assignment.task.bytes[0] ^= 1; part = "task"; }
  SUBCASE("another model") { offer.assignment.model_hash.bytes[0] ^= 1; part = "model"; }
  bench.ready();
  const RunReport report = bench.run();
  check_refused(bench, report, part);
  CHECK(bench.wire.said.size() == 2);
  CHECK(bench.orders.trained == 0);
  CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == 0);
}

TEST_CASE("messages that are none, too long, cut, of another session or not a coordinator's change nothing, and the run ends by its own time (hostile cases 2, 3 and 19)") {
  const Offer offer(testing::secure_plan());
  SeededRandom random(5);
  EngineBench bench;
  bench.wire.on_send = [&](const Frames& frames) {
    Bytes right = seal_from_coordinator(offer.assignment, offer.sid());
    for (std::size_t length = 0; length < right.size(); length += 1 + right.size() / 40) bench.wire.for_device.push_back({Bytes(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(length)), offer.bulk});
    for (int i = 0; i < 40; ++i) {
      Bytes noise(random.below(400));
      random.fill(noise);
      bench.wire.for_device.push_back({std::move(noise), nullptr});
    }
    bench.wire.for_device.push_back({Bytes(std::size_t{4} << 20, 0xee), testing::shared_bytes(Bytes(std::size_t{4} << 20, 0xee))});
    bench.wire.tell(offer.assignment, SessionId{});                              // another session's
    bench.wire.tell(UpdateReply{UpdateStatus::accepted, 1}, offer.sid());        // of nothing
    bench.wire.tell(RosterView{}, offer.sid());
    bench.wire.tell(ComeBack{}, SessionId{}, testing::shared_bytes(Bytes(10)));  // a bulk frame where there is none
    bench.wire.for_device.push_back(frames);                                     // its own
  };
  bench.ready();
  const RunReport report = bench.run();
  CHECK(report.outcome == RunOutcome::not_selected);
  CHECK(bench.wire.said.size() == 1);
  bench.check_history_is_whole();
}

TEST_CASE("a coordinator that sends without end does not keep a run from ending, nor from being cancelled, nor the conditions from being asked (hostile case 31)") {
  for (const bool cancelled : {false, true}) {
    EngineBench bench;
    int sent = 0;
    bench.wire.endless = [&] {
      if (++sent == 10'000 && cancelled) bench.device->cancel();
      REQUIRE(sent < 5'000'000);
      return std::optional(Frames{Bytes(3, 7), nullptr});
    };
    bench.ready();
    CHECK(bench.run().outcome == (cancelled ? RunOutcome::cancelled : RunOutcome::not_selected));
    if (cancelled) CHECK(sent == 10'000);
    else CHECK(bench.host.conditions_asked > 500);
  }
}

TEST_CASE("every message twice: the round goes on, and nothing is charged or handed in twice (hostile case 1)") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  coordinator.times = 2;
  bench.ready();
  CHECK(bench.run().outcome == RunOutcome::contributed);
  CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == 1);
  const auto types = bench.wire.types();
  CHECK(std::ranges::count(types, MessageType::masked_input) == 1);
  CHECK(std::ranges::count(types, MessageType::unmask) == 1);
  bench.check_history_is_whole();
}

TEST_CASE("rosters, shares, survivors and quorums with a trick in them end the session, with the reason (hostile cases 5, 11, 12, 14, 15, 16 and 22)") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  MessageType bent = MessageType::roster_view;
  std::function<void(RosterView&)> roster;
  std::function<void(DeliverShares&)> shares;
  std::function<void(Survivors&)> survivors;
  std::function<void(Quorum&, Bytes&)> quorum;
  SUBCASE("another root") { roster = [](RosterView& view) { view.root[0] ^= 1; }; }
  SUBCASE("another beacon") { roster = [](RosterView& view) { view.beacon[0] ^= 1; }; }
  SUBCASE("fewer devices") { roster = [](RosterView& view) { --view.clients; }; }
  SUBCASE("a neighbour left out") { roster = [](RosterView& view) { view.neighbours.pop_back(); }; }
  SUBCASE("a neighbour twice") { roster = [](RosterView& view) { view.neighbours[1] = view.neighbours[0]; }; }
  SUBCASE("a key twice") { roster = [](RosterView& view) { view.neighbours[1].keys.mask = view.neighbours[0].keys.mask; }; }
  SUBCASE("the identity as a key") { roster = [](RosterView& view) { view.neighbours[1].keys.mask.fill(0); }; }
  SUBCASE("a certificate of nobody") { roster = [](RosterView& view) { view.neighbours[2].certificate[70] ^= 1; }; }
  SUBCASE("nobody shares") { shares = [](DeliverShares& message) { std::ranges::fill(message.sharing, std::uint8_t{0}); }; }
  SUBCASE("shares of the wrong length") { shares = [](DeliverShares& message) { message.sealed.pop_back(); }; }
  SUBCASE("nobody survives") { survivors = [](Survivors& message) { std::ranges::fill(message.survivors, std::uint8_t{0}); }; }
  SUBCASE("a signature too few") {
    quorum = [](Quorum& message, Bytes& bulk) {
      --message.signers;
      bulk.erase(bulk.begin(), bulk.begin() + kQuorumRecordBytes);
    };
  }
  SUBCASE("a bent signature") { quorum = [](Quorum&, Bytes& bulk) { bulk[kQuorumRecordBytes - 1] ^= 1; }; }
  SUBCASE("a signer twice") { quorum = [](Quorum&, Bytes& bulk) { std::copy(bulk.begin(), bulk.begin() + kQuorumRecordBytes, bulk.begin() + kQuorumRecordBytes); }; }
  if (shares) bent = MessageType::deliver_shares;
  if (survivors) bent = MessageType::survivors;
  if (quorum) bent = MessageType::quorum;
  coordinator.bend = [&](Message& message, std::shared_ptr<const Bytes>& bulk) {
    if (auto* view = std::get_if<RosterView>(&message); view != nullptr && roster) roster(*view);
    if (auto* delivered = std::get_if<DeliverShares>(&message); delivered != nullptr && shares) shares(*delivered);
    if (auto* set = std::get_if<Survivors>(&message); set != nullptr && survivors) survivors(*set);
    if (auto* signers = std::get_if<Quorum>(&message); signers != nullptr && quorum) {
      Bytes changed = *bulk;
      quorum(*signers, changed);
      bulk = testing::shared_bytes(std::move(changed));
    }
  };
  bench.ready();
  check_refused(bench, bench.run(), "");
  const auto types = bench.wire.types();
  CHECK(std::ranges::count(types, MessageType::unmask) == 0);
  CHECK(std::ranges::count(types, MessageType::share_keys) == (bent == MessageType::roster_view ? 0 : 1));
  CHECK(std::ranges::count(types, MessageType::masked_input) == (bent == MessageType::survivors || bent == MessageType::quorum ? 1 : 0));
  // Charged once it left, and never given back; not before.
  CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == std::ranges::count(types, MessageType::masked_input));
}

TEST_CASE("a second survivor set is not signed, nor is a second quorum answered (hostile cases 12 and 13)") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  coordinator.before = [&](MessageType type) {
    if (type != MessageType::sign_survivors || coordinator.cohort.aggregator->phase() != "signing") return;
    // Before the quorum: another set, without one of those who are there.
    auto other = std::get<Survivors>(coordinator.cohort.outgoing(0).message);
    for (std::uint8_t bit = 0; bit < 8; ++bit) {
      Survivors second = other;
      second.survivors[0] = static_cast<std::uint8_t>(second.survivors[0] & ~(1U << bit));
      bench.wire.tell(second, coordinator.cohort.aggregator->session());
    }
  };
  coordinator.times = 2;
  bench.ready();
  bench.run();
  const auto types = bench.wire.types();
  std::set<std::string> signatures;
  for (const Frames& frames : bench.wire.said)
    if (type_of_frames(frames) == MessageType::sign_survivors) signatures.insert(to_hex(frames.control));
  CHECK(signatures.size() == 1);
  CHECK(std::ranges::count(types, MessageType::unmask) <= 1);
}

TEST_CASE("the same update is not handed in again, in the next round, and after a restart neither (hostile case 29)") {
  for (const bool restarted : {false, true}) {
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    bench.ready();
    CHECK(bench.run().outcome == RunOutcome::contributed);
    coordinator.renew(6);
    if (restarted) bench.open();
    bench.host.pass(std::chrono::hours(3));
    bench.wire.said.clear();
    const RunReport report = bench.run();
    CHECK(report.outcome == RunOutcome::refused);
    CHECK(report.words.find("record") != std::string::npos);
    CHECK(bench.wire.types() == std::vector<MessageType>{MessageType::check_in, MessageType::decline});
    CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == 1);
  }
}

TEST_CASE("at its cap a device is silent, whatever is asked, and the customer reads so, with the plan (hostile case 28)") {
  EngineBench bench;
  bench.policy.max_participations = 1;
  SecureCoordinator coordinator(bench);
  bench.ready();
  CHECK(bench.run().outcome == RunOutcome::contributed);
  coordinator.renew(6);
  bench.wire.said.clear();
  SUBCASE("it knows the plan, and does not check in") {}
  SUBCASE("after a restart it does not know of which plan it will be asked") { bench.open(); }
  SUBCASE("after a restart, a plan that it would refuse") {
    bench.open();
    coordinator.cohort.offer.plan.purpose = "advertising";
    coordinator.cohort.offer.rebuild();
  }
  bench.host.pass(std::chrono::hours(3));
  const RunReport report = bench.run();
  CHECK(report.outcome == RunOutcome::refused);
  CHECK(report.words.find("as often as it may") != std::string::npos);
  CHECK(bench.wire.said.size() <= 1);
  const auto entry = bench.entries().back();
  CHECK(entry["kind"] == "refused");
  CHECK(entry["bytes"] == 0);
  CHECK_FALSE(entry["plan"].is_null());
  CHECK(entry["note"].get<std::string>().find("as often as it may") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::client
