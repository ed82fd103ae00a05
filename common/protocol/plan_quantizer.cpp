#include "common/protocol/plan_quantizer.h"

#include <cmath>

namespace fedspend {

Result<Quantizer> make_quantizer(const Plan& plan, double clip_norm_l2) {
  QuantizerOptions options{.clip_norm_l2 = clip_norm_l2, .bits = plan.aggregation.bits, .max_clients = plan.devices_asked()};
  if (plan.privacy.mode == PrivacyMode::central) {
    // A deviation is z (a clip norm + sqrt(d) / 2), and a little for its roundings.
    const double deviations = 8.001 * plan.added_noise_multiplier();
    options.reserved_clip_norms = deviations;
    options.reserved_units = deviations * std::sqrt(static_cast<double>(plan.ring_length())) / 2;
  }
  return Quantizer::create(options);
}

}  // namespace fedspend
