#include "models/spend_forecast/spend_calendar.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "models/day_features.h"

namespace fedspend::models {
namespace {

constexpr std::int64_t kWindowStep = 10;
constexpr std::size_t kBlocks = 12, kStepsInBlock = 3;
static_assert(kWindowStep * kStepsInBlock == kSpendDays);
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

std::span<const SpendCalendar::Day> SpendCalendar::before(std::size_t category, std::int64_t day) const {
  if (empty()) return {};
  FEDSPEND_CHECK(category < days_.size(), "a category, or the total");
  const std::vector<Day>& days = days_[category];
  return {days.begin(), std::ranges::lower_bound(days, day, {}, &Day::day)};
}

// How many of them lie before `day`, which is near their end: looked for in strides that double.
std::size_t SpendCalendar::place_of(std::span<const Day> days, std::int64_t day) {
  std::size_t end = days.size(), stride = 1;
  while (end > 0 && days[end - 1].day >= day) {
    const std::size_t next = end - std::min(stride, end);
    if (next == 0 || days[next - 1].day < day) return static_cast<std::size_t>(std::ranges::lower_bound(days.begin() + static_cast<std::ptrdiff_t>(next), days.begin() + static_cast<std::ptrdiff_t>(end), day, {}, &Day::day) - days.begin());
    end = next;
    stride *= 2;
  }
  return end;
}

double SpendCalendar::sum_before(std::size_t category, std::int64_t day) const {
  const std::span<const Day> days = before(category, day);
  return days.empty() ? 0 : days.back().sum;
}

double SpendCalendar::spent(std::size_t category, std::int64_t from_day, std::int64_t end_day) const {
  FEDSPEND_CHECK(from_day <= end_day, "days in their order");
  return sum_before(category, end_day) - sum_before(category, from_day);
}

std::size_t SpendCalendar::times(std::size_t category, std::int64_t from_day, std::int64_t end_day) const {
  FEDSPEND_CHECK(from_day <= end_day, "days in their order");
  return before(category, end_day).size() - before(category, from_day).size();
}

std::int64_t SpendCalendar::since(std::size_t category, std::int64_t day) const {
  const std::span<const Day> days = before(category, day);
  return days.empty() ? std::max<std::int64_t>(0, day - first_day_) : day - days.back().day;
}

bool SpendCalendar::may_be_regular(std::size_t category, std::int64_t day) const {
  std::span<const Day> days = before(category, day);
  for (std::int64_t block = 1; block <= 3; ++block) {
    const std::size_t earlier = place_of(days, day - block * kSpendDays);
    if (earlier == days.size()) return false;
    days = days.first(earlier);
  }
  return true;
}

OwnSpend SpendCalendar::own(std::size_t category, std::int64_t day) const {
  OwnSpend own;
  const std::int64_t past = empty() ? 0 : std::max<std::int64_t>(0, day - first_day_);
  std::array<double, kBlocks * kStepsInBlock + 1> sums{};  // of all before the days 0, 10, 20, ... before
  std::span<const Day> days = before(category, day);
  for (std::size_t step = 0; step < sums.size(); ++step) {
    days = days.first(place_of(days, day - static_cast<std::int64_t>(step) * kWindowStep));
    sums[step] = days.empty() ? 0 : days.back().sum;
  }
  const auto block = [&](std::size_t ended) { return sums[ended] - sums[ended + kStepsInBlock]; };
  const auto a_month = [past](double sum, std::int64_t reach) { return sum * static_cast<double>(kSpendDays) / static_cast<double>(std::clamp<std::int64_t>(past, kSpendDays, reach)); };
  own.last = block(0);
  own.mean = a_month(sums[0] - sums[3 * kStepsInBlock], 3 * kSpendDays);
  own.yearly = a_month(sums.front() - sums.back(), static_cast<std::int64_t>(kBlocks) * kSpendDays);
  own.is_regular = block(0) > 0 && block(kStepsInBlock) > 0 && block(2 * kStepsInBlock) > 0;
  own.smoothed = own.most = own.mean;
  own.quantiles.fill(own.mean);
  const std::size_t whole = std::min(kBlocks, static_cast<std::size_t>(past / kSpendDays));
  for (std::size_t i = whole; i-- > 0;) {
    const double sum = block(i * kStepsInBlock);
    own.smoothed = i + 1 == whole ? sum : kSmoothing * sum + (1 - kSmoothing) * own.smoothed;
  }
  if (whole == 0) return own;
  std::array<double, kBlocks * kStepsInBlock - kStepsInBlock + 1> windows{};
  const std::size_t count = std::min(windows.size(), static_cast<std::size_t>((past - kSpendDays) / kWindowStep) + 1);
  for (std::size_t i = 0; i < count; ++i) windows[i] = block(i);
  std::sort(windows.begin(), windows.begin() + static_cast<std::ptrdiff_t>(count));
  own.most = windows[count - 1];
  own.without = static_cast<double>(std::upper_bound(windows.begin(), windows.begin() + static_cast<std::ptrdiff_t>(count), 0.0) - windows.begin()) / static_cast<double>(count);
  for (std::size_t i = 0; i < kPoints.size(); ++i) {
    const double at = kPoints[i] * static_cast<double>(count - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, count - 1);
    own.quantiles[i] = windows[below] + (windows[above] - windows[below]) * (at - static_cast<double>(below));
  }
  return own;
}

}  // namespace fedspend::models
