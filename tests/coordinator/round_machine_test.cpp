// Each row of the transition table of coordinator/round_machine.h.

#include "coordinator/round_machine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {
namespace {

std::vector<ClientId> ids_of(const MachineBench& bench, const std::vector<std::size_t>& devices) {
  std::vector<ClientId> ids;
  for (const std::size_t device : devices) ids.push_back(bench.devices[device].id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<float> expected_model(const std::vector<float>& old, double mean, double learning_rate) {
  std::vector<float> next = old;
  for (float& weight : next) weight += static_cast<float>(learning_rate) * static_cast<float>(mean);
  return next;
}

TEST_CASE("start waits for devices until the selection timeout") {
  MachineBench bench;
  const Effects effects = bench.machine->start(bench.now);
  CHECK(the_one<WakeAt>(effects).time == bench.now + Millis(600'000));
  CHECK(bench.machine->phase() == "selecting");
}

TEST_CASE("check-ins are held until as many have come as are asked, and then all are asked for the same session (over-selection)") {
  MachineBench bench;  // cohort 3, over-selection 1.3: 4 are asked
  bench.machine->start(bench.now);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(testing::all_of<Send>(bench.check_in(i)).empty());
    CHECK(bench.machine->pool_size() == i + 1);
  }
  const Effects effects = bench.check_in(3);
  CHECK(bench.machine->phase() == "collecting");
  CHECK(bench.machine->pool_size() == 0);
  CHECK(testing::all_of<Send>(effects).size() == 4);
  CHECK(last_alarm(effects) == bench.now + Millis(60'000));
  REQUIRE(bench.assigned.size() == 4);
  for (const auto& [device, message] : bench.assigned) {
    const auto& [envelope, assignment] = message;
    CHECK(envelope.session == bench.session());
    CHECK(envelope.session == session_id(assignment.task, assignment.round, assignment.model_hash, assignment.plan_hash, assignment.cohort, assignment.attempt));
    CHECK(assignment.cohort == 4);
    CHECK(assignment.round == RoundId{1});
    CHECK(assignment.deadline_ms == 60'000);
    CHECK(assignment.task == bench.plan.task);
    CHECK(assignment.plan == testing::signed_plan(bench.plan).bytes);
    CHECK(bench.assigned_frames[device].bulk_bytes().size() == 4 * testing::kParameters);
    CHECK(hash_of_weights(bench.assigned_frames[device].bulk_bytes()) == assignment.model_hash);
  }
}

TEST_CASE("with fewer than are asked, but enough for a sum, selection waits for the window and no longer") {
  MachineBench bench;
  bench.machine->start(bench.now);
  bench.check_in(0);
  bench.now += Millis(5'000);
  const Effects second = bench.check_in(1);  // min_cohort 2
  const Millis window_ends = bench.now + Millis(10'000);
  CHECK(last_alarm(second) == window_ends);
  bench.now = window_ends - Millis(1);
  bench.wake();
  CHECK(bench.machine->phase() == "selecting");
  bench.now = window_ends;
  bench.wake();
  CHECK(bench.machine->phase() == "collecting");
  CHECK(bench.assigned.size() == 2);
  CHECK(bench.assigned.begin()->second.second.cohort == 2);
}

TEST_CASE("selection_pool lets more devices check in than are asked before the choice is made") {
  Plan plan = testing::sample_plan();
  plan.federation.selection_pool = 6;
  MachineBench bench(plan);
  bench.machine->start(bench.now);
  for (std::size_t i = 0; i < 5; ++i) bench.check_in(i);
  CHECK(bench.machine->phase() == "selecting");
  bench.check_in(5);
  CHECK(bench.machine->phase() == "collecting");
  CHECK(bench.assigned.size() == 4);
  CHECK(bench.machine->pool_size() == 2);
}

TEST_CASE("the choice does not depend on the order of arrival") {
  std::vector<std::size_t> order(8);
  std::iota(order.begin(), order.end(), 0);
  std::optional<std::vector<ClientId>> first;
  SeededRandom shuffle(3);
  for (int repetition = 0; repetition < 20; ++repetition) {
    Plan plan = testing::sample_plan();
    plan.federation.selection_pool = 8;
    SeededRandom chooser_random(77);
    UniformChooser chooser(chooser_random);
    MachineBench bench(plan, 8, {}, 0, &chooser);
    bench.machine->start(bench.now);
    for (const std::size_t device : order) bench.check_in(device);
    std::vector<std::size_t> asked;
    for (const auto& [device, message] : bench.assigned) asked.push_back(device);
    REQUIRE(asked.size() == 4);
    if (!first) first = ids_of(bench, asked);
    CHECK(ids_of(bench, asked) == *first);
    for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[shuffle.below(i + 1)]);
  }
}

TEST_CASE("too few devices by the selection timeout are a stated abort, and selection begins anew with those that wait") {
  MachineBench bench;
  bench.machine->start(bench.now);
  bench.now += Millis(300'000);
  bench.check_in(0);
  bench.now += Millis(300'000);
  const Effects effects = bench.wake();
  const RoundSummary summary = the_one<RoundAborted>(effects).summary;
  CHECK(summary.why_aborted == "not enough devices checked in: 1 of at least 2");
  CHECK(summary.round == RoundId{1});
  CHECK(summary.attempt == 1);
  CHECK_FALSE(summary.published);
  CHECK(summary.selection_time == Millis(600'000));
  CHECK(bench.machine->phase() == "selecting");
  CHECK(bench.machine->pool_size() == 1);
  CHECK(last_alarm(effects) == bench.now + Millis(600'000));
}

TEST_CASE("a chooser that waits for somebody is a stated abort, too") {
  MachineOptions options;
  options.selection_timeout = Millis(60'000);
  MachineBench bench(testing::sample_plan(), 8, options);
  bench.chooser.waits = true;
  bench.machine->start(bench.now);
  for (std::size_t i = 0; i < 5; ++i) bench.check_in(i);
  CHECK(bench.machine->phase() == "selecting");
  const RoundSummary summary = the_one<RoundAborted>(bench.wake_after(Millis(60'000))).summary;
  CHECK(summary.why_aborted == "none of the devices that checked in were chosen");
}

TEST_CASE("the goal count closes a round: the model is old + lr * mean of the contributors, and only they are named") {
  MachineBench bench;
  bench.machine->start(bench.now);
  const auto asked = bench.to_collecting();
  bench.now += Millis(1'500);
  CHECK(bench.reply_to(asked[2], bench.update(asked[2], 0.1F)) == UpdateStatus::accepted);
  CHECK(bench.reply_to(asked[0], bench.update(asked[0], 0.2F)) == UpdateStatus::accepted);
  const Effects effects = bench.update(asked[3], -0.05F);
  CHECK(bench.reply_to(asked[3], effects) == UpdateStatus::accepted);
  const Publish publish = the_one<Publish>(effects);
  CHECK(bench.machine->phase() == "publishing");
  CHECK(publish.summary.published);
  CHECK(publish.summary.why_aborted.empty());
  CHECK(publish.summary.round == RoundId{1});
  CHECK(publish.summary.attempt == 1);
  CHECK(publish.summary.asked == ids_of(bench, asked));
  CHECK(publish.summary.contributors == ids_of(bench, {asked[0], asked[2], asked[3]}));
  CHECK(publish.summary.collection_time == Millis(1'500));
  CHECK(publish.hash == testing::model_hash_of(*publish.weights));
  const std::vector<float> expected = expected_model(testing::sample_weights(), (0.1 + 0.2 - 0.05) / 3, 0.5);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK((*publish.weights)[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  CHECK(publish.summary.update_norm_l2 == doctest::Approx(0.25 / 3 * std::sqrt(13.0)).epsilon(1e-4));
}

TEST_CASE("a round closes when everyone has answered, also with fewer than the goal") {
  MachineBench bench;
  bench.machine->start(bench.now);
  const auto asked = bench.to_collecting();
  bench.update(asked[0], 0.1F);
  bench.say(asked[1], Decline{DeclineReason::not_eligible}, bench.session());
  bench.say(asked[2], Decline{DeclineReason::policy}, bench.session());
  CHECK(bench.machine->phase() == "collecting");
  const Publish publish = the_one<Publish>(bench.update(asked[3], 0.1F));
  CHECK(publish.summary.declined == 2);
  CHECK(publish.summary.contributors.size() == 2);
}

TEST_CASE("a round in which too many decline is aborted at once, and the next attempt begins") {
  MachineBench bench;
  bench.machine->start(bench.now);
  const auto asked = bench.to_collecting();
  bench.update(asked[0], 0.1F);
  for (std::size_t i = 1; i < 3; ++i) bench.say(asked[i], Decline{}, bench.session());
  const RoundSummary summary = the_one<RoundAborted>(bench.say(asked[3], Decline{}, bench.session())).summary;
  CHECK(summary.why_aborted == "too few updates: 1 of at least 2");
  CHECK(summary.contributors.empty());
  CHECK(summary.asked.size() == 4);
  CHECK(bench.machine->phase() == "selecting");
}

TEST_CASE("at the deadline a round with enough updates is published and one with fewer is aborted (hostile case 31)") {
  for (const bool enough : {true, false}) {
    MachineBench bench;
    bench.machine->start(bench.now);
    const auto asked = bench.to_collecting();
    bench.update(asked[0], 0.1F);
    if (enough) bench.update(asked[1], 0.1F);
    const Effects early = bench.wake_after(Millis(59'999));
    CHECK(the_one<WakeAt>(early).time == bench.now + Millis(1));
    CHECK(bench.machine->phase() == "collecting");
    const Effects effects = bench.wake_after(Millis(1));
    CHECK(testing::all_of<Publish>(effects).size() == (enough ? 1 : 0));
    CHECK(testing::all_of<RoundAborted>(effects).size() == (enough ? 0 : 1));
    CHECK(bench.machine->phase() == (enough ? "publishing" : "selecting"));
    CHECK(*bench.machine->weights() == testing::sample_weights());
  }
}

TEST_CASE("the attempts at a round are numbered from 1, and a new sid is taken for each (hostile case 32)") {
  MachineBench bench;
  bench.machine->start(bench.now);
  bench.to_collecting();
  const SessionId first = bench.session();
  CHECK(the_one<RoundAborted>(bench.wake_after(Millis(60'000))).summary.attempt == 1);
  CHECK(the_one<RoundAborted>(bench.wake_after(Millis(600'000))).summary.attempt == 2);
  bench.to_collecting();
  CHECK(bench.session() != first);
  const RoundSummary third = the_one<RoundAborted>(bench.wake_after(Millis(60'000))).summary;
  CHECK(third.attempt == 3);
  CHECK(third.round == RoundId{1});
}

TEST_CASE("until the model is stored the old one stands and nobody is given the new one") {
  MachineBench bench;
  bench.machine->start(bench.now);
  const auto asked = bench.to_collecting();
  for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], 0.1F);
  const Publish publish = the_one<Publish>(bench.update(asked[2], 0.1F));
  // All come back while the store is still writing.
  for (std::size_t i = 0; i < 8; ++i) CHECK(testing::all_of<Send>(bench.check_in(i)).empty());
  bench.wake_after(Millis(3'600'000));
  CHECK(bench.machine->phase() == "publishing");
  CHECK(bench.machine->rounds_done() == 0);
  CHECK(*bench.machine->weights() == testing::sample_weights());
  bench.assigned.clear();
  for (std::size_t i = 0; i < 8; ++i) bench.check_in(i);
  bench.stored();
  CHECK(bench.machine->rounds_done() == 1);
  CHECK(*bench.machine->weights() == *publish.weights);
  CHECK(bench.machine->phase() == "collecting");  // who waits is asked at once
  REQUIRE(bench.assigned.size() == 4);
  for (const auto& [device, message] : bench.assigned) {
    CHECK(message.second.model_hash == publish.hash);
    CHECK(message.second.round == RoundId{2});
    CHECK(hash_of_weights(bench.assigned_frames[device].bulk_bytes()) == publish.hash);
  }
}

TEST_CASE("what a device holds is not sent again: the plan, the model, each by itself") {
  MachineBench bench;
  const PlanHash plan_hash = bench.machine->plan_hash();
  const ModelHash model_hash = testing::model_hash_of(testing::sample_weights());
  bench.machine->start(bench.now);
  CheckIn message = bench.check_in_message();
  bench.say(0, message);
  message.have_plan = plan_hash;
  bench.say(1, message);
  message.have_model = model_hash;
  bench.say(2, message);
  message.have_plan.bytes[0] ^= 1;
  bench.say(3, message);
  REQUIRE(bench.assigned.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    const bool holds_plan = i == 1 || i == 2;
    CHECK(bench.assigned[i].second.plan.empty() == holds_plan);
    CHECK((bench.assigned[i].second.plan_signature == Signature{}) == holds_plan);
    CHECK((bench.assigned_frames[i].bulk == nullptr) == (i >= 2));
  }
}

TEST_CASE("a device that was asked and checks in again is given the same session, at its new address, with the time that is left") {
  MachineBench bench;
  bench.machine->start(bench.now);
  const auto asked = bench.to_collecting();
  const SessionId sid = bench.session();
  bench.now += Millis(20'000);
  const Effects effects = bench.take(bench.machine->step(
      MessageReceived{PeerId{"peer " + std::to_string(asked[1])}, bench.devices[asked[1]].transport,
                      Frames{seal_from_device(bench.check_in_message(), SessionId{}, bench.devices[asked[1]].id, bench.devices[asked[1]].identity), nullptr}},
      bench.now));
  const auto again = bench.sent_to<Assignment>(asked[1], effects);
  REQUIRE(again.size() == 1);
  CHECK(bench.assigned[asked[1]].first.session == sid);
  CHECK(again.front().deadline_ms == 40'000);
  CHECK(bench.machine->pool_size() == 0);
  // Once it has answered it waits for the next round instead.
  bench.update(asked[1], 0.1F);
  CHECK(testing::all_of<Send>(bench.check_in(asked[1])).empty());
  CHECK(bench.machine->pool_size() == 1);
}

TEST_CASE("after the last round the machine is finished, says so to all who wait and to all who come") {
  Plan plan = testing::sample_plan();
  plan.federation.rounds = 1;
  MachineBench bench(plan);
  bench.machine->start(bench.now);
  const auto asked = bench.to_collecting();
  bench.check_in(5);
  for (std::size_t i = 0; i < 3; ++i) bench.update(asked[i], 0.1F);
  const Effects effects = bench.stored();
  CHECK(testing::all_of<Finished>(effects).size() == 1);
  CHECK(bench.machine->phase() == "finished");
  CHECK(bench.machine->pool_size() == 0);
  REQUIRE(bench.sent_to<ComeBack>(5, effects).size() == 1);
  CHECK(bench.sent_to<ComeBack>(5, effects).front().reason == ComeBackReason::finished);
  const auto later = bench.sent_to<ComeBack>(6, bench.check_in(6));
  REQUIRE(later.size() == 1);
  CHECK(later.front().reason == ComeBackReason::finished);
  CHECK(bench.reply_to(asked[0], bench.update(asked[0], 0.1F)) == UpdateStatus::duplicate);
  CHECK(bench.wake_after(Millis(1'000'000)).empty());
}

TEST_CASE("a machine begun from stored rounds goes on with the next one, and one begun from the last is finished (hostile case 32)") {
  MachineBench middle(testing::sample_plan(), 8, {}, 2);
  middle.machine->start(middle.now);
  const auto asked = middle.to_collecting();
  CHECK(middle.assigned[asked[0]].second.round == RoundId{3});
  for (std::size_t i = 0; i < 3; ++i) middle.update(asked[i], 0.1F);
  middle.stored();
  CHECK(middle.machine->phase() == "finished");

  MachineBench last(testing::sample_plan(), 8, {}, 3);
  CHECK(testing::all_of<Finished>(last.machine->start(last.now)).size() == 1);
  CHECK(last.machine->phase() == "finished");
}

TEST_CASE("a device that is held for too long is told to come back, and is not asked") {
  MachineBench bench;
  bench.machine->start(bench.now);
  const Millis release_at = bench.now + Millis(570'000);
  const Effects held = bench.check_in(0);
  CHECK(last_alarm(held) == release_at);
  bench.now = release_at - Millis(1);
  bench.wake();
  CHECK(bench.machine->pool_size() == 1);
  bench.now = release_at;
  const auto come_back = bench.sent_to<ComeBack>(0, bench.wake());
  REQUIRE(come_back.size() == 1);
  CHECK(come_back.front().reason == ComeBackReason::not_selected);
  CHECK(come_back.front().retry_after_ms == 20'000);
  CHECK(bench.machine->pool_size() == 0);
}

TEST_CASE("beyond the largest pool a device is told that the coordinator is busy") {
  MachineOptions options;
  options.max_pool = 1;
  MachineBench bench(testing::sample_plan(), 8, options);
  bench.machine->start(bench.now);
  bench.check_in(0);
  const auto busy = bench.sent_to<ComeBack>(1, bench.check_in(1));
  REQUIRE(busy.size() == 1);
  CHECK(busy.front().reason == ComeBackReason::busy);
  CHECK(testing::all_of<Send>(bench.check_in(0)).empty());  // who is held already may come again
  CHECK(bench.machine->pool_size() == 1);
}

TEST_CASE("create refuses what this version cannot do, and models that are not of the plan") {
  const auto error_of = [](const Plan& plan, std::vector<float> weights, const SignedPlan& signed_plan, std::uint64_t rounds_done = 0, std::vector<float> state = {}) {
    SeededRandom random(1);
    FirstChooser chooser;
    auto made = RoundMachine::create(signed_plan, testing::release_key().public_key(), {rounds_done, std::move(weights), std::move(state)}, enrolment_of(2), {}, chooser,
                                     random);
    REQUIRE_FALSE(made);
    CHECK_FALSE(plan.name.empty());
    return made.error();
  };
  Plan plan = testing::sample_plan();
  SUBCASE("secure aggregation against so many corrupt devices that two quorums need not share an honest one") {
    plan.aggregation.mode = Aggregation::secure;
    plan.aggregation.corrupt_ppm = 600'000;
    CHECK(error_of(plan, testing::sample_weights(), testing::signed_plan(plan)).code == ErrorCode::refused);
  }
  SUBCASE("secure aggregation with an external beacon, and there is none") {
    plan.aggregation.mode = Aggregation::secure;
    plan.aggregation.beacon = BeaconSource::external;
    const Error error = error_of(plan, testing::sample_weights(), testing::signed_plan(plan));
    CHECK(error.code == ErrorCode::refused);
    CHECK(error.message.find("external beacon") != std::string::npos);
  }
  SUBCASE("more participations than the plan's own budget has room for") {
    plan = testing::secure_plan();
    plan.privacy = {.mode = PrivacyMode::distributed, .max_participations = 3};
    plan.federation.rounds = 10;
    const Error error = error_of(plan, testing::sample_weights(), testing::signed_plan(plan));
    CHECK(error.code == ErrorCode::refused);
    CHECK(error.message.find("3 participations at noise multiplier 1 spend epsilon") != std::string::npos);
    CHECK(error.hint.find("noise_multiplier = ") != std::string::npos);
  }
  SUBCASE("an adaptive clip norm") {
    plan = testing::secure_plan();
    plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 0.1, .max_epsilon = 1e6, .clip_quantile = 0.5, .clip_learning_rate = 0.2};
    CHECK(error_of(plan, testing::sample_weights(), testing::signed_plan(plan)).message.find("adaptive clip norm") != std::string::npos);
  }
  SUBCASE("a plan that the release key did not sign") {
    SignedPlan bent = testing::signed_plan(plan);
    bent.signature[0] ^= 1;
    CHECK(error_of(plan, testing::sample_weights(), bent).code == ErrorCode::unauthorized);
  }
  SUBCASE("a model of another length") {
    CHECK(error_of(plan, std::vector<float>(testing::kParameters - 1), testing::signed_plan(plan)).code == ErrorCode::invalid_argument);
  }
  SUBCASE("a model with NaN") {
    std::vector<float> weights = testing::sample_weights();
    weights[1] = std::numeric_limits<float>::quiet_NaN();
    CHECK(error_of(plan, weights, testing::signed_plan(plan)).code == ErrorCode::invalid_argument);
  }
  SUBCASE("a model of a later round without the state of an optimizer that has one, or with another's, or with a broken one") {
    plan.server = {.optimizer = "fedadam", .learning_rate = 0.5, .beta1 = 0.9, .beta2 = 0.99, .tau = 0.1};
    const auto refused = [&](std::uint64_t rounds_done, std::vector<float> state) {
      const Error error = error_of(plan, testing::sample_weights(), testing::signed_plan(plan), rounds_done, std::move(state));
      CHECK(error.code == ErrorCode::invalid_argument);
      return error.message;
    };
    CHECK(refused(1, {}) == "the state of the server optimizer \"fedadam\" has 0 values, not 26");
    CHECK(refused(1, std::vector<float>(testing::kParameters)) == "the state of the server optimizer \"fedadam\" has 13 values, not 26");
    CHECK(refused(0, std::vector<float>(1)) == "the state of the server optimizer \"fedadam\" has 1 values, not 26");
    std::vector<float> broken(2 * testing::kParameters);
    broken[3] = std::numeric_limits<float>::infinity();
    CHECK(refused(1, broken).find("not finite") != std::string::npos);
    broken[3] = 0;
    broken[20] = -1e-9F;
    CHECK(refused(1, broken).find("below zero") != std::string::npos);
    plan.server = {};
    CHECK(refused(1, std::vector<float>(1)).find("fedavg") != std::string::npos);
  }
}

Plan plan_with(const ServerSpec& server) {
  Plan plan = testing::sample_plan();
  plan.server = server;
  return plan;
}
const ServerSpec kAdam{.optimizer = "fedadam", .learning_rate = 0.5, .beta1 = 0.9, .beta2 = 0.99, .tau = 0.1};

TEST_CASE("the optimizer's state goes out with the weights, and moves on with them only when they are stored") {
  MachineBench bench(plan_with(kAdam));
  bench.machine->start(bench.now);
  const std::vector<float> initial = *bench.machine->optimizer_state();
  CHECK(initial == make_server_optimizer(kAdam, 3).value()->initial_state(testing::kParameters));
  const auto asked = bench.to_collecting();
  for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], 0.1F);
  const Publish publish = the_one<Publish>(bench.update(asked[2], 0.1F));
  CHECK(*bench.machine->optimizer_state() == initial);
  REQUIRE(publish.optimizer_state->size() == 2 * testing::kParameters);
  for (std::size_t i = 0; i < testing::kParameters; ++i) {
    CHECK((*publish.optimizer_state)[i] == doctest::Approx(0.1 * 0.1).epsilon(1e-4));
    CHECK((*publish.optimizer_state)[testing::kParameters + i] == doctest::Approx(0.99 * 0.01 + 0.01 * 0.01).epsilon(1e-4));
  }
  bench.stored();
  CHECK(bench.machine->optimizer_state() == publish.optimizer_state);
}

TEST_CASE("an attempt that is aborted leaves the optimizer's state as it was") {
  MachineBench bench(plan_with(kAdam));
  bench.machine->start(bench.now);
  const std::vector<float> initial = *bench.machine->optimizer_state();
  const auto asked = bench.to_collecting();
  bench.update(asked[0], 0.1F);
  the_one<RoundAborted>(bench.wake_after(Millis(60'000)));
  CHECK(*bench.machine->optimizer_state() == initial);
}

// One round with what was published before, in a machine that has seen everything and in one that was begun anew.
TEST_CASE("a machine that goes on from the published weights and state makes the same bits as one that was never ended") {
  for (const ServerSpec& server : {ServerSpec{.optimizer = "fedavgm", .learning_rate = 0.5, .momentum = 0.9}, kAdam}) {
    CAPTURE(server.optimizer);
    const auto round = [](MachineBench& bench, float value) {
      const auto asked = bench.to_collecting();
      for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], value);
      return the_one<Publish>(bench.update(asked[2], -0.02F));
    };
    MachineBench whole(plan_with(server));
    const std::vector<float> initial_state = *whole.machine->optimizer_state();
    whole.machine->start(whole.now);
    const Publish first = round(whole, 0.1F);
    whole.stored();
    const Publish second = round(whole, 0.2F);

    MachineBench again(plan_with(server), 8, {}, 1, nullptr, *first.weights, *first.optimizer_state);
    again.machine->start(again.now);
    const Publish repeated = round(again, 0.2F);
    CHECK(*repeated.weights == *second.weights);
    CHECK(*repeated.optimizer_state == *second.optimizer_state);
    // With another state the round would have been another: the comparison above can fail.
    MachineBench without(plan_with(server), 8, {}, 1, nullptr, *first.weights, initial_state);
    without.machine->start(without.now);
    CHECK(*round(without, 0.2F).weights != *second.weights);
  }
}

TEST_CASE("the server's schedule is that of the round, whatever was aborted before") {
  ServerSpec server{.learning_rate = 0.5};
  server.schedule = {.kind = ScheduleKind::step, .decay = 0.5, .period_rounds = 1};
  for (const std::uint64_t rounds_done : {0U, 1U, 2U}) {
    MachineBench bench(plan_with(server), 8, {}, rounds_done);
    bench.machine->start(bench.now);
    bench.to_collecting();
    bench.wake_after(Millis(60'000));
    const auto asked = bench.to_collecting();
    for (std::size_t i = 0; i < 2; ++i) bench.update(asked[i], 0.1F);
    const Publish publish = the_one<Publish>(bench.update(asked[2], 0.1F));
    CHECK(publish.summary.attempt == 2);
    CHECK((*publish.weights)[0] - testing::sample_weights()[0] == doctest::Approx(0.1 * 0.5 / (1 << rounds_done)).epsilon(1e-4));
  }
}

}  // namespace
}  // namespace fedspend::coordinator
