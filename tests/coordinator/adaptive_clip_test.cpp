// Rounds whose clip norm adapts: where it goes, what a kill leaves of it, what devices are told, and what it costs. Real sessions, the real
// machine, and for the kills a real store.

#include <algorithm>
#include <cmath>

#include "coordinator/store.h"
#include "tests/coordinator/secure_machine_bench.h"
#include "tests/coordinator/store_folder.h"

namespace fedspend::coordinator {
namespace {

using Type = MessageType;

// For eight devices the indicator alone has a noise multiplier of 0.8.
Plan adaptive_plan(std::uint32_t rounds = 3) {
  Plan plan = testing::secure_plan();
  plan.federation.rounds = rounds;
  plan.aggregation.clip_norm_l2 = 0.25;
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 0.5, .max_epsilon = 1e6, .max_participations = rounds, .clip_quantile = 0.5, .clip_learning_rate = 0.2};
  return plan;
}

// The next round, by devices that all take part.
void run_round(SecureMachineBench& bench) {
  bench.shift += 0.002F;
  bench.check_in_all();
  bench.run();
}

double clip_norm_told(const OnTheTable& message) {
  const Envelope envelope = open_envelope(message.frames.control).value();
  return std::get<Assignment>(decode_body(envelope.type, envelope.body).value()).clip_norm_l2;
}
void tell(OnTheTable& message, double clip_norm_l2) {
  const Envelope envelope = open_envelope(message.frames.control).value();
  Assignment assignment = std::get<Assignment>(decode_body(envelope.type, envelope.body).value());
  assignment.clip_norm_l2 = clip_norm_l2;
  message.frames.control = seal_from_coordinator(assignment, envelope.session);
}

std::unique_ptr<RoundMachine> machine_of(SecureMachineBench& bench, Checkpoint from) {
  auto made = RoundMachine::create(testing::signed_plan(bench.plan), testing::release_key().public_key(), std::move(from), enrolment_of(bench.devices.size()), {}, bench.chooser, bench.random);
  REQUIRE(made);
  return std::move(*made);
}

// Twenty devices whose updates have norms of 0.2 x 1.1^i: the median is between those of device 9 and 10. The noise of b_mean has a deviation of
// 0.05 sqrt(n / n_h) = 0.065 (n_h = 12), so that the share of updates within the norm, once settled, is off by
// sqrt(eta s / (2 - eta s)) 0.065 = 0.03 where s, its slope over the logarithm of the norm, is at most (1/20) / log 1.1 = 0.53 and eta 0.5. Of 20 late rounds,
// correlated over some 1 / (eta s) = 4, the mean is off by at most 0.015 and the half of a step that the quantile is unsure of, 0.025: five deviations and that
// half step are 0.1, two devices more or fewer.
TEST_CASE("with a quantile of one half the clip norm goes to the median norm from below and from above and stays there (chance of a false alarm 1e-6)") {
  constexpr std::size_t kDevices = 20;
  const auto norm_of = [](std::size_t device) { return 0.2 * std::pow(1.1, static_cast<double>(device)); };
  for (const double planned : {0.06, 4.0}) {
    Plan plan = adaptive_plan(36);
    plan.federation.cohort = kDevices;
    plan.federation.min_cohort = 14;
    plan.aggregation.clip_norm_l2 = planned;
    plan.privacy.clip_learning_rate = 0.5;
    SecureMachineBench bench(plan, kDevices);
    for (auto& device : bench.table) device->clip_norm_most = 10;
    for (std::size_t i = 0; i < kDevices; ++i) bench.table[i]->boot(i);
    // Of that norm, each time in another direction: an update is not handed in twice.
    bench.trains = [&](std::size_t device) {
      std::vector<float> update(testing::kParameters);
      const double angle = 0.1 * static_cast<double>(bench.machine->rounds_done() + 1);
      update[0] = static_cast<float>(norm_of(device) * std::cos(angle));
      update[1] = static_cast<float>(norm_of(device) * std::sin(angle));
      return update;
    };
    for (std::uint32_t round = 0; round < plan.federation.rounds; ++round) run_round(bench);
    REQUIRE(bench.machine->rounds_done() == plan.federation.rounds);
    const auto published = testing::all_of<Publish>(bench.seen);
    CHECK(published.front().summary.clip_norm_l2 == planned);
    double within = 0;
    constexpr std::size_t kLate = 20;
    for (std::size_t i = published.size() - kLate; i < published.size(); ++i) {
      const double clip_norm = published[i].summary.clip_norm_l2;
      CHECK(clip_norm == published[i - 1].next_clip_norm_l2);
      for (std::size_t device = 0; device < kDevices; ++device) within += norm_of(device) <= clip_norm ? 1 : 0;
    }
    CAPTURE(planned);
    CHECK(std::abs(within / (kLate * kDevices) - 0.5) <= 0.1);
  }
}

TEST_CASE("every device of a round is told its clip norm, and both ends charge what a round of that norm costs") {
  Plan plan = adaptive_plan(4);
  plan.aggregation.clip_norm_l2 = 2e-4;  // the scale is at its cap: the cost depends on the clip norm
  plan.aggregation.bits = 30;
  plan.privacy.clip_learning_rate = 1;   // all updates are above: it grows by e^(1/2) a round
  SecureMachineBench bench(plan);
  PrivacyCost charged;
  std::set<double> norms;
  for (std::uint64_t round = 0; round < plan.federation.rounds; ++round) {
    const double clip_norm = bench.machine->clip_norm_l2();
    norms.insert(clip_norm);
    run_round(bench);
    const auto charges = testing::all_of<ChargePrivacy>(bench.seen);
    REQUIRE(charges.size() == round + 1);
    CHECK(charges.back().charge.cost == contribution_cost(plan, 8, clip_norm).value());
    CHECK(testing::all_of<Publish>(bench.seen).back().summary.clip_norm_l2 == clip_norm);
    RdpCurve sum;
    for (const ChargePrivacy& charge : charges) sum += charge.charge.cost.rdp;
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(clip_norm_told(bench.last_of(Type::assignment, i)) == clip_norm);
      CHECK(bench.table[i]->record.account(plan.task).value().rdp == sum);
    }
    if (round > 0) CHECK(charges[round].charge.cost.rdp.values()[50] < charges[round - 1].charge.cost.rdp.values()[50]);
  }
  CHECK(norms.size() == 4);
}

TEST_CASE("case 26: a device that is told another clip norm than the others contributes to no sum; the others do") {
  for (const double told : {0.2, 0.3}) {
    SecureMachineBench bench(adaptive_plan());
    bench.alters = [&](OnTheTable& message) {
      if (message.type == Type::assignment && message.device == 3) tell(message, told);
    };
    bench.check_in_all();
    bench.run();
    while (testing::all_of<Publish>(bench.seen).empty()) bench.pass_deadline_and_run();
    CHECK(testing::all_of<Publish>(bench.seen).front().summary.contributors == bench.ids_of({0, 1, 2, 4, 5, 6, 7}));
    CHECK(bench.count_of(Type::masked_input, 3) == 0);
    CHECK(bench.table[3]->record.account(bench.plan.task).value().participations == 0);
  }
}

TEST_CASE("case 26: a coordinator that tells half of the devices another clip norm gets no sum of either half") {
  SecureMachineBench bench(adaptive_plan());
  bench.alters = [&](OnTheTable& message) {
    if (message.type == Type::assignment && message.device % 2 == 1) tell(message, 0.3);
  };
  bench.check_in_all();
  bench.run();
  while (testing::all_of<RoundAborted>(bench.seen).empty()) bench.pass_deadline_and_run();
  CHECK(testing::all_of<Publish>(bench.seen).empty());
  CHECK(testing::all_of<ComputeSum>(bench.seen).empty());
  for (std::size_t i = 0; i < 8; ++i) CHECK(bench.count_of(Type::masked_input, i) == 0);
}

TEST_CASE("a coordinator that is killed at any moment goes on with the clip norm of the last round that is stored") {
  const StoreFolder folder;
  const Plan plan = adaptive_plan(4);
  double stored_norm = plan.aggregation.clip_norm_l2;
  for (std::uint64_t done = 0; done < 4; ++done) {
    // Killed after the sum and before it is stored; then after.
    for (const bool is_stored : {false, true}) {
      auto store = folder.open();
      REQUIRE(store);
      SecureMachineBench bench(plan);
      Checkpoint from{.rounds_done = 0, .weights = testing::sample_weights(), .optimizer_state = {}, .ledger = (*store)->ledger().value()};
      if (auto stored = (*store)->latest_model().value())
        from = {.rounds_done = stored->round, .weights = stored->weights, .optimizer_state = stored->optimizer_state, .clip_norm_l2 = stored->next_clip_norm_l2, .ledger = from.ledger};
      REQUIRE(from.rounds_done == done);
      bench.machine = machine_of(bench, std::move(from));
      CHECK(bench.machine->clip_norm_l2() == stored_norm);
      bench.messages.clear();
      bench.seen.clear();
      bench.computes = false;
      bench.shift = 0.01F * static_cast<float>(2 * done + (is_stored ? 1 : 0));
      bench.from_machine(bench.machine->start(bench.now));
      bench.check_in_all();
      bench.run();
      CHECK(clip_norm_told(bench.last_of(Type::assignment, 0)) == stored_norm);
      REQUIRE(testing::all_of<ComputeSum>(bench.seen).size() == 1);
      SerialExecutor executor;
      const Effects effects = bench.machine->step(SumComputed{testing::all_of<ComputeSum>(bench.seen).front().session, bench.waiting_sum->run(executor)}, bench.now);
      REQUIRE(testing::all_of<Publish>(effects).size() == 1);
      const Publish publish = testing::all_of<Publish>(effects).front();
      CHECK(publish.next_clip_norm_l2 != stored_norm);
      CHECK(bench.machine->clip_norm_l2() == stored_norm);  // what is not stored has not moved
      if (!is_stored) continue;
      REQUIRE((*store)->save_published(publish));
      stored_norm = publish.next_clip_norm_l2;
    }
  }
}

TEST_CASE("a stored clip norm that the plan cannot have come to is refused") {
  SecureMachineBench bench(adaptive_plan());
  const auto refusal = [&](const Plan& plan, std::uint64_t rounds_done, double clip_norm) {
    auto made = RoundMachine::create(testing::signed_plan(plan), testing::release_key().public_key(),
                                     {.rounds_done = rounds_done, .weights = testing::sample_weights(), .optimizer_state = {}, .clip_norm_l2 = clip_norm}, enrolment_of(8), {}, bench.chooser, bench.random);
    return made ? std::string() : made.error().message;
  };
  CHECK(refusal(bench.plan, 1, 0.3).empty());
  CHECK(refusal(bench.plan, 0, 0).empty());
  for (const double bad : {0.0, 26.0, 0.0024, -0.25, std::nan("")}) CHECK(refusal(bench.plan, 1, bad).find("the round's clip norm is") == 0);
  Plan fixed = bench.plan;
  fixed.privacy.clip_quantile = fixed.privacy.clip_learning_rate = 0;
  CHECK(refusal(fixed, 1, 0).empty());
  CHECK(refusal(fixed, 1, 0.25).empty());
  CHECK(refusal(fixed, 1, 0.26).find("the round's clip norm is 0.26, the plan's 0.25") == 0);
}

TEST_CASE("the clip norm of a plan that has one for all rounds stays what it is") {
  Plan plan = adaptive_plan(2);
  plan.privacy.clip_quantile = plan.privacy.clip_learning_rate = 0;
  SecureMachineBench bench(plan);
  run_round(bench);
  run_round(bench);
  const auto published = testing::all_of<Publish>(bench.seen);
  REQUIRE(published.size() == 2);
  for (const Publish& publish : published) {
    CHECK(publish.summary.clip_norm_l2 == 0.25);
    CHECK(publish.next_clip_norm_l2 == 0.25);
  }
}

}  // namespace
}  // namespace fedspend::coordinator
