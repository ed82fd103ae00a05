#pragma once
// How a plan's updates become integers where no device adds noise of its own (modes none and central): the same quantizer at both ends.
// Central noise is added in the ring, which keeps room for eight of its standard deviations beside the longest sum
// (common/privacy/central_gaussian.h). Thread-safe: no state.

#include "common/numeric/quantizer.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend {

// invalid_argument: the plan's bits do not hold the sum and the noise.
Result<Quantizer> make_quantizer(const Plan& plan, double clip_norm_l2);

}  // namespace fedspend
