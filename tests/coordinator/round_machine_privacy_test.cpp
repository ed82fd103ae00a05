// Rounds with noise: what is charged, when, to whom, and what is published. Real sessions, real machines, and for the kills a real store.

#include <cmath>

#include "common/privacy/gaussian_rdp.h"
#include "coordinator/store.h"
#include "tests/coordinator/secure_machine_bench.h"
#include "tests/common/program/capture.h"

namespace fedspend::coordinator {
namespace {

using Type = MessageType;
const std::set<std::size_t> kSix{0, 1, 3, 4, 6, 7}, kSeven{0, 1, 3, 4, 5, 6, 7};

Plan private_plan(double noise_multiplier = 1, std::uint32_t participations = 1) {
  Plan plan = testing::secure_plan();
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = noise_multiplier, .max_epsilon = 1e6, .max_participations = participations};
  return plan;
}

std::size_t place_of(const Effects& effects, const auto& is) { return static_cast<std::size_t>(std::find_if(effects.begin(), effects.end(), is) - effects.begin()); }
template <class Kind>
std::size_t place_of(const Effects& effects) {
  return place_of(effects, [](const Effect& effect) { return std::holds_alternative<Kind>(effect); });
}

TEST_CASE("a private round charges those whose updates are in the sum, before it is computed, at what the session costs") {
  SecureMachineBench bench(private_plan());
  bench.lose_from(Type::masked_input, {2, 5});
  bench.check_in_all();
  bench.run();
  while (testing::all_of<Publish>(bench.seen).empty()) bench.pass_deadline_and_run();
  const auto charges = testing::all_of<ChargePrivacy>(bench.seen);
  REQUIRE(charges.size() == 1);
  const std::set<std::size_t> contributors{0, 1, 3, 4, 6, 7};
  CHECK(charges.front().charge.contributors == bench.ids_of(contributors));
  CHECK(charges.front().charge.round == RoundId{1});
  CHECK(charges.front().charge.cost == contribution_cost(bench.plan, 8).value());
  CHECK(place_of<ChargePrivacy>(bench.seen) < place_of<ComputeSum>(bench.seen));
  CHECK(place_of<ComputeSum>(bench.seen) < place_of<Publish>(bench.seen));
  const RoundSummary summary = testing::all_of<Publish>(bench.seen).front().summary;
  CHECK(summary.contributors == bench.ids_of(contributors));
  CHECK(summary.most_participations == 1);
  CHECK(summary.epsilon == repeated(charges.front().charge.cost, 1).epsilon(1e-6));
  // The devices charged themselves the same, also those whose input was lost on the way.
  for (std::size_t i = 0; i < 8; ++i) CHECK(bench.table[i]->record.account(bench.plan.task).value().rdp == charges.front().charge.cost.rdp);
}

TEST_CASE("what is published is the sum over the plan's own number, not that of the survivors, and noise") {
  SecureMachineBench bench(private_plan(1e-3));  // too little to hide anything, so that the rest can be seen
  bench.lose_from(Type::masked_input, {2, 5});
  bench.check_in_all();
  bench.run();
  while (testing::all_of<Publish>(bench.seen).empty()) bench.pass_deadline_and_run();
  const std::vector<float>& weights = *testing::all_of<Publish>(bench.seen).front().weights;
  const std::vector<float> before = testing::sample_weights();
  double off = 0;
  for (std::size_t p = 0; p < weights.size(); ++p) {
    double sum = 0;
    for (const std::size_t i : kSix) sum += bench.update_of(i)[p];
    const double expected = before[p] + 0.5 * sum / 8;
    CHECK(weights[p] == doctest::Approx(expected).epsilon(2e-3));
    off += std::abs(weights[p] - expected);
  }
  CHECK(off > 0);
}

TEST_CASE("noise of the size that the plan asks for is in the published mean (chance of a false alarm 1e-6)") {
  const auto deviation = [](double z) {
    double square = 0;
    std::size_t count = 0;
    for (int run = 0; run < 12; ++run) {
      SecureMachineBench bench(private_plan(z));
      bench.shift = 0.001F * static_cast<float>(run);
      for (std::size_t i = 0; i < 8; ++i) bench.table[i]->random = SeededRandom(Hasher("noise-run").u64(static_cast<std::uint64_t>(run)).u64(i).finish());
      bench.check_in_all();
      bench.run();
      const auto published = testing::all_of<Publish>(bench.seen);
      REQUIRE(published.size() == 1);
      for (std::size_t p = 0; p < testing::kParameters; ++p) {
        double sum = 0;
        for (std::size_t i = 0; i < 8; ++i) sum += 0.02F * static_cast<float>(i + 1) - 0.013F * static_cast<float>(p % 5) + bench.shift;
        const double noise = ((*published.front().weights)[p] - testing::sample_weights()[p]) / 0.5 * 8 - sum;
        square += noise * noise;
        ++count;
      }
    }
    return std::pair(std::sqrt(square / static_cast<double>(count)), count);
  };
  // Eight shares where five are sure: sqrt(8/5) of z c; the clip norm is 1 and no update is clipped.
  for (const double z : {0.5, 2.0}) {
    const auto [measured, count] = deviation(z);
    const double expected = z * std::sqrt(8.0 / 5.0);
    CHECK(std::abs(measured / expected - 1) <= 4.9 / std::sqrt(2.0 * static_cast<double>(count)));
  }
}

TEST_CASE("a device that has spent its participations is not asked again, whatever it says") {
  SecureMachineBench bench(private_plan(), 15);
  bench.loses = [](const OnTheTable& message) { return message.up && message.device >= 8; };  // seven who have not taken part
  bench.check_in_all();
  bench.run();
  REQUIRE(bench.machine->rounds_done() == 1);
  CHECK(testing::all_of<Finished>(bench.seen).empty());
  for (std::size_t i = 0; i < 8; ++i) {
    const Effects effects = bench.check_in(i);  // a device that does not keep its own account
    CHECK(bench.sent_to<ComeBack>(i, effects).size() == 1);
    CHECK(MachineBench::drops(effects) == std::vector{DropReason::spent});
  }
  CHECK(bench.machine->pool_size() == 0);
}

TEST_CASE("where too few devices are left that may spend, the federation ends and says why, also after a restart; with one more it goes on") {
  for (const std::size_t others : {5U, 6U, 7U}) {  // seven are needed
    SecureMachineBench bench(private_plan(), 8 + others);
    bench.loses = [](const OnTheTable& message) { return message.up && message.device >= 8; };
    bench.check_in_all();
    bench.run();
    REQUIRE(bench.machine->rounds_done() == 1);
    const auto ends = testing::all_of<Finished>(bench.seen);
    CHECK(ends.size() == (others < 7 ? 1 : 0));
    auto made = RoundMachine::create(testing::signed_plan(bench.plan), testing::release_key().public_key(),
                                     {.rounds_done = 1, .weights = *bench.machine->weights(), .optimizer_state = {}, .ledger = bench.machine->ledger()}, enrolment_of(8 + others), {}, bench.chooser, bench.random);
    REQUIRE(made);
    const auto again = testing::all_of<Finished>((*made)->start(bench.now));
    CHECK(again.size() == ends.size());
    if (ends.empty()) continue;
    const std::string why = "the privacy budget is used up: " + std::to_string(others) + " of " + std::to_string(8 + others) + " enrolled devices may contribute to round 2, and it takes 7";
    CHECK(ends.front().why_early == why);
    CHECK(again.front().why_early == why);
    const auto replies = bench.sent_to<ComeBack>(9, bench.check_in(9));
    REQUIRE(replies.size() == 1);
    CHECK(replies.front().reason == ComeBackReason::finished);
  }
}

TEST_CASE("of no more enrolled devices than a round takes, all spent, there is an end as well; with fewer, who may yet be enrolled, there is none") {
  for (const std::size_t enrolled : {7U, 6U}) {  // seven are needed
    PopulationLedger ledger;
    SecureMachineBench bench(private_plan(), 7);
    std::vector<ClientId> all;
    for (std::size_t i = 0; i < enrolled; ++i) all.push_back(bench.devices[i].id);
    REQUIRE(ledger.charge({SessionId{{9}}, RoundId{1}, contribution_cost(bench.plan, 8).value(), all}));
    auto made = RoundMachine::create(testing::signed_plan(bench.plan), testing::release_key().public_key(),
                                     {.rounds_done = 1, .weights = testing::sample_weights(), .optimizer_state = {}, .ledger = ledger}, enrolment_of(enrolled), {}, bench.chooser, bench.random);
    REQUIRE(made);
    CHECK(testing::all_of<Finished>((*made)->start(bench.now)).size() == (enrolled == 7 ? 1 : 0));
  }
}

// Charged by a program or a plan that was dearer: the account of everybody counts every charge as the dearest.
TEST_CASE("a round that would overspend by epsilon, not by participations, does not begin, also after a restart with charges that are high already") {
  SecureMachineBench bench(private_plan(2, 3), 9);
  bench.plan.privacy.max_epsilon = 20;
  const double delta = bench.plan.privacy.delta;
  const PrivacyCost own = dearest_contribution_cost(bench.plan).value();
  REQUIRE(repeated(own, 3).epsilon(delta) <= 20);  // so that the plan itself is run
  const auto restarted = [&](double charged_noise) {
    const PrivacyCost dear{.has_noise = true, .rdp = gaussian_rdp_curve(charged_noise), .delta = 0};
    PopulationLedger ledger;
    REQUIRE(ledger.charge({SessionId{{9}}, RoundId{1}, dear, {bench.devices[3].id}}));
    auto made = RoundMachine::create(testing::signed_plan(bench.plan), testing::release_key().public_key(),
                                     {.rounds_done = 1, .weights = testing::sample_weights(), .optimizer_state = {}, .ledger = ledger}, enrolment_of(9), {}, bench.chooser, bench.random);
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    bench.machine = std::move(*made);
    return bench.machine->start(bench.now);
  };
  // No more than the plan's own: all may be in two sums more.
  CHECK(testing::all_of<Finished>(restarted(4)).empty());
  CHECK(MachineBench::drops(bench.check_in(3)).empty());
  // One contribution fits, and two do not: whoever has one is not asked again.
  const double one_fits = 0.4;
  REQUIRE(repeated({.has_noise = true, .rdp = gaussian_rdp_curve(one_fits)}, 1).epsilon(delta) <= 20);
  REQUIRE(repeated({.has_noise = true, .rdp = gaussian_rdp_curve(one_fits)}, 2).epsilon(delta) > 20);
  CHECK(testing::all_of<Finished>(restarted(one_fits)).empty());
  CHECK(MachineBench::drops(bench.check_in(3)) == std::vector{DropReason::spent});
  CHECK(MachineBench::drops(bench.check_in(4)).empty());
  // Not even one fits: there is no round, and the end says why.
  const auto ends = testing::all_of<Finished>(restarted(0.1));
  REQUIRE(ends.size() == 1);
  CHECK(ends.front().why_early == "the privacy budget is used up: 0 of 9 enrolled devices may contribute to round 2, and it takes 7");
}

TEST_CASE("who was held in the pool while it was charged is sent away, and another is asked") {
  Plan plan = private_plan();
  plan.federation.rounds = 3;
  SecureMachineBench bench(plan, 16);
  bench.check_in_all();
  bench.run();  // the first eight by id are asked; the others wait, and are the second round's
  REQUIRE(bench.machine->rounds_done() == 2);
  const auto published = testing::all_of<Publish>(bench.seen);
  REQUIRE(published.size() == 2);
  for (const ClientId& client : published[0].summary.contributors)
    CHECK(std::find(published[1].summary.contributors.begin(), published[1].summary.contributors.end(), client) == published[1].summary.contributors.end());
  CHECK(bench.machine->ledger().most_participations() == 1);
}

TEST_CASE("a device that has spent its cap in a ledger that was kept is not asked again") {
  SecureMachineBench bench(private_plan());
  bench.check_in_all();
  bench.hold_up(Type::unmask);
  bench.run();
  PopulationLedger ledger;
  REQUIRE(ledger.charge({SessionId{{9}}, RoundId{1}, contribution_cost(bench.plan, 8).value(), {bench.devices[3].id}}));
  SeededRandom random(4);
  auto made = RoundMachine::create(testing::signed_plan(bench.plan), testing::release_key().public_key(),
                                   {.rounds_done = 0, .weights = testing::sample_weights(), .optimizer_state = {}, .ledger = ledger}, enrolment_of(8), {}, bench.chooser, random);
  REQUIRE(made);
  bench.machine = std::move(*made);
  static_cast<void>(bench.machine->start(bench.now));
  const Effects effects = bench.check_in(3);
  CHECK(MachineBench::drops(effects) == std::vector{DropReason::spent});
  CHECK(MachineBench::drops(bench.check_in(4)).empty());
}

TEST_CASE("central noise in a secure sum: charged to all in it, over the plan's own number") {
  Plan plan = testing::secure_plan();
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 1e-3, .max_epsilon = 1e6};
  SecureMachineBench bench(plan);
  bench.lose_from(Type::masked_input, {2});
  bench.check_in_all();
  bench.run();
  while (testing::all_of<Publish>(bench.seen).empty()) bench.pass_deadline_and_run();
  REQUIRE(testing::all_of<ChargePrivacy>(bench.seen).size() == 1);
  CHECK(testing::all_of<ChargePrivacy>(bench.seen).front().charge.contributors.size() == 7);
  const std::vector<float>& weights = *testing::all_of<Publish>(bench.seen).front().weights;
  for (std::size_t p = 0; p < weights.size(); ++p) {
    double sum = 0;
    for (const std::size_t i : kSeven) sum += bench.update_of(i)[p];
    CHECK(weights[p] == doctest::Approx(testing::sample_weights()[p] + 0.5 * sum / 8).epsilon(2e-3));
  }
}

TEST_CASE("without noise nothing is charged") {
  SecureMachineBench bench;
  bench.check_in_all();
  bench.run();
  CHECK(testing::all_of<ChargePrivacy>(bench.seen).empty());
  CHECK(bench.machine->ledger() == PopulationLedger{});
}

// Where the process dies: before a durable step, or after it.
enum class Kill { before_charge, after_charge, after_sum, after_publish, never };

// One life of a coordinator over the store, until the first kill of its kind or until nothing happens any more.
void live(const std::filesystem::path& file, const Plan& plan, Kill kill, float shift, std::set<SessionId>& charged, std::map<std::uint64_t, SessionId>& published) {
  auto store = Store::open(file, PlanHash{{1}});
  REQUIRE(store);
  SecureMachineBench bench(plan);
  bench.shift = shift;
  Checkpoint from{.rounds_done = 0, .weights = testing::sample_weights(), .optimizer_state = {}, .ledger = (*store)->ledger().value()};
  if (auto stored = (*store)->latest_model().value()) from = {.rounds_done = stored->round, .weights = stored->weights, .optimizer_state = stored->optimizer_state, .ledger = from.ledger};
  SeededRandom random(Hasher("life").u64(static_cast<std::uint64_t>(shift * 1000)).finish());
  auto made = RoundMachine::create(testing::signed_plan(plan), testing::release_key().public_key(), std::move(from), enrolment_of(8), {}, bench.chooser, random);
  REQUIRE(made);
  bench.machine = std::move(*made);
  bench.messages.clear();
  bench.computes = false;
  bench.from_machine(bench.machine->start(bench.now));
  bench.check_in_all();
  std::size_t carried_out = 0;
  SessionId last;
  for (int step = 0; step < 8; ++step) {
    bench.run();
    for (; carried_out < bench.seen.size(); ++carried_out) {
      const Effect effect = bench.seen[carried_out];
      if (const auto* charge = std::get_if<ChargePrivacy>(&effect)) {
        if (kill == Kill::before_charge) return;
        REQUIRE((*store)->save_charge(charge->charge));
        last = charge->charge.session;
        charged.insert(last);
        if (kill == Kill::after_charge) return;
      } else if (const auto* compute = std::get_if<ComputeSum>(&effect)) {
        SerialExecutor executor;
        const Effects effects = bench.machine->step(SumComputed{compute->session, compute->unmasking->run(executor)}, bench.now);
        if (kill == Kill::after_sum) return;
        const auto publish = testing::all_of<Publish>(effects);
        REQUIRE(publish.size() == 1);
        REQUIRE((*store)->save_published(publish.front()));
        published[publish.front().summary.round.value] = last;
        if (kill == Kill::after_publish) return;
        bench.from_machine(bench.machine->step(ModelStored{publish.front().summary.round}, bench.now));
      }
    }
    bench.check_in_all();
  }
}

TEST_CASE("killed at any step, the coordinator has charged what it published, each session once, and never loses a charge") {
  Plan plan = private_plan(1, 40);
  plan.federation.rounds = 40;
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "coordinator.sqlite";
  std::set<SessionId> charged;
  std::map<std::uint64_t, SessionId> published;
  float shift = 0;
  std::uint64_t charges = 0;
  for (const Kill kill : {Kill::after_charge, Kill::before_charge, Kill::after_sum, Kill::after_publish, Kill::after_charge, Kill::never, Kill::after_sum}) {
    CAPTURE(static_cast<int>(kill));
    shift += 0.01F;
    live(file, plan, kill, shift, charged, published);
    const PopulationLedger ledger = Store::open(file, PlanHash{{1}}).value()->ledger().value();
    CHECK(ledger.charges() == charged.size());
    CHECK(ledger.charges() >= charges);
    charges = ledger.charges();
    // Every device was in every charged sum.
    CHECK(ledger.most_participations() == charges);
    for (const auto& [round, session] : published) CHECK(charged.contains(session));
  }
  CHECK(published.size() >= 3);
  CHECK(charged.size() > published.size());  // the kills between charge and publication
  CHECK(Store::open(file, PlanHash{{1}}).value()->count_rounds(true).value() == published.size());
}

}  // namespace
}  // namespace fedspend::coordinator
