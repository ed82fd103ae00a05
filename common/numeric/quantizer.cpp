#include "common/numeric/quantizer.h"

#include <bit>
#include <cmath>
#include <string>

#include "common/check.h"
#include "common/numeric/norm.h"

namespace fedspend {
namespace {

constexpr double kNormTolerance = 1e-6;

// 1.5 * 2^52. A double of |v| < 2^51 added to it is rounded to a whole number, to nearest and ties to even, and the low 32 bits
// of the result are that number mod 2^32. Unlike std::nearbyint it vectorises on every processor. This file is compiled with
// -ffp-contract=off: a fused multiply-add would round once instead of twice, and not on every device.
constexpr double kRounder = 0x1.8p52;

// m: what one of n clients may add to a coordinate, in steps.
std::uint64_t steps_per_client(const QuantizerOptions& options) {
  const std::uint64_t largest = (std::uint64_t{1} << (options.bits - 1)) - 1;
  if (options.reserved_clip_norms == 0 && options.reserved_units == 0) return largest / options.max_clients;
  const double left = static_cast<double>(largest) - options.reserved_units;
  const double steps = std::floor(left / (static_cast<double>(options.max_clients) + options.reserved_clip_norms));
  return steps >= 1 ? static_cast<std::uint64_t>(steps) : 0;  // also where it is no number
}

}  // namespace

Result<Quantizer> Quantizer::create(const QuantizerOptions& options) {
  if (options.bits < 2 || options.bits > 32)
    return fail(ErrorCode::invalid_argument, "quantizer: " + std::to_string(options.bits) + " bits", "choose 2 to 32 bits");
  if (!std::isfinite(options.clip_norm_l2) || options.clip_norm_l2 <= 0)
    return fail(ErrorCode::invalid_argument, "quantizer: the clip norm is not a positive number", "choose a clip norm above 0");
  if (options.max_clients == 0)
    return fail(ErrorCode::invalid_argument, "quantizer: a sum over no client", "allow at least one client");
  const std::uint64_t steps = steps_per_client(options);
  if (steps == 0)
    return fail(ErrorCode::invalid_argument,
                "quantizer: a sum over " + std::to_string(options.max_clients) + " clients" + (options.reserved_clip_norms > 0 ? " and the noise" : "") + " would wrap in " + std::to_string(options.bits) + " bits",
                options.reserved_clip_norms > 0 ? "choose more bits, fewer clients or less noise" : "choose more bits or fewer clients: (2^(bits-1) - 1) / clients must be at least 1");
  const double scale = static_cast<double>(steps) / options.clip_norm_l2;
  if (!std::isfinite(scale) || scale <= 0)
    return fail(ErrorCode::invalid_argument, "quantizer: the clip norm is too small or too large for a scale", "choose a clip norm between 1e-30 and 1e30");
  return Quantizer(options, scale);
}

Result<RingVector> Quantizer::encode(std::span<const float> update) const {
  const double norm = norm_l2(update);
  if (!std::isfinite(norm)) return fail(ErrorCode::invalid_argument, "quantizer: the update holds NaN or infinity", "clip the update first");
  if (norm > options_.clip_norm_l2 * (1 + kNormTolerance))
    return fail(ErrorCode::invalid_argument, "quantizer: the norm of the update is above the clip norm", "clip the update first");

  RingVector encoded(update.size(), options_.bits);
  const double limit = static_cast<double>(steps_per_client(options_));
  const std::uint32_t mask = static_cast<std::uint32_t>((std::uint64_t{1} << options_.bits) - 1);
  const double scale = scale_;
  const float* in = update.data();
  std::uint32_t* out = encoded.mutable_values().data();
  const std::size_t count = update.size();
  for (std::size_t i = 0; i < count; ++i) {
    double steps = static_cast<double>(in[i]) * scale;
    steps = steps > limit ? limit : steps;
    steps = steps < -limit ? -limit : steps;
    const double shifted = steps + kRounder;
    out[i] = static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(shifted)) & mask;
  }
  return encoded;
}

std::vector<float> Quantizer::decode_mean(const RingVector& sum, std::uint64_t divisor) const {
  FEDSPEND_CHECK(divisor >= 1, "a divisor of at least 1");
  FEDSPEND_CHECK(sum.bits() == options_.bits, "a sum of this quantizer's width");
  const double steps_per_unit = scale_ * static_cast<double>(divisor);
  const unsigned spare = 32 - options_.bits;
  const std::span<const std::uint32_t> in = sum.values();
  std::vector<float> mean(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::int32_t centred = static_cast<std::int32_t>(in[i] << spare) >> spare;
    mean[i] = static_cast<float>(static_cast<double>(centred) / steps_per_unit);
  }
  return mean;
}

}  // namespace fedspend
