#include "common/privacy/central_gaussian.h"

#include <cmath>

#include "common/check.h"
#include "common/shown_number.h"

namespace fedspend {

Result<CentralGaussian> CentralGaussian::create(const CentralGaussianGoal& goal) {
  // Written so that what is no number is refused.
  if (!(goal.scale > 0 && goal.clip_norm_l2 > 0 && goal.noise_multiplier > 0 && goal.dimension > 0))
    return fail(ErrorCode::invalid_argument, "central noise needs a scale, a clip norm, a dimension and a noise multiplier above 0");
  const double dimension = static_cast<double>(goal.dimension);
  // The quantizer's tolerance, and upwards for the rounding of these few products.
  const double sensitivity = (goal.scale * goal.clip_norm_l2 * (1 + 1e-6) + std::sqrt(dimension) / 2) * (1 + 0x1p-48);
  const double deviation = goal.noise_multiplier * sensitivity;
  if (!(deviation >= 1 && deviation <= 0x1p30)) {
    const std::string why = "central noise of " + shown_number(deviation) + " ring units (noise multiplier " + shown_number(goal.noise_multiplier) + ", sensitivity " + shown_number(sensitivity) + ") is not within 1 to 2^30";
    return fail(ErrorCode::invalid_argument, why, deviation < 1 ? "raise privacy.noise_multiplier or aggregation.bits" : "lower aggregation.bits or privacy.noise_multiplier");
  }
  const double room = std::ldexp(1.0, static_cast<int>(goal.bits) - 1) - 1;
  const double needed = static_cast<double>(goal.max_clients) * goal.scale * goal.clip_norm_l2 + kCentralNoiseDeviations * deviation;
  if (!(goal.bits >= 2 && goal.bits <= 32 && goal.max_clients >= 1 && needed <= room)) {
    const std::string why = "central noise of " + shown_number(deviation) + " ring units beside a sum of " + std::to_string(goal.max_clients) + " updates takes " + shown_number(needed) + ", and " + std::to_string(goal.bits) + " bits hold " + shown_number(room);
    return fail(ErrorCode::invalid_argument, why, "raise aggregation.bits, or lower privacy.noise_multiplier");
  }
  FEDSPEND_ASSIGN(const RoundedGaussian noise, RoundedGaussian::create(deviation_at_least(deviation * (1 + 0x1p-48))));
  return CentralGaussian(goal, sensitivity, noise);
}

std::vector<float> CentralGaussian::release_mean(const RingVector& sum, std::uint64_t divisor, RandomSource& random) const {
  FEDSPEND_CHECK(sum.size() == goal_.dimension, "a sum of the dimension that the noise is for");
  FEDSPEND_CHECK(divisor > 0, "a divisor of at least 1");
  return noisy_mean(sum, goal_.scale * static_cast<double>(divisor), noise_, random);
}

}  // namespace fedspend
