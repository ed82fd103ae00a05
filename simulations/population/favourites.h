#pragma once
// Where a customer buys: a few shops for every habit, the first the most often, and now and then another one, which may become one of
// the few. Some things are bought at the shop for something else (habits.h, elsewhere). One per customer; one thread.

#include <array>
#include <cstdint>

#include "simulations/population/habits.h"
#include "simulations/population/merchants.h"

namespace fedspend::simulations {

class Favourites {
 public:
  Favourites(Dice& dice, std::uint32_t loyalty_in_thousand, std::uint32_t online_percent) : dice_(dice), loyalty_in_thousand_(loyalty_in_thousand), online_percent_(online_percent) {}

  // The shop of the next purchase at home. `place` is the town in which new ones are found.
  Merchant choose(std::size_t habit, Place place);
  // A stranger's choice: somewhere in that place, never on the web.
  Merchant anywhere(Category category, Place place) { return draw_merchant(dice_, category, place, 0); }
  // After moving house: all but the shops of the web are forgotten.
  void forget_shops();

 private:
  static constexpr std::size_t kFew = 3;
  struct Few {
    std::array<Merchant, kFew> merchants;
    std::uint8_t known = 0;
  };
  Merchant draw(std::size_t habit, Place place);

  Dice& dice_;
  std::uint32_t loyalty_in_thousand_, online_percent_;
  std::array<Few, kHabits> few_;
};

}  // namespace fedspend::simulations
