#include "models/spend_calendar.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "models/day_features.h"

namespace fedspend::models {
namespace {

constexpr std::int64_t kBlocks = 12, kWindows = 34, kWindowStep = 10;
constexpr double kSmoothing = 0.2;
constexpr std::array<double, 3> kPoints = {0.1, 0.5, 0.9};

}  // namespace

SpendCalendar::SpendCalendar(std::span<const HistoryRow> history, std::size_t categories) {
  if (history.empty()) return;
  days_.resize(categories + 1);
  first_day_ = last_day_ = day_of(history.front().time_s);
  for (const HistoryRow& row : history) {
    const std::int64_t day = day_of(row.time_s);
    first_day_ = std::min(first_day_, day);
    last_day_ = std::max(last_day_, day);
    if (row.direction != Direction::debit || row.amount_minor <= 0) continue;
    const double amount = std::min(static_cast<double>(row.amount_minor), kMostSpendMinor);
    if (row.category < categories) days_[row.category].push_back({day, amount});
    days_.back().push_back({day, amount});
  }
  for (std::vector<Day>& days : days_) {
    std::ranges::stable_sort(days, {}, &Day::day);
    double sum = 0;
    for (Day& day : days) day.sum = sum += day.sum;
  }
}

double SpendCalendar::before(std::size_t category, std::int64_t day) const {
  const std::vector<Day>& days = days_[category];
  const auto after = std::ranges::lower_bound(days, day, {}, &Day::day);
  return after == days.begin() ? 0 : std::prev(after)->sum;
}

double SpendCalendar::spent(std::size_t category, std::int64_t from_day, std::int64_t end_day) const {
  FEDSPEND_CHECK(from_day <= end_day, "days in their order");
  if (empty()) return 0;
  FEDSPEND_CHECK(category < days_.size(), "a category, or the total");
  return before(category, end_day) - before(category, from_day);
}

bool SpendCalendar::is_regular(std::size_t category, std::int64_t day) const {
  for (std::int64_t block = 0; block < 3; ++block)
    if (!(spent(category, day - (block + 1) * kSpendDays, day - block * kSpendDays) > 0)) return false;
  return true;
}

OwnSpend SpendCalendar::own(std::size_t category, std::int64_t day) const {
  OwnSpend own;
  const std::int64_t past = empty() ? 0 : std::max<std::int64_t>(0, day - first_day_);
  own.last = spent(category, day - kSpendDays, day);
  own.mean = spent(category, day - 90, day) * static_cast<double>(kSpendDays) / static_cast<double>(std::clamp<std::int64_t>(past, kSpendDays, 90));
  own.smoothed = own.mean;
  own.quantiles.fill(own.mean);
  for (std::int64_t block = std::min(kBlocks, past / kSpendDays), first = block; block > 0; --block) {
    const double sum = spent(category, day - block * kSpendDays, day - (block - 1) * kSpendDays);
    own.smoothed = block == first ? sum : kSmoothing * sum + (1 - kSmoothing) * own.smoothed;
  }
  std::vector<double> sums;
  for (std::int64_t end = day; std::ssize(sums) < kWindows && day - past <= end - kSpendDays; end -= kWindowStep) sums.push_back(spent(category, end - kSpendDays, end));
  if (sums.empty()) return own;
  std::ranges::sort(sums);
  for (std::size_t i = 0; i < kPoints.size(); ++i) {
    const double at = kPoints[i] * static_cast<double>(sums.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sums.size() - 1);
    own.quantiles[i] = sums[below] + (sums[above] - sums[below]) * (at - static_cast<double>(below));
  }
  return own;
}

}  // namespace fedspend::models
