#pragma once
// The categories of the synthetic population, as a bank would code a current account. Values only.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fedspend::simulations {

enum class Category : std::uint8_t {
  // money in
  salary, pension, benefits, freelance_income, family_support,
  // standing orders and direct debits
  rent, mortgage, electricity, heating, water, internet, mobile_phone, property_tax, insurance, loan, savings, taxes, donations, childcare,
  streaming, music, news, gym, software,
  // the bank's own
  bank_fees, cash,
  // the household
  groceries, convenience, bakery, drugstore, pharmacy, health,
  // out
  coffee, lunch, restaurant, fast_food, delivery, bar,
  // on the way
  public_transport, fuel, parking, taxi, car_repair, trains, flights, hotel, car_rental,
  // shops
  clothing, electronics, home_garden, furniture, toys, books, cosmetics, sports, gifts, pets, games,
  // the rest
  cinema, events, leisure, hairdresser, lottery, post, school,
};
inline constexpr std::size_t kCategories = static_cast<std::size_t>(Category::school) + 1;

inline constexpr std::array<std::string_view, kCategories> kCategoryNames = {
    "salary", "pension", "benefits", "freelance income", "family support",
    "rent", "mortgage", "electricity", "heating", "water", "internet", "mobile phone", "property tax", "insurance", "loan", "savings", "taxes", "donations", "childcare",
    "streaming", "music", "news", "gym", "software",
    "bank fees", "cash",
    "groceries", "convenience", "bakery", "drugstore", "pharmacy", "health",
    "coffee", "lunch", "restaurant", "fast food", "delivery", "bar",
    "public transport", "fuel", "parking", "taxi", "car repair", "trains", "flights", "hotel", "car rental",
    "clothing", "electronics", "home & garden", "furniture", "toys", "books", "cosmetics", "sports", "gifts", "pets", "games",
    "cinema", "events", "leisure", "hairdresser", "lottery", "post", "school"};

constexpr std::size_t index_of(Category category) { return static_cast<std::size_t>(category); }
constexpr std::string_view name_of(Category category) { return kCategoryNames[index_of(category)]; }

}  // namespace fedspend::simulations
