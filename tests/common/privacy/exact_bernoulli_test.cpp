#include "common/privacy/exact_bernoulli.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

// The given sixteen-bit draws, in order, and after them the last one again and again.
class Script final : public RandomSource {
 public:
  explicit Script(std::vector<std::uint32_t> draws) : draws_(std::move(draws)) {}
  void fill(MutableByteSpan out) override {
    for (std::size_t i = 0; i < out.size(); i += 2) {
      store_u16(out.subspan(i), static_cast<std::uint16_t>(at_ < draws_.size() ? draws_[at_] : draws_.back()));
      ++at_;
    }
  }

 private:
  std::vector<std::uint32_t> draws_;
  std::size_t at_ = 0;
};

bool bernoulli_of(std::uint64_t n, std::uint64_t d, std::vector<std::uint32_t> draws) {
  Script script(std::move(draws));
  RandomBits bits(script);
  return bernoulli(n, d, bits);
}
bool exp_one_of(std::vector<std::uint32_t> draws) {
  Script script(std::move(draws));
  RandomBits bits(script);
  return bernoulli_exp_one(bits);
}

// Of the 2^32 pairs of draws, those that decide for true are floor(2^32 n / d).
TEST_CASE("a coin of n/d is true for exactly n/d of the numbers that its bits can spell") {
  struct Ratio {
    std::uint64_t n, d;
  };
  const std::uint64_t large = (std::uint64_t{1} << 63) - 1;
  for (const Ratio r : {Ratio{0, 1}, {1, 1}, {1, 2}, {1, 3}, {2, 3}, {5, 7}, {1, 65536}, {1, 65537}, {1, 1'000'003}, {999'999, 1'000'003},
                        {large - 1, large}, {large / 3, large}, {1, large}, {large / 2 + 1, large}}) {
    CAPTURE(r.n);
    CAPTURE(r.d);
    std::uint64_t trues = 0;
    for (std::uint32_t first = 0; first < 65536; ++first) {
      const bool with_zeros = bernoulli_of(r.n, r.d, {first, 0});
      const bool with_ones = bernoulli_of(r.n, r.d, {first, 65535});
      if (with_zeros == with_ones) {
        trues += with_zeros ? 65536U : 0U;
      } else {
        for (std::uint32_t second = 0; second < 65536; ++second) trues += bernoulli_of(r.n, r.d, {first, second, 65535}) ? 1U : 0U;
      }
    }
    CHECK(trues == static_cast<std::uint64_t>((Wide{r.n} << 32) / r.d));
  }
}

TEST_CASE("a coin of 1/3 goes on as long as its bits are those of 1/3") {
  CHECK(bernoulli_of(1, 3, {0x5555, 0x5555, 0x5555, 0x5555, 0x5554}));
  CHECK_FALSE(bernoulli_of(1, 3, {0x5555, 0x5555, 0x5555, 0x5555, 0x5556}));
}

// 1/e to 32 bits, of which only what lies below 1/9! (some 11,836 of the 2^32) is left to the case after this one.
TEST_CASE("a coin of 1/e is true for 1/e of the numbers that its bits can spell") {
  double trues = 0;
  for (std::uint32_t first = 1; first < 65536; ++first) {
    const bool with_zeros = exp_one_of({first, 0});
    if (with_zeros == exp_one_of({first, 65535})) {
      trues += with_zeros ? 65536U : 0U;
    } else {
      for (std::uint32_t second = 0; second < 65536; ++second) trues += exp_one_of({first, second, 65535}) ? 1U : 0U;
    }
  }
  // First draw 0: the second says whether the number is below 1/9!; where it is, the third decides for 1/10! and so on.
  std::uint32_t below = 0;
  for (std::uint32_t second = 0; second < 65536; ++second) {
    const bool then_false = exp_one_of({0, second, 65535});  // not one in ten: K = 10, even
    trues += then_false ? 1 : 0;
    below += then_false ? 0 : 1;
  }
  CHECK(below == 65536ULL * 65536 / 362880);
  double exact = 0, factorial = 1;  // the probability that K is 3, 5, 7, 9
  for (int k = 2; k <= 9; ++k) {
    factorial *= k;
    exact += (k % 2 == 0 ? 1 : -1) / factorial;  // K > k - 1 and not K > k, for odd k
  }
  CHECK(std::abs(trues - exact * 0x1p32) <= 10);
}

TEST_CASE("a coin of 1/e below 1/9! goes on with one in ten, one in eleven") {
  CHECK_FALSE(exp_one_of({0, 0, 6554, 65535}));     // K = 10
  CHECK(exp_one_of({0, 0, 6553, 5958, 65535}));     // K = 11; 2^16/10 = 6553.6, 2^16/11 = 5957.8
  CHECK_FALSE(exp_one_of({0, 0, 0, 0, 65535}));     // K = 12
}

// 48 coins of a million throws each, six standard deviations: false alarm below 1e-7 (normal tails 2e-9 each).
TEST_CASE("a coin of exp(-n/d) is true with that probability") {
  SeededRandom random(1);
  RandomBits bits(random);
  const std::uint64_t large = (std::uint64_t{1} << 63) - 1;
  const std::uint64_t denominators[] = {1, 2, 3, 10, 1000, 1 << 20, std::uint64_t{1} << 40, large};
  for (const std::uint64_t d : denominators) {
    for (const double gamma : {0.0, 0.1, 0.5, 0.99, 1.0, 3.7}) {
      const auto n = static_cast<Wide>(gamma * static_cast<double>(d));
      const double p = std::exp(-static_cast<double>(n) / static_cast<double>(d));
      CAPTURE(d);
      CAPTURE(gamma);
      constexpr int kThrows = 1'000'000;
      int trues = 0;
      for (int i = 0; i < kThrows; ++i) trues += bernoulli_exp(n, d, bits) ? 1 : 0;
      CHECK(std::abs(trues - kThrows * p) <= 6 * std::sqrt(kThrows * p * (1 - p)));
    }
  }
}

TEST_CASE("a coin of exp(-n/d) with a huge n is false, at once") {
  SeededRandom random(2);
  RandomBits bits(random);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(bernoulli_exp(Wide{1} << 125, 3, bits));
}

TEST_CASE("a source that gives nothing but zeros ends the process instead of hanging it") {
  CHECK(tests::aborts([] { exp_one_of({0}); }));
  CHECK(tests::aborts([] {
    Script zeros({0});
    RandomBits bits(zeros);
    bernoulli_exp_fraction(1, 1, bits);
  }));
}

}  // namespace
}  // namespace fedspend
