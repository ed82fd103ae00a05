#pragma once
// The invented names that merchants.cpp puts together: chains, the words of a trade, surnames, signs. Constant data.

#include <cstdint>
#include <span>
#include <string_view>

#include "simulations/population/spending.h"

namespace fedspend::simulations {

struct Trade {
  std::span<const std::string_view> chains;   // of the whole country; of a payee's category: who is paid
  std::span<const std::string_view> words;    // "Bakery"; empty: no local shops
  std::uint16_t chain_in_thousand = 0;        // of the purchases in shops
  std::uint8_t shops_in_small_town = 0;       // local ones; a large town has up to eight times as many
};
const Trade& trade_of(Category category);

std::span<const std::string_view> department_stores();
std::span<const std::string_view> marketplaces();
std::span<const std::string_view> signs();            // "Golden Lantern": two of them
std::span<const std::string_view> things();
std::span<const std::string_view> surname_beginnings();
std::span<const std::string_view> surname_ends();

}  // namespace fedspend::simulations
