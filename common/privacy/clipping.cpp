#include "common/privacy/clipping.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "common/numeric/norm.h"

namespace fedspend {
namespace {

void scale(std::span<float> values, double factor) {
  for (float& value : values) value = static_cast<float>(static_cast<double>(value) * factor);
}

}  // namespace

ClipOutcome clip_l2(std::span<float> update, double clip_norm_l2) {
  FEDSPEND_CHECK(std::isfinite(clip_norm_l2) && clip_norm_l2 > 0, "a clip norm above 0");
  const double norm = norm_l2(update);
  if (!std::isfinite(norm)) {
    std::ranges::fill(update, 0.0F);
    return {.norm_before_l2 = 0, .was_clipped = false, .was_finite = false};
  }
  if (norm <= clip_norm_l2) return {.norm_before_l2 = norm};

  scale(update, clip_norm_l2 / norm);
  const ClipOutcome clipped{.norm_before_l2 = norm, .was_clipped = true};
  if (norm_l2(update) <= clip_norm_l2) return clipped;
  // Rounding to float moves the norm by at most 2^-24 of itself; a factor 1 - 2^-22 more than makes up for that and for its
  // own rounding.
  scale(update, 1 - 0x1p-22);
  if (norm_l2(update) <= clip_norm_l2) return clipped;
  // Only coordinates so small that floats of their size have no relative precision can still be above: then c is far below
  // any real update, and zero is within it.
  std::ranges::fill(update, 0.0F);
  return clipped;
}

}  // namespace fedspend
