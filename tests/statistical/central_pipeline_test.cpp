// Central privacy from the clip to what the coordinator releases: encode_update of the device, the sum, and CentralGaussian as
// round_machine.cpp uses it. The claim is the exact epsilon of the Gaussian (PLD), the tightest there is; what the ledger says (RDP) is
// above it. delta = .01, confidence 1 - 1e-6 (falsification.h), 60,000 runs of each world for the real pipeline and 20,000 to 40,000 for
// each of the others; seeds are fixed.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "client/update_pipeline.h"
#include "common/privacy/central_gaussian.h"
#include "common/privacy/privacy_loss_distribution.h"
#include "common/protocol/plan_quantizer.h"
#include "tests/statistical/pipeline.h"

namespace fedspend::tests {
namespace {

Plan central_plan() {
  Plan plan = small_plan();
  plan.privacy.mode = PrivacyMode::central;
  return plan;
}

double exact_epsilon(double noise_multiplier, double delta = kDelta) {
  const std::vector<SampledGaussianSteps> steps{{.noise_multiplier = noise_multiplier}};
  return pld_epsilon(steps, delta)->value;
}

struct Central {
  Plan plan;
  Quantizer quantizer;
  CentralGaussian noise;
  double divisor = 0;

  explicit Central(const Plan& of)
      : plan(of),
        quantizer(make_quantizer(of, of.aggregation.clip_norm_l2).value()),
        noise(CentralGaussian::create({.scale = quantizer.scale(),
                                       .clip_norm_l2 = of.aggregation.clip_norm_l2,
                                       .dimension = of.ring_length(),
                                       .noise_multiplier = of.added_noise_multiplier(),
                                       .bits = of.aggregation.bits,
                                       .max_clients = of.devices_asked()})
                  .value()),
        divisor(of.federation.cohort) {}
  double steps_per_unit() const { return quantizer.scale() * divisor; }
  // What all others send is known, and taken off.
  RingVector sum(std::vector<float> update) const { return client::encode_update(plan, update).value(); }
};

// Scores of `release`, a function of the sum and of randomness, by the projection on the update as it is rounded.
template <class Release>
Scores attack(const Central& central, const RingVector& sum, std::size_t runs, std::uint64_t seed, Release release) {
  SeededRandom random(seed);
  std::vector<float> direction;
  for (std::size_t i = 0; i < sum.size(); ++i) direction.push_back(static_cast<float>(sum.centred(i)));
  const RingVector nothing(sum.size(), sum.bits());
  Scores scores;
  for (std::size_t i = 0; i < runs; ++i) {
    scores.with.push_back(projection(release(sum, random), direction, central.divisor, 1));
    scores.without.push_back(projection(release(nothing, random), direction, central.divisor, 1));
  }
  return scores;
}

Scores attack(const Central& central, const RingVector& sum, std::size_t runs, std::uint64_t seed) {
  const auto divisor = static_cast<std::uint64_t>(central.divisor);
  return attack(central, sum, runs, seed, [&](const RingVector& of, RandomSource& random) { return central.noise.release_mean(of, divisor, random); });
}

Scores attack_with_deviation(const Central& central, const RingVector& sum, double deviation_ring, std::uint64_t seed) {
  const Deviation deviation = deviation_ring < 1 ? Deviation{1, std::uint64_t{1} << 32} : deviation_at_least(deviation_ring);
  const RoundedGaussian noise = RoundedGaussian::create(deviation).value();
  const double steps = central.steps_per_unit();
  return attack(central, sum, 20'000, seed, [&](const RingVector& of, RandomSource& random) { return noisy_mean(of, steps, noise, random); });
}

// Five steps are the clip norm, (2^7 - 1 - 4 sqrt(64)) / (10 + 8) rounded down: 64 equal coordinates of .625 steps each round to 1, and the norm to 8.
Central coarse(std::size_t length) {
  Plan plan = central_plan();
  plan.model.parameter_count = length;
  plan.federation.cohort = 10;
  plan.aggregation.bits = 8;
  return Central(plan);
}

TEST_CASE("an update at the clip norm does not falsify the exact epsilon, nor does one of a thousand times the clip norm") {
  const Central central(central_plan());
  const double clip = central.plan.aggregation.clip_norm_l2;
  const double found = epsilon_lower_bound(attack(central, central.sum(dense_update(16, clip)), 60'000, 1), kDelta);
  MESSAGE("epsilon at least " << found << " of " << exact_epsilon(1));
  CHECK(found <= exact_epsilon(1));
  CHECK(found >= 1.4);
  CHECK(exact_epsilon(1) <= epsilon_of(*contribution_cost(central.plan, 12)));
  CHECK(epsilon_lower_bound(attack(central, central.sum(dense_update(16, 1000 * clip)), 20'000, 2), kDelta) <= exact_epsilon(1));
}

// Another device may send any element of the ring. Where the sum is centred before the noise, a single step of the victim's then moves what is
// released by the whole ring.
TEST_CASE("nor does one beside a device that has put the sum at the ring's end") {
  const Central central(central_plan());
  const RingVector update = central.sum(dense_update(16, central.plan.aggregation.clip_norm_l2));
  RingVector end(update.size(), update.bits());
  for (std::size_t i = 0; i < end.size(); ++i) end.mutable_values()[i] = update.centred(i) < 0 ? 1U << (end.bits() - 1) : (1U << (end.bits() - 1)) - 1;
  RingVector with = end;
  with.add(update);
  // The attacker looks at whether the released value lies on the end's side.
  const auto score = [&](const std::vector<float>& released) {
    double on_its_side = 0;
    for (std::size_t i = 0; i < released.size(); ++i) on_its_side += (released[i] < 0) == (end.centred(i) < 0) ? 1 : -1;
    return on_its_side;
  };
  SeededRandom random(9);
  Scores scores, broken;
  for (int run = 0; run < 20'000; ++run) {
    for (const bool has : {true, false}) {
      const RingVector& sum = has ? with : end;
      (has ? scores.with : scores.without).push_back(-score(central.noise.release_mean(sum, 12, random)));
      // Broken: centred before the noise.
      std::vector<float> late;
      for (std::size_t i = 0; i < sum.size(); ++i) late.push_back(static_cast<float>(sum.centred(i) + central.noise.sensitivity_l2_ring() * gaussian(random)));
      (has ? broken.with : broken.without).push_back(-score(late));
    }
  }
  CHECK(epsilon_lower_bound(scores, kDelta) <= exact_epsilon(1));
  CHECK(epsilon_lower_bound(broken, kDelta) > epsilon_of(*contribution_cost(central.plan, 12)));
}

TEST_CASE("nor does one that the coarsest rounding makes longer") {
  const Central central = coarse(64);
  const std::vector<float> update(64, static_cast<float>(central.plan.aggregation.clip_norm_l2 / 8));
  const RingVector sum = central.sum(update);
  for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(sum.centred(i) == 1);
  CHECK(epsilon_lower_bound(attack(central, sum, 20'000, 3), kDelta) <= exact_epsilon(1));
  // Broken: noise for the clip norm, five steps, without what the rounding may add to it.
  const double found = epsilon_lower_bound(attack_with_deviation(central, sum, 5, 4), kDelta);
  MESSAGE("without the rounding in the sensitivity: epsilon at least " << found);
  CHECK(found > epsilon_of(*contribution_cost(central.plan, 10)));
}

TEST_CASE("broken: no noise, half of it, or an update that nobody clips is found out") {
  const Central central(central_plan());
  const double claimed = epsilon_of(*contribution_cost(central.plan, 12));
  const RingVector sum = central.sum(dense_update(16, central.plan.aggregation.clip_norm_l2));
  CHECK(epsilon_lower_bound(attack_with_deviation(central, sum, 0, 5), kDelta) > claimed);
  const double half = epsilon_lower_bound(attack_with_deviation(central, sum, central.noise.sensitivity_l2_ring() / 2, 6), kDelta);
  MESSAGE("half the noise: epsilon at least " << half);
  CHECK(half > claimed);
  RingVector tenfold(sum.size(), sum.bits());
  for (int i = 0; i < 10; ++i) tenfold.add(sum);
  CHECK(epsilon_lower_bound(attack(central, tenfold, 20'000, 7), kDelta) > claimed);
}

TEST_CASE("every released value is the float of a whole number of steps, and noise in floating point is found out by its support") {
  Plan plan = central_plan();
  plan.aggregation.bits = 16;
  const Central central(plan);
  const RingVector sum = central.sum(dense_update(16, plan.aggregation.clip_norm_l2));
  const double steps = central.steps_per_unit();
  const auto on_grid = [&](float value) { return static_cast<float>(std::nearbyint(value * steps) / steps) == value; };
  SeededRandom random(8);
  int floating_on_grid = 0;
  for (int run = 0; run < 200; ++run) {
    for (const float value : central.noise.release_mean(sum, 12, random)) CHECK(on_grid(value));
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double noisy = sum.centred(i) + central.noise.sensitivity_l2_ring() * gaussian(random);
      floating_on_grid += on_grid(static_cast<float>(noisy / steps)) ? 1 : 0;
    }
  }
  CHECK(floating_on_grid < 100);  // of 3,200
}

// Mironov 2012, "On significance of the least significant bits for differential privacy". Near 0 a double has many bits below those of
// the noise that has brought k there: in the world with the update they are zero. The score of a release is the length of the longest
// such run of zeros that k explains. At z = 4 the projection tells little, and the claim is small.
double longest_telling_zeros(const std::vector<double>& released, double k) {
  int longest = 0;
  for (const double value : released) {
    int exponent = 0;
    const double fraction = std::frexp(std::abs(value), &exponent);
    const int explained = std::ilogb(k) - (exponent - 1) - 1;  // the noise was about -k, or had one bit more
    if (value == 0 || explained < 1) continue;
    const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
    if (std::countr_zero(mantissa) >= explained) longest = std::max(longest, explained);
  }
  return longest;
}

TEST_CASE("broken: double-precision noise added after the rounding is found out by its lowest bits") {
  constexpr double z = 4;
  constexpr std::size_t length = 64;
  Plan plan = central_plan();
  plan.model.parameter_count = length;
  plan.privacy.noise_multiplier = z;
  const Central central(plan);
  const std::vector<float> update(length, static_cast<float>(plan.aggregation.clip_norm_l2 / 8));
  const RingVector sum = central.sum(update);
  const double k = sum.centred(0);
  SeededRandom random(9);
  Scores floating;
  for (int run = 0; run < 40'000; ++run) {
    std::vector<double> with, without;
    for (std::size_t i = 0; i < length; ++i) {
      with.push_back(k + z * central.noise.sensitivity_l2_ring() * gaussian(random));
      without.push_back(z * central.noise.sensitivity_l2_ring() * gaussian(random));
    }
    floating.with.push_back(longest_telling_zeros(with, k));
    floating.without.push_back(longest_telling_zeros(without, k));
  }
  const double claimed = epsilon_of(*contribution_cost(plan, 12)), found = epsilon_lower_bound(floating, kDelta);
  MESSAGE("claimed " << claimed << ", found at least " << found);
  CHECK(found > 2 * claimed);
}

}  // namespace
}  // namespace fedspend::tests
