#pragma once
// The discrete Gaussian N_Z(0, v): an integer y with probability proportional to exp(-y^2 / (2 v)), sampled exactly. v is a rational
// number; there is no floating point, no table and no truncation anywhere, so what the accountants say of this distribution
// holds for what comes out. Source: Canonne, Kamath, Steinke 2020 (2004.00010), algorithms 1 to 3.
//
// One deviation, which gives the same distribution: their two rejections, the one inside the discrete Laplace and the one from the
// discrete Laplace to the Gaussian, are one here. With t = floor(sqrt(v)) + 1,
//   V is drawn with probability (1 - 1/e) exp(-V), U uniformly from 0 ... t - 1, and Y = U + t V;
//   a sign is drawn, and minus zero rejected;
//   Y is accepted with probability exp(-g), g = Y^2 / (2 v) - V + 1/2,
// so that Y leaves with probability proportional to exp(-V) exp(-g), that is, to exp(-Y^2 / (2 v)). g >= 0 since t^2 >= v:
// g >= t^2 V^2 / (2 v) - V + 1/2 >= (V - 1)^2 / 2. A candidate is accepted with probability .48, as with them, but with v = a/b
// the denominator of g is 2 a instead of 2 a b t^2, so that 128 bits hold everything, and there are fewer coins.
//
// Not constant-time: how long a sample takes depends on it (V above all, and how many candidates were rejected). Somebody who
// measures the time of a single sample learns something of its size; what is measurable from outside is the time for all the
// coordinates of an update together. The guarantee of the mechanism does not cover such an observer (Jin et al. 2022, 2112.05307,
// "Are We There Yet? Timing and Floating-Point Attacks on Differential Privacy Systems").
// Immutable, thread-safe; the bits are not.

#include <cstdint>

#include "common/crypto/random_bits.h"
#include "common/result.h"

namespace fedspend {

// numerator / denominator, not necessarily in lowest terms.
struct Variance {
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
  bool operator==(const Variance&) const = default;
};

class DiscreteGaussian {
 public:
  // Both parts from 1 to 2^62; otherwise invalid_argument. v is the parameter: from v = 4 on also the variance, to ten digits.
  static Result<DiscreteGaussian> create(const Variance& variance);

  Variance variance() const { return {a_, b_}; }
  // |sample| < 2^61.
  std::int64_t sample(RandomBits& bits) const;

 private:
  DiscreteGaussian(std::uint64_t a, std::uint64_t b);
  std::uint64_t uniform(RandomBits& bits) const;  // 0 ... t - 1

  std::uint64_t a_, b_, t_;
  unsigned uniform_bits_;            // drawn at a time for `uniform`
  std::uint64_t uniform_reject_;     // 2^uniform_bits mod t
};

}  // namespace fedspend
