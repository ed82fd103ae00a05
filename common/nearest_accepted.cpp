#include "common/nearest_accepted.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "common/check.h"

namespace fedspend {
namespace {

constexpr int kFewDigits = 4, kAllDigits = 17;
constexpr std::int64_t kStepByStep = 64;
constexpr double kStride = 1.25, kNear = 1e-3;
constexpr double kFarthest = 1e12;  // a factor: no setting has so wide a range that is worth a search

// `value` in so many digits, rounded towards `outwards` (a larger one, or a smaller).
double rounded(double value, int digits, bool up) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  const double nearest = std::strtod(text, nullptr);
  if (up ? nearest >= value : nearest <= value) return nearest;
  const double unit = std::pow(10.0, std::floor(std::log10(value)) - digits + 1);
  std::snprintf(text, sizeof text, "%.*e", digits - 1, up ? value + unit : value - unit);
  return std::strtod(text, nullptr);
}

}  // namespace

std::optional<std::int64_t> nearest_accepted(std::int64_t refused, std::int64_t limit, const std::function<bool(std::int64_t)>& accepts) {
  if (refused == limit) return std::nullopt;
  const std::int64_t side = limit > refused ? 1 : -1;
  const std::int64_t most = (limit - refused) * side;
  if (most <= kStepByStep) {
    for (std::int64_t step = 1; step <= most; ++step)
      if (accepts(refused + side * step)) return refused + side * step;
    return std::nullopt;
  }
  std::int64_t near = 0, far = 0;  // strides: refused, accepted
  for (std::int64_t stride = 1; far == 0; stride = std::min(2 * stride, most)) {
    if (accepts(refused + side * stride)) far = stride;
    else if (stride == most) return std::nullopt;
    else near = stride;
  }
  while (far - near > 1) {
    const std::int64_t middle = near + (far - near) / 2;
    (accepts(refused + side * middle) ? far : near) = middle;
  }
  return refused + side * far;
}

std::optional<double> nearest_accepted_number(double refused, double limit, const std::function<bool(double)>& accepts) {
  FEDSPEND_CHECK(limit > 0, "a limit above 0");
  if (refused == limit || std::isnan(refused)) return std::nullopt;
  const bool up = refused < limit;
  const double start = std::clamp(refused, limit / kFarthest, limit * kFarthest);
  double near = start, far = start;
  if (start != refused && accepts(start)) near = up ? start / kStride : start * kStride;
  else do {
    near = far;
    if (near == limit) return std::nullopt;
    far = up ? std::min(near * kStride, limit) : std::max(near / kStride, limit);
  } while (!accepts(far));
  while (std::abs(far - near) > kNear / 4 * std::min(far, near)) {
    const double middle = std::sqrt(near) * std::sqrt(far);
    (accepts(middle) ? far : near) = middle;
  }
  for (int digits = kFewDigits; digits < kAllDigits; ++digits) {
    const double shown = rounded(far, digits, up);
    if ((up ? shown <= limit : shown >= limit) && accepts(shown)) return shown;
  }
  return far;  // read back from 17 digits it is the same
}

std::string exact_text(double value) {
  char text[40];
  // Without an exponent up to a million: "%g" has one where it is told fewer digits than stand before the point.
  const double size = std::abs(value);
  for (int digits = size >= 1 && size < 1e6 ? static_cast<int>(std::log10(size)) + 1 : 1; digits <= kAllDigits; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

}  // namespace fedspend
