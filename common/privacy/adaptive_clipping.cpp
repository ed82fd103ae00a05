#include "common/privacy/adaptive_clipping.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/check.h"
#include "common/nearest_accepted.h"
#include "common/privacy/distributed_gaussian.h"

namespace fedspend {
namespace {

constexpr double kAboveRounding = 1 + 0x1p-48;  // more than the few roundings of 2^-53 in a product or a quotient
constexpr double kLeastShareVariance = 4;

tl::unexpected<Error> refuse(const std::string& message, std::string hint) {
  return fail(ErrorCode::invalid_argument, "adaptive clipping: " + message, std::move(hint));
}

double share_variance_of(double stddev, std::uint32_t weight, std::uint32_t honest_shares) {
  const double weighted = stddev * weight;
  return weighted * weighted / honest_shares;
}

}  // namespace

double ClipIndicator::released_variance_ring() const {
  const double share = static_cast<double>(share_variance.numerator) / static_cast<double>(share_variance.denominator);
  return share * goal.honest_shares * (1 - 0x1p-48);
}

double ClipIndicator::mean(std::int32_t centred_sum) const { return centred_sum / (2.0 * goal.clients * weight) + 0.5; }

Result<ClipIndicator> choose_clip_indicator(const ClipIndicatorGoal& goal) {
  const std::string n = std::to_string(goal.clients);
  if (goal.honest_shares < 1 || goal.honest_shares > goal.clients)
    return refuse(std::to_string(goal.honest_shares) + " honest shares of " + n + " clients", "choose a quorum that is above the number of corrupt clients");
  if (goal.bits < 2 || goal.bits > 32) return refuse(std::to_string(goal.bits) + " bits", "choose 2 to 32 bits");
  ClipIndicator chosen;
  chosen.goal = goal;
  chosen.stddev = goal.clients / 10.0;  // 2 sigma_b = 2 (0.05 n)
  const double z = goal.noise_multiplier;
  if (!(z > 0 && z < chosen.stddev))
    return refuse("a noise multiplier of " + exact_text(z) + " with " + n + " clients, whose indicator alone has " + exact_text(chosen.stddev),
                  std::isfinite(z) && z > 0
                      ? "choose at least " + std::to_string(static_cast<std::uint64_t>(std::min(10 * z, 1e9)) + 1) + " clients, or a fixed clip norm"
                      : "choose a noise multiplier above 0");
  // The same as (z^-2 - (2 sigma_b)^-2)^(-1/2), without cancellation.
  chosen.update_noise_multiplier = z * chosen.stddev / std::sqrt((chosen.stddev - z) * (chosen.stddev + z)) * kAboveRounding;
  while (share_variance_of(chosen.stddev, chosen.weight, goal.honest_shares) < kLeastShareVariance) chosen.weight *= 2;
  const double share = share_variance_of(chosen.stddev, chosen.weight, goal.honest_shares);
  chosen.share_variance = fraction_at_least(share * kAboveRounding);
  const double reach = static_cast<double>(goal.clients) * chosen.weight + 10 * std::sqrt(goal.clients * share);
  if (reach >= std::ldexp(1.0, static_cast<int>(goal.bits) - 1))
    return refuse(std::to_string(goal.bits) + " bits cannot hold the indicators of " + n + " clients",
                  "choose at least " + std::to_string(static_cast<int>(std::floor(std::log2(reach))) + 2) + " bits");
  return chosen;
}

double next_clip_norm(double clip_norm_l2, double b_mean, double target_quantile, double learning_rate) {
  FEDSPEND_CHECK(clip_norm_l2 > 0 && std::isfinite(b_mean), "a clip norm above 0 and a finite mean");
  return clip_norm_l2 * std::exp(-learning_rate * (b_mean - target_quantile));
}

}  // namespace fedspend
