#include "common/privacy/rounded_gaussian.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"
#include "tests/common/privacy/statistics.h"

namespace fedspend {
namespace {

RoundedGaussian gaussian(std::uint64_t numerator, std::uint64_t denominator = 1) {
  const auto sampler = RoundedGaussian::create({numerator, denominator});
  REQUIRE(sampler.has_value());
  return *sampler;
}

double below(double x, double sigma) { return 0.5 * std::erfc(-x / sigma / std::sqrt(2.0)); }

// 8 fits, false alarm 1e-6 each; every integer up to sigma = 100, bins of a twentieth of sigma beyond.
TEST_CASE("every integer comes as often as the rounded Gaussian says, to the tails") {
  SeededRandom random(1);
  RandomBits bits(random);
  for (const Deviation sigma : {Deviation{1, 4}, {1, 2}, {1, 1}, {10, 3}, {100, 1}, {12'345, 10}, {1'000'000, 1}, {std::uint64_t{1} << 32, 3}}) {
    CAPTURE(sigma.numerator);
    const RoundedGaussian sampler = gaussian(sigma.numerator, sigma.denominator);
    const double real = static_cast<double>(sigma.numerator) / static_cast<double>(sigma.denominator);
    const auto width = std::max<std::int64_t>(1, static_cast<std::int64_t>(real / 20));
    const auto half = static_cast<std::int64_t>(8 * real / static_cast<double>(width)) + 4;
    std::vector<std::size_t> counts(static_cast<std::size_t>(2 * half));
    std::vector<double> expected(counts.size());
    for (int i = 0; i < 1'000'000; ++i) {
      const std::int64_t y = sampler.sample(bits);
      const std::int64_t bin = (y < 0 ? -((-y + width - 1) / width) : y / width) + half;
      ++counts[static_cast<std::size_t>(std::clamp<std::int64_t>(bin, 0, 2 * half - 1))];
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double low = static_cast<double>((static_cast<std::int64_t>(i) - half) * width) - 0.5;
      expected[i] = (i + 1 == expected.size() ? 1 : below(low + static_cast<double>(width), real)) - (i == 0 ? 0 : below(low, real));
    }
    if (real > 0.3) {
      CHECK(tests::fit(counts, expected).good());
    } else {  // three integers alone: the counts of zero, and of the two beside it; six standard errors
      for (std::size_t i = 0; i < counts.size(); ++i) {
        const double p = expected[i];
        CHECK(std::abs(static_cast<double>(counts[i]) - 1e6 * p) <= 6 * std::sqrt(1e6 * p * (1 - p)) + 1e-6);
      }
    }
  }
}

// Of the fourth moment too, whose standard error is sqrt(96) sigma^4: six of them, false alarm below 1e-8.
TEST_CASE("the moments are those of a Gaussian") {
  SeededRandom random(2);
  RandomBits bits(random);
  const RoundedGaussian sampler = gaussian(1'000'000);
  constexpr int kSamples = 1'000'000;
  double sum = 0, squares = 0, cubes = 0, fourths = 0;
  for (int i = 0; i < kSamples; ++i) {
    const double y = static_cast<double>(sampler.sample(bits)) / 1e6;
    sum += y;
    squares += y * y;
    cubes += y * y * y;
    fourths += y * y * y * y;
  }
  const double root = std::sqrt(kSamples);
  CHECK(std::abs(sum) <= 6 * root);
  CHECK(std::abs(squares - kSamples) <= 6 * std::sqrt(2.0) * root);
  CHECK(std::abs(cubes) <= 6 * std::sqrt(15.0) * root);
  CHECK(std::abs(fourths - 3 * kSamples) <= 6 * std::sqrt(96.0) * root);
}

// The given 32-bit words, in order, then zeros.
class Words final : public RandomSource {
 public:
  explicit Words(std::vector<std::uint32_t> words) : words_(std::move(words)) {}
  void fill(MutableByteSpan out) override {
    for (std::size_t i = 0; i < out.size(); i += 4, ++at_) store_u32(out.subspan(i), at_ < words_.size() ? words_[at_] : 0);
  }

 private:
  std::vector<std::uint32_t> words_;
  std::size_t at_ = 0;
};

std::uint64_t rounded(std::uint64_t k, const Deviation& sigma, std::vector<std::uint32_t> digits) {
  Words words(std::move(digits));
  RandomBits bits(words);
  UniformDeviate x;
  return round_scaled(k, x, sigma, bits);
}

TEST_CASE("rounding draws digits until they decide") {
  // 3 x + 1/2 reaches 1 at x = 1/6 = .2AAAAAAA AAAAAAAA ... in hexadecimal digits.
  const std::uint32_t a = 0xaaaaaaaa;
  CHECK(rounded(0, {3, 1}, {0x2aaaaaaa, a - 1, 0xffffffff}) == 0);
  CHECK(rounded(0, {3, 1}, {0x2aaaaaaa, a, a - 1, 0xffffffff}) == 0);
  CHECK(rounded(0, {3, 1}, {0x2aaaaaaa, a, a + 1}) == 1);
  CHECK(rounded(0, {3, 1}, {0x2aaaaaaa, a, a, a, a, a - 1}) == 0);
  CHECK(rounded(0, {3, 1}, {0x2aaaaaaa, a, a, a, a, a + 1}) == 1);
  CHECK(rounded(0, {3, 1}, {0x2aaaaaab}) == 1);
  // x + 1/2 reaches 1 at x = 1/2, and k + x + 1/2 the next integers there.
  CHECK(rounded(0, {1, 1}, {0x7fffffff, 0xffffffff, 0xffffffff}) == 0);
  CHECK(rounded(0, {1, 1}, {0x80000000, 0}) == 1);
  CHECK(rounded(5, {1, 1}, {0x7fffffff, 0xffffffff, 0xffffffff}) == 5);
  CHECK(rounded(5, {1, 1}, {0x80000000, 0}) == 6);
}

TEST_CASE("rounding is that of sigma (k + x), for any sigma and k") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const Deviation sigma{1 + random.below(std::uint64_t{1} << (1 + random.below(32))), 1 + random.below(std::uint64_t{1} << (1 + random.below(32)))};
    const std::uint64_t k = random.below(40);
    const auto first = static_cast<std::uint32_t>(random.next_u64()), second = static_cast<std::uint32_t>(random.next_u64());
    const long double x = (static_cast<long double>(first) + static_cast<long double>(second) * 0x1p-32L) * 0x1p-32L;
    const long double value = static_cast<long double>(sigma.numerator) * (static_cast<long double>(k) + x) / static_cast<long double>(sigma.denominator) + 0.5L;
    const long double slack = value * 1e-17L + 1e-9L;
    const auto got = static_cast<long double>(rounded(k, sigma, {first, second}));
    RC_ASSERT((got == std::floor(value) || got == std::floor(value - slack) || got == std::floor(value + slack)));
  }));
}

TEST_CASE("two deviates are compared by their first digits that differ, and keep them") {
  Words words({5, 5, 7, 7, 1, 2});
  RandomBits bits(words);
  UniformDeviate a, b;
  CHECK(a.less(b, bits));
  CHECK_FALSE(b.less(a, bits));
  CHECK(a.digit(2, bits) == 1);
  CHECK(b.digit(2, bits) == 2);
}

TEST_CASE("a deviation as a fraction is not below the number, and at most 2^-31 of it above") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const double lower = std::ldexp(1 + static_cast<double>(random.below(std::uint64_t{1} << 52)) * 0x1p-52, static_cast<int>(random.below(32)));
    const Deviation sigma = deviation_at_least(lower);
    const long double value = static_cast<long double>(sigma.numerator) / static_cast<long double>(sigma.denominator);
    RC_ASSERT(value >= static_cast<long double>(lower));
    RC_ASSERT(value <= static_cast<long double>(lower) * (1 + 0x1p-31L));
    RC_ASSERT(RoundedGaussian::create(sigma).has_value());
  }));
  CHECK(deviation_at_least(1) == Deviation{std::uint64_t{1} << 31, std::uint64_t{1} << 31});
  CHECK(deviation_at_least(0x1p32) == Deviation{std::uint64_t{1} << 32, 1});
  CHECK(tests::aborts([] { deviation_at_least(0); }));
  CHECK(tests::aborts([] { deviation_at_least(std::numeric_limits<double>::quiet_NaN()); }));
}

// 40,000 normal errors: six standard deviations of their mean square.
TEST_CASE("the noisy mean of a sum is its mean and the noise; at the ring's end it wraps") {
  RingVector sum(40'000, 20);
  for (std::size_t i = 0; i < sum.size(); ++i) sum.mutable_values()[i] = i % 2 == 0 ? 127 : (1U << 20) - 127;  // 127 and -127
  SeededRandom random(3);
  const std::vector<float> mean = noisy_mean(sum, 10, gaussian(1000), random);
  double squares = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) squares += std::pow(double{mean[i]} - (i % 2 == 0 ? 12.7 : -12.7), 2);
  CHECK(std::abs(squares / 40'000 / 10'000 - 1) <= 6 * std::sqrt(2.0 / 40'000));
  CHECK(tests::aborts([&] { noisy_mean(sum, 0, gaussian(1), random); }));

  RingVector narrow(40'000, 8);
  for (const float value : noisy_mean(narrow, 1, gaussian(1000), random)) REQUIRE((value >= -128 && value <= 127));
}

TEST_CASE("a deviation that is no positive fraction of numbers up to 2^32 is refused") {
  const std::uint64_t above = (std::uint64_t{1} << 32) + 1;
  for (const Deviation sigma : {Deviation{0, 1}, {1, 0}, {above, 1}, {1, above}}) {
    const auto sampler = RoundedGaussian::create(sigma);
    REQUIRE_FALSE(sampler.has_value());
    CHECK(sampler.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("a source that gives nothing but zeros ends the process instead of hanging it") {
  CHECK(tests::aborts([] {
    Words words({});
    RandomBits bits(words);
    gaussian(1).sample(bits);
  }));
}

}  // namespace
}  // namespace fedspend
