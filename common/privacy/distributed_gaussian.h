#pragma once
// The parameters of the distributed discrete Gaussian: how an update of L2 norm c is scaled to integers mod 2^b, and how much noise
// each device adds so that the noise multiplier z holds in the sum of those shares that surely are there. Source: Kairouz, Liu,
// Steinke 2021 (2102.06387), theorems 1 and 10 and section 4; PRIVACY.md, "Distributed discrete Gaussian".
//
// Units: `ring` are steps of the integers mod 2^b; a real x is s x ring units.
// Which noise surely is there: each of n_h honest devices among those in the sum adds an independent discrete Gaussian of variance
// parameter v = share_variance, and whatever else is in the sum is independent of them. The accountant may use
//   sigma^2 = n_h v >= (z s c)^2     and     Delta2 = sensitivity_l2_ring, Delta1 = sensitivity_l1_ring.
// v is rounded up to a fraction, and Delta2 is the root of the bound that the device checks in integers (squared_norm_bound), rounded up;
// so neither the sampler nor the rounding of numbers here can make the real ratio larger than the accounted one.
// More shares than n_h only add noise: with m of them its standard deviation is sqrt(m / n_h) of what z asks for.
//
// The same on every device: integers, and the IEEE operations + - * / and sqrt on doubles, in a fixed order (compiled without fused
// multiply-add). The one exception, expected_wraps, is there to be read by people. Thread-safe (values).

#include <cstdint>

#include "common/privacy/discrete_gaussian.h"
#include "common/result.h"

namespace fedspend {

// k = sqrt(2) erfcinv(p) for p = 1e-4 is 3.890591886...; a constant, because erfc is not the same in every library.
inline constexpr double kWrapDeviations = 3.8906;
inline constexpr double kLargestScale = 1e6;

struct DistributedGaussianGoal {
  std::uint32_t clients = 0;         // n, of the roster
  std::uint64_t length = 0;          // coordinates of an update, 1 ... 2^31
  double clip_norm_l2 = 0;           // c, 1e-30 ... 1e30
  double noise_multiplier = 0;       // z = noise / c in the sum, 1e-6 ... 1e6
  unsigned bits = 0;                 // b, 2 ... 32
  std::uint32_t honest_shares = 0;   // n_h = q - floor(gamma n), 1 ... n
  double wrap_deviations = kWrapDeviations;  // k, 1 ... 10: how many standard deviations of a coordinate of the sum fit 2^b
};

struct DistributedGaussian {
  DistributedGaussianGoal goal;
  std::uint64_t dimension = 0;       // d: rotated_size(length)
  double scale = 0;                  // s, ring units per 1.0
  Variance share_variance;           // v >= (s sigma_loc)^2, ring units squared
  std::uint64_t squared_norm_bound = 0;  // of the rounded integer vector, below 2^62
  double sensitivity_l2_ring = 0;    // Delta2 >= sqrt(squared_norm_bound)
  double sensitivity_l1_ring = 0;    // Delta1 >= min(sqrt(d) Delta2, Delta2^2)
  double expected_wraps = 0;         // d p, p = erfc(k / sqrt 2): coordinates of the sum that are expected to wrap. For people.

  // sigma^2 = n_h v of the surely released noise, ring units squared; not above the exact value.
  double released_variance_ring() const;
  // sqrt(m / n_h): how many times the noise that z asks for is in a sum of m shares. m >= 1.
  double noise_excess(std::uint32_t shares) const;
};

// invalid_argument with one line that has the numbers, and a hint with a value that would work: for numbers out of the ranges above,
// n_h < 1 or > n, bits that cannot hold n rounded updates (2^(2b) <= n k^2), s sigma_loc < 1/2, and a vector norm of 2^31 or more.
Result<DistributedGaussian> choose_distributed_gaussian(const DistributedGaussianGoal& goal);

// Delta2^2 of PRIVACY.md, step 3, for a vector of norm `scaled_clip` = s c that is rounded in `dimension` coordinates:
//   min((s c + sqrt d)^2, (s c)^2 + d/4 + sqrt(2 ln(1/beta)) (s c + sqrt(d)/2)).
// One try of the rounding is within it with probability at least 1 - beta. The mechanism has beta = exp(-1/2), root 1.
double rounded_norm_bound_squared(double scaled_clip, std::uint64_t dimension, double root_2_ln_inverse_beta = 1);

// The smallest fraction found that is not below `lower`: numerator below 2^33 or denominator 1. 2^-30 <= lower <= 2^61.
// At most a factor 1 + 2^-29 above.
Variance fraction_at_least(double lower);

}  // namespace fedspend
