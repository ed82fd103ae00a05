#pragma once
// The distributed discrete Gaussian from update to ring vector and back: what a device adds to the secure sum, and what the
// coordinator makes of the sum. Source: Kairouz, Liu, Steinke 2021, algorithms 1 and 2; PRIVACY.md, "Distributed discrete Gaussian".
//
// Device:      clip to c -> pad to d -> rotate -> clip to c again -> scale by s and round, within the norm bound -> + noise share
//              -> mod 2^b. The second clip takes back what float rounding added to the norm in the rotation (m 2^-24 of it), which
//              at a scale of 1e6 would else be more than the rounding's bound has room for; it is not what privacy rests on.
// Coordinator: centre -> rotate back -> / (s divisor) -> the first `length` coordinates.
// With a clip indicator (adaptive_clipping.h) the ring vector has one coordinate more, the last, outside the rotation.
//
// Fail closed: an update that is not finite, and one that no try of the rounding brings within the bound, counts as zero, and the noise
// is added all the same. A zero vector is within the bound, so not even that one costs privacy; kRoundingFailureProbability is
// in delta nonetheless. Every step on the way is wiped. Immutable, thread-safe; a RandomSource serves one thread at a time.

#include <optional>
#include <span>
#include <vector>

#include "common/ids.h"
#include "common/numeric/ring_vector.h"
#include "common/privacy/adaptive_clipping.h"
#include "common/privacy/discrete_gaussian.h"
#include "common/privacy/distributed_gaussian.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

class DistributedEncoder {
 public:
  // Parameters that choose_distributed_gaussian (with noise multiplier z_delta, where there is an indicator) and
  // choose_clip_indicator gave. invalid_argument where the two are not of one round (clients, honest shares, bits).
  static Result<DistributedEncoder> create(const DistributedGaussian& parameters, const std::optional<ClipIndicator>& indicator = std::nullopt);

  const DistributedGaussian& parameters() const { return parameters_; }
  std::size_t ring_size() const;  // d, and one more with an indicator

  // `update`, as training left it (the indicator is of its norm), is clipped in place and else left as it is. The result,
  // ring_size() values mod 2^b, is secret until it is masked.
  // invalid_argument for an update that has not `length` values. Never fails otherwise.
  Result<RingVector> encode(std::span<float> update, const SessionId& session, RandomSource& random) const;

  // The mean, `length` values, from a sum of encoded vectors. divisor: the plan's fixed denominator, at least 1, never the number of
  // survivors. invalid_argument for a sum of another size or width.
  Result<std::vector<float>> decode_mean(const RingVector& sum, const SessionId& session, std::uint64_t divisor) const;
  // b_mean of adaptive_clipping.h. Only with an indicator, and of a sum that decode_mean takes (a programmer's mistake otherwise).
  double decode_indicator(const RingVector& sum) const;

 private:
  DistributedEncoder(const DistributedGaussian& parameters, const std::optional<ClipIndicator>& indicator, const DiscreteGaussian& noise,
                     const std::optional<DiscreteGaussian>& indicator_noise)
      : parameters_(parameters), indicator_(indicator), noise_(noise), indicator_noise_(indicator_noise) {}

  DistributedGaussian parameters_;
  std::optional<ClipIndicator> indicator_;
  DiscreteGaussian noise_;
  std::optional<DiscreteGaussian> indicator_noise_;
};

}  // namespace fedspend
