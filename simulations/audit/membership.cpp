#include "simulations/audit/membership.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "common/check.h"

namespace fedspend::simulations {
namespace {

std::vector<double> sorted(std::span<const double> scores) {
  FEDSPEND_CHECK(!scores.empty() && std::ranges::all_of(scores, [](double score) { return std::isfinite(score); }), "finite scores of somebody");
  std::vector<double> all(scores.begin(), scores.end());
  std::ranges::sort(all);
  return all;
}

}  // namespace

double area_under_curve(std::span<const double> members, std::span<const double> others) {
  const std::vector<double> of_members = sorted(members), of_others = sorted(others);
  double wins = 0;
  for (const double score : of_members) {
    const auto [first, last] = std::ranges::equal_range(of_others, score);
    wins += static_cast<double>(first - of_others.begin()) + static_cast<double>(last - first) / 2;
  }
  return wins / static_cast<double>(of_members.size()) / static_cast<double>(of_others.size());
}

double true_positive_rate(std::span<const double> members, std::span<const double> others, double false_positive_rate) {
  const std::vector<double> of_members = sorted(members), of_others = sorted(others);
  const auto wrong = std::min(static_cast<std::size_t>(false_positive_rate * static_cast<double>(of_others.size())), of_others.size());
  if (wrong == of_others.size()) return 1;
  const double threshold = of_others[of_others.size() - 1 - wrong];  // at most `wrong` of the others are above
  const auto found = of_members.end() - std::ranges::upper_bound(of_members, threshold);
  return static_cast<double>(found) / static_cast<double>(of_members.size());
}

}  // namespace fedspend::simulations
