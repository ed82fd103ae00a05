#include "simulations/population/journeys.h"

#include <algorithm>
#include <array>

namespace fedspend::simulations {
namespace {

constexpr std::array<std::uint16_t, 12> kHolidayMonths = {4, 6, 5, 8, 9, 14, 20, 22, 12, 8, 2, 7};
constexpr std::array<std::uint16_t, 12> kOtherMonths = {7, 8, 9, 9, 10, 9, 7, 6, 10, 10, 9, 5};
constexpr std::array<std::uint16_t, kDestinations.size()> kHolidayPlaces = {20, 16, 15, 10, 9, 6, 5, 6, 5, 6, 1, 1};
constexpr std::array<std::uint16_t, kDestinations.size()> kBusinessPlaces = {5, 0, 8, 14, 2, 20, 12, 16, 9, 8, 5, 1};

Place draw_place(Dice& dice, const Customer& customer, JourneyKind kind) {
  const std::uint32_t abroad = kind == JourneyKind::holiday ? 560 : kind == JourneyKind::weekend ? 200 : 320;
  if (dice.chance(abroad)) return place_of(dice.weighted(kind == JourneyKind::business ? kBusinessPlaces : kHolidayPlaces));
  const std::size_t region = (region_of(customer.town) + 1 + dice.below(kRegions.size() - 1)) % kRegions.size();
  return kind == JourneyKind::business ? static_cast<Place>(region) : draw_town(dice, region);
}

Journey draw_journey(Dice& dice, const Customer& customer, JourneyKind kind, const Day& january_first) {
  const bool school_holidays = customer.has_child && kind == JourneyKind::holiday;
  const std::size_t month = school_holidays ? 6 + dice.below(2) : dice.weighted(kind == JourneyKind::holiday ? kHolidayMonths : kOtherMonths);
  Journey journey{.kind = kind, .place = draw_place(dice, customer, kind)};
  journey.first_day = january_first.number + static_cast<std::int64_t>(month) * 30 + dice.below(30);
  // 1970-01-01 was a Thursday: weekends begin on a Friday, business on Monday to Wednesday, holidays on a Saturday.
  const std::int64_t begins_on = kind == JourneyKind::weekend ? 4 : kind == JourneyKind::holiday ? 5 : dice.below(3);
  journey.first_day += (begins_on - (journey.first_day + 3) % 7 + 7) % 7;
  const std::int64_t nights = kind == JourneyKind::weekend ? 2 : kind == JourneyKind::business ? dice.between(1, 3) : dice.chance(500) ? 7 : dice.between(4, 14);
  journey.last_day = journey.first_day + nights;
  journey.book_day = std::max(january_first.number, journey.first_day - (kind == JourneyKind::holiday ? dice.between(20, 130) : dice.between(4, 35)));
  journey.by_air = is_abroad(journey.place) ? dice.chance(820) : dice.chance(60);
  return journey;
}

}  // namespace

std::vector<Journey> plan_journeys(Dice& dice, const Customer& customer, const Day& january_first) {
  std::vector<Journey> drawn;
  for (unsigned i = 0; i < customer.holidays; ++i) drawn.push_back(draw_journey(dice, customer, JourneyKind::holiday, january_first));
  for (unsigned i = 0; i < customer.weekends_away; ++i) drawn.push_back(draw_journey(dice, customer, JourneyKind::weekend, january_first));
  for (unsigned i = 0; i < customer.business_trips; ++i) drawn.push_back(draw_journey(dice, customer, JourneyKind::business, january_first));
  std::stable_sort(drawn.begin(), drawn.end(), [](const Journey& a, const Journey& b) { return a.first_day < b.first_day; });
  std::vector<Journey> journeys;
  for (const Journey& journey : drawn)
    if (journeys.empty() || journey.first_day > journeys.back().last_day + 1) journeys.push_back(journey);
  return journeys;
}

}  // namespace fedspend::simulations
