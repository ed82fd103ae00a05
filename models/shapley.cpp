#include "models/shapley.h"

#include <bit>

#include "common/check.h"

namespace fedspend::models {

std::vector<double> shapley_values(std::span<const double> totals) {
  FEDSPEND_CHECK(std::has_single_bit(totals.size()) && totals.size() <= std::size_t{1} << kMostPlayers, "a total for every set of a few players");
  const auto players = static_cast<std::size_t>(std::countr_zero(totals.size()));
  // |S|! (g - |S| - 1)! / g!, how often a player joins just this S among all the orders they can come in.
  std::vector<double> share(players, players == 0 ? 0.0 : 1.0 / static_cast<double>(players));
  for (std::size_t n = 1; n < players; ++n) share[n] = share[n - 1] * static_cast<double>(n) / static_cast<double>(players - n);
  std::vector<double> values(players, 0.0);
  for (std::size_t set = 0; set < totals.size(); ++set) {
    for (std::size_t player = 0; player < players; ++player) {
      if ((set >> player & 1) != 0) continue;
      values[player] += share[static_cast<std::size_t>(std::popcount(set))] * (totals[set | std::size_t{1} << player] - totals[set]);
    }
  }
  return values;
}

}  // namespace fedspend::models
