#pragma once
// Adaptive clipping: the clip norm follows a quantile of the devices' update norms, learnt from one private bit of each device.
//   C <- C exp(-eta (b_mean - gamma_q))
// where b_mean is the noisy part of the roster whose norm was at most C and gamma_q the target quantile. Source: Andrew et al. 2021
// (1905.03871), algorithm 1; PRIVACY.md, "Adaptive clipping".
//
// The bit is the indicator, one ring coordinate of its own beside the rotated update: w where the norm was at most C, -w where it was
// above (0 for an update that was not finite). Each device adds a discrete Gaussian share of variance parameter (2 sigma_b w)^2 / n_h,
// sigma_b = 0.05 n. PRIVACY.md has w = 1. Here w is the smallest power of two with which a share has a deviation of at least 2:
// with w = 1 the shares of a small roster would be so narrow that their sum is no discrete Gaussian (tau of the accountant). Ratio
// and error of the decoded mean are the same for any w, and from n = 400 on (n_h <= n) w is 1 in any case.
//
// One device changes the update by at most Delta2 and the indicator by at most w, so both together cost what the noise multiplier z
// says when the update has z_delta = (z^-2 - (2 sigma_b)^-2)^(-1/2): that one goes into choose_distributed_gaussian.
//
// The coordinator computes C. It travels with the assignment and is bound by the session id; devices compare it with the range of the
// plan and of their policy and never compute it, so that exp may differ between libraries.
//
// The range of the plan, which PRIVACY.md does not have: C stays within a factor of 100 of the planned clip norm. What a contribution costs
// depends on C where the scale s is at its cap, because the rounding then adds more to a smaller s C. A bounded C bounds that, so that a
// plan can be refused, and its statement say what a device spends at most, before the first round. Thread-safe (values).

#include <cstdint>

#include "common/numeric/ring_vector.h"
#include "common/privacy/discrete_gaussian.h"
#include "common/result.h"

namespace fedspend {

inline constexpr double kClipLearningRate = 0.2;  // eta

struct ClipIndicatorGoal {
  std::uint32_t clients = 0;        // n, of the roster
  std::uint32_t honest_shares = 0;  // n_h, 1 ... n
  double noise_multiplier = 0;      // z, of update and indicator together; above 0 and below 2 sigma_b
  unsigned bits = 0;                // b of the ring, 2 ... 32
};

struct ClipIndicator {
  ClipIndicatorGoal goal;
  double stddev = 0;                   // 2 sigma_b: the noise multiplier of the indicator alone
  std::uint32_t weight = 1;            // w
  Variance share_variance;             // >= (2 sigma_b w)^2 / n_h, ring units squared
  double update_noise_multiplier = 0;  // z_delta, rounded up

  double released_variance_ring() const;  // n_h share_variance, not above the exact value; the sensitivity is w
  // b_mean from the sum's indicator coordinate, centred: sum / (2 n w) + 1/2. Noise may take it out of [0, 1].
  double mean(std::int32_t centred_sum) const;
};

// invalid_argument: n_h or bits out of range; z not below 2 sigma_b = n / 10 (with z = 1 this takes more than 10 clients); a ring whose
// half is below the sum of n indicators and ten standard deviations of n shares.
Result<ClipIndicator> choose_clip_indicator(const ClipIndicatorGoal& goal);

inline constexpr double kClipNormReach = 100;
struct ClipNormRange {
  double least = 0, most = 0;  // both within
  bool contains(double clip_norm_l2) const { return clip_norm_l2 >= least && clip_norm_l2 <= most; }  // false for NaN
};
inline ClipNormRange adaptive_clip_range(double planned_l2) { return {planned_l2 / kClipNormReach, planned_l2 * kClipNormReach}; }

// The next C, of any size. clip_norm_l2 > 0, b_mean finite (a programmer's mistake otherwise).
double next_clip_norm(double clip_norm_l2, double b_mean, double target_quantile, double learning_rate = kClipLearningRate);

}  // namespace fedspend
