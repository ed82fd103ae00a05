#pragma once
// What a client spent, by day and category, as spend_forecast sees it; and what the client's own past says of the 30 days to come. Only debits
// are spend: a credit may be income as well as a refund, and lowers nothing. An amount counts as 0 to kMostSpendMinor; days are UTC's
// (day_features.h), and rows may lie in any order. Immutable once made, thread-safe.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/history.h"

namespace fedspend::models {

inline constexpr std::int64_t kSpendDays = 30;
inline constexpr double kMostSpendMinor = 1e12;

// Of one category, on the morning of a day, from the days before it. In minor units for 30 days.
struct OwnSpend {
  double last = 0;      // the 30 days before
  double mean = 0;      // of 90 days, or of those that there are, but at least 30
  double yearly = 0;    // the same of 360 days
  double smoothed = 0;  // exponential smoothing by .2 over blocks of 30 days, the newest 12; without a whole block: mean
  // The 10, 50 and 90% points of the spends of 30 days that ended 0, 10, 20, ... 330 days before, as far as the past reaches; without one: mean.
  std::array<double, 3> quantiles{};
  double most = 0;      // the largest of those spends; without one: mean
  double without = 0;   // the share of them that are 0
  bool is_regular = false;  // spent on in each of the three blocks of 30 days before: what a budget has a line for, and what is scored
};

class SpendCalendar {
 public:
  // Category `categories` is the total, which counts the rows of unknown categories, too.
  SpendCalendar(std::span<const HistoryRow> history, std::size_t categories);

  bool empty() const { return days_.empty(); }
  std::int64_t first_day() const { return first_day_; }  // of an empty history 0
  std::int64_t last_day() const { return last_day_; }
  double spent(std::size_t category, std::int64_t from_day, std::int64_t end_day) const;
  std::size_t times(std::size_t category, std::int64_t from_day, std::int64_t end_day) const;  // that something was spent
  std::int64_t since(std::size_t category, std::int64_t day) const;  // days from the newest spend before `day`; without one, of all that there are
  OwnSpend own(std::size_t category, std::int64_t day) const;
  bool may_be_regular(std::size_t category, std::int64_t day) const;  // false: own() is not; in less time than own() takes

 private:
  struct Day {
    std::int64_t day;
    double sum;  // up to its end
  };
  static std::size_t place_of(std::span<const Day> days, std::int64_t day);
  std::span<const Day> before(std::size_t category, std::int64_t day) const;
  double sum_before(std::size_t category, std::int64_t day) const;

  std::vector<std::vector<Day>> days_;  // by category
  std::int64_t first_day_ = 0, last_day_ = 0;
};

}  // namespace fedspend::models
