// What a device writes down before a message of secure aggregation leaves, and what it refuses because it is written down.

#include <cmath>

#include "common/secagg/session_privacy.h"
#include "tests/client/record_folder.h"
#include "tests/client/secure_bench.h"

namespace fedspend::client {
namespace {

// Drives a federation's round for device 0 as long as it answers. What left it, in order.
struct Left {
  std::vector<MessageType> types;
  std::vector<std::size_t> calls;  // of the record, when each left
  DeclineReason reason{};          // if it declined
};

Left drive(SecureBench& bench, const FailingRecord& record) {
  Left left;
  const auto note = [&](const Effects& effects) {
    for (const Send& send : testing::all_of<Send>(effects)) {
      const Result<Envelope> envelope = open_envelope(send.frames.control);
      REQUIRE(envelope);
      left.types.push_back(envelope->type);
      left.calls.push_back(record.calls);
      if (envelope->type == MessageType::decline) left.reason = std::get<Decline>(decode_body(envelope->type, envelope->body).value()).reason;
    }
    return bench.session().phase() == "aggregating";
  };
  bench.train_others();
  bench.first().check_in();
  const Effects offered = bench.offer.give(bench.first());
  if (bench.session().phase() != "training") return note(offered), left;
  if (!note(bench.note(0, bench.session().step(TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)}, bench.first().now)))) return left;
  for ([[maybe_unused]] const std::string_view phase : SecureBench::kPhases) {
    bench.advance();
    bench.tell_others();
    if (!note(bench.tell(0))) return left;
  }
  return left;
}

// The kinds of entries, as FailingRecord names them.
constexpr int kAnswered = 1, kChoice = 2, kCharge = 3, kUpdate = 4, kSessionUpdate = 5;

TEST_CASE("the record is written before each message, and in this order") {
  FailingRecord record;
  SecureBench bench(testing::secure_plan(), &record);
  bench.train_all();
  CHECK(record.kept.empty());
  const std::vector<std::vector<int>> kept{{kAnswered}, {kAnswered, kCharge}, {kAnswered, kCharge, kChoice}, {kAnswered, kCharge, kChoice, kUpdate, kSessionUpdate}};
  for (const std::vector<int>& expected : kept) {
    bench.advance();
    bench.tell_others();
    REQUIRE(testing::all_of<Send>(bench.tell(0)).size() == 1);
    CHECK(record.kept == expected);
  }
  CHECK(record.accounts.at(bench.offer.plan.task).participations == 1);
}

TEST_CASE("where a call of the record fails, nothing that it stands for leaves, only the word that this device declines") {
  FailingRecord whole;
  SecureBench untroubled(testing::secure_plan(), &whole);
  const Left all = drive(untroubled, whole);
  REQUIRE(all.types == std::vector{MessageType::advertise_keys, MessageType::share_keys, MessageType::masked_input, MessageType::sign_survivors, MessageType::unmask});
  REQUIRE(whole.calls >= 10);
  std::set<std::size_t> lengths;
  for (std::size_t call = 0; call < whole.calls; ++call) {
    CAPTURE(call);
    FailingRecord record;
    record.fails_at = call;
    SecureBench bench(testing::secure_plan(), &record);
    const Left left = drive(bench, record);
    CHECK(bench.session().phase() == "idle");
    // Exactly what had left before that call.
    const auto before = static_cast<std::size_t>(std::count_if(all.calls.begin(), all.calls.end(), [&](std::size_t calls) { return calls <= call; }));
    std::vector<MessageType> expected(all.types.begin(), all.types.begin() + static_cast<std::ptrdiff_t>(before));
    // A device that cannot say whether its cap is reached, or what it has spent, is silent (case 28).
    if (call > 2) {
      expected.push_back(MessageType::decline);
      CHECK(left.reason == DeclineReason::record);
    }
    CHECK(left.types == expected);
    lengths.insert(left.types.size());
  }
  CHECK(lengths.size() == 6);  // failures before each of the five messages, and one before anything at all
}

TEST_CASE("a device that was restarted with its record answers no session twice, should its keys come again (hostile cases 13 and 32)") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  SecureBench before(testing::secure_plan(), &record);
  before.train_all();
  before.reach("sharing");
  before.first().sent<ShareKeys>(before.tell(0));
  // The same randomness: the keys, and with them the session, are the same. A device's are not; the record refuses even so.
  SecureBench after(testing::secure_plan(), &record);
  after.train_all();
  after.reach("sharing");
  REQUIRE(after.aggregator->session() == before.aggregator->session());
  const Effects effects = after.tell(0);
  CHECK(after.first().sent<Decline>(effects).reason == DeclineReason::record);
  CHECK(after.session().phase() == "idle");
}

TEST_CASE("a device that signed another survivor set before a restart signs no second one (hostile case 13)") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  SecureBench bench(testing::secure_plan(), &record);
  bench.train_all();
  bench.reach("signing");
  Hash256 other{};
  other.fill(1);
  REQUIRE(record.record_survivor_choice(bench.aggregator->session(), other));
  const Effects effects = bench.tell(0);
  CHECK(bench.first().sent<Decline>(effects).reason == DeclineReason::record);
  CHECK(bench.session().phase() == "idle");
}

TEST_CASE("a session is charged once, also after a restart") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  SecureBench bench(testing::secure_plan(), &record);
  bench.train_all();
  bench.reach("masking");
  REQUIRE(record.charge_participation(bench.offer.plan.task, RoundId{1}, bench.aggregator->session(), {}, capped(100)));
  CHECK(bench.first().sent<Decline>(bench.tell(0)).reason == DeclineReason::record);
  CHECK(record.participations(bench.offer.plan.task).value() == 1);
}

// A cap of `cap` participations, of which `spent` are spent.
struct CappedBench {
  SeededRandom random{3};
  MemoryDeviceRecord record{random};
  SecureBench bench;

  CappedBench(std::uint32_t cap, std::uint32_t spent, SessionOptions options = session_options(), Plan plan = testing::secure_plan())
      : bench(std::move(plan), &record, [&] {
          options.policy.max_participations = cap;
          return options;
        }()) {
    for (std::uint32_t i = 0; i < spent; ++i) {
      SessionId session;
      session.bytes.fill(static_cast<std::uint8_t>(i + 1));
      REQUIRE(record.charge_participation(bench.offer.plan.task, RoundId{1}, session, {}, capped(cap)));
    }
  }
};

TEST_CASE("below its cap a device takes part, at its cap it is silent for good (hostile case 28)") {
  CappedBench last(3, 2);
  CHECK(testing::all_of<Send>(last.bench.train(0)).size() == 1);

  CappedBench capped(3, 3);
  SessionBench& device = capped.bench.first();
  device.check_in();  // it holds no plan: it cannot know yet for which task
  Effects effects = capped.bench.offer.give(device);
  CHECK(testing::all_of<Send>(effects).empty());
  CHECK(testing::all_of<StartTraining>(effects).empty());
  CHECK(device.session.phase() == "idle");
  // From now on it knows the plan, and does not even check in.
  for (int day = 0; day < 50; ++day) {
    effects = device.wake_at(effects);
    CHECK(testing::all_of<Send>(effects).empty());
    CHECK(device.session.phase() == "idle");
  }
}

// Who allows no noise lets a simulation's plan in; later the policy is tightened, and what was told then is told.
TEST_CASE("a contribution with the noise of an imagined cohort is charged as one without noise, secure or open, and a stricter policy finds it so") {
  for (const Aggregation aggregation : {Aggregation::secure, Aggregation::open}) {
    CAPTURE(to_string(aggregation));
    FailingRecord record;
    Plan plan = aggregation == Aggregation::secure ? testing::secure_plan() : Offer{}.plan;
    plan.privacy = {.mode = aggregation == Aggregation::secure ? PrivacyMode::distributed : PrivacyMode::central, .noise_multiplier = 2, .max_participations = 3, .noise_cohort = 1'000'000};
    SessionOptions options = session_options();
    if (aggregation == Aggregation::secure) {
      SecureBench bench(plan, &record, options);
      bench.train_all();
      bench.reach("masking");
      bench.first().sent<MaskedInput>(bench.tell(0));
    } else {
      const Offer offer(plan);
      SessionBench device(options, 1, &record);
      device.check_in();
      offer.give(device);
      REQUIRE(device.session.phase() == "training");
      device.sent<Update>(device.session.step(TrainingFinished{offer.sid(), std::vector<float>(offer.weights.size(), 0.01F)}, device.now));
    }
    const PrivacyAccount in_all = record.accounts.at(TaskId{});
    CHECK(in_all.participations == 1);
    CHECK(in_all.without_noise == 1);
    CHECK(std::isinf(in_all.epsilon(0.1)));
    // The policy tightened: a plan with noise of its own, of another task, is not taken any more.
    Plan noisy = testing::secure_plan();
    noisy.task.bytes[0] ^= 1;
    noisy.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 2};
    options.policy.max_epsilon = 10;
    options.policy.delta = 1e-6;
    options.policy.allow_no_privacy = false;
    SecureBench later(noisy, &record, options);
    later.first().check_in();
    const Effects effects = later.offer.give(later.first());
    CHECK(testing::all_of<StartTraining>(effects).empty());
    REQUIRE(testing::all_of<Refused>(effects).size() == 1);
    INFO(testing::all_of<Refused>(effects).front().why);
    CHECK(testing::all_of<Refused>(effects).front().why.find("in all tasks together one more contribution would take epsilon to infinity") != std::string::npos);
  }
}

// PRIVACY.md, the device's ledger survives restart and clock changes: nothing of it is counted in time.
TEST_CASE("however the clocks are set, back, forward, and across restarts, the ledger on disk lets in, refuses and adds up the same") {
  struct Moment {
    Millis now;
    std::int64_t wall_s;
  };
  constexpr std::int64_t year_s = 366 * 86'400, at = testing::kCertifiedAt_s;
  constexpr Millis year{year_s * 1'000};
  const std::vector<std::vector<Moment>> courses = {
      {{Millis(1'000), at}},                                                                 // they stand still
      {{Millis(1'000), at}, {Millis(1'000) + year, at + year_s}},                            // forward, and back
      {{20 * year, at + 20 * year_s}, {Millis(0), at - 20 * year_s}, {Millis(1), 0}},        // back ever further
      {{Millis(1), 1}, {5 * year, at + 5 * year_s}, {Millis(2), at}, {10 * year, -year_s}},  // the wall clock alone the other way
  };
  // A cap of 3, two rounds apart: what is let in, by round alone.
  const std::vector<std::pair<std::uint64_t, bool>> rounds = {{2, true}, {2, false}, {3, false}, {1, false}, {4, true}, {5, false}, {4, false}, {7, true}, {9, false}, {1, false}};
  Plan plan = testing::sample_plan();
  plan.federation.rounds = 10;
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 2, .max_epsilon = 1e6, .max_participations = 3, .min_separation_rounds = 2};
  const PrivacyCost cost = dearest_device_cost(plan).value();
  for (std::size_t course = 0; course < courses.size(); ++course)
    for (const bool restarts : {false, true}) {
      CAPTURE(course);
      CAPTURE(restarts);
      const RecordFolder folder;
      OpenRecord kept = folder.open().value();
      std::uint32_t charged = 0;
      for (std::size_t i = 0; i < rounds.size(); ++i) {
        const auto [round, is_let_in] = rounds[i];
        CAPTURE(i);
        if (restarts && i > 0) {
          kept = OpenRecord();
          kept = folder.open().value();
        }
        Offer offer(plan);
        offer.assignment.round = RoundId{round};
        offer.assignment.attempt[0] = static_cast<std::uint8_t>(i);
        SessionBench device(session_options(), 1, &*kept);
        device.now = courses[course][i % courses[course].size()].now;
        device.unix_time_s = courses[course][i % courses[course].size()].wall_s;
        device.check_in();
        offer.give(device);
        REQUIRE((device.session.phase() == "training") == is_let_in);
        if (is_let_in) {
          ++charged;
          // The clocks are set again while it trains.
          device.unix_time_s = -device.unix_time_s;
          device.sent<Update>(device.session.step(TrainingFinished{offer.sid(), std::vector<float>(offer.weights.size(), 0.001F * static_cast<float>(charged))}, device.now));
        }
        for (const PrivacyAccount& account : {kept->account(plan.task).value(), kept->account_in_all().value()}) {
          CHECK(account.participations == charged);
          CHECK(account.epsilon(1e-6) == doctest::Approx(repeated(cost, charged).epsilon(1e-6)).epsilon(1e-12));
        }
      }
      CHECK(charged == 3);
    }
}

TEST_CASE("a device at its cap that is offered what it would refuse says nothing either (hostile case 28)") {
  CappedBench capped(1, 1);
  SessionBench& device = capped.bench.first();
  device.check_in();
  Offer& offer = capped.bench.offer;
  SUBCASE("a plan that its policy refuses") {
    offer.plan.purpose = "advertising";
    offer.rebuild();
  }
  SUBCASE("a plan that is not signed") { offer.assignment.plan_signature[0] ^= 1; }
  SUBCASE("a cohort that the plan does not have") { offer.assignment.cohort = 9; }
  SUBCASE("another model") { offer.assignment.model_hash.bytes[0] ^= 1; }
  const Effects effects = offer.give(device);
  CHECK(testing::all_of<Send>(effects).empty());
  CHECK(testing::all_of<StartTraining>(effects).empty());
  CHECK(device.session.phase() == "idle");
  // For the customer's history, not for the coordinator.
  REQUIRE(testing::all_of<Refused>(effects).size() == 1);
  CHECK(testing::all_of<Refused>(effects).front().of.plan_hash == offer.assignment.plan_hash);
}

TEST_CASE("a restarted device at its cap, with the plan in its cache, is silent from the start (hostile case 28)") {
  SessionOptions options = session_options();
  const Offer offer{testing::secure_plan()};
  options.held_plan = offer.assignment.plan_hash;
  CappedBench capped(2, 2, options);
  SessionBench& device = capped.bench.first();
  device.cache.keep(HeldPlan{std::make_shared<const Plan>(offer.plan), SignedPlan{offer.assignment.plan, offer.assignment.plan_signature}, offer.assignment.plan_hash});
  Effects effects = device.session.start(device.now);
  effects = device.wake_at(effects);
  CHECK(testing::all_of<Send>(effects).empty());
  CHECK(device.session.phase() == "idle");
}

TEST_CASE("an open sum is a participation too: charged before the update leaves, once a session, and the cap holds (hostile case 28)") {
  FailingRecord record;
  SessionOptions options = session_options();
  options.policy.max_participations = 1;
  const Offer offer;
  const std::vector<float> update(offer.weights.size(), 0.01F);
  const auto train = [&](SessionBench& device) {
    device.check_in();
    offer.give(device);
    REQUIRE(device.session.phase() == "training");
    return device.session.step(TrainingFinished{offer.sid(), update}, device.now);
  };
  SUBCASE("it is charged, and then the device is silent") {
    SessionBench device(options, 1, &record);
    device.sent<Update>(train(device));
    CHECK(record.kept == std::vector<int>{kCharge, kSessionUpdate});
    Effects effects = device.receive(UpdateReply{UpdateStatus::accepted, 1'000}, offer.sid());
    for (int day = 0; day < 50; ++day) {
      effects = device.wake_at(effects);
      CHECK(testing::all_of<Send>(effects).empty());
    }
  }
  SUBCASE("asked again in the same session it sends the same, and is charged no more") {
    options.policy.max_participations = 2;
    for (int start = 0; start < 2; ++start) {
      SessionBench device(options, 1, &record);
      CHECK(device.sent<Update>(train(device)).count == update.size());
    }
    CHECK(record.accounts.at(offer.plan.task).participations == 1);
  }
  SUBCASE("where the record fails, no update leaves") {
    for (std::size_t call = 3; call <= 8; ++call) {  // the first three are asked by the assignment
      CAPTURE(call);
      FailingRecord failing;
      failing.fails_at = call;
      SessionBench device(options, 1, &failing);
      CHECK(device.sent<Decline>(train(device)).reason == DeclineReason::record);
      CHECK(device.session.phase() == "idle");
    }
  }
}

TEST_CASE("an open session has one update: another one, also after a restart, does not leave, and in the next session it may") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  const Offer offer;
  const auto effects_of = [&](float value, std::uint8_t attempt) {
    Offer asked = offer;
    asked.assignment.attempt[0] = attempt;
    SessionBench device(session_options(), 1, &record);
    device.check_in();
    asked.give(device);
    REQUIRE(device.session.phase() == "training");
    const Effects effects = device.session.step(TrainingFinished{asked.sid(), std::vector<float>(offer.weights.size(), value)}, device.now);
    return std::pair(effects, device.session.phase() == "reporting");
  };
  CHECK(effects_of(0.01F, 1).second);
  CHECK(effects_of(0.01F, 1).second);  // its reply was lost
  for (const float other : {0.02F, 0.0F}) {
    const auto [effects, reports] = effects_of(other, 1);
    CHECK_FALSE(reports);
    REQUIRE(testing::all_of<Refused>(effects).size() == 1);
    CHECK(testing::all_of<Refused>(effects).front().reason == DeclineReason::record);
    CHECK(testing::all_of<Refused>(effects).front().why.find("another update") != std::string::npos);
  }
  CHECK(effects_of(0.01F, 2).second);  // a round that failed is trained again, from the same weights
  CHECK(effects_of(0.02F, 3).second);
  CHECK(record.participations(offer.plan.task).value() == 3);
}

TEST_CASE("a device whose last participation was spent after it was asked is silent when its input or its update would leave (hostile case 28)") {
  const auto spend = [](DeviceRecord& record, const TaskId& task) { REQUIRE(record.charge_participation(task, RoundId{1}, SessionId{{0x77}}, {}, capped(1))); };
  const auto check_silent = [](const Effects& effects, const Session& session) {
    CHECK(testing::all_of<Send>(effects).empty());
    REQUIRE(testing::all_of<Refused>(effects).size() == 1);
    CHECK(testing::all_of<Refused>(effects).front().reason == DeclineReason::record);
    CHECK(session.phase() == "idle");
  };
  SUBCASE("a secure sum") {
    CappedBench last(1, 0);
    last.bench.train_all();
    last.bench.reach("masking");
    spend(last.record, last.bench.offer.plan.task);
    check_silent(last.bench.tell(0), last.bench.session());
    CHECK(last.record.participations(last.bench.offer.plan.task).value() == 1);
  }
  SUBCASE("an open sum") {
    SeededRandom random(3);
    MemoryDeviceRecord record(random);
    SessionOptions options = session_options();
    options.policy.max_participations = 1;
    const Offer offer;
    SessionBench device(options, 1, &record);
    device.check_in();
    offer.give(device);
    REQUIRE(device.session.phase() == "training");
    spend(record, offer.plan.task);
    check_silent(device.session.step(TrainingFinished{offer.sid(), std::vector<float>(offer.weights.size(), 0.01F)}, device.now), device.session);
  }
}

TEST_CASE("a cap of another task silences nobody") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  SessionOptions options = session_options();
  options.policy.max_participations = 1;
  TaskId other;
  other.bytes.fill(99);
  REQUIRE(record.charge_participation(other, RoundId{1}, SessionId{}, {}, capped(1)));
  SecureBench bench(testing::secure_plan(), &record, options);
  CHECK(testing::all_of<Send>(bench.train(0)).size() == 1);
}

// A whole round of all eight, with these updates of device 0 and fresh ones of the others.
void whole_round(SecureBench& bench, int attempt, const std::vector<float>& update) {
  bench.offer.assignment.attempt.fill(static_cast<std::uint8_t>(attempt));
  bench.aggregator = std::make_unique<Aggregator>(bench.terms(), bench.beacon);
  bench.train(0, update);
  for (std::size_t i = 1; i < SecureBench::kDevices; ++i) {
    std::vector<float> fresh = SecureBench::update_of(i);
    fresh[0] += 0.01F * static_cast<float>(attempt);
    bench.train(i, fresh);
  }
  for ([[maybe_unused]] const std::string_view phase : SecureBench::kPhases) {
    bench.advance();
    bench.tell_others();
    bench.tell(0);
  }
  bench.first().sent<Unmask>({Send{bench.said[0]}});
  bench.unmasked();
  for (const auto& device : bench.devices) device->receive(UpdateReply{UpdateStatus::accepted, 1'000}, bench.aggregator->session());
}

TEST_CASE("the update of a sum is not handed in again, in another session or after a restart (hostile case 29)") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  SecureBench bench(testing::secure_plan(), &record);
  const std::vector<float> update = SecureBench::update_of(0);
  whole_round(bench, 1, update);
  SUBCASE("by the same process") {
    bench.offer.assignment.attempt.fill(2);
    CHECK(bench.first().sent<Decline>(bench.train(0, update)).reason == DeclineReason::record);
    CHECK(bench.session().phase() == "idle");
    // Another one is.
    std::vector<float> other = update;
    other[7] = 0.25F;
    bench.offer.assignment.attempt.fill(3);
    bench.first().now += Millis(100'000'000);
    bench.first().sent<AdvertiseKeys>(bench.train(0, other));
  }
  SUBCASE("by the next process") {
    SecureBench restarted(testing::secure_plan(), &record);
    restarted.offer.assignment.attempt.fill(2);
    CHECK(restarted.first().sent<Decline>(restarted.train(0, update)).reason == DeclineReason::record);
  }
  CHECK(record.participations(bench.offer.plan.task).value() == 1);
}

TEST_CASE("the least update that is not zero, one step of one coordinate, is not handed in again either (hostile case 29)") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  SecureBench bench(testing::secure_plan(), &record);
  const Plan& plan = bench.offer.plan;
  const Quantizer quantizer =
      *Quantizer::create({.clip_norm_l2 = plan.aggregation.clip_norm_l2, .bits = plan.aggregation.bits, .max_clients = plan.devices_asked()});
  std::vector<float> update(testing::kParameters, 0.0F);
  update[3] = static_cast<float>(1 / quantizer.scale());
  whole_round(bench, 1, update);
  bench.offer.assignment.attempt.fill(2);
  CHECK(bench.first().sent<Decline>(bench.train(0, update)).reason == DeclineReason::record);
}

TEST_CASE("an update of zeros is no update: it may be handed in as often as it comes (hostile cases 29 and 30)") {
  SeededRandom random(3);
  MemoryDeviceRecord record(random);
  SecureBench bench(testing::secure_plan(), &record);
  for (int attempt = 1; attempt <= 3; ++attempt) whole_round(bench, attempt, std::vector<float>(testing::kParameters, 0.0F));
  CHECK(record.participations(bench.offer.plan.task).value() == 3);
}

TEST_CASE("secure plans that are weaker than the policy are declined (hostile case 27)") {
  Plan plan = testing::secure_plan();
  SessionOptions options = session_options();
  std::string part;
  SUBCASE("fewer corrupt devices") {
    plan.aggregation.corrupt_ppm = 99'999;
    part = "corrupt";
  }
  SUBCASE("an honest coordinator") {
    plan.aggregation.threat = Threat::curious;
    part = "semi-malicious";
  }
  SUBCASE("fewer bits of security") {
    plan.aggregation.security_bits = 39;
    part = "bits";
  }
  SUBCASE("fewer bits of precision") {
    plan.aggregation.bits = 15;
    part = "bits";
  }
  SUBCASE("a larger clip norm") {
    plan.aggregation.clip_norm_l2 = 1.01;
    part = "clip norm";
  }
  SUBCASE("a graph from the roster alone") {
    options.policy.allow_roster_beacon = false;
    part = "beacon";
  }
  SUBCASE("an external beacon, and no key is pinned (hostile case 33)") {
    plan.aggregation.beacon = BeaconSource::external;
    part = "pins no beacon_key";
  }
  SUBCASE("a smaller cohort") {
    options.policy.min_cohort = 6;
    part = "smallest cohort";
  }
  SUBCASE("no noise") {
    options.policy.allow_no_privacy = false;
    part = "no noise";
  }
  SecureBench bench(plan, nullptr, options);
  bench.first().check_in();
  const Effects effects = bench.offer.give(bench.first());
  CHECK(bench.first().sent<Decline>(effects).reason == DeclineReason::policy);
  REQUIRE(testing::all_of<Refused>(effects).size() == 1);
  INFO(testing::all_of<Refused>(effects).front().why);
  CHECK(testing::all_of<Refused>(effects).front().why.find(part) != std::string::npos);
  CHECK(testing::all_of<StartTraining>(effects).empty());
}

TEST_CASE("a secure plan whose parameters protect nobody is declined, not run with weaker ones") {
  Plan plan = testing::secure_plan();
  plan.aggregation.corrupt_ppm = 500'000;  // of eight: a quorum of all, and none of them may be lost
  SecureBench bench(plan);
  bench.train(0);
  SessionId session;
  session.bytes.fill(1);
  RosterView roster;
  roster.clients = 8;
  const Effects effects = bench.first().receive(roster, session);
  CHECK(bench.first().sent<Decline>(effects).reason == DeclineReason::secure_aggregation);
  CHECK(testing::all_of<Refused>(effects).front().why.find("secure aggregation") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::client
