#pragma once
// The continuous Gaussian N(0, sigma^2) rounded to the nearest integer, sampled exactly: an integer y comes with the probability
// Phi((y + 1/2) / sigma) - Phi((y - 1/2) / sigma), without floating point. sigma is a rational number. This is the noise that the
// coordinator of a plan with privacy mode `central` adds to each integer coordinate of the un-noised sum.
//
// Why rounded: for an integer x, x + round(N) = round(x + N), so that what is released is post-processing of the continuous Gaussian
// mechanism on the integer vector, and every accountant of the Gaussian (PLD above all) applies to it as it is. Adding a
// double-precision Gaussian would not be that mechanism (Mironov 2012). The sensitivity is that of the integer vector: a
// quantizer that rounds to nearest (common/numeric/quantizer.h) makes it at most s c + sqrt(length) / 2 ring units.
//
// Source: Karney 2016 (1303.6257), "Sampling exactly from the normal distribution", algorithms N, G, P, B. Not constant-time, see
// discrete_gaussian.h. Immutable, thread-safe; the bits are not.

#include <cstdint>
#include <vector>

#include "common/crypto/random_bits.h"
#include "common/numeric/ring_vector.h"
#include "common/privacy/uniform_deviate.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

// sigma = numerator / denominator, ring units.
struct Deviation {
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
  bool operator==(const Deviation&) const = default;
};

// Not below `lower`, and at most a factor 1 + 2^-31 above. 1 <= lower <= 2^32 (a programmer's mistake otherwise).
Deviation deviation_at_least(double lower);

class RoundedGaussian {
 public:
  // Both parts from 1 to 2^32; otherwise invalid_argument.
  static Result<RoundedGaussian> create(const Deviation& sigma);

  Deviation sigma() const { return sigma_; }
  // |sample| < 2^54.
  std::int64_t sample(RandomBits& bits) const;

 private:
  explicit RoundedGaussian(const Deviation& sigma) : sigma_(sigma) {}
  Deviation sigma_;
};

// The coordinates of the sum, each plus a sample, modulo 2^bits, centred, over steps_per_unit = s divisor > 0. Modulo, because only then
// is what comes out a function of (integer sum + noise): a device may send any element of the ring, and a sum that is centred before
// the noise lets one that stands at the ring's end turn another's single step into a jump of 2^bits, which no noise hides.
std::vector<float> noisy_mean(const RingVector& sum, double steps_per_unit, const RoundedGaussian& noise, RandomSource& random);

// floor(sigma (k + x) + 1/2), drawing as many digits of x as that takes. k < 2^20. For `sample`, and for its tests.
std::uint64_t round_scaled(std::uint64_t k, UniformDeviate& x, const Deviation& sigma, RandomBits& bits);

}  // namespace fedspend
