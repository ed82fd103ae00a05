// Falsification through the machines themselves: real device sessions (clip, rotation, rounding, noise, masks, quorum) and the real round
// machine (unmasking, decoding, server optimizer); the attacker sees nothing but the published models. Four devices, all of whose shares are
// counted (nobody may be lost or corrupt), z = 1, delta = .1. Device 0 sends an update at the clip norm in every other round and zero in
// the rest. 800 rounds of each, fewer than distributed_pipeline_test.cpp makes: so the event is fixed beforehand (the projection on the update
// above the clip norm), and every comparison is at confidence 1 - 1e-4 by exact binomial bounds (Clopper and Pearson). The chance that
// the real machines fail here is at most 1e-4 over the choice of the seed; the seeds are fixed.
#include <cmath>
#include <numeric>
#include <vector>

#include "common/secagg/session_privacy.h"
#include "simulations/audit/binomial.h"
#include "tests/coordinator/secure_machine_bench.h"

namespace fedspend::coordinator {
namespace {

constexpr std::size_t kDevices = 4, kRounds = 800;  // of each input
constexpr double kDelta = 0.1, kError = 1e-4, kThreshold = 1;

Plan plan_of(std::uint32_t noise_cohort) {
  Plan plan = testing::secure_plan();
  plan.federation.cohort = plan.federation.min_cohort = kDevices;
  plan.federation.over_selection = 1;
  plan.federation.rounds = 2 * kRounds;
  plan.aggregation.clip_norm_l2 = 0.5;
  plan.aggregation.dropout_ppm = 0;  // and of four a tenth is nobody
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 1, .delta = kDelta, .max_epsilon = 1e6, .max_participations = 2 * kRounds, .noise_cohort = noise_cohort};
  return plan;
}

// Of the plan as it is accounted, noise cohort or not.
double claimed_epsilon(const Plan& plan) { return repeated(contribution_cost(plan, kDevices).value(), 1).epsilon(kDelta); }

std::vector<float> direction() {
  std::vector<float> u(testing::kParameters);
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = (i % 2 == 0 ? 1.0F : -1.0F) * (1 + 0.1F * static_cast<float>(i));
  const double norm = std::sqrt(std::inner_product(u.begin(), u.end(), u.begin(), 0.0));
  for (float& value : u) value = static_cast<float>(value / norm);
  return u;
}

// A lower bound on epsilon, from the published models alone. The device trains an update of twice the clip norm.
double found_epsilon(const Plan& plan) {
  SecureMachineBench bench(plan, kDevices);
  const std::vector<float> u = direction();
  bool sends = false;
  float variation = 0;  // the same update is not handed in twice
  bench.trains = [&](std::size_t device) {
    std::vector<float> update(testing::kParameters);
    for (std::size_t i = 0; i < update.size(); ++i) update[i] = device == 0 && sends ? u[i] * (2 + variation) : i == 0 ? 1e-5F * variation : 0;
    return update;
  };
  std::uint64_t above_with = 0, above_without = 0;
  for (std::size_t round = 0; round < 2 * kRounds; ++round) {
    sends = round % 2 == 0;
    variation += 1e-3F;
    const std::vector<float> before = *bench.machine->weights();
    bench.check_in_all();
    bench.run();
    bench.seen.clear();
    bench.carried.clear();
    REQUIRE(bench.machine->rounds_done() == round + 1);
    const std::vector<float> after = *bench.machine->weights();
    double projection = 0;
    for (std::size_t i = 0; i < u.size(); ++i) projection += (static_cast<double>(after[i]) - before[i]) * u[i];
    projection *= kDevices / (plan.server.learning_rate * plan.aggregation.clip_norm_l2);
    if (projection > kThreshold) ++(sends ? above_with : above_without);
  }
  const double with = simulations::lower_confidence(above_with, kRounds, kError / 2), without = simulations::upper_confidence(above_without, kRounds, kError / 2);
  MESSAGE(above_with << " and " << above_without << " of " << kRounds);
  return with > kDelta ? std::max(0.0, std::log((with - kDelta) / without)) : 0;
}

TEST_CASE("through sessions and coordinator: what the accountant says is not falsified, and half the noise is found out") {
  const Plan whole = plan_of(0), half = plan_of(2 * kDevices);
  CHECK(half.added_noise_multiplier() == 0.5);
  const double claimed = claimed_epsilon(whole);
  CHECK(claimed_epsilon(half) == claimed);
  const double found = found_epsilon(whole), found_at_half = found_epsilon(half);
  MESSAGE("claimed " << claimed << ", found at least " << found << "; at half the noise at least " << found_at_half);
  CHECK(found <= claimed);
  CHECK(found > 0.1);  // the attack is one
  CHECK(found_at_half > claimed);
}

// Eight devices, of whom the protocol lets three be lost, and three are: the sum has five shares, and not one more than is sure. All that the
// accountant goes by is that their noise has the deviation z c; so many samples show whether it has.
constexpr std::size_t kLossyRounds = 150;
constexpr double kDeviations = 4.9;  // of an estimate of the variance: beyond with probability 5e-7

Plan lossy_plan(double noise_multiplier) {
  Plan plan = testing::secure_plan();
  plan.aggregation.dropout_ppm = 375'000;
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = noise_multiplier, .delta = kDelta, .max_epsilon = 1e6, .max_participations = 1};
  return plan;
}

// Of the noise in the published sums, over c^2: z^2 if it is what the plan says.
double found_variance(const Plan& plan) {
  double squares = 0;
  for (std::size_t round = 0; round < kLossyRounds; ++round) {
    SecureMachineBench bench(plan);
    for (std::size_t i = 0; i < 8; ++i) bench.table[i]->random = SeededRandom(Hasher("lossy-round").u64(round).u64(i).finish());
    bench.lose_from(MessageType::masked_input, {2, 5, 7});
    std::vector<double> sum(testing::kParameters);
    for (const std::size_t i : {0U, 1U, 3U, 4U, 6U})
      for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += bench.update_of(i)[p];
    bench.check_in_all();
    bench.run();
    while (testing::all_of<Publish>(bench.seen).empty()) bench.pass_deadline_and_run();
    const Publish published = testing::all_of<Publish>(bench.seen).front();
    REQUIRE(published.summary.contributors.size() == 5);
    for (std::size_t p = 0; p < sum.size(); ++p) {
      const double mean = (static_cast<double>((*published.weights)[p]) - testing::sample_weights()[p]) / plan.server.learning_rate;
      squares += std::pow((mean * 8 - sum[p]) / plan.aggregation.clip_norm_l2, 2);
    }
  }
  return squares / static_cast<double>(kLossyRounds * testing::kParameters);
}

TEST_CASE("with as many lost as may be, the sum has the noise that is accounted; a share that is cut for all of the roster is found out (1,950 samples each, confidence 1 - 1e-6)") {
  const double deviation = std::sqrt(2.0 / static_cast<double>(kLossyRounds * testing::kParameters));
  const double found = found_variance(lossy_plan(1)), cut = found_variance(lossy_plan(std::sqrt(5.0 / 8)));
  MESSAGE("variance " << found << " of what is accounted; cut for the roster " << cut);
  CHECK(std::abs(found - 1) <= kDeviations * deviation);
  CHECK(cut < 1 - kDeviations * deviation);
}

}  // namespace
}  // namespace fedspend::coordinator
