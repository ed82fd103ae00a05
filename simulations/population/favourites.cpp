#include "simulations/population/favourites.h"

#include <algorithm>

namespace fedspend::simulations {
namespace {

constexpr std::array<std::uint16_t, 3> kPreference = {62, 25, 13};
constexpr std::uint32_t kBecomesFavourite = 180;  // in a thousand new shops
constexpr std::uint32_t kOvertakes = 12;          // in a thousand purchases at the second or third shop: it takes the place before it

bool on_the_web(const Merchant& merchant) { return merchant.form == MerchantForm::web || merchant.form == MerchantForm::marketplace; }

}  // namespace

Merchant Favourites::draw(std::size_t habit, Place place) {
  const Category category = habits()[habit].category;
  std::uint32_t chance = dice_.below(1000);
  for (const Elsewhere& other : elsewhere()) {
    if (other.what != category) continue;
    if (chance >= other.in_thousand) {
      chance -= other.in_thousand;
      continue;
    }
    const auto there = habit_of(other.at);
    if (there && few_[*there].known > 0) return few_[*there].merchants[0];
    return draw_merchant(dice_, other.at, place, 0);
  }
  const std::uint32_t online = std::min(habits()[habit].online_in_thousand * online_percent_ / 100, 950U);
  return draw_merchant(dice_, category, place, online);
}

Merchant Favourites::choose(std::size_t habit, Place place) {
  Few& few = few_[habit];
  if (few.known == kFew && dice_.chance(loyalty_in_thousand_)) {
    const std::size_t which = dice_.weighted(kPreference);
    const Merchant chosen = few.merchants[which];
    if (which > 0 && dice_.chance(kOvertakes)) std::swap(few.merchants[which], few.merchants[which - 1]);
    return chosen;
  }
  const Merchant found = draw(habit, place);
  if (few.known < kFew) {
    few.merchants[few.known++] = found;
    return dice_.chance(loyalty_in_thousand_) ? few.merchants[0] : found;
  }
  if (dice_.chance(kBecomesFavourite)) few.merchants[kFew - 1] = found;
  return found;
}

void Favourites::forget_shops() {
  for (Few& few : few_) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < few.known; ++i)
      if (on_the_web(few.merchants[i])) few.merchants[kept++] = few.merchants[i];
    few.known = static_cast<std::uint8_t>(kept);
  }
}

}  // namespace fedspend::simulations
