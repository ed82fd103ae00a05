// When a category usually comes, and with what amount.

#include "client/expected_occurrence.h"

#include <limits>

#include <doctest/doctest.h>

namespace fedspend::client {
namespace {

using models::Direction;
using models::HistoryRow;

constexpr std::int64_t kDay_s = 86'400, kNow_s = 20'000 * kDay_s + 40'000;

// Rent of 1,200 every 30 days, the last 10 days ago; a coffee a day at noon, of 3.00 to 3.23; a salary every 30 days, 5 days ago.
std::vector<HistoryRow> life() {
  std::vector<HistoryRow> history;
  for (std::int64_t day = 200; day >= 0; --day) {
    const std::int64_t midnight_s = (20'000 - day) * kDay_s;
    if (day % 30 == 10) history.push_back({.time_s = midnight_s + 1, .amount_minor = 120'000, .category = 0});
    if (day > 0) history.push_back({.time_s = midnight_s + 43'200, .amount_minor = 300 + day % 24, .category = 1});
    if (day % 30 == 5) history.push_back({.time_s = midnight_s + 2, .amount_minor = 250'000, .category = 2, .direction = Direction::credit});
  }
  return history;
}

using Days = std::array<std::int64_t, 3>;

TEST_CASE("what comes every 30 days is expected when 30 have gone by; what comes at noon, at the next noon") {
  const auto history = life();
  const auto rent = expected_occurrence(history, 0, kNow_s);
  REQUIRE(rent);
  CHECK(rent->in_days == Days{20, 20, 20});
  CHECK(rent->amount_minor == std::array{120'000.0, 120'000.0, 120'000.0});
  CHECK(expected_occurrence(history, 2, kNow_s)->in_days == Days{25, 25, 25});
  const auto coffee = expected_occurrence(history, 1, kNow_s);
  REQUIRE(coffee);
  CHECK(coffee->in_days == Days{0, 0, 0});  // it is 11:06
  CHECK(coffee->amount_minor[0] == doctest::Approx(301.5));  // 24 amounts cut the line into 25 parts
  CHECK(coffee->amount_minor[1] == doctest::Approx(311.5));
  CHECK(coffee->amount_minor[2] == doctest::Approx(321.5));
  CHECK_FALSE(expected_occurrence(history, 3, kNow_s));
}

TEST_CASE("gaps that are shorter than what has passed are out; where fewer than four are left no day is said") {
  std::vector<HistoryRow> history;
  std::int64_t day = 19'900;
  for (const std::int64_t gap : {7, 7, 14, 7, 21}) history.push_back({.time_s = (day += gap) * kDay_s, .amount_minor = 100, .category = 0});
  const auto after = [&](std::int64_t days) { return expected_occurrence(history, 0, (day + days) * kDay_s)->in_days; };
  CHECK(after(0) == Days{7, 11, 21});  // 7, 7, 14, 21: of four the lowest and the highest
  CHECK(after(7) == Days{0, 4, 14});
  CHECK_FALSE(after(8));  // 14 and 21 are left
  CHECK_FALSE(after(22));
  CHECK(expected_occurrence(history, 0, (day + 21) * kDay_s)->amount_minor[1] == 100);
}

TEST_CASE("three are too few; refunds, rows to come and other categories do not count, and the order of the rows does not matter") {
  std::vector<HistoryRow> history = life();
  const auto rent = expected_occurrence(history, 0, kNow_s);
  history.push_back({.time_s = kNow_s + 1, .amount_minor = 1, .category = 0});
  history.insert(history.begin(), {.time_s = kNow_s - 100 * kDay_s, .amount_minor = 5, .category = 0, .direction = Direction::credit});
  std::swap(history[3], history[200]);
  const auto again = expected_occurrence(history, 0, kNow_s);
  REQUIRE(again);
  CHECK(again->in_days == rent->in_days);
  CHECK(again->amount_minor == rent->amount_minor);
  std::vector<HistoryRow> few;
  for (std::int64_t i = 0; i < 4; ++i) {
    CHECK_FALSE(expected_occurrence(few, 0, kNow_s));
    few.push_back({.time_s = kNow_s - (10 - i) * kDay_s, .amount_minor = 1, .category = 0});
  }
  CHECK(expected_occurrence(few, 0, kNow_s));
}

TEST_CASE("times and amounts at the ends of their range") {
  std::vector<HistoryRow> history;
  for (int i = 0; i < 6; ++i) history.push_back({.time_s = i % 2 == 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max(), .amount_minor = 1, .category = 0});
  for (const std::int64_t now_s : {kNow_s, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) CHECK_FALSE(expected_occurrence(history, 0, now_s));
  for (HistoryRow& row : history) row = {.time_s = kNow_s, .amount_minor = std::numeric_limits<std::int64_t>::max(), .category = 0};
  const auto same = expected_occurrence(history, 0, kNow_s);
  REQUIRE(same);
  CHECK(same->in_days == Days{0, 0, 0});
  CHECK(same->amount_minor[2] == doctest::Approx(9.22e18).epsilon(0.01));
}

}  // namespace
}  // namespace fedspend::client
