#include "client/expected_occurrence.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/day_features.h"

namespace fedspend::client {
namespace {

constexpr std::int64_t kMostTime_s = 100'000'000'000;  // some 3,000 years: differences stay in range
constexpr std::array<double, 3> kPoints = {0.1, 0.5, 0.9};

// The point below which one more of the same kind falls with this probability, as far as there are values: n of them cut the line into n + 1 parts that are as
// likely (Weibull 1939; Hyndman and Fan 1996, definition 6). Between neighbours in a line. `sorted` is not empty.
double point_of(std::span<const double> sorted, double point) {
  const double at = std::clamp(point * static_cast<double>(sorted.size() + 1) - 1, 0.0, static_cast<double>(sorted.size() - 1));
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - static_cast<double>(below));
}

}  // namespace

std::optional<ExpectedOccurrence> expected_occurrence(std::span<const models::HistoryRow> history, std::uint32_t category, std::int64_t now_s) {
  if (now_s < 0 || now_s > kMostTime_s) return std::nullopt;
  std::vector<const models::HistoryRow*> rows;
  for (const models::HistoryRow& row : history)
    if (row.category == category && row.time_s >= -kMostTime_s && row.time_s <= now_s) rows.push_back(&row);
  if (rows.empty()) return std::nullopt;
  std::ranges::stable_sort(rows, {}, &models::HistoryRow::time_s);
  const models::Direction direction = rows.back()->direction;
  std::erase_if(rows, [direction](const models::HistoryRow* row) { return row->direction != direction; });
  if (rows.size() < kLeastOccurrences) return std::nullopt;
  const std::span<const models::HistoryRow* const> newest = std::span(rows).last(std::min(rows.size(), kOccurrencesSeen));
  std::vector<double> amounts, left;
  const std::int64_t today = models::day_of(now_s), passed = today - models::day_of(newest.back()->time_s);
  for (std::size_t i = 0; i < newest.size(); ++i) {
    amounts.push_back(static_cast<double>(newest[i]->amount_minor));
    if (i == 0) continue;
    const std::int64_t gap = models::day_of(newest[i]->time_s) - models::day_of(newest[i - 1]->time_s);
    if (gap >= passed) left.push_back(static_cast<double>(gap - passed));
  }
  std::ranges::sort(amounts);
  std::ranges::sort(left);
  ExpectedOccurrence expected;
  for (std::size_t i = 0; i < kPoints.size(); ++i) expected.amount_minor[i] = point_of(amounts, kPoints[i]);
  if (left.size() < kLeastOccurrences) return expected;
  expected.in_days.emplace();
  *expected.in_days = {static_cast<std::int64_t>(std::floor(point_of(left, kPoints[0]))), std::llround(point_of(left, kPoints[1])), static_cast<std::int64_t>(std::ceil(point_of(left, kPoints[2])))};
  return expected;
}

}  // namespace fedspend::client
