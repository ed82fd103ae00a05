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
  return CentralGaussian::create({.scale = quantizer().scale(), .clip_norm_l2 = 2.0, .dimension = kLength, .noise_multiplier = noise_multiplier, .bits = 24, .max_clients = 20}).value();
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

// Adding k to every coordinate of the sum and the same noise gives the same as adding k afterwards, modulo 2^24: what is released is a function
// of (sum + noise) alone, wherever other devices have put the sum.
TEST_CASE("noise is added in the ring: a sum near its end comes out at either end") {
  constexpr std::uint32_t kEnd = (1U << 23) - 1;
  const double scale = quantizer().scale();
  const auto released = [&](std::uint32_t at) {
    SeededRandom random(8);
    RingVector sum(kLength, 24);
    for (auto& value : sum.mutable_values()) value = at;
    std::vector<std::int64_t> steps;
    for (const float value : central(1).release_mean(sum, 1, random)) steps.push_back(std::llround(value * scale));
    return steps;
  };
  const std::vector<std::int64_t> noise = released(0), near_the_end = released(kEnd);
  int negative = 0;
  for (std::size_t i = 0; i < noise.size(); ++i) {
    const std::int64_t wrapped = (noise[i] + kEnd + (1 << 23)) % (1 << 24) - (1 << 23);
    REQUIRE(std::abs(near_the_end[i] - wrapped) <= 1);  // floats
    negative += near_the_end[i] < 0 ? 1 : 0;
  }
  CHECK(negative > 1'800);  // of 4,096, half of them; false alarm below 1e-14
  CHECK(negative < 2'300);
}

TEST_CASE("a ring without room for eight deviations of the noise beside the sum is refused, with what would work") {
  const auto made = [](double noise_multiplier, std::uint64_t clients) {
    return CentralGaussian::create({.scale = quantizer().scale(), .clip_norm_l2 = 2.0, .dimension = kLength, .noise_multiplier = noise_multiplier, .bits = 24, .max_clients = clients});
  };
  CHECK(made(1, 91));
  const auto refused = made(1, 93);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().hint.find("raise aggregation.bits") != std::string::npos);
  CHECK_FALSE(made(13, 1));
}

TEST_CASE("values that cannot be are refused with their numbers and a way out") {
  const auto refused = [](CentralGaussianGoal goal) {
    const auto made = CentralGaussian::create(goal);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == ErrorCode::invalid_argument);
    return made.error().hint;
  };
  const CentralGaussianGoal good{.scale = 1000, .clip_norm_l2 = 1, .dimension = 16, .noise_multiplier = 1, .bits = 24, .max_clients = 100};
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
