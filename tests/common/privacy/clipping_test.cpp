#include "common/privacy/clipping.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/crypto/random.h"
#include "common/numeric/quantizer.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

// Apart from the code under test, and more precise.
long double norm_of(const std::vector<float>& update) {
  long double squares = 0;
  for (const float value : update) squares += static_cast<long double>(value) * static_cast<long double>(value);
  return std::sqrt(squares);
}

// Values of many magnitudes, from subnormal to the largest.
std::vector<float> wild_update(RandomSource& random, std::size_t count) {
  std::vector<float> update(count);
  const int lowest = static_cast<int>(random.below(276)) - 149;
  const auto spread = random.below(static_cast<std::uint64_t>(128 - lowest)) + 1;
  for (float& value : update) {
    const float mantissa = static_cast<float>(random.below(1 << 24)) / (1 << 24);
    value = std::ldexp(random.below(2) == 0 ? mantissa : -mantissa, lowest + static_cast<int>(random.below(spread)));
  }
  return update;
}

TEST_CASE("after clipping the norm holds, whatever float rounding did") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<float> update = wild_update(random, *rc::gen::inRange<std::size_t>(0, 200));
    const double clip = *rc::gen::elementOf(std::vector<double>{1e-45, 1e-40, 1e-6, 0.1, 1, 1.0 / 3, 1e6, 1e38, 1e300});
    const std::vector<float> before = update;
    const ClipOutcome outcome = clip_l2(update, clip);
    RC_ASSERT(outcome.was_finite);
    RC_ASSERT(norm_of(update) <= static_cast<long double>(clip) * (1 + 1e-14L));
    RC_ASSERT(std::abs(static_cast<long double>(outcome.norm_before_l2) - norm_of(before)) <= norm_of(before) * 1e-14L);
    RC_ASSERT(outcome.was_clipped == (outcome.norm_before_l2 > clip));
    if (!outcome.was_clipped) RC_ASSERT(update == before);
  }));
}

TEST_CASE("clipping keeps the direction and loses no more than rounding") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<float> update(*rc::gen::inRange<std::size_t>(1, 300));
    for (float& value : update) value = 1 + static_cast<float>(random.below(1000)) / 100;
    const std::vector<float> before = update;
    const double clip = static_cast<double>(random.below(1000) + 1) / 1001;
    const ClipOutcome outcome = clip_l2(update, clip);
    RC_ASSERT(outcome.was_clipped);
    for (std::size_t i = 0; i < update.size(); ++i) {
      const double expected = double{before[i]} * clip / outcome.norm_before_l2;
      RC_ASSERT(std::abs(double{update[i]} - expected) <= expected * 1e-6);
    }
  }));
}

TEST_CASE("an update whose norm is exactly the clip norm is left as it is") {
  std::vector<float> update{3, -4};
  const ClipOutcome outcome = clip_l2(update, 5);
  CHECK(outcome.norm_before_l2 == 5);
  CHECK_FALSE(outcome.was_clipped);
  CHECK(update == std::vector<float>{3, -4});
}

TEST_CASE("NaN or infinity anywhere makes the whole update zero") {
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    for (std::size_t at = 0; at < 21; ++at) {
      std::vector<float> update(21, 2);
      update[at] = bad;
      const ClipOutcome outcome = clip_l2(update, 1);
      CHECK_FALSE(outcome.was_finite);
      CHECK_FALSE(outcome.was_clipped);
      CHECK(outcome.norm_before_l2 == 0);
      CHECK(update == std::vector<float>(21, 0));
    }
  }
  std::vector<float> both{kInfinity, -kInfinity, kNan};
  CHECK_FALSE(clip_l2(both, 1).was_finite);
  CHECK(both == std::vector<float>(3, 0));
}

TEST_CASE("the largest floats are clipped, not mistaken for infinity") {
  std::vector<float> update(1000, kLargest);
  const ClipOutcome outcome = clip_l2(update, 1);
  CHECK(outcome.was_finite);
  CHECK(outcome.was_clipped);
  CHECK(norm_of(update) == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE("a zero update and an empty update stay as they are") {
  std::vector<float> zeros(10);
  const ClipOutcome outcome = clip_l2(zeros, 1);
  CHECK(outcome.norm_before_l2 == 0);
  CHECK_FALSE(outcome.was_clipped);
  CHECK(outcome.was_finite);
  CHECK(zeros == std::vector<float>(10));
  std::vector<float> empty;
  CHECK(clip_l2(empty, 1).was_finite);
}

TEST_CASE("whatever comes out of clipping the quantizer takes") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<float> update = wild_update(random, *rc::gen::inRange<std::size_t>(0, 200));
    if (!update.empty() && random.below(4) == 0) update[random.below(update.size())] = kNan;
    const double clip = *rc::gen::elementOf(std::vector<double>{1e-6, 0.3, 1, 1e6});
    clip_l2(update, clip);
    const auto quantizer = Quantizer::create({.clip_norm_l2 = clip, .bits = 20, .max_clients = 100});
    RC_ASSERT(quantizer.has_value());
    RC_ASSERT(quantizer->encode(update).has_value());
  }));
}

TEST_CASE("a clip norm that is no positive number ends the process") {
  std::vector<float> update(1);
  CHECK(tests::aborts([&] { clip_l2(update, 0); }));
  CHECK(tests::aborts([&] { clip_l2(update, -1); }));
  CHECK(tests::aborts([&] { clip_l2(update, std::numeric_limits<double>::quiet_NaN()); }));
}

}  // namespace
}  // namespace fedspend
