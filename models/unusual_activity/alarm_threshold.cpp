#include "models/unusual_activity/alarm_threshold.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace fedspend::models {

std::optional<float> alarm_threshold(std::span<const float> surprises, std::int64_t days, double alarms_per_month) {
  const bool finite = std::ranges::all_of(surprises, [](float value) { return std::isfinite(value); });
  if (surprises.empty() || days <= 0 || !finite || !std::isfinite(alarms_per_month) || alarms_per_month < 0) return std::nullopt;
  const double borne = std::floor(alarms_per_month * static_cast<double>(days) / 30.0);
  if (borne >= static_cast<double>(surprises.size())) return std::numeric_limits<float>::lowest();
  std::vector<float> sorted(surprises.begin(), surprises.end());
  const auto first_silent = sorted.begin() + static_cast<std::ptrdiff_t>(borne);
  std::nth_element(sorted.begin(), first_silent, sorted.end(), std::greater<>());
  return *first_silent;
}

}  // namespace fedspend::models
