#include "common/privacy/central_gaussian.h"

#include <cmath>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "common/numeric/quantizer.h"

namespace fedspend {
namespace {

constexpr std::size_t kLength = 4096;
const Quantizer& quantizer() {
  static const Quantizer made = Quantizer::create({.clip_norm_l2 = 2.0, .bits = 24, .max_clients = 100}).value();
  return made;
}
CentralGaussian central(double noise_multiplier) {
  return CentralGaussian::create({.scale = quantizer().scale(), .clip_norm_l2 = 2.0, .dimension = kLength, .noise_multiplier = noise_multiplier}).value();
}

TEST_CASE("the sensitivity covers the clip norm and all that rounding may add") {
  const double clip_ring = quantizer().scale() * 2.0;
  CHECK(central(1).sensitivity_l2_ring() >= clip_ring + std::sqrt(double{kLength}) / 2);
  CHECK(central(1).sensitivity_l2_ring() <= clip_ring * 1.001);
  // The longest vector that the quantizer lets through: every coordinate just above a half.
  std::vector<float> update(kLength, static_cast<float>(2.0 / std::sqrt(double{kLength})));
  const RingVector ring = quantizer().encode(update).value();
  double square = 0;
  for (std::size_t i = 0; i < kLength; ++i) square += std::pow(ring.centred(i), 2);
  CHECK(std::sqrt(square) <= central(1).sensitivity_l2_ring());
}

TEST_CASE("the mean is that of the sum with noise of z times the clip norm over the divisor, whoever took part (chance of a false alarm 1e-9)") {
  SeededRandom random(7);
  std::vector<float> update(kLength, 0.01F);
  RingVector sum = quantizer().encode(update).value();
  sum.add(quantizer().encode(update).value());
  for (const double z : {0.5, 3.0}) {
    const std::vector<float> mean = central(z).release_mean(sum, 50, random);
    double square = 0, total = 0;
    for (const float value : mean) {
      const double noise = value - 0.02 / 50;
      total += noise;
      square += noise * noise;
    }
    const double expected = z * 2.0 / 50;  // of each coordinate
    const double n = kLength;
    CHECK(std::abs(total / n) <= 6.2 * expected / std::sqrt(n));
    CHECK(std::abs(std::sqrt(square / n) / expected - 1) <= 6.2 / std::sqrt(2 * n) + 0.002);
  }
}

TEST_CASE("noise that does not wrap: a sum near the end of the ring stays near it") {
  SeededRandom random(8);
  RingVector sum(kLength, 24);
  for (auto& value : sum.mutable_values()) value = (1U << 23) - 1;
  const std::vector<float> mean = central(10).release_mean(sum, 1, random);
  const double at = ((1 << 23) - 1) / quantizer().scale();
  for (const float value : mean) REQUIRE(std::abs(value - at) <= 10 * 2.0 * 1.001 * 7);
}

TEST_CASE("values that cannot be are refused with their numbers and a way out") {
  const auto refused = [](CentralGaussianGoal goal) {
    const auto made = CentralGaussian::create(goal);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == ErrorCode::invalid_argument);
    return made.error().hint;
  };
  const CentralGaussianGoal good{.scale = 1000, .clip_norm_l2 = 1, .dimension = 16, .noise_multiplier = 1};
  REQUIRE(CentralGaussian::create(good));
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    CentralGaussianGoal goal = good;
    goal.noise_multiplier = bad;
    refused(goal);
    goal = good;
    goal.scale = bad;
    refused(goal);
    goal = good;
    goal.clip_norm_l2 = bad;
    refused(goal);
  }
  CentralGaussianGoal goal = good;
  goal.dimension = 0;
  refused(goal);
  goal = good;
  goal.noise_multiplier = 1e-6;
  CHECK(refused(goal).find("raise privacy.noise_multiplier") != std::string::npos);
  goal.noise_multiplier = 1e9;
  CHECK(refused(goal).find("lower aggregation.bits") != std::string::npos);
}

}  // namespace
}  // namespace fedspend
