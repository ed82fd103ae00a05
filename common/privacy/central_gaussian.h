#pragma once
// Central privacy: the coordinator, which is trusted here, adds the noise to the decoded sum. For simulation and comparison, and where
// the policy of the devices allows it (PRIVACY.md, "Modes").
// Integers: the sum of nearest-rounded updates (common/numeric/quantizer.h) changes by at most Delta = s c (1 + 1e-6) + sqrt(d) / 2 in
// L2 when one device's contribution is replaced by zero, and each coordinate gets noise of deviation z Delta, so that the noise
// multiplier is at least z, rounding included. The noise is a rounded continuous Gaussian (rounded_gaussian.h): added to integers, in the
// ring, it is post-processing of the Gaussian mechanism on the integers that were sent, whatever the other devices send, so that what any accountant says of
// that one holds, PLD's epsilon too; dividing is post-processing as well. That the noise wraps costs accuracy alone: the ring has room for
// kCentralNoiseDeviations of it beside the longest sum (chance 1.3e-15 a coordinate, were that sum all in one place).
// Thread-safe; the RandomSource is not.

#include <cstdint>
#include <vector>

#include "common/numeric/ring_vector.h"
#include "common/privacy/rounded_gaussian.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

// Standard deviations of the noise that fit into the ring beside the longest sum.
inline constexpr double kCentralNoiseDeviations = 8;

struct CentralGaussianGoal {
  double scale = 0;             // s, ring units per 1.0
  double clip_norm_l2 = 0;      // c
  std::uint64_t dimension = 0;  // d, at least 1
  double noise_multiplier = 0;  // z, above 0
  unsigned bits = 0;            // b, of the ring: 2 ... 32
  std::uint64_t max_clients = 0;// n, the most vectors in one sum
};

class CentralGaussian {
 public:
  // invalid_argument where a value is out of its range, the noise would be below one ring unit or beyond 2^30 of them, or the ring has not
  // the room.
  static Result<CentralGaussian> create(const CentralGaussianGoal& goal);

  double sensitivity_l2_ring() const { return sensitivity_; }
  // (centred sum + noise) / (s divisor). sum.size() is d (a programmer's mistake otherwise); divisor, at least 1, is the plan's constant.
  std::vector<float> release_mean(const RingVector& sum, std::uint64_t divisor, RandomSource& random) const;

 private:
  CentralGaussian(const CentralGaussianGoal& goal, double sensitivity, const RoundedGaussian& noise) : goal_(goal), sensitivity_(sensitivity), noise_(noise) {}

  CentralGaussianGoal goal_;
  double sensitivity_;
  RoundedGaussian noise_;
};

}  // namespace fedspend
