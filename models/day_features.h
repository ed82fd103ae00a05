#pragma once
// Days as the models see them: their number, and weekday and day of the month as points of a circle. Thread-safe.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

namespace fedspend::models {

// Since 1970-01-01, in UTC. Held to the years 1 to 9909, what the standard's calendar is good for.
constexpr std::int64_t day_of(std::int64_t time_s) {
  constexpr std::int64_t kSecondsPerDay = 86'400, kFirst = -719'000, kLast = 2'900'000;
  const std::int64_t day = time_s / kSecondsPerDay - (time_s % kSecondsPerDay < 0 ? 1 : 0);
  return day < kFirst ? kFirst : day > kLast ? kLast : day;
}

// 0 on a Sunday.
constexpr std::size_t weekday_of(std::int64_t day) { return static_cast<std::size_t>(((day + 4) % 7 + 7) % 7); }  // 1970-01-01 was a Thursday

// The sine and cosine of each of so many days, as parts of their circle.
template <std::size_t kDays>
std::array<std::array<float, 2>, kDays> circle() {
  std::array<std::array<float, 2>, kDays> points{};
  for (std::size_t i = 0; i < kDays; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(kDays);
    points[i] = {static_cast<float>(std::sin(angle)), static_cast<float>(std::cos(angle))};
  }
  return points;
}

}  // namespace fedspend::models
