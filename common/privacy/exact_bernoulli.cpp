#include "common/privacy/exact_bernoulli.h"

#include <array>

#include "common/check.h"

namespace fedspend {
namespace {

constexpr std::uint32_t kBrokenSource = 1000;

// True with probability 1/k, k >= 2.
inline bool one_in(std::uint32_t k, RandomBits& bits) { return k == 2 ? bits.take(1) == 0 : bernoulli(1, k, bits); }

}  // namespace

// With n = d, K is above k with probability 1/k!, and so may be found from one uniform number W: K > k exactly when W < 1/k!. The
// sixteen bits u, W in [u, u + 1) / 2^16, mostly decide. Where some 1/k! falls within that interval, W is below it with
// probability 2^16/k! - u, a fraction of denominator k!; and W below 1/9! is uniform there, so that the coins of 1/10, 1/11, ... go on.
bool bernoulli_exp_one(RandomBits& bits) {
  constexpr std::array<std::uint32_t, 10> kFactorial{1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880};
  const std::uint32_t u = bits.take(16);
  std::uint32_t k = 2;
  while (k < 9 && (u + 1) * std::uint64_t{kFactorial[k]} <= 1U << 16) ++k;  // W < 1/k! surely
  const std::uint64_t reached = u * std::uint64_t{kFactorial[k]};
  if (reached >= 1U << 16) return k % 2 == 1;  // W >= 1/k! surely
  // No other 1/j! lies in the interval, but for j > 9 with k = 9.
  const std::uint64_t inside = (1U << 16) - reached;
  if (!bernoulli(inside, kFactorial[k], bits)) return k % 2 == 1;
  if (k < 9) return k % 2 == 0;
  k = 10;
  while (one_in(k, bits)) FEDSPEND_CHECK(++k < kBrokenSource, "a source of randomness that is random");
  return k % 2 == 1;
}

bool bernoulli_exp_fraction(std::uint64_t n, std::uint64_t d, RandomBits& bits) {
  if (!bernoulli(n, d, bits)) return true;
  std::uint32_t k = 2;
  while (one_in(k, bits) && bernoulli(n, d, bits)) FEDSPEND_CHECK(++k < kBrokenSource, "a source of randomness that is random");
  return k % 2 == 1;
}

bool bernoulli_exp(Wide n, std::uint64_t d, RandomBits& bits) {
  for (; n > d; n -= d)
    if (!bernoulli_exp_one(bits)) return false;
  return bernoulli_exp_fraction(static_cast<std::uint64_t>(n), d, bits);
}

}  // namespace fedspend
