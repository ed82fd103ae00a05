#include "common/privacy/discrete_gaussian.h"

#include <cmath>
#include <string>

#include "common/check.h"
#include "common/privacy/exact_bernoulli.h"

namespace fedspend {
namespace {

constexpr std::uint64_t kLargestPart = std::uint64_t{1} << 62;
constexpr std::uint64_t kLargestLaps = std::uint64_t{1} << 30;
constexpr int kMostCandidates = 10'000;  // one in five at least is accepted, whatever v is

// floor(sqrt(x)), x <= 2^62. The double is within a few units of it, and the loops make it exact.
std::uint64_t integer_root(std::uint64_t x) {
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(x)));
  while (root * root > x) --root;
  while ((root + 1) * (root + 1) <= x) ++root;
  return root;
}

}  // namespace

Result<DiscreteGaussian> DiscreteGaussian::create(const Variance& variance) {
  const auto in_range = [](std::uint64_t part) { return part >= 1 && part <= kLargestPart; };
  if (!in_range(variance.numerator) || !in_range(variance.denominator))
    return fail(ErrorCode::invalid_argument,
                "discrete Gaussian: a variance of " + std::to_string(variance.numerator) + "/" + std::to_string(variance.denominator),
                "choose numerator and denominator between 1 and 2^62");
  return DiscreteGaussian(variance.numerator, variance.denominator);
}

// sqrt(floor(a/b)) and sqrt(a/b) have the same floor. t <= 2^31 + 1.
DiscreteGaussian::DiscreteGaussian(std::uint64_t a, std::uint64_t b)
    : a_(a), b_(b), t_(integer_root(a / b) + 1), uniform_bits_(t_ <= 1024 ? 16 : 32), uniform_reject_((std::uint64_t{1} << uniform_bits_) % t_) {}

// Lemire 2019 (1805.10941): the high part of draw * t is uniform once the draws with a low part under 2^bits mod t are rejected.
std::uint64_t DiscreteGaussian::uniform(RandomBits& bits) const {
  for (;;) {
    const std::uint64_t product = bits.take(uniform_bits_) * t_;
    const std::uint64_t low = product & ((std::uint64_t{1} << uniform_bits_) - 1);
    if (low >= uniform_reject_) return product >> uniform_bits_;
  }
}

// Nothing overflows. V < 2^30 and t <= 2^31 + 1, so Y < t (V + 1) < 2^62. t^2 b <= (sqrt(a/b) + 1)^2 b = a + 2 sqrt(a b) + b <= 2^64,
// so Y^2 b < t^2 b (V + 1)^2 <= 2^124, and 2 a V < 2^93. The numerator Y^2 b - 2 a V + a of g = numerator / (2 a) is not negative.
std::int64_t DiscreteGaussian::sample(RandomBits& bits) const {
  for (int candidate = 0;; ++candidate) {
    FEDSPEND_CHECK(candidate < kMostCandidates, "a source of randomness that is random");
    std::uint64_t v = 0;
    while (bernoulli_exp_one(bits)) FEDSPEND_CHECK(++v < kLargestLaps, "a source of randomness that is random");
    const std::uint64_t y = uniform(bits) + t_ * v;
    const bool negative = bits.take(1) == 1;
    if (negative && y == 0) continue;
    const Wide numerator = Wide{y} * y * b_ + a_ - Wide{2 * a_} * v;
    if (bernoulli_exp(numerator, 2 * a_, bits)) return negative ? -static_cast<std::int64_t>(y) : static_cast<std::int64_t>(y);
  }
}

}  // namespace fedspend
