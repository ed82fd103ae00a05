#include "models/spend_forecast/spend_forecast_features.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "models/day_features.h"

namespace fedspend::models {
namespace {

constexpr double kLeastLevel = 100;  // minor units
constexpr double kConstantBrick = 0.1;
constexpr float kMostNumeric = 3;

double level_of(double yearly) { return std::max(yearly, kLeastLevel); }

SpendStep make_step(const SpendCalendar& calendar, std::size_t series, std::int64_t day, const OwnSpend& own, const OwnSpend& all, bool has_target) {
  static const auto month_days = circle<31>();
  SpendStep step;
  step.series = static_cast<std::uint32_t>(series);
  step.level = level_of(all.yearly);
  step.trained = own.is_regular;
  const auto levels = [&](double spend) { return std::min(spend / step.level, kMostLevels); };
  if (has_target) step.target = static_cast<float>(levels(calendar.spent(series, day, day + kSpendDays)));
  const double low = levels(own.quantiles[0]), middle = levels(own.quantiles[1]), high = levels(own.quantiles[2]), most = levels(own.most);
  const double last = levels(own.last), mean = levels(own.mean), yearly = levels(own.yearly), smoothed = levels(own.smoothed);
  step.own = {static_cast<float>(low), static_cast<float>(middle), static_cast<float>(high)};
  step.smoothed = static_cast<float>(smoothed);
  step.last = static_cast<float>(last);
  step.mean = static_cast<float>(mean);
  const std::array<double, kSpendBricks> bricks = {low, middle - low, high - middle, std::max(0.0, most - high), last, mean, yearly, smoothed, kConstantBrick};
  std::ranges::transform(bricks, step.bricks.begin(), [](double brick) { return static_cast<float>(brick); });
  const auto log_of = [](double spend) { return std::log((spend + 0.02) / 1.02); };
  const auto log_times = [&](std::int64_t days) { return std::log1p(static_cast<double>(calendar.times(series, day - days, day))) / 2; };
  const double usual = log_of(yearly), waited = static_cast<double>(std::min<std::int64_t>(calendar.since(series, day), 400));
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  const auto& month_day = month_days[static_cast<unsigned>(date.day()) - 1];
  const std::array<double, kSpendNumeric> numeric = {log_of(last) - usual, log_of(mean) - usual, log_of(smoothed) - usual, log_of(high) - usual, log_of(low) - usual, log_of(middle) - usual, usual / 2,
                                                     std::log1p(waited) / 3 - 0.7, log_times(30) - 0.5, log_times(90) - 0.8, 0.5 - own.without, all.last / step.level - 1, all.mean / step.level - 1,
                                                     static_cast<double>(month_day[0]), static_cast<double>(month_day[1]), 1};
  std::ranges::transform(numeric, step.numeric.begin(), [](double value) { return std::clamp(static_cast<float>(value), -kMostNumeric, kMostNumeric); });
  return step;
}

}  // namespace

SpendStep keep_groups(const SpendStep& step, std::uint32_t kept) {
  constexpr std::array<SpendGroup, kSpendBricks> kOfBrick = {kGroupRange, kGroupRange, kGroupRange, kGroupRange, kGroupLatest, kGroupLatest, kGroupLongRun, kGroupLatest, kGroupLongRun};
  constexpr std::array<SpendGroup, kSpendNumeric> kOfNumeric = {kGroupLatest, kGroupLatest, kGroupLatest, kGroupRange, kGroupRange, kGroupRange, kGroupLongRun, kGroupRhythm,
                                                                kGroupRhythm, kGroupRhythm, kGroupRhythm, kGroupEverything, kGroupEverything, kGroupRhythm, kGroupRhythm, kSpendGroups};
  const auto keeps = [kept](SpendGroup group) { return group == kSpendGroups || (kept >> group & 1u) != 0; };
  SpendStep made = step;
  for (std::size_t i = 0; i < kSpendBricks; ++i)
    if (!keeps(kOfBrick[i])) made.bricks[i] = 0;
  for (std::size_t i = 0; i < kSpendNumeric; ++i)
    if (!keeps(kOfNumeric[i])) made.numeric[i] = 0;
  if (!keeps(kGroupRange)) made.own.fill(0);
  made.knows_category = step.knows_category && keeps(kGroupCategory);
  return made;
}

SpendStep spend_step(const SpendCalendar& calendar, std::size_t categories, std::size_t series, std::int64_t day) {
  const OwnSpend all = calendar.own(categories, day);
  return make_step(calendar, series, day, series == categories ? all : calendar.own(series, day), all, day + kSpendDays <= calendar.last_day());
}

void append_spend_steps(const SpendCalendar& calendar, std::size_t categories, std::int64_t from_day, GridDays which, std::size_t most_days, std::vector<SpendStep>& out) {
  if (calendar.empty()) return;
  const auto on_grid = [](std::int64_t day) { return day - ((day % kForecastGridDays) + kForecastGridDays) % kForecastGridDays; };
  std::int64_t first = on_grid(std::max(from_day, calendar.first_day()) + kForecastGridDays - 1), last = on_grid(calendar.last_day() - kSpendDays);
  const std::int64_t reach = (static_cast<std::int64_t>(most_days) - 1) * kForecastGridDays;
  if (which == GridDays::first) last = std::min(last, first + reach);
  else first = std::max(first, last - reach);
  for (std::int64_t day = first; day <= last; day += kForecastGridDays) {
    const OwnSpend all = calendar.own(categories, day);
    if (!all.is_regular) continue;  // then no part of it is
    for (std::size_t series = 0; series < categories; ++series) {
      if (!calendar.may_be_regular(series, day)) continue;
      const OwnSpend own = calendar.own(series, day);
      if (own.is_regular) out.push_back(make_step(calendar, series, day, own, all, true));
    }
    out.push_back(make_step(calendar, categories, day, all, all, true));
  }
}

}  // namespace fedspend::models
