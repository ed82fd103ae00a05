#include "simulations/population/towns.h"

namespace fedspend::simulations {
namespace {

constexpr std::array<std::string_view, 24> kBeginnings = {"Alt", "Bren", "Clay", "Dorn", "Elm", "Fal", "Gor", "Hart", "Iver", "Kell", "Lind", "Mar",
                                                          "Nether", "Ost", "Pell", "Quar", "Rav", "Stoke", "Thorn", "Ul", "Var", "Wel", "Yar", "Zan"};
constexpr std::array<std::string_view, 10> kEnds = {"mere", "ford", "haven", "stead", "burg", "holt", "port", "wick", "dale", "brook"};
static_assert(kBeginnings.size() * kEnds.size() == kHomeTowns);

// 840 / (rank + 1): weights in whole numbers.
constexpr std::array<std::uint16_t, kTownsInRegion> town_weights() {
  std::array<std::uint16_t, kTownsInRegion> weights{};
  for (std::size_t rank = 0; rank < weights.size(); ++rank) weights[rank] = static_cast<std::uint16_t>(840 / (rank + 1));
  return weights;
}

}  // namespace

void append_place_name(Place place, std::string& out) {
  if (is_abroad(place)) {
    out += destination_at(place).town;
  } else {
    out.append(kBeginnings[place % kBeginnings.size()]).append(kEnds[place / kBeginnings.size()]);
  }
}

std::string_view country_of(Place place) { return is_abroad(place) ? destination_at(place).country : "XA"; }

Place draw_town(Dice& dice, std::size_t region) {
  static constexpr auto weights = town_weights();
  return static_cast<Place>(dice.weighted(weights) * kRegions.size() + region);
}

}  // namespace fedspend::simulations
