#pragma once
// How much each of a few players has to do with a total: the values of Shapley, "A value for n-person games" (1953), computed exactly from
// the total of every set of them. They add up to the whole's less the empty set's (efficiency), a player that changes nothing has 0, and
// players that are alike have the same. For explanations of predictions: Lundberg and Lee, "A unified approach to interpreting model
// predictions" (2017). Thread-safe (no state).

#include <span>
#include <vector>

namespace fedspend::models {

inline constexpr std::size_t kMostPlayers = 12;

// totals[set] is that of the set with the bits of `set`; 2^g of them, g <= kMostPlayers. Returns g values.
std::vector<double> shapley_values(std::span<const double> totals);

}  // namespace fedspend::models
