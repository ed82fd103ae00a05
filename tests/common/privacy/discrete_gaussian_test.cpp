#include "common/privacy/discrete_gaussian.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"
#include "tests/common/privacy/statistics.h"

namespace fedspend {
namespace {

DiscreteGaussian gaussian(std::uint64_t numerator, std::uint64_t denominator = 1) {
  const auto sampler = DiscreteGaussian::create({numerator, denominator});
  REQUIRE(sampler.has_value());
  return *sampler;
}

double value_of(const Variance& variance) { return static_cast<double>(variance.numerator) / static_cast<double>(variance.denominator); }

// The probabilities of -reach ... reach, summed and divided.
std::vector<double> exact_probabilities(double variance, std::int64_t reach) {
  std::vector<double> weights;
  double total = 0;
  for (std::int64_t y = -reach; y <= reach; ++y) {
    const double real = static_cast<double>(y);
    weights.push_back(std::exp(-real * real / (2 * variance)));
    total += weights.back();
  }
  for (double& weight : weights) weight /= total;
  return weights;
}

// PRIVACY.md, reference values; the sum is what the tests below compare samples with.
TEST_CASE("the variance of the discrete Gaussian is the published one") {
  struct Reference {
    double parameter, variance;
  };
  for (const Reference r : {Reference{0.25, .2150126751}, {0.5, .4989791308}, {1, .9999997888}, {4, 4}, {100, 100}}) {
    const auto reach = static_cast<std::int64_t>(20 * std::sqrt(r.parameter) + 10);
    const std::vector<double> p = exact_probabilities(r.parameter, reach);
    double second_moment = 0;
    for (std::int64_t y = -reach; y <= reach; ++y) second_moment += p[static_cast<std::size_t>(y + reach)] * static_cast<double>(y * y);
    CHECK(second_moment == doctest::Approx(r.variance).epsilon(1e-9));
  }
}

// 9 variances, six standard errors of the second moment: false alarm below 2e-8.
TEST_CASE("samples have the variance of the discrete Gaussian and mean zero") {
  SeededRandom random(1);
  RandomBits bits(random);
  for (const Variance v : {Variance{1, 4}, {1, 2}, {1, 1}, {4, 1}, {7, 3}, {100, 1}, {10'000'000'000, 1}, {std::uint64_t{1} << 62, 1}, {1ULL << 62, (1ULL << 62) / 5}}) {
    CAPTURE(v.numerator);
    constexpr int kSamples = 1'000'000;
    const double parameter = value_of(v);
    double exact = parameter, fourth = 3 * parameter * parameter;
    if (parameter < 10) {
      const std::vector<double> p = exact_probabilities(parameter, 100);
      exact = fourth = 0;
      for (int y = -100; y <= 100; ++y) {
        exact += p[static_cast<std::size_t>(y + 100)] * y * y;
        fourth += p[static_cast<std::size_t>(y + 100)] * y * y * y * y;
      }
    }
    const DiscreteGaussian sampler = gaussian(v.numerator, v.denominator);
    double sum = 0, squares = 0;
    for (int i = 0; i < kSamples; ++i) {
      const auto y = static_cast<double>(sampler.sample(bits));
      sum += y;
      squares += y * y;
    }
    CHECK(std::abs(sum) <= 6 * std::sqrt(exact * kSamples));
    CHECK(std::abs(squares / kSamples - exact) <= 6 * std::sqrt((fourth - exact * exact) / kSamples));
  }
}

// Every value of small variances, to the tails: 10 fits, false alarm 1e-6 each.
TEST_CASE("small variances: every integer as often as it should be") {
  SeededRandom random(2);
  RandomBits bits(random);
  for (const Variance v : {Variance{1, 4}, {1, 2}, {3, 4}, {1, 1}, {101, 100}, {7, 3}, {9, 1}, {1001, 10}, {9'999, 1}, {1'000'003, 3}}) {
    CAPTURE(v.numerator);
    CAPTURE(v.denominator);
    const DiscreteGaussian sampler = gaussian(v.numerator, v.denominator);
    const auto reach = static_cast<std::int64_t>(12 * std::sqrt(value_of(v)) + 12);
    std::vector<std::size_t> counts(static_cast<std::size_t>(2 * reach + 1));
    int outside = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      const std::int64_t y = sampler.sample(bits);
      outside += std::abs(y) > reach ? 1 : 0;
      ++counts[static_cast<std::size_t>(std::clamp(y, -reach, reach) + reach)];
    }
    CHECK(outside == 0);
    const tests::Fit fit = tests::fit(counts, exact_probabilities(value_of(v), reach));
    CAPTURE(fit.chi_square);
    CAPTURE(fit.degrees);
    CHECK(fit.good());
  }
}

// From v = 1e6 on the sum over a bin is the integral from half before it to half after its last integer, to 1e-7 of itself. Bins of a
// twentieth of sigma, -8 to 8; then the remainders modulo 64, and the place within the t of the sampler. 15 fits, 1e-6 each.
TEST_CASE("large variances: the shape, and every remainder") {
  SeededRandom random(3);
  RandomBits bits(random);
  for (const Variance v : {Variance{1'000'000, 1}, {16'777'217, 16}, {10'000'000'000, 1}, {(1ULL << 40) + 12345, 1}, {1ULL << 62, 3}}) {
    CAPTURE(v.numerator);
    const DiscreteGaussian sampler = gaussian(v.numerator, v.denominator);
    const double sigma = std::sqrt(value_of(v));
    const auto width = static_cast<std::int64_t>(sigma / 20);
    const auto t = static_cast<std::int64_t>(sigma) + 1;
    constexpr int kHalf = 160;
    std::vector<std::size_t> counts(2 * kHalf + 2), remainders(64), places(64);
    for (int i = 0; i < 1'000'000; ++i) {
      const std::int64_t y = sampler.sample(bits);
      const std::int64_t bin = (y < 0 ? -((-y + width - 1) / width) : y / width) + kHalf;
      ++counts[static_cast<std::size_t>(std::clamp<std::int64_t>(bin, 0, 2 * kHalf + 1))];
      ++remainders[static_cast<std::size_t>(y & 63)];
      ++places[static_cast<std::size_t>((std::abs(y) % t) * 64 / t)];
    }
    const auto below = [sigma](double x) { return 0.5 * std::erfc(-x / sigma / std::sqrt(2.0)); };
    std::vector<double> expected(counts.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double low = static_cast<double>((static_cast<std::int64_t>(i) - kHalf) * width) - 0.5;
      expected[i] = (i + 1 == expected.size() ? 1 : below(low + static_cast<double>(width))) - (i == 0 ? 0 : below(low));
    }
    CHECK(tests::fit(counts, expected).good());
    CHECK(tests::fit(remainders, std::vector<double>(64, 1.0 / 64)).good());
    // |Y| modulo t: the half normal folded.
    std::vector<double> folded(64);
    for (int place = 0; place < 64; ++place) {
      for (int lap = 0; lap < 12; ++lap) {
        const auto edge = [&](int at) { return std::ceil(static_cast<double>(t) * at / 64) + static_cast<double>(t) * lap - 0.5; };
        folded[static_cast<std::size_t>(place)] += 2 * (below(edge(place + 1)) - below(edge(place)));
      }
    }
    folded[0] -= below(0.5) - below(-0.5);  // zero has one sign only: the integral from -1/2 holds it once, doubled it is one too many
    CHECK(tests::fit(places, folded).good());
  }
}

// Without the rejection, the offsets that four of the 2^32 draws lead to would come .53 of the time instead of .46 (t is 1.2e9, three
// draws lead to the others). Six standard errors: false alarm 2e-9.
TEST_CASE("every offset within t is as likely, whether three or four draws lead to it") {
  SeededRandom random(7);
  RandomBits bits(random);
  const DiscreteGaussian sampler = gaussian(1ULL << 62, 3);
  const auto t = static_cast<std::uint64_t>(std::sqrt(0x1p62 / 3)) + 1;
  const auto first_draw = [t](std::uint64_t offset) { return ((offset << 32) + t - 1) / t; };
  constexpr int kSamples = 1'000'000;
  int with_four = 0;
  for (int i = 0; i < kSamples; ++i) {
    const std::uint64_t offset = static_cast<std::uint64_t>(std::abs(sampler.sample(bits))) % t;
    with_four += first_draw(offset + 1) - first_draw(offset) == 4 ? 1 : 0;
  }
  const double p = static_cast<double>((std::uint64_t{1} << 32) % t) / static_cast<double>(t);
  CHECK(std::abs(with_four - kSamples * p) <= 6 * std::sqrt(kSamples * p * (1 - p)));
}

TEST_CASE("one sample says nothing about the next") {
  SeededRandom random(4);
  RandomBits bits(random);
  const DiscreteGaussian sampler = gaussian(100);
  constexpr int kSamples = 1'000'000;
  double products = 0, absolute_products = 0, before = static_cast<double>(sampler.sample(bits));
  const double mean_absolute = 10 * std::sqrt(2 / 3.14159265358979);
  for (int i = 0; i < kSamples; ++i) {
    const auto y = static_cast<double>(sampler.sample(bits));
    products += y * before;
    absolute_products += (std::abs(y) - mean_absolute) * (std::abs(before) - mean_absolute);
    before = y;
  }
  CHECK(std::abs(products) <= 6 * 100 * std::sqrt(kSamples));  // false alarm 2e-9 each
  CHECK(std::abs(absolute_products) <= 6 * 100 * std::sqrt(kSamples));
}

TEST_CASE("a fraction that is not in lowest terms is the same variance, and the same samples") {
  SeededRandom random(5), again(5);
  RandomBits bits(random), bits_again(again);
  const DiscreteGaussian a = gaussian(7, 3), b = gaussian(7'000'000, 3'000'000);
  for (int i = 0; i < 1000; ++i) CHECK(a.sample(bits) == b.sample(bits_again));
}

TEST_CASE("a variance that is no positive fraction of numbers up to 2^62 is refused") {
  const std::uint64_t above = (std::uint64_t{1} << 62) + 1;
  for (const Variance v : {Variance{0, 1}, {1, 0}, {above, 1}, {1, above}, {~std::uint64_t{0}, 1}}) {
    const auto sampler = DiscreteGaussian::create(v);
    REQUIRE_FALSE(sampler.has_value());
    CHECK(sampler.error().code == ErrorCode::invalid_argument);
  }
  CHECK(gaussian(1, std::uint64_t{1} << 62).variance() == Variance{1, std::uint64_t{1} << 62});
}

TEST_CASE("a variance next to nothing gives zeros") {
  SeededRandom random(6);
  RandomBits bits(random);
  const DiscreteGaussian sampler = gaussian(1, 1000);
  for (int i = 0; i < 10'000; ++i) CHECK(sampler.sample(bits) == 0);
}

class Constant final : public RandomSource {
 public:
  explicit Constant(std::uint8_t byte) : byte_(byte) {}
  void fill(MutableByteSpan out) override { std::ranges::fill(out, byte_); }

 private:
  std::uint8_t byte_;
};

TEST_CASE("a source of zeros alone, or of ones alone, ends the process instead of hanging it") {
  for (const std::uint8_t byte : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
    CHECK(tests::aborts([byte] {
      Constant source(byte);
      RandomBits bits(source);
      gaussian(1, 4).sample(bits);
    }));
  }
}

}  // namespace
}  // namespace fedspend
