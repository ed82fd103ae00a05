#pragma once
// Where the synthetic population lives and travels: an invented country (its code XA is one that ISO 3166 leaves to its users) of eight
// regions in four time zones, with 240 towns, the first of each region the largest; and some places abroad, with real country and
// currency codes and invented names. The same for every seed, so that a model meets the same shops in every population. Pure functions.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "simulations/population/dice.h"

namespace fedspend::simulations {

struct Region {
  std::string_view name;
  std::string_view time_zone;  // without summer time
  int utc_offset_minutes;
  std::uint16_t weight;        // of its inhabitants
};
inline constexpr std::array<Region, 8> kRegions = {{
    {"capital", "UTC+01:00", 60, 260},
    {"north", "UTC+01:00", 60, 130},
    {"south", "UTC+01:00", 60, 140},
    {"east", "UTC+02:00", 120, 130},
    {"west", "UTC+00:00", 0, 130},
    {"coast", "UTC+01:00", 60, 100},
    {"lakes", "UTC+01:00", 60, 70},
    {"islands", "UTC-01:00", -60, 40},
}};

struct Destination {
  std::string_view town, country, currency;
  std::int64_t rate_thousandths;  // units of the currency for one euro; it stands still
};
inline constexpr std::array<Destination, 12> kDestinations = {{
    {"Costa Brisa", "ES", "EUR", 1000},
    {"Playa Tora", "ES", "EUR", 1000},
    {"Monte Serra", "IT", "EUR", 1000},
    {"La Gravelle", "FR", "EUR", 1000},
    {"Nea Limnos", "GR", "EUR", 1000},
    {"Westcombe", "GB", "GBP", 860},
    {"Haverstown", "US", "USD", 1090},
    {"Zellingen", "CH", "CHF", 960},
    {"Norrvik", "SE", "SEK", 11'400},
    {"Krasowice", "PL", "PLN", 4'300},
    {"Wan Tsai", "HK", "HKD", 8'500},
    {"Port Mabel", "ZA", "ZAR", 20'100},
}};

inline constexpr std::size_t kTownsInRegion = 30;
inline constexpr std::uint16_t kHomeTowns = kRegions.size() * kTownsInRegion;
// A place: below kHomeTowns a town of the country, then the destinations.
using Place = std::uint16_t;
constexpr Place place_of(std::size_t destination) { return static_cast<Place>(kHomeTowns + destination); }
constexpr bool is_abroad(Place place) { return place >= kHomeTowns; }
constexpr const Destination& destination_at(Place place) { return kDestinations[place - kHomeTowns]; }
constexpr std::size_t region_of(Place town) { return town % kRegions.size(); }
constexpr std::size_t rank_in_region(Place town) { return town / kRegions.size(); }  // 0: the largest

void append_place_name(Place place, std::string& out);
std::string_view country_of(Place place);
Place draw_town(Dice& dice, std::size_t region);  // by size: the chance of rank r goes with 1 / (r + 1)

}  // namespace fedspend::simulations
