// Each row of the transition table of client/session.h, and what must change nothing.

#include "client/session.h"

#include <limits>
#include <set>
#include <utility>

#include "common/numeric/ring_vector.h"
#include "tests/client/session_bench.h"

namespace fedspend::client {
namespace {

constexpr Millis kTransient{900'000};
constexpr Millis kPermanent{14'400'000};

void expect_within_a_fifth(Millis at, Millis now, Millis duration) {
  CHECK(at - now >= duration - duration / 5);
  CHECK(at - now <= duration + duration / 5);
}

void to_training(SessionBench& bench, const Offer& offer = {}) {
  bench.check_in();
  offer.give(bench);
  REQUIRE(bench.session.phase() == "training");
}

Effects to_reporting(SessionBench& bench, const Offer& offer = {}) {
  to_training(bench, offer);
  Effects effects = bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters, 0.1F)}, bench.now);
  REQUIRE(bench.session.phase() == "reporting");
  return effects;
}

void expect_only_ignored(const Effects& effects) {
  REQUIRE(effects.size() == 1);
  CHECK(std::holds_alternative<Ignored>(effects.front()));
}

TEST_CASE("a connection is restored by each but the first, also when two came between two looks") {
  CHECK_FALSE(is_connection_restored(0, 0));
  CHECK_FALSE(is_connection_restored(0, 1));
  CHECK(is_connection_restored(0, 2));  // the coordinator was killed and started again before the first look
  CHECK_FALSE(is_connection_restored(1, 1));
  CHECK(is_connection_restored(1, 2));
  CHECK_FALSE(is_connection_restored(2, 2));
  CHECK(is_connection_restored(2, 4));
}

TEST_CASE("a session starts idle, and checks in no sooner than its alarm says") {
  SessionOptions options = session_options();
  options.first_check_in_spread = Millis(5'000);
  SessionBench bench(options);
  const Millis first = SessionBench::alarm(bench.session.start(bench.now));
  CHECK(first >= bench.now);
  CHECK(first <= bench.now + Millis(5'000));
  REQUIRE(first > bench.now);
  bench.now = first - Millis(1);
  const Effects early = bench.wake();
  CHECK(SessionBench::alarm(early) == first);
  CHECK(testing::all_of<Send>(early).empty());
  CHECK(bench.session.phase() == "idle");
  bench.now = first;
  const Effects effects = bench.wake();
  SessionId sid;
  const CheckIn message = bench.sent<CheckIn>(effects, &sid);
  CHECK(message.population == "cards");
  CHECK(message.version_max == kProtocolVersionMax);
  CHECK(sid.is_zero());
  CHECK(bench.session.phase() == "checked-in");
  CHECK(SessionBench::alarm(effects) == first + Millis(600'000));
}

TEST_CASE("first check-ins are spread over the whole of their time") {
  SessionOptions options = session_options();
  options.first_check_in_spread = Millis(1'000);
  SessionBench bench(options);
  std::set<int> tenths;
  for (int i = 0; i < 400; ++i) tenths.insert(static_cast<int>((SessionBench::alarm(bench.session.start(bench.now)) - bench.now).count() / 100));
  CHECK(tenths.size() >= 10);  // a tenth stays empty in 400 draws with probability below 10 * 0.9^400 < 1e-17; the seed is fixed
}

TEST_CASE("checked in, an early wake changes nothing and a late one goes idle for the transient back-off") {
  SessionBench bench;
  bench.check_in();
  const Millis give_up = bench.now + Millis(600'000);
  bench.now = give_up - Millis(1);
  CHECK(SessionBench::alarm(bench.wake()) == give_up);
  CHECK(bench.session.phase() == "checked-in");
  bench.now = give_up;
  const Effects effects = bench.wake();
  CHECK(bench.session.phase() == "idle");
  expect_within_a_fifth(SessionBench::alarm(effects), bench.now, kTransient);
}

TEST_CASE("ComeBack sends a checked-in device away for as long as its reason asks") {
  SessionBench bench;
  bench.check_in();
  Millis expected = Millis(20'000);
  ComeBack come_back{.reason = ComeBackReason::not_selected, .retry_after_ms = 20'000};
  bool ended = false;
  SUBCASE("not selected") {}
  SUBCASE("busy") { come_back.reason = ComeBackReason::busy; }
  SUBCASE("finished") {
    come_back.reason = ComeBackReason::finished;
    expected = kPermanent;
    ended = true;
  }
  SUBCASE("not enrolled") {
    come_back.reason = ComeBackReason::not_enrolled;
    expected = kPermanent;
  }
  SUBCASE("wrong population") {
    come_back.reason = ComeBackReason::wrong_population;
    expected = kPermanent;
  }
  SUBCASE("version, asked for longer than the back-off") {
    come_back.reason = ComeBackReason::version;
    come_back.retry_after_ms = 20'000'000;
    expected = Millis(20'000'000);
  }
  const Effects effects = bench.receive(come_back, SessionId{});
  CHECK(bench.session.phase() == "idle");
  expect_within_a_fifth(SessionBench::alarm(effects), bench.now, expected);
  CHECK(testing::all_of<Ended>(effects).size() == (ended ? 1 : 0));
  CHECK(testing::all_of<Send>(effects).empty());
}

TEST_CASE("a back-off is spread over +-20% and reaches both ends") {
  std::int64_t least = 1'000'000'000;
  std::int64_t most = 0;
  SessionBench bench;
  for (int i = 0; i < 2'000; ++i) {
    bench.check_in();
    const Effects effects = bench.receive(ComeBack{.reason = ComeBackReason::busy, .retry_after_ms = 100'000}, SessionId{});
    const std::int64_t wait = (SessionBench::alarm(effects) - bench.now).count();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least >= 80'000);
  CHECK(most <= 120'000);
  CHECK(least < 80'500);  // missed with probability (1 - 1/80)^2000 < 1e-10; the seed is fixed
  CHECK(most > 119'500);
}

TEST_CASE("a finished training sends one signed update of the packed vector and waits for its reply") {
  SessionBench bench;
  const Offer offer;
  const Effects effects = to_reporting(bench, offer);
  SessionId sid;
  const Update update = bench.sent<Update>(effects, &sid);
  CHECK(sid == offer.sid());
  CHECK(update.count == testing::kParameters);
  CHECK(update.bits == 21);
  const Frames frames = testing::all_of<Send>(effects).front().frames;
  CHECK(frames.bulk_bytes().size() == packed_size(testing::kParameters, 21));
  CHECK(hash_of_update(frames.bulk_bytes()) == update.bulk_hash);
  CHECK(SessionBench::alarm(effects) == bench.now + Millis(30'000));
}

TEST_CASE("an update that is not finite is sent as zeros and not refused (hostile case 30)") {
  SessionBench bench;
  const Offer offer;
  to_training(bench, offer);
  std::vector<float> update(testing::kParameters, 0.1F);
  update[5] = std::numeric_limits<float>::quiet_NaN();
  const Effects effects = bench.session.step(TrainingFinished{offer.sid(), update}, bench.now);
  bench.sent<Update>(effects);
  CHECK(*testing::all_of<Send>(effects).front().frames.bulk == Bytes(packed_size(testing::kParameters, 21), 0));
}

TEST_CASE("a training without an update declines with its reason, for as long as the reason lasts") {
  SessionBench bench;
  const Offer offer;
  to_training(bench, offer);
  DeclineReason reason = DeclineReason::training_failed;
  Millis expected = kTransient;
  SUBCASE("failed") {}
  SUBCASE("cancelled") { reason = DeclineReason::cancelled; }
  SUBCASE("not eligible") {
    reason = DeclineReason::not_eligible;
    expected = kPermanent;
  }
  // A named event: in a temporary, g++ 12 with sanitizers sees the vector that the variant does not hold as uninitialised.
  TrainingFinished finished{offer.sid(), {}};
  finished.outcome = reason;
  const Event event = std::move(finished);
  const Effects effects = bench.session.step(event, bench.now);
  SessionId sid;
  CHECK(bench.sent<Decline>(effects, &sid).reason == reason);
  CHECK(sid == offer.sid());
  CHECK(bench.session.phase() == "idle");
  expect_within_a_fifth(SessionBench::alarm(effects), bench.now, expected);
}

TEST_CASE("an update of the wrong length is declined, not sent") {
  SessionBench bench;
  const Offer offer;
  to_training(bench, offer);
  const Effects effects = bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters + 1)}, bench.now);
  CHECK(bench.sent<Decline>(effects).reason == DeclineReason::training_failed);
  CHECK(bench.session.phase() == "idle");
}

TEST_CASE("a training that passes its deadline is stopped, and its late end changes nothing (hostile case 3)") {
  SessionBench bench;
  const Offer offer;
  to_training(bench, offer);
  bench.now += Millis(59'999);
  CHECK(SessionBench::alarm(bench.wake()) == bench.now + Millis(1));
  CHECK(bench.session.phase() == "training");
  bench.now += Millis(1);
  const Effects effects = bench.wake();
  CHECK(testing::all_of<StopTraining>(effects).size() == 1);
  CHECK(testing::all_of<Send>(effects).empty());
  expect_within_a_fifth(SessionBench::alarm(effects), bench.now, kTransient);
  CHECK(bench.session.phase() == "idle");
  expect_only_ignored(bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters)}, bench.now));
  CHECK(bench.session.phase() == "idle");
}

TEST_CASE("a reply ends the session: what was sent is reported, and the coordinator says when to come back") {
  for (const UpdateStatus status : {UpdateStatus::accepted, UpdateStatus::duplicate, UpdateStatus::late, UpdateStatus::refused}) {
    SessionBench bench;
    const Offer offer;
    const Effects sent = to_reporting(bench, offer);
    const Effects effects = bench.receive(UpdateReply{status, 20'000}, offer.sid());
    const auto reported = testing::all_of<Reported>(effects);
    REQUIRE(reported.size() == 1);
    CHECK(reported.front().status == status);
    CHECK(reported.front().round == RoundId{1});
    CHECK(reported.front().bytes_sent == testing::all_of<Send>(sent).front().frames.size());
    CHECK(bench.session.phase() == "idle");
    expect_within_a_fifth(SessionBench::alarm(effects), bench.now, Millis(20'000));
  }
}

TEST_CASE("without a reply the very same bytes are sent again until the deadline, and then no more (hostile cases 1 and 31)") {
  SessionBench bench;
  Effects effects = to_reporting(bench);
  const Frames first = testing::all_of<Send>(effects).front().frames;
  const Millis began = bench.now;
  int sent_again = 0;
  while (bench.session.phase() == "reporting") {
    REQUIRE(sent_again < 10);
    effects = bench.wake_at(effects);
    for (const Send& send : testing::all_of<Send>(effects)) {
      ++sent_again;
      CHECK(send.frames.control == first.control);
      CHECK(*send.frames.bulk == *first.bulk);
      CHECK(bench.now < began + Millis(60'000));
    }
  }
  CHECK(sent_again == 1);  // at 30 s; at 60 s the deadline is over
  CHECK(bench.session.phase() == "idle");
  CHECK(bench.now == began + Millis(60'000));
  expect_within_a_fifth(SessionBench::alarm(effects), bench.now, kTransient);
}

TEST_CASE("an early wake while reporting sends nothing") {
  SessionBench bench;
  const Effects effects = to_reporting(bench);
  bench.now += Millis(1);
  const Effects early = bench.wake();
  CHECK(testing::all_of<Send>(early).empty());
  CHECK(SessionBench::alarm(early) == SessionBench::alarm(effects));
}

TEST_CASE("a lost connection sends a device home, and stops its training") {
  SessionBench bench;
  SUBCASE("idle: nothing") {
    bench.session.start(bench.now);
    CHECK(bench.session.step(ConnectionLost{}, bench.now).empty());
    CHECK(bench.session.phase() == "idle");
    return;
  }
  std::size_t stopped = 0;
  SUBCASE("checked in") { bench.check_in(); }
  SUBCASE("training") {
    to_training(bench);
    stopped = 1;
  }
  SUBCASE("reporting") { to_reporting(bench); }
  const Effects effects = bench.session.step(ConnectionLost{}, bench.now);
  CHECK(testing::all_of<StopTraining>(effects).size() == stopped);
  CHECK(bench.session.phase() == "idle");
  expect_within_a_fifth(SessionBench::alarm(effects), bench.now, kTransient);
}

TEST_CASE("messages that are not waited for are ignored in every phase and move nothing (hostile cases 2 and 3)") {
  const Offer offer;
  Offer other;
  other.assignment.attempt.fill(99);
  for (const std::string_view phase : {"idle", "checked-in", "training", "reporting"}) {
    CAPTURE(phase);
    SessionBench bench;
    if (phase == "idle") bench.session.start(bench.now);
    if (phase == "checked-in") bench.check_in();
    if (phase == "training") to_training(bench, offer);
    if (phase == "reporting") to_reporting(bench, offer);
    REQUIRE(bench.session.phase() == phase);
    const Millis alarm_before = [&] {
      return phase == "idle" ? Millis(0) : SessionBench::alarm(bench.wake());
    }();

    std::vector<Effects> outcomes;
    outcomes.push_back(bench.receive(UpdateReply{UpdateStatus::accepted, 1}, other.sid()));
    outcomes.push_back(bench.session.step(TrainingFinished{other.sid(), std::vector<float>(testing::kParameters)}, bench.now));
    if (phase != "reporting") outcomes.push_back(bench.receive(UpdateReply{UpdateStatus::accepted, 1}, offer.sid()));
    if (phase != "training") outcomes.push_back(bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters)}, bench.now));
    if (phase != "checked-in") {
      outcomes.push_back(bench.receive(ComeBack{}, SessionId{}));
      outcomes.push_back(offer.give(bench));
      outcomes.push_back(other.give(bench));
    }
    // Rubbish, truncated frames, a device's own messages.
    outcomes.push_back(bench.session.step(FramesReceived{Frames{testing::bytes_of("hello"), nullptr}}, bench.now));
    outcomes.push_back(bench.session.step(FramesReceived{}, bench.now));
    outcomes.push_back(bench.session.step(FramesReceived{Frames{seal_from_device(Decline{}, SessionId{}, bench.keys.id, bench.keys.identity), nullptr}}, bench.now));
    Bytes truncated = seal_from_coordinator(offer.assignment, offer.sid());
    truncated.pop_back();
    outcomes.push_back(bench.session.step(FramesReceived{Frames{truncated, offer.bulk}}, bench.now));
    Bytes huge_length = seal_from_coordinator(ComeBack{}, SessionId{});
    for (std::size_t i = 136; i < 140; ++i) huge_length[i] = 0xff;
    outcomes.push_back(bench.session.step(FramesReceived{Frames{huge_length, nullptr}}, bench.now));
    for (const Effects& effects : outcomes) expect_only_ignored(effects);
    CHECK(bench.session.phase() == phase);
    if (phase != "idle") CHECK(SessionBench::alarm(bench.wake()) == alarm_before);
  }
}

TEST_CASE("a whole session repeated trains the same and sends the same bytes (hostile case 32)") {
  SessionBench first;
  SessionBench second;  // the device began anew
  const Offer offer;
  const auto once = testing::all_of<Send>(to_reporting(first, offer));
  const auto again = testing::all_of<Send>(to_reporting(second, offer));
  REQUIRE(once.size() == 1);
  REQUIRE(again.size() == 1);
  CHECK(once.front().frames.control == again.front().frames.control);
  CHECK(*once.front().frames.bulk == *again.front().frames.bulk);
}

TEST_CASE("a bulk frame with a message that has none makes it another message, which is ignored") {
  SessionBench bench;
  bench.check_in();
  expect_only_ignored(bench.receive(ComeBack{}, SessionId{}, testing::shared_bytes(Bytes(1))));
  CHECK(bench.session.phase() == "checked-in");
  const Offer offer;
  SessionBench reporting;
  to_reporting(reporting, offer);
  expect_only_ignored(reporting.receive(UpdateReply{UpdateStatus::accepted, 1}, offer.sid(), testing::shared_bytes(Bytes(1))));
  CHECK(reporting.session.phase() == "reporting");
}

TEST_CASE("an assignment given again while its training runs or its update is out starts nothing, and afterwards gives the same update") {
  const Offer offer;
  SessionBench bench;
  const auto first = testing::all_of<Send>(to_reporting(bench, offer));
  REQUIRE(first.size() == 1);
  expect_only_ignored(offer.give(bench));
  bench.wake_at(bench.receive(UpdateReply{UpdateStatus::accepted, 0}, offer.sid()));
  REQUIRE(bench.session.phase() == "checked-in");
  CHECK(testing::all_of<StartTraining>(offer.give(bench)).size() == 1);
  const auto again = testing::all_of<Send>(bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters, 0.1F)}, bench.now));
  REQUIRE(again.size() == 1);
  CHECK(again.front().frames.control == first.front().frames.control);
  CHECK(*again.front().frames.bulk == *first.front().frames.bulk);
}

}  // namespace
}  // namespace fedspend::client
