// A device's end of a secure round against a real aggregator: each phase's message and its answer, time-outs and reconnections, and
// what must end the session or change nothing.

#include <limits>

#include "client/update_pipeline.h"
#include "tests/client/secure_bench.h"

namespace fedspend::client {
namespace {

constexpr Millis kTransient{900'000};

void expect_only_ignored(const Effects& effects) {
  REQUIRE(effects.size() == 1);
  CHECK(std::holds_alternative<Ignored>(effects.front()));
}

void expect_given_up(SecureBench& bench, const Effects& effects, DeclineReason reason, const std::string& part) {
  CHECK(bench.first().sent<Decline>(effects).reason == reason);
  const auto refused = testing::all_of<Refused>(effects);
  REQUIRE(refused.size() == 1);
  INFO(refused.front().why);
  CHECK(refused.front().why.find(part) != std::string::npos);
  CHECK(bench.session().phase() == "idle");
  const Millis wait = SessionBench::alarm(effects) - bench.first().now;
  CHECK(wait >= kTransient - kTransient / 5);
  CHECK(wait <= kTransient + kTransient / 5);
}

bool same(const Frames& one, const Frames& other) {
  return one.control == other.control && Bytes(one.bulk_bytes().begin(), one.bulk_bytes().end()) == Bytes(other.bulk_bytes().begin(), other.bulk_bytes().end());
}

TEST_CASE("a plan that says nothing of aggregation is secure, and its update leaves only masked") {
  CHECK(AggregationSpec{}.mode == Aggregation::secure);
  SecureBench bench;
  const Effects advertised = bench.train(0);
  SessionId sid;
  bench.first().sent<AdvertiseKeys>(advertised, &sid);
  CHECK(sid == bench.offer.sid());
  CHECK(bench.session().phase() == "aggregating");
  CHECK(SessionBench::alarm(advertised) == bench.first().now + Millis(30'000));
  bench.train_others();
  bench.advance();
  bench.tell_others();
  bench.first().sent<ShareKeys>(bench.tell(0), &sid);
  CHECK(sid == bench.aggregator->session());
  bench.advance();
  bench.tell_others();
  const Effects masked = bench.tell(0);
  const auto input = bench.first().sent<MaskedInput>(masked, &sid);
  CHECK(sid == bench.aggregator->session());
  const Frames frames = testing::all_of<Send>(masked).front().frames;
  CHECK(hash_of_update(frames.bulk_bytes()) == input.bulk_hash);
  std::vector<float> plain = SecureBench::update_of(0);
  CHECK(*pack_update(bench.offer.plan, plain) != *frames.bulk);
  bench.advance();
  bench.tell_others();
  bench.first().sent<SignSurvivors>(bench.tell(0));
  bench.advance();
  bench.tell_others();
  bench.first().sent<Unmask>(bench.tell(0));
  const RingVector sum = bench.unmasked(), expected = bench.sum_of({0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(Bytes(sum.pack()) == expected.pack());

  const Effects ended = bench.first().receive(UpdateReply{UpdateStatus::accepted, 20'000}, bench.aggregator->session());
  const auto reported = testing::all_of<Reported>(ended);
  REQUIRE(reported.size() == 1);
  CHECK(reported.front().status == UpdateStatus::accepted);
  CHECK(reported.front().round == RoundId{1});
  CHECK(reported.front().bytes_sent > frames.size());
  CHECK(bench.session().phase() == "idle");
  CHECK(bench.first().own_record.participations(bench.offer.plan.task).value() == 1);
}

TEST_CASE("the sum of those who stay is right when two drop out, one before and one after its masked input was due") {
  SecureBench bench;
  bench.train_all();
  bench.advance();
  bench.silent = {6};
  for (std::size_t i = 0; i < 6; ++i) bench.tell(i);
  bench.tell(7);
  bench.advance();  // U2 without 6
  bench.silent = {6, 7};
  for (std::size_t i = 0; i < 6; ++i) bench.tell(i);
  bench.advance();  // U3 without 7, whose masks are in the others' inputs
  for (std::size_t i = 0; i < 6; ++i) bench.tell(i);
  bench.advance();
  for (std::size_t i = 0; i < 6; ++i) bench.tell(i);
  CHECK(bench.unmasked().pack() == bench.sum_of({0, 1, 2, 3, 4, 5}).pack());
}

TEST_CASE("a coordinator's repeated message changes nothing, and the survivors' gets the same signature again (hostile case 1)") {
  for (const std::string_view phase : SecureBench::kPhases) {
    CAPTURE(phase);
    SecureBench bench;
    bench.train_all();
    bench.reach(phase);
    const Outgoing message = bench.outgoing(0);
    bench.tell(0, message.message, message.bulk);
    const Frames answer = bench.said[0];
    const Effects again = bench.tell(0, message.message, message.bulk);
    if (phase == "signing") {
      REQUIRE(testing::all_of<Send>(again).size() == 1);
      CHECK(same(testing::all_of<Send>(again).front().frames, answer));
    } else {
      expect_only_ignored(again);
    }
    CHECK(bench.session().phase() == "aggregating");
    expect_only_ignored(bench.tell(0, bench.offer.assignment));
  }
}

TEST_CASE("a second survivor set is not signed, and the first one's quorum still opens (hostile cases 12 and 13)") {
  SecureBench bench;
  bench.train_all();
  bench.reach("signing");
  const auto first = std::get<Survivors>(bench.outgoing(0).message);
  // The coordinator that shows another set must have another aggregator's state: everyone but device 7.
  SecureBench other;
  other.train_all();
  other.advance();
  other.tell_others();
  other.tell(0);
  other.advance();
  other.tell_others();
  other.tell(0);
  other.silent = {7};
  other.advance();
  REQUIRE(other.aggregator->session() == bench.aggregator->session());
  const auto second = std::get<Survivors>(other.outgoing(0).message);
  REQUIRE(first.survivors != second.survivors);

  const auto choice = bench.first().sent<SignSurvivors>(bench.tell(0, first));
  const Frames answer = bench.said[0];
  expect_only_ignored(bench.tell(0, second));
  CHECK(bench.first().sent<SignSurvivors>(bench.tell(0, first)).choice == choice.choice);
  CHECK(same(bench.said[0], answer));
  bench.advance();
  bench.first().sent<Unmask>(bench.tell(0));
}

TEST_CASE("a quorum over another survivor set opens nothing (hostile cases 12 and 14)") {
  SecureBench bench, other;
  bench.train_all();
  bench.reach("signing");
  bench.tell(0);
  other.train_all();
  other.advance();
  other.tell_others();
  other.tell(0);
  other.advance();
  other.tell_others();
  other.tell(0);
  other.silent = {7};
  other.advance();
  other.tell_others();
  other.tell(0);
  other.advance();
  const Outgoing quorum = other.outgoing(0);
  expect_given_up(bench, bench.tell(0, quorum.message, quorum.bulk), DeclineReason::secure_aggregation, "sign");
}

TEST_CASE("a quorum with a signature too few, or a bent one, opens nothing (hostile case 14)") {
  SecureBench bench;
  bench.train_all();
  bench.reach("revealing");
  const Outgoing right = bench.outgoing(0);
  Bytes bent = *right.bulk;
  Quorum quorum = std::get<Quorum>(right.message);
  SUBCASE("too few") {
    --quorum.signers;
    bent.erase(bent.begin(), bent.begin() + kQuorumRecordBytes);
  }
  SUBCASE("a bent signature") { bent[kQuorumRecordBytes - 1] ^= 1; }
  SUBCASE("the same signer twice") { std::copy(bent.begin(), bent.begin() + kQuorumRecordBytes, bent.begin() + kQuorumRecordBytes); }
  SUBCASE("no proof") { bent.resize(quorum.signers * kQuorumRecordBytes - 1); }
  expect_given_up(bench, bench.tell(0, quorum, testing::shared_bytes(bent)), DeclineReason::secure_aggregation, "");
  CHECK(bench.devices[0]->own_record.participations(bench.offer.plan.task).value() == 1);  // never given back
}

TEST_CASE("a device that finds itself among the dropped gives up (hostile case 15)") {
  SecureBench bench;
  bench.train_all();
  const auto without_self = [&](Bytes bitmap) {
    // Its own position: the sorted roster's.
    std::vector<ClientId> ids;
    for (const auto& device : bench.devices) ids.push_back(device->keys.id);
    std::sort(ids.begin(), ids.end());
    const auto position = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), bench.first().keys.id) - ids.begin());
    bitmap[position / 8] = static_cast<std::uint8_t>(bitmap[position / 8] & ~(1U << (position % 8)));
    return bitmap;
  };
  SUBCASE("of those who have shared keys") {
    bench.reach("masking");
    auto shares = std::get<DeliverShares>(bench.outgoing(0).message);
    shares.sharing = without_self(shares.sharing);
    expect_given_up(bench, bench.tell(0, shares), DeclineReason::secure_aggregation, "dropped out");
    CHECK(bench.first().own_record.participations(bench.offer.plan.task).value() == 0);
  }
  SUBCASE("of the survivors") {
    bench.reach("signing");
    auto survivors = std::get<Survivors>(bench.outgoing(0).message);
    survivors.survivors = without_self(survivors.survivors);
    expect_given_up(bench, bench.tell(0, survivors), DeclineReason::secure_aggregation, "dropped out");
  }
}

TEST_CASE("survivors below the least are not signed (hostile case 11)") {
  SecureBench bench;
  bench.train_all();
  bench.reach("signing");
  auto survivors = std::get<Survivors>(bench.outgoing(0).message);
  std::vector<ClientId> ids;
  for (const auto& device : bench.devices) ids.push_back(device->keys.id);
  std::sort(ids.begin(), ids.end());
  PositionSet few(8);
  few.insert(static_cast<std::uint32_t>(std::find(ids.begin(), ids.end(), bench.first().keys.id) - ids.begin()));
  for (std::uint32_t i = 0; few.count() < 4; ++i) few.insert(i);
  survivors.survivors = few.bitmap();
  expect_given_up(bench, bench.tell(0, survivors), DeclineReason::secure_aggregation, "too few");
}

TEST_CASE("neighbours who were given another model, plan, round or attempt have signed other keys (hostile case 26)") {
  // The coordinator runs one roster over two assignments: the others' keys are signed under theirs.
  SecureBench bench, others;
  Assignment& theirs = others.offer.assignment;
  SUBCASE("another attempt") { theirs.attempt.fill(6); }
  SUBCASE("another round") { theirs.round = RoundId{2}; }
  SUBCASE("another model") {
    others.offer.weights[3] += 1;
    others.offer.rebuild();
  }
  SUBCASE("another plan") {
    others.offer.plan.training.epochs = 2;
    others.offer.rebuild();
  }
  bench.train(0);
  others.train_others();
  for (std::size_t i = 1; i < SecureBench::kDevices; ++i) {
    const Result<Envelope> envelope = open_envelope(others.said[i].control);
    const auto keys = std::get<AdvertiseKeys>(decode_body(envelope->type, envelope->body).value());
    const IdentityPublicKey identity = others.devices[i]->keys.identity.public_key();
    REQUIRE(bench.aggregator->on_advertise_keys(identity, encode_certificate(testing::certificate_of(identity, i + 1)), keys, envelope->signature) == Verdict::accepted);
  }
  REQUIRE(bench.take(0) == Verdict::accepted);
  REQUIRE(bench.aggregator->advance());
  expect_given_up(bench, bench.tell(0), DeclineReason::secure_aggregation, "has not signed its keys");
  CHECK(bench.first().own_record.participations(bench.offer.plan.task).value() == 0);
}

TEST_CASE("a roster whose contents do not fit its session, or whose neighbours are nobody's, is given up (hostile cases 5, 6, 16 and 22)") {
  SecureBench bench;
  bench.train_all();
  bench.reach("sharing");
  auto roster = std::get<RosterView>(bench.outgoing(0).message);
  std::string part;
  SUBCASE("another root") {
    roster.root[0] ^= 1;
    part = "beacon";
  }
  SUBCASE("another beacon") {
    roster.beacon[0] ^= 1;
    part = "beacon";
  }
  SUBCASE("another count") {
    --roster.clients;
    part = "session id";
  }
  SUBCASE("a neighbour left out") {
    roster.neighbours.pop_back();
    part = "neighbours";
  }
  SUBCASE("a neighbour twice") {
    roster.neighbours[1] = roster.neighbours[0];
    part = "not a neighbour";
  }
  SUBCASE("another's key twice") {
    roster.neighbours[1].keys.mask = roster.neighbours[0].keys.mask;
    part = "a key is there twice";
  }
  SUBCASE("a neighbour's key is the identity") {
    roster.neighbours[1].keys.mask.fill(0);
    part = "";
  }
  SUBCASE("a neighbour without a certificate of the authority") {
    roster.neighbours[2].certificate[70] ^= 1;
    part = "certificate";
  }
  SUBCASE("a proof cut short") {
    roster.proof.push_back({});
    part = "";
  }
  expect_given_up(bench, bench.tell(0, roster), DeclineReason::secure_aggregation, part);
}

TEST_CASE("with an external beacon whose key is pinned a round goes through, and any beacon that it has not signed is given up (hostile case 33)") {
  Plan plan = testing::secure_plan();
  plan.aggregation.beacon = BeaconSource::external;
  SecureBench bench(plan, nullptr, SecureBench::pinning());
  bench.train_all();
  SUBCASE("a whole round") {
    for (const std::string_view phase : SecureBench::kPhases) {
      bench.reach(phase);
      bench.tell(0);
    }
    CHECK(bench.external.asked.size() == 1);
    CHECK(bench.unmasked().pack() == bench.sum_of({0, 1, 2, 3, 4, 5, 6, 7}).pack());
    return;
  }
  bench.reach("sharing");
  auto roster = std::get<RosterView>(bench.outgoing(0).message);
  std::string part = "the external beacon has not signed";
  SUBCASE("another value") {
    roster.beacon[31] ^= 1;
    part = "not that of its signature";
  }
  SUBCASE("another signature") { roster.beacon_signature[0] ^= 1; }
  SUBCASE("unsigned") { roster.beacon_signature = {}; }
  SUBCASE("the roster's own") {
    roster.beacon = default_beacon(roster.root);
    roster.beacon_signature = {};
  }
  SUBCASE("signed for another attempt") {
    const BeaconDraw draw = *bench.external.draw(SessionId{}, roster.root);
    roster.beacon = draw.value;
    roster.beacon_signature = draw.signature;
  }
  expect_given_up(bench, bench.tell(0, roster), DeclineReason::secure_aggregation, part);
}

TEST_CASE("an update that is not finite counts as zero, is masked and sent all the same, and as often as it comes (hostile case 30)") {
  SecureBench bench;
  std::vector<float> broken = SecureBench::update_of(0);
  SUBCASE("NaN") { broken[4] = std::numeric_limits<float>::quiet_NaN(); }
  SUBCASE("infinity") { broken[0] = -std::numeric_limits<float>::infinity(); }
  for (int attempt = 1; attempt <= 2; ++attempt) {
    bench.offer.assignment.attempt.fill(static_cast<std::uint8_t>(attempt));
    bench.aggregator = std::make_unique<Aggregator>(bench.terms(), bench.beacon);
    bench.first().sent<AdvertiseKeys>(bench.train(0, broken));
    if (attempt == 1) bench.train_others();
    else
      for (std::size_t i = 1; i < SecureBench::kDevices; ++i) {
        std::vector<float> fresh = SecureBench::update_of(i);
        fresh[0] += 0.125F;
        bench.train(i, fresh);
      }
    bench.reach("masking");
    const Effects masked = bench.tell(0);
    bench.first().sent<MaskedInput>(masked);
    CHECK(*testing::all_of<Send>(masked).front().frames.bulk != Bytes(packed_size(testing::kParameters, 21), 0));
    bench.advance();
    bench.tell_others();
    bench.tell(0);
    bench.advance();
    bench.tell_others();
    bench.first().sent<Unmask>(bench.tell(0));
    if (attempt == 1) {
      CHECK(bench.unmasked().pack() == bench.sum_of({1, 2, 3, 4, 5, 6, 7}).pack());
    }
    for (const auto& device : bench.devices) device->receive(UpdateReply{UpdateStatus::accepted, 1'000}, bench.aggregator->session());
  }
}

TEST_CASE("without a word from the coordinator the last message goes out again, the very same bytes, until the deadline (hostile case 31)") {
  for (const std::string_view phase : {"advertising", "sharing", "masking", "signing", "revealing"}) {
    CAPTURE(phase);
    SecureBench bench;
    bench.train_all();
    const Millis began = bench.first().now;
    if (phase != "advertising") {
      bench.reach(phase);
      bench.tell(0);
    }
    const Frames last = bench.said[0];
    Effects effects = bench.first().wake();  // early: says when
    CHECK(testing::all_of<Send>(effects).empty());
    effects = bench.first().wake_at(effects);
    int sent_again = 0;
    while (bench.session().phase() == "aggregating") {
      REQUIRE(sent_again < 50);
      for (const Send& send : testing::all_of<Send>(effects)) {
        ++sent_again;
        CHECK(same(send.frames, last));
      }
      effects = bench.first().wake_at(effects);
    }
    CHECK(bench.first().now == began + Millis(60'000) + 5 * Millis(10'000));  // the plan's round deadline and five phases
    // Every 30 s while the coordinator may wait for trainings, three times in a phase once there is a roster.
    CHECK(sent_again == (phase == "advertising" ? 3 : 33));
    CHECK(testing::all_of<Send>(effects).empty());
    CHECK(bench.session().phase() == "idle");
  }
}

TEST_CASE("over a new connection the last message goes out again, the very same bytes, in every phase") {
  for (const std::string_view phase : {"advertising", "sharing", "masking", "signing", "revealing"}) {
    CAPTURE(phase);
    SecureBench bench;
    bench.train_all();
    if (phase != "advertising") {
      bench.reach(phase);
      bench.tell(0);
    }
    for (int again = 0; again < 3; ++again) {
      const Effects effects = bench.session().step(ConnectionRestored{}, bench.first().now);
      REQUIRE(testing::all_of<Send>(effects).size() == 1);
      CHECK(same(testing::all_of<Send>(effects).front().frames, bench.said[0]));
      CHECK(bench.session().phase() == "aggregating");
    }
  }
}

TEST_CASE("messages of another session, or that were not waited for, change nothing in any phase (hostile cases 2 and 3)") {
  SessionId other;
  other.bytes.fill(9);
  SecureBench all;  // has a message of each kind
  all.train_all();
  std::vector<Outgoing> messages;
  for (const std::string_view phase : SecureBench::kPhases) {
    if (phase == "sharing") {
      all.reach(phase);
    } else {
      all.tell(0);
      all.advance();
      all.tell_others();
    }
    messages.push_back(all.outgoing(0));
  }
  for (std::size_t reached = 0; reached <= 4; ++reached) {
    CAPTURE(reached);
    SecureBench bench;
    bench.train_all();
    if (reached > 0) {
      bench.reach(SecureBench::kPhases[reached - 1]);
      bench.tell(0);
    }
    const SessionId own = all.aggregator->session();
    for (std::size_t i = 0; i < messages.size(); ++i) {
      CAPTURE(i);
      const bool answered_again = i == 2 && reached == 3;  // the survivors that were signed
      // A roster with another id is a roster that is wrong: only where one is waited for does it end the session.
      if (i != 0 || reached > 0) expect_only_ignored(bench.first().receive(messages[i].message, other, messages[i].bulk));
      if (i != 0 || reached > 0) expect_only_ignored(bench.first().receive(messages[i].message, SessionId{}, messages[i].bulk));
      if (i != reached && !answered_again) expect_only_ignored(bench.first().receive(messages[i].message, own, messages[i].bulk));
    }
    expect_only_ignored(bench.first().receive(UpdateReply{UpdateStatus::aborted, 1}, other));
    expect_only_ignored(bench.first().receive(UpdateReply{UpdateStatus::aborted, 1}, SessionId{}));
    expect_only_ignored(bench.first().receive(ComeBack{}, SessionId{}));
    expect_only_ignored(bench.offer.give(bench.first()));
    expect_only_ignored(bench.session().step(TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)}, bench.first().now));
    CHECK(bench.session().phase() == "aggregating");
  }
  // And in no phase but that of secure aggregation.
  SessionBench idle, checked_in;
  idle.session.start(idle.now);
  checked_in.check_in();
  for (const Outgoing& message : messages) {
    expect_only_ignored(idle.receive(message.message, all.aggregator->session(), message.bulk));
    expect_only_ignored(checked_in.receive(message.message, all.aggregator->session(), message.bulk));
  }
}

TEST_CASE("a coordinator's abort ends the session in every phase, by either of its two names") {
  for (const std::string_view phase : {"advertising", "sharing", "masking", "signing", "revealing"}) {
    for (const bool by_assignment : {true, false}) {
      CAPTURE(phase);
      SecureBench bench;
      bench.train_all();
      if (phase != "advertising") {
        bench.reach(phase);
        bench.tell(0);
      }
      const SessionId sid = by_assignment || phase == "advertising" ? bench.offer.sid() : bench.aggregator->session();
      const Effects effects = bench.first().receive(UpdateReply{UpdateStatus::aborted, 20'000}, sid);
      REQUIRE(testing::all_of<Reported>(effects).size() == 1);
      CHECK(testing::all_of<Reported>(effects).front().status == UpdateStatus::aborted);
      CHECK(testing::all_of<Send>(effects).empty());
      CHECK(bench.session().phase() == "idle");
    }
  }
}

TEST_CASE("the keys of an attempt are its own: nothing of one is in the next (hostile case 32)") {
  SecureBench bench;
  std::set<std::array<std::uint8_t, 32>> keys;
  for (int attempt = 1; attempt <= 5; ++attempt) {
    bench.offer.assignment.attempt.fill(static_cast<std::uint8_t>(attempt));
    const auto advertised = bench.first().sent<AdvertiseKeys>(bench.train(0));
    for (const auto& key : {advertised.keys.agreement, advertised.keys.mask, advertised.keys.commitment}) CHECK(keys.insert(key).second);
    bench.first().receive(UpdateReply{UpdateStatus::aborted, 1'000}, bench.offer.sid());
  }
}

}  // namespace
}  // namespace fedspend::client
