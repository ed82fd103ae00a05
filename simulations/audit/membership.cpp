#include "simulations/audit/membership.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "common/check.h"
#include "simulations/audit/binomial.h"

namespace fedspend::simulations {
namespace {

constexpr double kError = 0.025;              // on each side
constexpr double kNormalQuantile = 1.959964;  // of 1 - kError

std::vector<double> sorted(std::span<const double> scores) {
  FEDSPEND_CHECK(!scores.empty() && std::ranges::all_of(scores, [](double score) { return std::isfinite(score); }), "finite scores of somebody");
  std::vector<double> all(scores.begin(), scores.end());
  std::ranges::sort(all);
  return all;
}

// Newcombe's, of an area that is `area`: at 1/2 Mann and Whitney's own (m + n + 1) / (12 m n).
double variance_of_area(double area, double members, double others) {
  const double mean_others = (members + others) / 2 - 1;
  return area * (1 - area) * (1 + mean_others * (1 - area) / (2 - area) + mean_others * area / (1 + area)) / (members * others);
}

// From `found` towards `end`, the last area that is no further off than its own standard deviation allows.
double bound_of_area(double found, double end, double members, double others) {
  const auto is_within = [&](double area) { return std::abs(found - area) <= kNormalQuantile * std::sqrt(variance_of_area(area, members, others)); };
  double inside = found, outside = end;
  for (int i = 0; i < 60; ++i) {
    const double middle = (inside + outside) / 2;
    (is_within(middle) ? inside : outside) = middle;
  }
  return inside;
}

}  // namespace

Estimate area_under_curve(std::span<const double> members, std::span<const double> others) {
  const std::vector<double> of_members = sorted(members), of_others = sorted(others);
  double wins = 0;
  for (const double score : of_members) {
    const auto [first, last] = std::ranges::equal_range(of_others, score);
    wins += static_cast<double>(first - of_others.begin()) + static_cast<double>(last - first) / 2;
  }
  const double m = static_cast<double>(of_members.size()), n = static_cast<double>(of_others.size());
  const double area = wins / m / n;
  return {.value = area, .low = bound_of_area(area, 0, m, n), .high = bound_of_area(area, 1, m, n)};
}

Estimate true_positive_rate(std::span<const double> members, std::span<const double> others, double false_positive_rate) {
  const std::vector<double> of_members = sorted(members), of_others = sorted(others);
  const auto wrong = std::min(static_cast<std::size_t>(false_positive_rate * static_cast<double>(of_others.size())), of_others.size());
  std::size_t found = of_members.size();
  if (wrong < of_others.size()) {
    const double threshold = of_others[of_others.size() - 1 - wrong];  // at most `wrong` of the others are above
    found = static_cast<std::size_t>(of_members.end() - std::ranges::upper_bound(of_members, threshold));
  }
  return {.value = static_cast<double>(found) / static_cast<double>(of_members.size()),
          .low = lower_confidence(found, of_members.size(), kError),
          .high = upper_confidence(found, of_members.size(), kError)};
}

}  // namespace fedspend::simulations
