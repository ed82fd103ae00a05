// Every check of client/session.h on an assignment, one bent thing at a time. A refusal declines under the assignment's session,
// trains nothing, keeps nothing, and ends in Idle.

#include <cmath>
#include <limits>

#include "tests/client/session_bench.h"

namespace fedspend::client {
namespace {

void expect_refused(SessionBench& bench, const Offer& offer, DeclineReason reason, std::string_view part) {
  const Effects effects = offer.give(bench);
  SessionId sid;
  CHECK(bench.sent<Decline>(effects, &sid).reason == reason);
  CHECK(sid == offer.sid());
  const auto refused = testing::all_of<Refused>(effects);
  REQUIRE(refused.size() == 1);
  CHECK(refused.front().reason == reason);
  CAPTURE(refused.front().why);
  CHECK(refused.front().why.find(part) != std::string::npos);
  CHECK(testing::all_of<StartTraining>(effects).empty());
  CHECK(bench.session.phase() == "idle");
  CHECK_FALSE(bench.cache.find_plan(offer.assignment.plan_hash));
  CHECK_FALSE(bench.cache.find_model(offer.assignment.model_hash));
  CHECK(SessionBench::alarm(effects) > bench.now);
}

void expect_ignored(SessionBench& bench, const Effects& effects) {
  REQUIRE(effects.size() == 1);
  CHECK(std::holds_alternative<Ignored>(effects.front()));
  CHECK(bench.session.phase() == "checked-in");
}

TEST_CASE("an assignment that passes every check starts the training of its plan and weights until its deadline") {
  SessionBench bench;
  bench.check_in();
  const Offer offer;
  const Effects effects = offer.give(bench);
  const auto starts = testing::all_of<StartTraining>(effects);
  REQUIRE(starts.size() == 1);
  CHECK(starts.front().session == offer.sid());
  CHECK(starts.front().round == RoundId{1});
  CHECK(*starts.front().plan == offer.plan);
  CHECK(starts.front().plan_hash == offer.assignment.plan_hash);
  CHECK(*starts.front().weights == offer.weights);
  CHECK(SessionBench::alarm(effects) == bench.now + Millis(60'000));
  CHECK(testing::all_of<Send>(effects).empty());
  CHECK(bench.session.phase() == "training");
  CHECK(bench.cache.find_plan(offer.assignment.plan_hash));
  CHECK(bench.cache.find_model(offer.assignment.model_hash));
}

TEST_CASE("an assignment whose sid is not of its contents is ignored, field by field (hostile case 2)") {
  SessionBench bench;
  bench.check_in();
  Offer offer;
  const SessionId sid = offer.sid();
  Assignment& bent = offer.assignment;
  SUBCASE("task") { bent.task.bytes[0] ^= 1; }
  SUBCASE("round") { ++bent.round.value; }
  SUBCASE("attempt") { bent.attempt[15] ^= 1; }
  SUBCASE("cohort") { --bent.cohort; }
  SUBCASE("plan hash") { bent.plan_hash.bytes[0] ^= 1; }
  SUBCASE("model hash") { bent.model_hash.bytes[31] ^= 1; }
  expect_ignored(bench, bench.receive(bent, sid, offer.bulk));
  // And the right one is still waited for.
  const Offer right;
  CHECK(testing::all_of<StartTraining>(right.give(bench)).size() == 1);
}

TEST_CASE("a plan that the release key did not sign is refused (hostile case 6)") {
  SessionBench bench;
  bench.check_in();
  Offer offer;
  SUBCASE("a flipped bit of the signature") {
    offer.assignment.plan_signature[10] ^= 1;
    expect_refused(bench, offer, DeclineReason::plan_signature, "signature");
  }
  SUBCASE("the signature of another key") {
    offer.assignment.plan_signature = sign_plan(offer.assignment.plan, testing::device_keys(9).identity).signature;
    expect_refused(bench, offer, DeclineReason::plan_signature, "signature");
  }
  SUBCASE("altered bytes, with the hash of the altered bytes") {
    offer.assignment.plan.push_back('\n');
    offer.assignment.plan_hash = hash_of_plan(offer.assignment.plan);
    expect_refused(bench, offer, DeclineReason::plan_signature, "signature");
  }
  SUBCASE("a signed plan under another plan's hash") {
    offer.assignment.plan_hash.bytes[0] ^= 1;
    expect_refused(bench, offer, DeclineReason::plan_signature, "not the one that the assignment names");
  }
  SUBCASE("signed bytes that are no plan") {
    const SignedPlan rubbish = sign_plan(testing::bytes_of("schema = "), testing::release_key());
    offer.assignment.plan = rubbish.bytes;
    offer.assignment.plan_signature = rubbish.signature;
    offer.assignment.plan_hash = hash_of_plan(rubbish.bytes);
    expect_refused(bench, offer, DeclineReason::plan_signature, "plan");
  }
  SUBCASE("no plan at all, which the device does not hold") {
    offer.assignment.plan.clear();
    expect_refused(bench, offer, DeclineReason::plan_signature, "does not hold");
  }
}

TEST_CASE("a plan of a TorchScript model is refused whatever the policy allows, but for a session of the simulator") {
  Plan plan = testing::sample_plan();
  plan.model.name = "torchscript";
  plan.model.file = "model.pt";
  plan.model.file_hash.bytes.fill(7);
  SessionOptions options = session_options();
  SUBCASE("a device") {
    SessionBench bench(options);
    bench.check_in();
    Offer offer(plan);
    expect_refused(bench, offer, DeclineReason::policy, "TorchScript");
  }
  SUBCASE("the simulator") {
    options.trains_torchscript = true;
    SessionBench bench(options);
    bench.check_in();
    const Offer offer(plan);
    CHECK(testing::all_of<StartTraining>(offer.give(bench)).size() == 1);
  }
}

TEST_CASE("a signed plan that is weaker than the policy is refused (hostile case 27)") {
  SessionOptions options = session_options();
  Plan plan = testing::sample_plan();
  std::string part;
  SUBCASE("another population") {
    plan.population = "households";
    part = "population";
  }
  SUBCASE("another purpose") {
    plan.purpose = "advertising";
    part = "consent";
  }
  SUBCASE("a larger clip norm") {
    plan.aggregation.clip_norm_l2 = 1.5;
    part = "clip norm";
  }
  SUBCASE("a smaller cohort") {
    plan.federation.min_cohort = 1;
    part = "smallest cohort";
  }
  SUBCASE("an open sum") {
    options.policy.allow_open_aggregation = false;
    part = "open";
  }
  SUBCASE("no noise") {
    options.policy.allow_no_privacy = false;
    part = "no noise";
  }
  SessionBench bench(options);
  bench.check_in();
  expect_refused(bench, Offer(plan), DeclineReason::policy, part);
}

TEST_CASE("a plan whose noise cannot be is refused and never carried out with less") {
  Plan plan = testing::secure_plan();
  plan.privacy.mode = PrivacyMode::distributed;
  plan.aggregation.bits = 4;  // eight rounded updates do not fit
  SessionBench bench;
  bench.check_in();
  expect_refused(bench, Offer(plan), DeclineReason::policy, "bits");
}

TEST_CASE("a round with another clip norm than the plan's is refused, in open and in secure sums (hostile case 27)") {
  for (const bool secure : {false, true}) {
    for (const double clip_norm : {std::nextafter(1.0, 0.0), std::nextafter(1.0, 2.0), 0.5}) {
      SessionBench bench;
      bench.check_in();
      Offer offer(secure ? testing::secure_plan() : testing::sample_plan());
      REQUIRE(offer.plan.aggregation.clip_norm_l2 == 1.0);
      offer.assignment.clip_norm_l2 = clip_norm;
      expect_refused(bench, offer, DeclineReason::policy, "the round's clip norm is ");
    }
  }
}

TEST_CASE("where the clip norm adapts a round may have any in the plan's range and in the policy's, and is refused outside of either (hostile case 27)") {
  Plan plan = testing::secure_plan();
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 0.1, .max_epsilon = 1e6, .clip_quantile = 0.5, .clip_learning_rate = 0.2};
  plan.aggregation.clip_norm_l2 = 0.5;
  SessionOptions options = session_options();
  options.policy.min_clip_norm_l2 = 0.001;
  REQUIRE(options.policy.max_clip_norm_l2 == 1.0);
  std::string part;
  Offer offer(plan);
  const auto give = [&] {
    SessionBench bench(options);
    bench.check_in();
    return testing::all_of<StartTraining>(offer.give(bench)).size();
  };
  for (const double taken : {0.005, 0.3, 0.5, 1.0}) {
    offer.assignment.clip_norm_l2 = taken;
    CHECK(give() == 1);
  }
  SUBCASE("above the policy's") {
    offer.assignment.clip_norm_l2 = std::nextafter(1.0, 2.0);
    part = "the round's clip norm, 1, is outside the policy's 0.001 to 1";
  }
  SUBCASE("below the policy's") {
    options.policy.min_clip_norm_l2 = 0.01;
    offer.assignment.clip_norm_l2 = 0.009;
    part = "the round's clip norm, 0.009, is outside the policy's 0.01 to 1";
  }
  SUBCASE("above the plan's") {
    options.policy.max_clip_norm_l2 = 100;
    offer.assignment.clip_norm_l2 = 50.5;
    part = "the round's clip norm is 50.5, outside the plan's 0.005 to 50";
  }
  SUBCASE("below the plan's") {
    offer.assignment.clip_norm_l2 = 0.004;
    part = "the round's clip norm is 0.004, outside the plan's 0.005 to 50";
  }
  SessionBench bench(options);
  bench.check_in();
  expect_refused(bench, offer, DeclineReason::policy, part);
}

TEST_CASE("an assignment of another task, round or cohort than the plan's is refused") {
  SessionBench bench;
  bench.check_in();
  Offer offer;
  SUBCASE("task") {
    offer.assignment.task.bytes[0] ^= 1;
    expect_refused(bench, offer, DeclineReason::plan_signature, "another task");
  }
  SUBCASE("round 0") {
    offer.assignment.round = RoundId{0};
    expect_refused(bench, offer, DeclineReason::policy, "round");
  }
  SUBCASE("a round after the plan's last") {
    offer.assignment.round = RoundId{4};
    expect_refused(bench, offer, DeclineReason::policy, "round");
  }
  SUBCASE("fewer devices than the smallest sum") {
    offer.assignment.cohort = 1;
    expect_refused(bench, offer, DeclineReason::policy, "cohort");
  }
  SUBCASE("more devices than the plan asks, whose sum could wrap") {
    offer.assignment.cohort = 5;
    expect_refused(bench, offer, DeclineReason::policy, "cohort");
  }
}

TEST_CASE("weights that are not the named model are refused (hostile cases 17, 26 and 30)") {
  SessionBench bench;
  bench.check_in();
  Offer offer;
  const auto rehash = [&] { offer.assignment.model_hash = hash_of_weights(*offer.bulk); };
  SUBCASE("none") {
    offer.bulk = nullptr;
    expect_refused(bench, offer, DeclineReason::model_mismatch, "number of parameters");
  }
  SUBCASE("one value fewer, hashed") {
    offer.bulk = testing::shared_bytes(Bytes(offer.bulk->begin(), offer.bulk->end() - 4));
    rehash();
    expect_refused(bench, offer, DeclineReason::model_mismatch, "number of parameters");
  }
  SUBCASE("one byte more, hashed") {
    Bytes longer = *offer.bulk;
    longer.push_back(0);
    offer.bulk = testing::shared_bytes(longer);
    rehash();
    expect_refused(bench, offer, DeclineReason::model_mismatch, "number of parameters");
  }
  SUBCASE("a flipped bit") {
    Bytes bent = *offer.bulk;
    bent[7] ^= 1;
    offer.bulk = testing::shared_bytes(bent);
    expect_refused(bench, offer, DeclineReason::model_mismatch, "not the model");
  }
  SUBCASE("NaN, hashed") {
    offer.weights[4] = std::nanf("");
    offer.rebuild();
    expect_refused(bench, offer, DeclineReason::model_mismatch, "not finite");
  }
  SUBCASE("infinity, hashed") {
    offer.weights[4] = -std::numeric_limits<float>::infinity();
    offer.rebuild();
    expect_refused(bench, offer, DeclineReason::model_mismatch, "not finite");
  }
}

TEST_CASE("a held model of another length than the plan's is refused") {
  SessionBench bench;
  const std::vector<float> shorter(testing::kParameters - 1, 0.5F);
  bench.cache.keep(HeldModel{std::make_shared<const std::vector<float>>(shorter), testing::model_hash_of(shorter)});
  bench.check_in();
  Offer offer;
  offer.assignment.model_hash = testing::model_hash_of(shorter);
  const Effects effects = offer.give(bench);
  CHECK(bench.sent<Decline>(effects).reason == DeclineReason::model_mismatch);
}

TEST_CASE("a plan is taken until the end of its last day and refused afterwards, also one that the device holds") {
  Plan plan = testing::sample_plan();
  const auto days = std::chrono::days(testing::kCertifiedAt_s / 86'400);
  plan.last_day = std::chrono::sys_days(days);
  SessionBench bench;
  bench.unix_time_s = static_cast<std::int64_t>(std::chrono::seconds(days).count()) + 86'399;
  bench.check_in();
  Offer offer(plan);
  const Effects started = offer.give(bench);
  REQUIRE(testing::all_of<StartTraining>(started).size() == 1);
  bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters)}, bench.now);
  const Effects idle = bench.receive(UpdateReply{UpdateStatus::accepted, 1'000}, offer.sid());
  ++bench.unix_time_s;
  bench.wake_at(idle);
  offer.assignment.attempt.fill(6);
  SUBCASE("sent again") {}
  SUBCASE("held") {
    offer.assignment.plan.clear();
    offer.assignment.plan_signature = {};
  }
  const Effects effects = offer.give(bench);
  CHECK(bench.sent<Decline>(effects).reason == DeclineReason::policy);
  CHECK(testing::all_of<StartTraining>(effects).empty());
  CHECK(testing::all_of<Refused>(effects).at(0).why == "the plan has expired: its last day was " + day_text(*plan.last_day));
}

TEST_CASE("the first check that fails is the one that is told: signature, hash, policy, task, model") {
  SessionBench bench;
  bench.check_in();
  Plan weak = testing::sample_plan();
  weak.purpose = "advertising";
  Offer offer(weak);
  offer.bulk = nullptr;
  offer.assignment.task.bytes[0] ^= 1;
  SUBCASE("policy before task") { expect_refused(bench, offer, DeclineReason::policy, "consent"); }
  SUBCASE("hash before policy") {
    offer.assignment.plan_hash.bytes[0] ^= 1;
    expect_refused(bench, offer, DeclineReason::plan_signature, "names");
  }
  SUBCASE("signature before hash") {
    offer.assignment.plan_hash.bytes[0] ^= 1;
    offer.assignment.plan_signature[0] ^= 1;
    expect_refused(bench, offer, DeclineReason::plan_signature, "signature");
  }
}

TEST_CASE("what a device holds it says at its next check-in, and needs it not again") {
  SessionBench bench;
  const CheckIn first = bench.check_in();
  CHECK(first.have_plan.is_zero());
  CHECK(first.have_model.is_zero());
  Offer offer;
  offer.give(bench);
  const Effects sent = bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters)}, bench.now);
  REQUIRE(bench.session.phase() == "reporting");
  const Effects idle = bench.receive(UpdateReply{UpdateStatus::accepted, 1'000}, offer.sid());
  const CheckIn second = bench.sent<CheckIn>(bench.wake_at(idle));
  CHECK(second.have_plan == offer.assignment.plan_hash);
  CHECK(second.have_model == offer.assignment.model_hash);

  offer.assignment.attempt.fill(6);
  offer.assignment.plan.clear();
  offer.assignment.plan_signature = {};
  offer.bulk = nullptr;
  const auto starts = testing::all_of<StartTraining>(offer.give(bench));
  REQUIRE(starts.size() == 1);
  CHECK(*starts.front().weights == offer.weights);
  CHECK(*starts.front().plan == offer.plan);
}

TEST_CASE("what an earlier process held is said at the first check-in, if the cache has it") {
  const Offer offer;
  SessionOptions options = session_options();
  options.held_plan = offer.assignment.plan_hash;
  options.held_model = offer.assignment.model_hash;
  SessionBench without(options);
  const CheckIn nothing = without.check_in();
  CHECK(nothing.have_plan.is_zero());
  CHECK(nothing.have_model.is_zero());

  SessionBench with(options);
  with.cache.keep(HeldPlan{std::make_shared<const Plan>(offer.plan), SignedPlan{offer.assignment.plan, offer.assignment.plan_signature}, offer.assignment.plan_hash});
  with.cache.keep(HeldModel{std::make_shared<const std::vector<float>>(offer.weights), offer.assignment.model_hash});
  const CheckIn both = with.check_in();
  CHECK(both.have_plan == offer.assignment.plan_hash);
  CHECK(both.have_model == offer.assignment.model_hash);
}

TEST_CASE("the policy is held against a plan that the device holds already, too") {
  const Offer offer;
  SessionOptions options = session_options();
  options.held_plan = offer.assignment.plan_hash;
  options.policy.purposes.clear();
  SessionBench bench(options);
  bench.cache.keep(HeldPlan{std::make_shared<const Plan>(offer.plan), SignedPlan{offer.assignment.plan, offer.assignment.plan_signature}, offer.assignment.plan_hash});
  bench.check_in();
  Offer left_out = offer;
  left_out.assignment.plan.clear();
  CHECK(bench.sent<Decline>(left_out.give(bench)).reason == DeclineReason::policy);
}

TEST_CASE("the server cannot draw a training out beyond the plan's deadline") {
  SessionBench bench;
  bench.check_in();
  Offer offer;
  offer.assignment.deadline_ms = 0xffffffff;
  CHECK(SessionBench::alarm(offer.give(bench)) == bench.now + Millis(60'000));
}

}  // namespace
}  // namespace fedspend::client
