#include "common/privacy/conditional_rounding.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/crypto/random.h"
#include "common/privacy/distributed_gaussian.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

constexpr std::uint64_t kNoBound = (std::uint64_t{1} << 62) - 1;

std::uint64_t squares(const std::vector<std::int32_t>& values) {
  std::uint64_t sum = 0;
  for (const std::int64_t value : values) sum += static_cast<std::uint64_t>(value * value);
  return sum;
}

TEST_CASE("each value goes to one of the two integers beside it, and a whole one stays") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    RandomBits bits(random);
    std::vector<float> values(100);
    for (float& value : values) value = (static_cast<float>(random.below(2'000'001)) - 1e6F) / 1000;
    const double scale = static_cast<double>(1 + random.below(1000)) / 10;
    std::vector<std::int32_t> rounded(values.size());
    RC_ASSERT(round_conditionally(values, scale, kNoBound, bits, rounded) == 1U);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double exact = values[i] * scale;
      RC_ASSERT((rounded[i] == std::floor(exact) || rounded[i] == std::ceil(exact)));
    }
  }));
}

// Six standard errors each for eight fractions: false alarm below 2e-8.
TEST_CASE("it goes up as often as the fraction says, below zero too") {
  SeededRandom random(1);
  RandomBits bits(random);
  constexpr std::size_t kCount = 1'000'000;
  for (const float value : {0.25F, 0.5F, 0.99F, 3.1F, -0.25F, -0.999F, -7.5F, 1e-4F}) {
    const std::vector<float> values(kCount, value);
    std::vector<std::int32_t> rounded(kCount);
    REQUIRE(round_conditionally(values, 1, kNoBound, bits, rounded).has_value());
    const double fraction = value - std::floor(double{value});
    double sum = 0;
    for (const std::int32_t integer : rounded) sum += integer;
    CHECK(std::abs(sum - kCount * double{value}) <= 6 * std::sqrt(kCount * fraction * (1 - fraction)));
  }
}

// Draws in order as sixteen-bit halves, like those of the code under test.
class Halves final : public RandomSource {
 public:
  explicit Halves(std::vector<std::uint16_t> halves) : halves_(std::move(halves)) {}
  void fill(MutableByteSpan out) override {
    for (std::size_t i = 0; i < out.size(); i += 2, ++at_) store_u16(out.subspan(i), at_ < halves_.size() ? halves_[at_] : std::uint16_t{0});
  }

 private:
  std::vector<std::uint16_t> halves_;
  std::size_t at_ = 0;
};

TEST_CASE("the probability of going up is the fraction cut to 32 bits, exactly") {
  const auto goes_up = [](double fraction, std::vector<std::uint16_t> halves) {
    Halves source(std::move(halves));
    RandomBits bits(source);
    const std::vector<float> one{1};
    std::vector<std::int32_t> rounded(1);
    REQUIRE(round_conditionally(one, fraction, kNoBound, bits, rounded).has_value());
    return rounded[0] == 1;
  };
  CHECK(goes_up(0.5, {0x7fff}));
  CHECK_FALSE(goes_up(0.5, {0x8000}));
  const double fraction = 0x12345678p-32;
  CHECK(goes_up(fraction, {0x1233, 0xffff}));
  CHECK(goes_up(fraction, {0x1234, 0x5677}));
  CHECK_FALSE(goes_up(fraction, {0x1234, 0x5678}));
  CHECK_FALSE(goes_up(fraction, {0x1235, 0x0000}));
  CHECK(goes_up(0x1p-32, {0, 0}));
  CHECK_FALSE(goes_up(0x1p-33, {0, 0}));
}

TEST_CASE("what is accepted is within the bound, to the last integer") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    RandomBits bits(random);
    std::vector<float> values(*rc::gen::inRange<std::size_t>(1, 200));
    for (float& value : values) value = static_cast<float>(random.below(2001)) / 1000 - 1;
    const std::uint64_t bound = random.below(values.size() + 1);
    std::vector<std::int32_t> rounded(values.size(), 7);
    const auto tries = round_conditionally(values, 1, bound, bits, rounded);
    RC_ASSERT(squares(rounded) <= bound);
    if (tries) RC_ASSERT((*tries >= 1U && *tries <= kRoundingTries));
    if (!tries) RC_ASSERT((tries.error().code == ErrorCode::limit && squares(rounded) == 0U));
  }));
}

// The proof gives at least 1 - exp(-1/2) = .39 for a try; 2,000 vectors for each of four shapes, six standard errors.
TEST_CASE("a try is accepted at least as often as the bound promises, for vectors of every shape") {
  SeededRandom random(2);
  RandomBits bits(random);
  constexpr std::size_t kSize = 256;
  for (const double scaled_clip : {0.7, 8.0, 100.0, 1e5}) {
    for (int shape = 0; shape < 4; ++shape) {
      std::vector<float> values(kSize);
      for (std::size_t i = 0; i < kSize; ++i)
        values[i] = shape == 0 ? 1.0F / 16 : shape == 1 ? (i == 0 ? 1.0F : 0.0F) : shape == 2 ? (i < 4 ? 0.5F : 0.0F) : (i % 2 == 0 ? 0.0883F : 0.0F);
      const auto bound = static_cast<std::uint64_t>(rounded_norm_bound_squared(scaled_clip, kSize));
      std::vector<std::int32_t> rounded(kSize);
      int at_once = 0;
      for (int i = 0; i < 2000; ++i) {
        const auto tries = round_conditionally(values, scaled_clip, bound, bits, rounded);
        REQUIRE(tries.has_value());
        at_once += *tries == 1 ? 1 : 0;
      }
      CHECK(at_once >= 2000 * 0.3935 - 6 * std::sqrt(2000 * 0.25));
    }
  }
}

TEST_CASE("the probability of running out of tries is the one that is added to delta") {
  CHECK(std::exp(-0.5 * kRoundingTries) < kRoundingFailureProbability);
}

TEST_CASE("a vector that cannot be within the bound is zero, and an error") {
  SeededRandom random(3);
  RandomBits bits(random);
  const std::vector<float> values{3, 4};
  std::vector<std::int32_t> rounded(2, 1);
  const auto tries = round_conditionally(values, 1, 24, bits, rounded);
  REQUIRE_FALSE(tries.has_value());
  CHECK(tries.error().code == ErrorCode::limit);
  CHECK(rounded == std::vector<std::int32_t>{0, 0});
  CHECK(round_conditionally(values, 1, 25, bits, rounded) == 1U);
  CHECK(rounded == std::vector<std::int32_t>{3, 4});
}

TEST_CASE("NaN, infinity and values beyond 2^31 are zeros, and an error") {
  SeededRandom random(4);
  RandomBits bits(random);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), 3e9F, -3e9F, 0x1p32F, -0x1p32F, 1e30F}) {
    const std::vector<float> values{1, bad, 1};
    std::vector<std::int32_t> rounded(3, 1);
    CHECK_FALSE(round_conditionally(values, 1, kNoBound, bits, rounded).has_value());
    CHECK(rounded == std::vector<std::int32_t>{0, 0, 0});
  }
}

TEST_CASE("a programmer's mistake ends the process") {
  CHECK(tests::aborts([] {
    SeededRandom random(5);
    RandomBits bits(random);
    std::vector<std::int32_t> rounded(1);
    (void)round_conditionally(std::vector<float>{1, 2}, 1, 10, bits, rounded);
  }));
  CHECK(tests::aborts([] {
    SeededRandom random(5);
    RandomBits bits(random);
    std::vector<std::int32_t> rounded(1);
    (void)round_conditionally(std::vector<float>{1}, 1, std::uint64_t{1} << 62, bits, rounded);
  }));
}

}  // namespace
}  // namespace fedspend
