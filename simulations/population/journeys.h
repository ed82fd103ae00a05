#pragma once
// Holidays, weekends away and business trips: planned a year ahead on the first of January, booked some weeks before, then lived.
// Abroad the money is the country's. Pure values.

#include <cstdint>
#include <vector>

#include "simulations/population/calendar.h"
#include "simulations/population/customers.h"

namespace fedspend::simulations {

enum class JourneyKind : std::uint8_t { holiday, weekend, business };

struct Journey {
  JourneyKind kind = JourneyKind::holiday;
  Place place = 0;
  bool by_air = false;
  std::int64_t book_day = 0, first_day = 0, last_day = 0;  // Day::number; the last one included
};

// In the order of their first days, not touching one another.
std::vector<Journey> plan_journeys(Dice& dice, const Customer& customer, const Day& january_first);

}  // namespace fedspend::simulations
