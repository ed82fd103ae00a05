#pragma once
// What of a merchant's name, as the terminal printed it, a model can learn from: its words, its pairs of neighbouring words and the character
// n-grams of its words (3 and 4 letters, with the word's ends marked), each hashed, as fastText does (Bojanowski et al. 2017, "Enriching word
// vectors with subword information"; Joulin et al. 2017, "Bag of tricks for efficient text classification"). So a name that was never seen
// still has parts that were. Not secret and not private: it stays on the device.

#include <cstdint>
#include <string_view>
#include <vector>

namespace fedspend::models {

struct MerchantText {
  // FNV-1a 32 (draft-eastlake-fnv), ascending, each once. A longer name is cut after kMostWords words of at most kLongestWord letters.
  std::vector<std::uint32_t> grams;
  std::uint32_t first_word = 0;  // its hash; 0: there is no word

  bool operator==(const MerchantText&) const = default;
};

inline constexpr std::size_t kMostWords = 8, kLongestWord = 24;

// Letters are the ASCII letters, in lower case, the digits, and every byte from 128 on, as it is; an apostrophe joins, and all else parts words.
MerchantText merchant_text(std::string_view merchant);

}  // namespace fedspend::models
