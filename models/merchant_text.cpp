#include "models/merchant_text.h"

#include <algorithm>
#include <string>

namespace fedspend::models {
namespace {

// The kinds have hashes of their own, so that the word "tea" is not the n-gram "tea".
std::uint32_t hash_of(char kind, std::string_view text) {
  constexpr std::uint32_t kOffset = 0x811c9dc5, kPrime = 0x01000193;
  std::uint32_t hash = (kOffset ^ static_cast<std::uint8_t>(kind)) * kPrime;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * kPrime;
  return hash;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<std::uint8_t>(c) >= 128; }

std::vector<std::string> words_of(std::string_view merchant) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && words.size() < kMostWords) words.push_back(word);
    word.clear();
  };
  for (char c : merchant) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (is_letter(c)) {
      if (word.size() < kLongestWord) word += c;
    } else if (c != '\'') {
      end_word();
    }
  }
  end_word();
  return words;
}

}  // namespace

MerchantText merchant_text(std::string_view merchant) {
  const std::vector<std::string> words = words_of(merchant);
  MerchantText text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text.grams.push_back(hash_of('w', words[i]));
    if (i > 0) text.grams.push_back(hash_of('b', words[i - 1] + ' ' + words[i]));
    const std::string marked = '<' + words[i] + '>';
    for (std::size_t length = 3; length <= 4; ++length)
      for (std::size_t begin = 0; begin + length <= marked.size(); ++begin) text.grams.push_back(hash_of('n', std::string_view(marked).substr(begin, length)));
  }
  std::ranges::sort(text.grams);
  text.grams.erase(std::ranges::unique(text.grams).begin(), text.grams.end());
  if (!words.empty()) text.first_word = std::max(hash_of('w', words.front()), 1u);
  return text;
}

}  // namespace fedspend::models
