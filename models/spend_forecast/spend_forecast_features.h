#pragma once
// What the model spend_forecast sees of a series (a category, or the total) on the morning of a day: the bricks that its quantiles are laid
// of, and what says how. All of it from the days before (spend_calendar.h), in units of the client's own mean spend of 30 days (the level), so that
// what is learned is not how rich somebody is; and bounded. Not seen: the day of the year, which diverges on one year of data. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/history.h"
#include "models/spend_forecast/spend_calendar.h"

namespace fedspend::models {

// What the quantiles are sums of. The first four are the client's own, as steps from one to the next.
enum SpendBrick : std::uint32_t { kBrickLow, kBrickToMiddle, kBrickToHigh, kBrickToMost, kBrickLast, kBrickMean, kBrickYearly, kBrickSmoothed, kBrickConstant, kSpendBricks };

inline constexpr std::size_t kSpendNumeric = 16;  // [15] is 1 always
inline constexpr double kMostLevels = 8;          // what a brick and a target are held to
inline constexpr std::int64_t kForecastGridDays = 10;

struct SpendStep {
  std::uint32_t series = 0;   // a category, or their number: the total
  float target = -1;          // what was spent; below 0: not known
  double level = 0;           // minor units; the client's own mean spend of 30 days, at least kLeastLevel
  bool trained = false;       // the series is regular; otherwise its own quantiles are the forecast
  std::array<float, 3> own{}; // quantiles
  float smoothed = 0, last = 0, mean = 0;  // point forecasts to be held against
  std::array<float, kSpendBricks> bricks{};
  std::array<float, kSpendNumeric> numeric{};
  bool knows_category = true;
};

// The groups that an explanation tells apart (Trainer::feature_groups). Without any of them there are no bricks, and the forecast is 0.
enum SpendGroup : std::uint32_t {
  kGroupRange,     // how much 30 days of this series have varied
  kGroupLatest,    // its last 30 and 90 days
  kGroupLongRun,   // its last year
  kGroupRhythm,    // how often and how long ago it was spent on, and the day of the month
  kGroupCategory,  // which one it is
  kGroupEverything,// what the client spent of late in all
  kSpendGroups,
};
// `step` with the groups that are not in `kept` (bit g: group g) put aside.
SpendStep keep_groups(const SpendStep& step, std::uint32_t kept);

// Of a client with this past. The step has a target if the 30 days lie before the last day of the calendar, which may not be over.
SpendStep spend_step(const SpendCalendar& calendar, std::size_t categories, std::size_t series, std::int64_t day);

// The regular series on the days of the grid from `from_day` on that have targets; at most `most_days` of them, the first or the newest.
enum class GridDays { first, newest };
void append_spend_steps(const SpendCalendar& calendar, std::size_t categories, std::int64_t from_day, GridDays which, std::size_t most_days, std::vector<SpendStep>& out);

}  // namespace fedspend::models
