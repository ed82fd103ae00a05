#include "models/merchant_text.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/row_maker.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

std::size_t shared(const MerchantText& a, const MerchantText& b) {
  std::vector<std::uint32_t> both;
  std::ranges::set_intersection(a.grams, b.grams, std::back_inserter(both));
  return both.size();
}

}  // namespace

TEST_CASE("spelling, spacing and punctuation around words do not matter, and their order only in the pairs") {
  CHECK(merchant_text("TESCO PFS 2484") == merchant_text("  tesco-pfs *2484 "));
  CHECK(merchant_text("Sainsbury's") == merchant_text("SAINSBURYS"));
  const MerchantText there = merchant_text("tesco stores"), back = merchant_text("stores tesco");
  CHECK(there.grams.size() == back.grams.size());
  CHECK(shared(there, back) == there.grams.size() - 1);  // the pair
  CHECK(there.first_word != back.first_word);
}

// tea: w:tea, <te tea ea> <tea tea>
TEST_CASE("a word, its n-grams of 3 and 4 letters with the ends marked, and pairs of words: each once") {
  CHECK(merchant_text("tea").grams.size() == 1 + 3 + 2);
  CHECK(merchant_text("tea tea").grams.size() == 1 + 3 + 2 + 1);
  CHECK(merchant_text("a").grams.size() == 1 + 1);
  // FNV-1a 32 of "wtea": http://www.isthe.com/chongo/tech/comp/fnv (the parameters); worked out by hand with them
  std::uint32_t hash = 2166136261u;
  for (const char c : {'w', 't', 'e', 'a'}) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
  CHECK(std::ranges::binary_search(merchant_text("tea").grams, hash));
  CHECK(merchant_text("tea").first_word == hash);
}

TEST_CASE("a name that was never seen has parts that were") {
  CHECK(shared(merchant_text("TESCO STORES 3042"), merchant_text("TESCO PFS 2484")) >= 8);
  CHECK(shared(merchant_text("TESCO"), merchant_text("SHELL")) == 0);
}

TEST_CASE("nothing readable gives nothing; anything at all is taken, and much of it is cut") {
  CHECK(merchant_text("").grams.empty());
  CHECK(merchant_text("*** - ///").grams.empty());
  CHECK(merchant_text("*** - ///").first_word == 0);
  CHECK_FALSE(merchant_text("caf\xc3\xa9").grams.empty());
  std::string words, long_word(10'000, 'x');
  for (int i = 0; i < 5'000; ++i) words += "w" + std::to_string(i) + " ";
  CHECK(merchant_text(words).grams.size() <= kMostWords * (2 + 2 * kLongestWord));
  CHECK(merchant_text(long_word) == merchant_text(long_word.substr(0, kLongestWord)));
  SeededRandom random(7);
  for (int i = 0; i < 2'000; ++i) {
    std::string any;
    for (std::uint64_t n = random.below(60); n > 0; --n) any += static_cast<char>(random.below(256));
    const MerchantText text = merchant_text(any);
    CHECK(std::ranges::is_sorted(text.grams));
    CHECK(std::ranges::adjacent_find(text.grams) == text.grams.end());
    CHECK(text.grams.size() <= kMostWords * (2 + 2 * kLongestWord));
    CHECK((text.first_word == 0) == text.grams.empty());
  }
}

TEST_CASE("rows share a merchant's text, and only a model that reads it is given one") {
  ModelSpec model;
  model.name = "categoriser";
  model.categories = {"FOOD"};
  RowMaker maker(model);
  const HistoryRow one = maker.row({.category = "FOOD", .merchant = "Tesco 1", .currency = {}}), two = maker.row({.category = {}, .merchant = "Tesco 1", .currency = {}});
  REQUIRE(one.text != nullptr);
  CHECK(one.text == two.text);
  CHECK(*one.text == merchant_text("tesco 1"));
  CHECK(two.category == 1);
  CHECK(maker.row({.category = {}, .merchant = "?", .currency = {}}).text == nullptr);
  model.name = "next_category";
  CHECK(RowMaker(model).row({.category = "FOOD", .merchant = "Tesco 1", .currency = {}}).text == nullptr);
}
