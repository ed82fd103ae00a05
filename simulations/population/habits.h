#pragma once
// What customers buy of their own accord: how often by kind, for how much, on which days, at which hours, in which season, and what
// tends to follow what. Tables alone; life.h lives by them. The figures are invented; `fedspend-sim synth --describe` shows what becomes
// of them beside real data.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "simulations/population/customers.h"
#include "simulations/population/dice.h"
#include "simulations/population/spending.h"

namespace fedspend::simulations {

enum class Weekdays : std::uint8_t { any, working, shopping, weekend, nights_out };
std::uint32_t weekday_weight(Weekdays weekdays, int of_week);  // in thousand, of a day when the purchase is due

enum class Season : std::uint8_t { flat, presents, summer, winter, school_year, garden };
std::int64_t season_percent(Season season, int month);  // of the year's mean, about
std::int64_t season_peak_percent(Season season);        // its largest

enum class Price : std::uint8_t { any, nines, halves, whole, tens };
// The amount as such a shop would ask for it; at least 1.
std::int64_t priced(Dice& dice, Price price, std::int64_t amount_minor);

enum class Needs : std::uint8_t { nothing, car, pet, child };

struct Habit {
  Category category;
  std::array<std::uint16_t, kCustomerKinds> times_a_year;  // by kind
  std::int64_t typical_minor;
  std::uint8_t spread_percent;        // of an amount, from one purchase to the next (Dice::spread)
  std::uint8_t from_hour, to_hour;
  Weekdays weekdays = Weekdays::any;
  Season season = Season::flat;
  Price price = Price::any;
  std::uint16_t online_in_thousand = 0;
  bool regular = false;               // about every so many days, on a day of one's own; others come by chance
  bool necessary = false;             // also at the month's end when little is left
  bool for_household = false;         // grows with its heads
  Needs needs = Needs::nothing;
};
std::span<const Habit> habits();
inline constexpr std::size_t kHabits = 39;
// The habit of that category; none: what is bought otherwise (standing orders, on a journey).
std::optional<std::size_t> habit_of(Category category);

// What follows a purchase on the same day: pharmacy after the doctor, a bar after the restaurant.
struct Sequel {
  Category after, then;
  std::uint16_t in_thousand;
  std::uint8_t hours_later;
};
inline constexpr std::size_t kSequels = 20;
std::span<const Sequel> sequels();

// What is also bought at shops for something else: coffee at the bakery, stamps at the kiosk.
struct Elsewhere {
  Category what, at;
  std::uint16_t in_thousand;
};
std::span<const Elsewhere> elsewhere();

}  // namespace fedspend::simulations
