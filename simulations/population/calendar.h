#pragma once
// The days of the synthetic population, one after the other, in the customer's local time. Pure values.

#include <cstdint>

#include "models/transactions/transaction_fields.h"

namespace fedspend::simulations {

inline constexpr std::int64_t kDaySeconds = 86'400;
inline constexpr std::int64_t kFirstYear = 2023;

struct Day {
  std::int64_t number = 0;  // days since 1970-01-01
  int year = 1970;
  int month = 1;            // 1 ... 12
  int of_month = 1;
  int last_of_month = 31;
  int of_week = 3;          // Monday: 0
  int months_passed = 0;    // since January of kFirstYear

  std::int64_t begin_s() const { return number * kDaySeconds; }
  bool weekend() const { return of_week >= 5; }
  // "The 31st" is the last day of a shorter month.
  bool is_day_of_month(int day) const { return of_month == day || (of_month == last_of_month && day > last_of_month); }
};

// The first day of a month, counted from January of kFirstYear.
inline Day first_day_of(unsigned month) {
  const std::int64_t year = kFirstYear + month / 12;
  const unsigned next = month + 1;
  const std::int64_t begin = models::seconds_of_day(year, month % 12 + 1, 1) / kDaySeconds;
  const std::int64_t end = models::seconds_of_day(kFirstYear + next / 12, next % 12 + 1, 1) / kDaySeconds;
  return {.number = begin,
          .year = static_cast<int>(year),
          .month = static_cast<int>(month % 12) + 1,
          .of_month = 1,
          .last_of_month = static_cast<int>(end - begin),
          .of_week = static_cast<int>((begin + 3) % 7),
          .months_passed = static_cast<int>(month)};
}

// The next day of the same month.
inline void advance(Day& day) {
  ++day.number;
  ++day.of_month;
  day.of_week = (day.of_week + 1) % 7;
}

}  // namespace fedspend::simulations
