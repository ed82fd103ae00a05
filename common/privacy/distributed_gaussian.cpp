#include "common/privacy/distributed_gaussian.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "common/check.h"
#include "common/numeric/rotation.h"

namespace fedspend {
namespace {

constexpr double kSmallestShare = 0.5;    // of s sigma_loc: below, the sum of shares is far from a discrete Gaussian
constexpr double kLargestNorm = 0x1p31;   // of a rounded vector
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The products and quotients here are off by at most eight roundings of 2^-53; this factor is more than that, and itself one.
constexpr double kAboveRounding = 1 + 0x1p-48;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

tl::unexpected<Error> refuse(const std::string& message, std::string hint) {
  return fail(ErrorCode::invalid_argument, "distributed Gaussian: " + message, std::move(hint));
}

bool within(double value, double low, double high) { return value >= low && value <= high; }  // false for NaN

// 2^(2b) - n k^2, positive where b bits can hold the rounding of n updates alone.
double spare_range(const DistributedGaussianGoal& goal) {
  const double modulus = static_cast<double>(std::uint64_t{1} << goal.bits);
  return modulus * modulus - static_cast<double>(goal.clients) * (goal.wrap_deviations * goal.wrap_deviations);
}

// s of PRIVACY.md, step 2. Its denominator cannot vanish: n c^2 z^2 / n_h is positive.
double scale_of(const DistributedGaussianGoal& goal) {
  const double n = goal.clients;
  const double c_squared = goal.clip_norm_l2 * goal.clip_norm_l2;
  const double noise = c_squared * (goal.noise_multiplier * goal.noise_multiplier) / goal.honest_shares;  // sigma_loc^2
  const double sum = c_squared * (n * n) / static_cast<double>(rotated_size(goal.length)) + n * noise;
  const double scale = std::sqrt(spare_range(goal)) / (2 * goal.wrap_deviations * std::sqrt(sum));
  return std::min(scale, kLargestScale);
}

// (s sigma_loc)^2 in ring units.
double share_variance_of(const DistributedGaussianGoal& goal, double scale) {
  const double total = scale * goal.clip_norm_l2 * goal.noise_multiplier;
  return total * total / goal.honest_shares;
}

// The check in integers is of what is bounded here: the margin 2^-40 lets no rounding in the scaling of a vector matter.
double norm_bound_squared_of(const DistributedGaussianGoal& goal, double scale) {
  return rounded_norm_bound_squared(scale * goal.clip_norm_l2, rotated_size(goal.length)) * (1 + 0x1p-40);
}

bool norms_are_small_enough(double norm_bound_squared, double share_variance) {
  return norm_bound_squared < kLargestNorm * kLargestNorm && share_variance < kLargestNorm * kLargestNorm / 4;
}

bool share_is_large_enough(const DistributedGaussianGoal& goal) {
  return spare_range(goal) > 0 && share_variance_of(goal, scale_of(goal)) >= kSmallestShare * kSmallestShare;
}

// What to change so that s sigma_loc >= 1/2: more bits if they do it, a larger noise multiplier otherwise.
std::string larger_share(DistributedGaussianGoal goal) {
  const unsigned given = goal.bits;
  for (goal.bits = given + 1; goal.bits <= 32; ++goal.bits)
    if (share_is_large_enough(goal)) return "choose at least " + std::to_string(goal.bits) + " bits";
  goal.bits = given;
  for (goal.noise_multiplier *= 1.01; goal.noise_multiplier <= 1e6; goal.noise_multiplier *= 1.01)
    if (share_is_large_enough(goal)) return "choose a noise multiplier of at least " + number(goal.noise_multiplier);
  return "choose fewer clients, or a larger clip norm";
}

std::string smaller_norm(DistributedGaussianGoal goal) {
  while (--goal.bits >= 2 && share_is_large_enough(goal)) {
    const double scale = scale_of(goal);
    if (norms_are_small_enough(norm_bound_squared_of(goal, scale), share_variance_of(goal, scale)))
      return "choose at most " + std::to_string(goal.bits) + " bits";
  }
  return "choose a smaller clip norm";
}

Status check_ranges(const DistributedGaussianGoal& goal) {
  if (goal.clients < 1) return refuse("no clients", "choose at least one client");
  if (goal.honest_shares < 1 || goal.honest_shares > goal.clients)
    return refuse(std::to_string(goal.honest_shares) + " honest shares of " + std::to_string(goal.clients) + " clients",
                  "choose a quorum that is above the number of corrupt clients, so that 1 to " + std::to_string(goal.clients) + " shares are honest");
  if (goal.length < 1 || goal.length > std::uint64_t{1} << 31)
    return refuse(std::to_string(goal.length) + " coordinates", "an update has 1 to 2^31 coordinates");
  if (!within(goal.clip_norm_l2, 1e-30, 1e30)) return refuse("a clip norm of " + number(goal.clip_norm_l2), "choose a clip norm between 1e-30 and 1e30");
  if (!within(goal.noise_multiplier, 1e-6, 1e6))
    return refuse("a noise multiplier of " + number(goal.noise_multiplier), "choose a noise multiplier between 1e-6 and 1e6");
  if (goal.bits < 2 || goal.bits > 32) return refuse(std::to_string(goal.bits) + " bits", "choose 2 to 32 bits");
  if (!within(goal.wrap_deviations, 1, 10))
    return refuse("a range of " + number(goal.wrap_deviations) + " deviations", "choose 1 to 10 deviations, 3.8906 for a wrap probability of 1e-4");
  return {};
}

// Not below the exact value: at most two roundings lie between it and `value`.
double upwards(double value) { return std::nextafter(std::nextafter(value, kInfinity), kInfinity); }

}  // namespace

double rounded_norm_bound_squared(double scaled_clip, std::uint64_t dimension, double root_2_ln_inverse_beta) {
  const double d = static_cast<double>(dimension);
  const double always = scaled_clip + std::sqrt(d);
  const double likely = scaled_clip * scaled_clip + d / 4 + root_2_ln_inverse_beta * (scaled_clip + std::sqrt(d) / 2);
  return std::min(always * always, likely);
}

Variance fraction_at_least(double lower) {
  FEDSPEND_CHECK(within(lower, 0x1p-30, 0x1p61), "a variance between 2^-30 and 2^61");
  int exponent = 0;
  std::frexp(lower, &exponent);  // lower < 2^exponent
  const int shift = std::clamp(32 - exponent, 0, 62);
  // Exact: a power of two times a double, and the ceiling of a double.
  return {static_cast<std::uint64_t>(std::ceil(std::ldexp(lower, shift))), std::uint64_t{1} << shift};
}

double DistributedGaussian::released_variance_ring() const {
  const double share = static_cast<double>(share_variance.numerator) / static_cast<double>(share_variance.denominator);
  return share * goal.honest_shares * (1 - 0x1p-48);
}

double DistributedGaussian::noise_excess(std::uint32_t shares) const {
  FEDSPEND_CHECK(shares >= 1, "a sum of at least one share");
  return std::sqrt(static_cast<double>(shares) / goal.honest_shares);
}

Result<DistributedGaussian> choose_distributed_gaussian(const DistributedGaussianGoal& goal) {
  FEDSPEND_TRY(check_ranges(goal));
  if (spare_range(goal) <= 0)
    return refuse(std::to_string(goal.bits) + " bits cannot hold the rounding of " + std::to_string(goal.clients) + " updates", larger_share(goal));
  DistributedGaussian chosen;
  chosen.goal = goal;
  chosen.dimension = rotated_size(goal.length);
  chosen.scale = scale_of(goal);
  const double share = share_variance_of(goal, chosen.scale);
  if (share < kSmallestShare * kSmallestShare)
    return refuse("each share of noise has a deviation of " + number(std::sqrt(share)) + " steps; 0.5 is the least (" + std::to_string(goal.bits) + " bits, " +
                      std::to_string(goal.clients) + " clients, noise multiplier " + number(goal.noise_multiplier) + ")",
                  larger_share(goal));
  const double bound = norm_bound_squared_of(goal, chosen.scale);
  if (!norms_are_small_enough(bound, share))
    return refuse("a rounded update would have a norm of " + number(std::sqrt(bound)) + " steps, its noise a deviation of " + number(std::sqrt(share)) +
                      "; 2^31 and 2^30 are the limits",
                  smaller_norm(goal));
  chosen.share_variance = fraction_at_least(share * kAboveRounding);
  chosen.squared_norm_bound = static_cast<std::uint64_t>(bound);
  chosen.sensitivity_l2_ring = upwards(std::sqrt(static_cast<double>(chosen.squared_norm_bound)));
  chosen.sensitivity_l1_ring =
      upwards(chosen.sensitivity_l2_ring * std::min(upwards(std::sqrt(static_cast<double>(chosen.dimension))), chosen.sensitivity_l2_ring));
  chosen.expected_wraps = static_cast<double>(chosen.dimension) * std::erfc(goal.wrap_deviations / std::sqrt(2.0));
  return chosen;
}

}  // namespace fedspend
