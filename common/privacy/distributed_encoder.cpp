#include "common/privacy/distributed_encoder.h"

#include <algorithm>
#include <string>

#include "common/check.h"
#include "common/crypto/secret.h"
#include "common/numeric/rotation.h"
#include "common/privacy/clipping.h"
#include "common/privacy/conditional_rounding.h"

namespace fedspend {
namespace {

// A buffer of secrets, zero at first and wiped at the end.
template <class Value>
class WipedVector {
 public:
  explicit WipedVector(std::size_t size) : values_(size) {}
  ~WipedVector() { wipe(MutableByteSpan(reinterpret_cast<std::uint8_t*>(values_.data()), values_.size() * sizeof(Value))); }
  WipedVector(const WipedVector&) = delete;
  WipedVector& operator=(const WipedVector&) = delete;
  std::span<Value> values() { return values_; }

 private:
  std::vector<Value> values_;
};

std::uint32_t reduce(std::int64_t value, unsigned bits) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << bits) - 1));
}

std::int64_t indicator_value(const ClipOutcome& outcome, const ClipIndicator& indicator) {
  if (!outcome.was_finite) return 0;
  return outcome.was_clipped ? -std::int64_t{indicator.weight} : std::int64_t{indicator.weight};
}

}  // namespace

Result<DistributedEncoder> DistributedEncoder::create(const DistributedGaussian& parameters, const std::optional<ClipIndicator>& indicator) {
  FEDSPEND_ASSIGN(const DiscreteGaussian noise, DiscreteGaussian::create(parameters.share_variance));
  if (!indicator) return DistributedEncoder(parameters, indicator, noise, std::nullopt);
  const DistributedGaussianGoal& update = parameters.goal;
  if (indicator->goal.clients != update.clients || indicator->goal.honest_shares != update.honest_shares || indicator->goal.bits != update.bits)
    return fail(ErrorCode::invalid_argument, "distributed encoder: update and clip indicator have different clients, honest shares or bits");
  FEDSPEND_ASSIGN(const DiscreteGaussian indicator_noise, DiscreteGaussian::create(indicator->share_variance));
  return DistributedEncoder(parameters, indicator, noise, indicator_noise);
}

std::size_t DistributedEncoder::ring_size() const { return static_cast<std::size_t>(parameters_.dimension) + (indicator_ ? 1 : 0); }

Result<RingVector> DistributedEncoder::encode(std::span<float> update, const SessionId& session, RandomSource& random) const {
  if (update.size() != parameters_.goal.length)
    return fail(ErrorCode::invalid_argument,
                "distributed encoder: an update of " + std::to_string(update.size()) + " values, " + std::to_string(parameters_.goal.length) + " expected");
  const std::size_t d = static_cast<std::size_t>(parameters_.dimension);
  const double clip_norm = parameters_.goal.clip_norm_l2;
  const unsigned width = parameters_.goal.bits;
  const ClipOutcome outcome = clip_l2(update, clip_norm);

  WipedVector<float> rotated(d);
  std::ranges::copy(update, rotated.values().begin());
  rotate(session, rotated.values());
  clip_l2(rotated.values(), clip_norm);

  RandomBits bits(random);
  WipedVector<std::int32_t> rounded(d);
  // When no try succeeds, `rounded` is zero, and that is what is sent.
  (void)round_conditionally(rotated.values(), parameters_.scale, parameters_.squared_norm_bound, bits, rounded.values());

  RingVector encoded(ring_size(), width);
  const std::span<std::uint32_t> ring = encoded.mutable_values();
  const std::span<const std::int32_t> integers = rounded.values();
  for (std::size_t i = 0; i < d; ++i) ring[i] = reduce(integers[i] + noise_.sample(bits), width);
  if (indicator_) ring[d] = reduce(indicator_value(outcome, *indicator_) + indicator_noise_->sample(bits), width);
  return encoded;
}

Result<std::vector<float>> DistributedEncoder::decode_mean(const RingVector& sum, const SessionId& session, std::uint64_t divisor) const {
  FEDSPEND_CHECK(divisor >= 1, "a divisor of at least 1");
  if (sum.size() != ring_size() || sum.bits() != parameters_.goal.bits)
    return fail(ErrorCode::invalid_argument, "distributed encoder: a sum of " + std::to_string(sum.size()) + " values of " + std::to_string(sum.bits()) + " bits, " +
                                                 std::to_string(ring_size()) + " of " + std::to_string(parameters_.goal.bits) + " expected");
  std::vector<float> mean(static_cast<std::size_t>(parameters_.dimension));
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = static_cast<float>(sum.centred(i));
  rotate_back(session, mean);
  mean.resize(static_cast<std::size_t>(parameters_.goal.length));
  const double steps_per_unit = parameters_.scale * static_cast<double>(divisor);
  for (float& value : mean) value = static_cast<float>(value / steps_per_unit);
  return mean;
}

double DistributedEncoder::decode_indicator(const RingVector& sum) const {
  FEDSPEND_CHECK(indicator_.has_value() && sum.size() == ring_size() && sum.bits() == parameters_.goal.bits, "a sum with an indicator");
  return indicator_->mean(sum.centred(sum.size() - 1));
}

}  // namespace fedspend
