#include "models/unusual_activity/alarm_threshold.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

namespace fedspend::models {
namespace {

TEST_CASE("a customer's past rows alarm as often as was chosen, and never more often") {
  std::vector<float> surprises;
  for (int row = 0; row < 90; ++row) {
    surprises.push_back(static_cast<float>((row * 37) % 90));
  }
  const auto alarms = [&](double rate) {
    const auto threshold = alarm_threshold(surprises, 90, rate);
    REQUIRE(threshold);
    return std::count_if(surprises.begin(), surprises.end(),
              [&](float value) { return value > *threshold; });
  };
  CHECK(alarms(0) == 0);
  CHECK(alarms(.3) == 0);
  CHECK(alarms(1) == 3);
  CHECK(alarms(2.5) == 7);
  CHECK(alarms(1000) == 90);
}

TEST_CASE("rows that surprise equally do not alarm more often than was chosen") {
  CHECK(alarm_threshold(std::vector<float>{5, 5, 5, 1}, 30, 1) == 5.0F);
}

TEST_CASE("no threshold is given where nothing can be promised") {
  const std::vector<float> some{1, 2};
  CHECK_FALSE(alarm_threshold({}, 30, 1));
  CHECK_FALSE(alarm_threshold(some, 0, 1));
  CHECK_FALSE(alarm_threshold(some, 30, -1));
  CHECK_FALSE(alarm_threshold(some, 30, std::numeric_limits<double>::quiet_NaN()));
  CHECK_FALSE(alarm_threshold(std::vector<float>{1, std::numeric_limits<float>::infinity()}, 30, 1));
}

}  // namespace
}  // namespace fedspend::models
