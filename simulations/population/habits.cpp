#include "simulations/population/habits.h"

#include <algorithm>

namespace fedspend::simulations {
namespace {

using enum Category;
using enum Weekdays;

constexpr std::array<Habit, kHabits> kTable = {{
    //                     student employee family self-empl. retired high shift
    {.category = groceries, .times_a_year = {130, 140, 165, 130, 150, 105, 140}, .typical_minor = 2'600, .spread_percent = 70, .from_hour = 10, .to_hour = 20, .weekdays = shopping, .online_in_thousand = 40, .regular = true, .necessary = true, .for_household = true},
    {.category = convenience, .times_a_year = {70, 50, 34, 50, 24, 36, 64}, .typical_minor = 1'150, .spread_percent = 65, .from_hour = 8, .to_hour = 22},
    {.category = bakery, .times_a_year = {30, 42, 54, 40, 70, 34, 48}, .typical_minor = 620, .spread_percent = 50, .from_hour = 7, .to_hour = 12},
    {.category = drugstore, .times_a_year = {14, 17, 28, 15, 15, 16, 14}, .typical_minor = 1'800, .spread_percent = 60, .from_hour = 10, .to_hour = 19, .weekdays = shopping, .online_in_thousand = 60, .necessary = true, .for_household = true},
    {.category = pharmacy, .times_a_year = {4, 6, 12, 7, 24, 7, 7}, .typical_minor = 1'450, .spread_percent = 70, .from_hour = 9, .to_hour = 18, .weekdays = shopping, .season = Season::winter, .online_in_thousand = 120, .necessary = true},
    {.category = health, .times_a_year = {2, 3, 6, 4, 10, 5, 3}, .typical_minor = 4'800, .spread_percent = 90, .from_hour = 8, .to_hour = 17, .weekdays = working, .season = Season::winter, .necessary = true},
    {.category = coffee, .times_a_year = {44, 28, 18, 32, 20, 48, 16}, .typical_minor = 540, .spread_percent = 45, .from_hour = 9, .to_hour = 18},
    {.category = fast_food, .times_a_year = {46, 26, 28, 20, 6, 10, 46}, .typical_minor = 1'100, .spread_percent = 45, .from_hour = 12, .to_hour = 22, .price = Price::nines},
    {.category = delivery, .times_a_year = {32, 24, 16, 18, 2, 24, 16}, .typical_minor = 2'500, .spread_percent = 35, .from_hour = 18, .to_hour = 22, .online_in_thousand = 500},
    {.category = restaurant, .times_a_year = {16, 24, 18, 26, 18, 60, 10}, .typical_minor = 4'400, .spread_percent = 60, .from_hour = 18, .to_hour = 22, .weekdays = nights_out, .price = Price::halves},
    {.category = bar, .times_a_year = {30, 18, 5, 12, 3, 20, 16}, .typical_minor = 2'100, .spread_percent = 60, .from_hour = 20, .to_hour = 23, .weekdays = nights_out, .price = Price::halves},
    {.category = taxi, .times_a_year = {8, 8, 3, 12, 4, 36, 3}, .typical_minor = 1'650, .spread_percent = 50, .from_hour = 7, .to_hour = 23},
    {.category = public_transport, .times_a_year = {26, 14, 10, 16, 22, 12, 8}, .typical_minor = 320, .spread_percent = 25, .from_hour = 8, .to_hour = 20, .price = Price::tens},
    {.category = fuel, .times_a_year = {20, 32, 44, 36, 22, 38, 46}, .typical_minor = 5'400, .spread_percent = 30, .from_hour = 7, .to_hour = 20, .regular = true, .necessary = true, .needs = Needs::car},
    {.category = parking, .times_a_year = {6, 22, 22, 28, 12, 40, 10}, .typical_minor = 480, .spread_percent = 65, .from_hour = 9, .to_hour = 19, .weekdays = shopping, .price = Price::halves, .needs = Needs::car},
    {.category = car_repair, .times_a_year = {2, 4, 5, 4, 4, 6, 4}, .typical_minor = 9'500, .spread_percent = 120, .from_hour = 9, .to_hour = 17, .weekdays = working, .necessary = true, .needs = Needs::car},
    {.category = trains, .times_a_year = {8, 5, 4, 8, 5, 10, 2}, .typical_minor = 4'900, .spread_percent = 70, .from_hour = 7, .to_hour = 21, .online_in_thousand = 650, .needs = Needs::nothing},
    {.category = clothing, .times_a_year = {10, 12, 20, 9, 7, 18, 8}, .typical_minor = 4'900, .spread_percent = 70, .from_hour = 11, .to_hour = 19, .weekdays = shopping, .season = Season::presents, .price = Price::nines, .online_in_thousand = 420, .for_household = true},
    {.category = electronics, .times_a_year = {4, 4, 5, 7, 2, 8, 3}, .typical_minor = 8'900, .spread_percent = 110, .from_hour = 11, .to_hour = 20, .weekdays = shopping, .season = Season::presents, .price = Price::nines, .online_in_thousand = 550},
    {.category = home_garden, .times_a_year = {3, 8, 15, 8, 17, 12, 8}, .typical_minor = 3'400, .spread_percent = 85, .from_hour = 10, .to_hour = 19, .weekdays = shopping, .season = Season::garden, .price = Price::nines, .online_in_thousand = 250},
    {.category = furniture, .times_a_year = {1, 2, 2, 2, 1, 3, 1}, .typical_minor = 21'000, .spread_percent = 100, .from_hour = 11, .to_hour = 19, .weekdays = weekend, .price = Price::whole, .online_in_thousand = 300},
    {.category = toys, .times_a_year = {0, 1, 15, 2, 5, 3, 6}, .typical_minor = 2'400, .spread_percent = 65, .from_hour = 10, .to_hour = 19, .weekdays = shopping, .season = Season::presents, .price = Price::nines, .online_in_thousand = 450},
    {.category = books, .times_a_year = {7, 6, 8, 8, 9, 9, 2}, .typical_minor = 1'900, .spread_percent = 55, .from_hour = 10, .to_hour = 21, .season = Season::school_year, .price = Price::nines, .online_in_thousand = 550},
    {.category = cosmetics, .times_a_year = {7, 7, 8, 4, 5, 11, 4}, .typical_minor = 2'700, .spread_percent = 60, .from_hour = 10, .to_hour = 19, .weekdays = shopping, .season = Season::presents, .price = Price::nines, .online_in_thousand = 350},
    {.category = sports, .times_a_year = {4, 5, 8, 5, 3, 9, 2}, .typical_minor = 4'600, .spread_percent = 85, .from_hour = 10, .to_hour = 19, .season = Season::summer, .price = Price::nines, .online_in_thousand = 400},
    {.category = gifts, .times_a_year = {4, 6, 8, 5, 9, 9, 3}, .typical_minor = 3'200, .spread_percent = 70, .from_hour = 10, .to_hour = 19, .weekdays = shopping, .season = Season::presents, .price = Price::nines, .online_in_thousand = 300},
    {.category = pets, .times_a_year = {16, 18, 20, 18, 18, 18, 18}, .typical_minor = 2'700, .spread_percent = 65, .from_hour = 10, .to_hour = 19, .weekdays = shopping, .online_in_thousand = 250, .regular = true, .necessary = true, .needs = Needs::pet},
    {.category = games, .times_a_year = {12, 6, 7, 4, 1, 3, 9}, .typical_minor = 1'500, .spread_percent = 75, .from_hour = 17, .to_hour = 23, .price = Price::nines, .online_in_thousand = 900},
    {.category = cinema, .times_a_year = {9, 7, 7, 5, 5, 6, 5}, .typical_minor = 2'100, .spread_percent = 40, .from_hour = 16, .to_hour = 20, .weekdays = nights_out, .season = Season::winter, .price = Price::halves},
    {.category = events, .times_a_year = {6, 6, 5, 5, 6, 12, 3}, .typical_minor = 5'800, .spread_percent = 65, .from_hour = 12, .to_hour = 21, .price = Price::halves, .online_in_thousand = 500},
    {.category = leisure, .times_a_year = {6, 7, 18, 7, 10, 12, 6}, .typical_minor = 2'700, .spread_percent = 60, .from_hour = 10, .to_hour = 18, .weekdays = weekend, .season = Season::summer, .price = Price::halves, .for_household = true},
    {.category = hairdresser, .times_a_year = {6, 9, 11, 9, 10, 11, 8}, .typical_minor = 3'300, .spread_percent = 25, .from_hour = 9, .to_hour = 18, .weekdays = shopping, .price = Price::whole, .regular = true},
    {.category = lottery, .times_a_year = {2, 8, 8, 8, 26, 4, 36}, .typical_minor = 900, .spread_percent = 40, .from_hour = 10, .to_hour = 19, .price = Price::halves, .regular = true},
    {.category = post, .times_a_year = {4, 4, 6, 16, 8, 4, 2}, .typical_minor = 720, .spread_percent = 60, .from_hour = 9, .to_hour = 18, .weekdays = shopping, .season = Season::presents},
    {.category = cash, .times_a_year = {12, 16, 16, 16, 36, 12, 40}, .typical_minor = 9'000, .spread_percent = 60, .from_hour = 9, .to_hour = 20, .price = Price::tens, .regular = true, .necessary = true},
    {.category = school, .times_a_year = {0, 2, 16, 3, 0, 3, 6}, .typical_minor = 3'200, .spread_percent = 70, .from_hour = 7, .to_hour = 16, .weekdays = working, .season = Season::school_year, .necessary = true, .needs = Needs::child},
    {.category = hotel, .times_a_year = {1, 1, 1, 2, 1, 3, 0}, .typical_minor = 15'000, .spread_percent = 70, .from_hour = 10, .to_hour = 21, .season = Season::summer, .online_in_thousand = 500},
    {.category = lunch, .times_a_year = {}, .typical_minor = 980, .spread_percent = 28, .from_hour = 12, .to_hour = 13, .weekdays = working, .price = Price::tens},  // on a working day: life.cpp
    {.category = donations, .times_a_year = {0, 1, 2, 1, 4, 3, 0}, .typical_minor = 3'000, .spread_percent = 70, .from_hour = 10, .to_hour = 21, .season = Season::presents, .price = Price::tens, .online_in_thousand = 1000},
}};

constexpr std::array<std::array<std::uint16_t, 7>, 5> kWeekdayWeights = {{
    {850, 850, 850, 850, 900, 950, 800},     // any
    {900, 900, 900, 900, 850, 60, 10},       // working
    {600, 600, 620, 680, 820, 1000, 90},     // shopping: the shops are shut on Sunday, all but a few
    {120, 120, 150, 150, 300, 1000, 900},    // weekend
    {220, 250, 320, 450, 900, 1000, 450},    // nights_out
}};

constexpr std::array<std::array<std::uint16_t, 12>, 6> kSeasons = {{
    {100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100},  // flat
    {75, 75, 85, 90, 90, 90, 85, 85, 90, 100, 145, 215},           // presents
    {60, 60, 80, 105, 130, 140, 150, 145, 105, 85, 70, 70},        // summer
    {140, 140, 120, 95, 80, 75, 70, 70, 85, 105, 120, 120},        // winter
    {105, 110, 100, 95, 95, 75, 50, 105, 180, 110, 95, 80},        // school_year
    {55, 65, 130, 170, 165, 130, 100, 95, 95, 90, 60, 60},         // garden
}};

constexpr std::array<Sequel, kSequels> kThen = {{
    {groceries, bakery, 160, 1},
    {groceries, drugstore, 110, 1},
    {groceries, fuel, 60, 1},
    {health, pharmacy, 560, 1},
    {restaurant, bar, 230, 2},
    {bar, taxi, 220, 2},
    {bar, fast_food, 160, 1},
    {cinema, restaurant, 260, 2},
    {cinema, bar, 120, 2},
    {events, bar, 180, 3},
    {clothing, coffee, 230, 1},
    {clothing, clothing, 160, 1},
    {clothing, cosmetics, 90, 1},
    {toys, fast_food, 150, 1},
    {leisure, fast_food, 240, 2},
    {leisure, coffee, 160, 2},
    {fuel, convenience, 120, 0},
    {cash, bakery, 110, 1},
    {pets, groceries, 90, 1},
    {home_garden, home_garden, 140, 2},
}};

constexpr Elsewhere kElsewhere[] = {
    {drugstore, groceries, 140}, {pharmacy, drugstore, 90},  {fuel, groceries, 160},     {coffee, bakery, 170},      {coffee, fuel, 40},        {lunch, bakery, 150},
    {lunch, groceries, 120},     {bakery, groceries, 90},    {post, convenience, 350},   {lottery, convenience, 480}, {convenience, fuel, 160}, {gifts, books, 90},
    {restaurant, bar, 80},       {bar, restaurant, 90},      {cosmetics, drugstore, 220}, {sports, clothing, 120},   {clothing, sports, 60},    {delivery, restaurant, 110},
    {furniture, home_garden, 130}, {home_garden, groceries, 50}, {games, electronics, 80}, {books, convenience, 60},  {fast_food, restaurant, 50}, {pets, home_garden, 60},
    {toys, groceries, 50},       {leisure, events, 80},      {cash, groceries, 40},      {school, books, 60},
};

constexpr auto make_index() {
  std::array<std::int8_t, kCategories> index{};
  index.fill(-1);
  for (std::size_t i = 0; i < kHabits; ++i) index[index_of(kTable[i].category)] = static_cast<std::int8_t>(i);
  return index;
}
constexpr auto kIndex = make_index();

}  // namespace

std::span<const Habit> habits() { return kTable; }
std::span<const Sequel> sequels() { return kThen; }
std::span<const Elsewhere> elsewhere() { return kElsewhere; }

std::optional<std::size_t> habit_of(Category category) {
  const std::int8_t found = kIndex[index_of(category)];
  return found < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(found));
}

std::uint32_t weekday_weight(Weekdays weekdays, int of_week) { return kWeekdayWeights[static_cast<std::size_t>(weekdays)][static_cast<std::size_t>(of_week)]; }

std::int64_t season_percent(Season season, int month) { return kSeasons[static_cast<std::size_t>(season)][static_cast<std::size_t>(month - 1)]; }

std::int64_t season_peak_percent(Season season) {
  const auto& months = kSeasons[static_cast<std::size_t>(season)];
  return *std::max_element(months.begin(), months.end());
}

std::int64_t priced(Dice& dice, Price price, std::int64_t amount_minor) {
  const auto to = [&](std::int64_t step) { return (amount_minor + step / 2) / step * step; };
  std::int64_t asked = amount_minor;
  switch (price) {
    case Price::any: break;
    case Price::nines:
      if (dice.chance(600)) asked = std::max<std::int64_t>(to(100), 100) - (dice.chance(700) ? 1 : 5);
      break;
    case Price::halves: asked = dice.chance(750) ? to(50) : to(10); break;
    case Price::whole: asked = to(100); break;
    case Price::tens: asked = amount_minor < 2'000 ? to(10) : to(1'000); break;
  }
  return std::max<std::int64_t>(asked, 1);
}

}  // namespace fedspend::simulations
