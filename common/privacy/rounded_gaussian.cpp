#include "common/privacy/rounded_gaussian.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "common/check.h"
#include "common/privacy/exact_bernoulli.h"

namespace fedspend {
namespace {

constexpr std::uint64_t kLargestPart = std::uint64_t{1} << 32;
constexpr std::uint64_t kLargestWhole = std::uint64_t{1} << 20;

bool half_power(RandomBits& bits) { return bernoulli_exp_fraction(1, 2, bits); }  // exp(-1/2)

// k with probability (1 - exp(-1/2)) exp(-k/2): algorithm G.
std::uint64_t geometric(RandomBits& bits) {
  std::uint64_t k = 0;
  while (half_power(bits)) FEDSPEND_CHECK(++k < kLargestWhole, "a source of randomness that is random");
  return k;
}

// True with probability exp(-k (k - 1) / 2): algorithm P.
bool accept_whole(std::uint64_t k, RandomBits& bits) {
  for (std::uint64_t i = k < 2 ? 0 : k * (k - 1); i > 0; --i)
    if (!half_power(bits)) return false;
  return true;
}

// True with probability (2 k + x) / (2 k + 2): of 2 k + 2 equal parts, 2 k are true, one is not, and one is x's.
bool ratio_coin(std::uint64_t k, UniformDeviate& x, RandomBits& bits) {
  if (k > 0 && bernoulli(k, k + 1, bits)) return true;
  if (bits.take(1) == 0) return false;
  UniformDeviate r;
  return r.less(x, bits);
}

// True with probability exp(-x (2 k + x) / (2 k + 2)): algorithm B. Of the falling chain x > z1 > z2 > ..., each link kept by a
// ratio_coin, whether the length is even.
bool accept_part(std::uint64_t k, UniformDeviate& x, RandomBits& bits) {
  std::array<UniformDeviate, 2> chain;
  UniformDeviate* last = &x;
  for (std::size_t length = 0;; ++length) {
    UniformDeviate& next = chain[length % 2];
    next = UniformDeviate{};
    if (!next.less(*last, bits) || !ratio_coin(k, x, bits)) return length % 2 == 0;
    last = &next;
  }
}

bool accept_parts(std::uint64_t k, UniformDeviate& x, RandomBits& bits) {
  for (std::uint64_t i = 0; i <= k; ++i)
    if (!accept_part(k, x, bits)) return false;
  return true;
}

}  // namespace

Deviation deviation_at_least(double lower) {
  FEDSPEND_CHECK(lower >= 1 && lower <= 0x1p32, "a deviation between 1 and 2^32");
  int exponent = 0;
  std::frexp(lower, &exponent);  // 2^(exponent - 1) <= lower < 2^exponent
  const int shift = std::clamp(32 - exponent, 0, 31);
  // Exact: a power of two times a double, and the ceiling of a double.
  return {static_cast<std::uint64_t>(std::ceil(std::ldexp(lower, shift))), std::uint64_t{1} << shift};
}

Result<RoundedGaussian> RoundedGaussian::create(const Deviation& sigma) {
  const auto in_range = [](std::uint64_t part) { return part >= 1 && part <= kLargestPart; };
  if (!in_range(sigma.numerator) || !in_range(sigma.denominator))
    return fail(ErrorCode::invalid_argument,
                "rounded Gaussian: a deviation of " + std::to_string(sigma.numerator) + "/" + std::to_string(sigma.denominator),
                "choose numerator and denominator between 1 and 2^32");
  return RoundedGaussian(sigma);
}

// With sigma = p/q and x = (X + f) / 2^64, X the first two digits and f in [0, 1) the rest, the number before the floor is
// (A + 2 p f) / M, A = (2 p k + q) 2^64 + 2 p X and M = 2 q 2^64. 2 p k + q + 2 p < 2^55, so A < 2^119. As 2 p <= 2^33 < M, f can
// carry it past one integer at most, and does where f >= (M - A mod M) / (2 p).
std::uint64_t round_scaled(std::uint64_t k, UniformDeviate& x, const Deviation& sigma, RandomBits& bits) {
  FEDSPEND_CHECK(k < kLargestWhole, "a whole part below 2^20");
  const std::uint64_t two_p = 2 * sigma.numerator;
  const std::uint64_t first_digits = std::uint64_t{x.digit(0, bits)} << 32 | x.digit(1, bits);
  const Wide a = (Wide{two_p * k + sigma.denominator} << 64) + Wide{two_p} * first_digits;
  const Wide m = Wide{2 * sigma.denominator} << 64;
  const auto whole = static_cast<std::uint64_t>(a / m);
  Wide missing = m - a % m;
  if (missing >= two_p) return whole;
  // f < missing / (2 p), digit by digit: missing stays below 2 p, and no product above 2^65.
  for (std::size_t i = 2;; ++i) {
    const Wide drawn = Wide{x.digit(i, bits)} * two_p;
    const Wide wanted = missing << 32;
    if (drawn >= wanted) return whole + 1;
    missing = wanted - drawn;
    if (missing >= two_p) return whole;
  }
}

std::int64_t RoundedGaussian::sample(RandomBits& bits) const {
  for (;;) {
    const std::uint64_t k = geometric(bits);
    if (!accept_whole(k, bits)) continue;
    UniformDeviate x;
    if (!accept_parts(k, x, bits)) continue;
    const auto size = static_cast<std::int64_t>(round_scaled(k, x, sigma_, bits));
    return bits.take(1) == 1 ? -size : size;
  }
}

std::vector<float> noisy_mean(const RingVector& sum, double steps_per_unit, const RoundedGaussian& noise, RandomSource& random) {
  FEDSPEND_CHECK(std::isfinite(steps_per_unit) && steps_per_unit > 0, "a scale above 0");
  RandomBits bits(random);
  RingVector noisy = sum;
  const std::uint64_t mask = (std::uint64_t{1} << sum.bits()) - 1;
  for (std::uint32_t& value : noisy.mutable_values())
    value = static_cast<std::uint32_t>((value + static_cast<std::uint64_t>(noise.sample(bits))) & mask);
  std::vector<float> mean(sum.size());
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = static_cast<float>(noisy.centred(i) / steps_per_unit);
  return mean;
}

}  // namespace fedspend
