#pragma once
// L2 clipping of an update: x * min(1, c / |x|). NaN or infinity anywhere makes the whole update zero, because a refusal that
// depends on the data would leak (SECAGG.md case 30). Norms are summed in double. Source: McMahan et al. 2018, section 2.

#include <span>

namespace fedspend {

struct ClipOutcome {
  double norm_before_l2 = 0;  // 0 when it was not finite
  bool was_clipped = false;
  bool was_finite = true;
};

// In place; afterwards |update|_2 <= clip_norm_l2 (up to float rounding, then scaled down to hold). clip_norm_l2 > 0.
ClipOutcome clip_l2(std::span<float> update, double clip_norm_l2);

}  // namespace fedspend
