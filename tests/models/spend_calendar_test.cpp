#include "models/spend_forecast/spend_calendar.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "tests/models/toy_history.h"

using namespace fedspend::models;

namespace {

HistoryRow row(std::int64_t day, std::int64_t amount, std::uint32_t category = 0, Direction direction = Direction::debit) {
  return {.time_s = day * 86'400, .amount_minor = amount, .category = category, .direction = direction};
}

}  // namespace

TEST_CASE("spend is what went out in a category between two days, the total counts unknown categories, and a credit lowers nothing") {
  const std::vector<HistoryRow> history = {row(105, 300), row(100, 200), row(101, 1'000, 1), row(101, 70, 2), row(102, 5'000, 0, Direction::credit), row(103, -40)};
  const SpendCalendar calendar(history, 2);
  CHECK(calendar.spent(0, 100, 105) == 200);
  CHECK(calendar.spent(0, 100, 106) == 500);
  CHECK(calendar.spent(1, 0, 1'000) == 1'000);
  CHECK(calendar.spent(2, 0, 1'000) == 1'570);
  CHECK(calendar.first_day() == 100);
  CHECK(calendar.last_day() == 105);
  CHECK(calendar.times(2, 100, 102) == 3);
  CHECK(calendar.times(0, 101, 105) == 0);
  CHECK(calendar.since(0, 105) == 5);
  CHECK(calendar.since(0, 106) == 1);
  CHECK(calendar.since(1, 101) == 1);  // nothing yet: all the days that there are
}

TEST_CASE("the share of the own spends of 30 days that are 0") {
  const std::vector<HistoryRow> history = {row(0, 5, 1), row(60, 100)};  // on day 120: of the ten that ended on days 120, 110, ... 30 three hold day 60
  const OwnSpend own = SpendCalendar(history, 2).own(0, 120);
  CHECK(own.without == doctest::Approx(0.7));
  CHECK(own.most == 100);
  CHECK(own.quantiles[0] == 0);
}

TEST_CASE("a month of the client's own: the last, the mean, the smoothed one and the quantiles, from the days before alone") {
  std::vector<HistoryRow> history;
  for (std::int64_t block = 0; block < 11; ++block) history.push_back(row(block * 30, (block + 1) * 100));
  const OwnSpend own = SpendCalendar(history, 1).own(0, 330);
  CHECK(own.last == 1'100);
  CHECK(own.mean == 1'000);
  double smoothed = 100;
  for (int block = 1; block < 11; ++block) smoothed = 0.2 * (block + 1) * 100 + 0.8 * smoothed;
  CHECK(own.smoothed == doctest::Approx(smoothed));
  CHECK(own.quantiles[0] == doctest::Approx(200));  // 31 windows: 100 once, and each other amount three times
  CHECK(own.quantiles[1] == doctest::Approx(600));
  CHECK(own.quantiles[2] == doctest::Approx(1'000));
  CHECK(own.yearly == doctest::Approx(600));  // of the 330 days that there are
  CHECK(own.most == 1'100);
  CHECK(own.without == 0);
  history.push_back(row(330, 900'000));
  const OwnSpend again = SpendCalendar(history, 1).own(0, 330);
  CHECK(again.last == own.last);
  CHECK(again.quantiles == own.quantiles);
}

TEST_CASE("a category is regular if each of the three blocks of 30 days before has spend") {
  std::vector<HistoryRow> history = {row(10, 1), row(40, 1), row(70, 1)};
  CHECK(SpendCalendar(history, 1).own(0, 90).is_regular);
  CHECK_FALSE(SpendCalendar(history, 1).own(0, 101).is_regular);                    // nothing in the newest of them
  CHECK_FALSE(SpendCalendar(std::span(history).subspan(1), 1).own(0, 90).is_regular);  // nor in the oldest
  history[1].direction = Direction::credit;
  CHECK_FALSE(SpendCalendar(history, 1).own(0, 90).is_regular);
}

TEST_CASE("odd histories give finite spends whose quantiles do not cross: none, one row, clocks that jump, huge amounts, ten years") {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
  const auto check = [](std::span<const HistoryRow> history) {
    const SpendCalendar calendar(history, 5);
    for (const std::size_t category : {0u, 5u}) {
      const OwnSpend own = calendar.own(category, calendar.last_day() + 1);
      for (const double value : {own.last, own.mean, own.yearly, own.smoothed, own.most, own.quantiles[0]}) CHECK((std::isfinite(value) && value >= 0));
      CHECK(own.quantiles[0] <= own.quantiles[1]);
      CHECK(own.quantiles[1] <= own.quantiles[2]);
      CHECK(std::isfinite(own.quantiles[2]));
    }
  };
  std::vector<HistoryRow> history;
  check(history);
  for (const std::int64_t time_s : {std::int64_t{0}, kLargest, kLeast, std::int64_t{1'500'000'000}})
    for (const std::int64_t amount : {std::int64_t{0}, kLargest, kLeast}) {
      history.push_back({.time_s = time_s, .amount_minor = amount, .category = 0});
      check(history);
    }
  check(random_history(40'000, 5, 3));
}
