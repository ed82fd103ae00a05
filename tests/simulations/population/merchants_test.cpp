#include "simulations/population/merchants.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <set>
#include <string>

#include "simulations/population/merchant_names.h"

using namespace fedspend::simulations;

namespace {

std::string text(Dice& dice, const Merchant& merchant) {
  std::string out;
  append_terminal_text(dice, merchant, out);
  return out;
}

// What most of many transactions show, and how many forms there are.
std::pair<std::string, std::size_t> forms(Dice& dice, const Merchant& merchant) {
  std::map<std::string, std::size_t> seen;
  for (int i = 0; i < 100; ++i) ++seen[text(dice, merchant)];
  const auto most = std::max_element(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return {most->first, seen.size()};
}

}  // namespace

TEST_CASE("a text is appended, in capitals, without blanks at its ends, and a terminal's name field is cut at 22 characters") {
  CHECK(rc::check([] {
    Dice dice("merchants-test", *rc::gen::arbitrary<std::uint32_t>(), 0);
    const auto category = static_cast<Category>(*rc::gen::inRange<int>(static_cast<int>(Category::groceries), static_cast<int>(kCategories)));
    const auto place = *rc::gen::inRange<Place>(0, kHomeTowns);
    const Merchant merchant = draw_merchant(dice, category, place, 0);
    std::string out = "before";
    append_terminal_text(dice, merchant, out);
    RC_ASSERT(out.starts_with("before"));
    const std::string shown = out.substr(6);
    RC_ASSERT(!shown.empty() && shown.size() <= 22 + 1 + 13 + 3);
    RC_ASSERT(shown.front() != ' ' && shown.back() != ' ');
    for (const char c : shown) RC_ASSERT(!(c >= 'a' && c <= 'z'));
  }));
}

TEST_CASE("the same shop shows itself in one form most of the time, and in others now and then") {
  Dice dice("merchants-test", 1, 1);
  std::size_t several = 0;
  for (int i = 0; i < 200; ++i) {
    const Merchant shop = draw_merchant(dice, Category::restaurant, 9, 0);
    const auto [usual, count] = forms(dice, shop);
    CHECK(count <= 6);
    several += count > 1;
  }
  CHECK(several > 100);
}

TEST_CASE("terminals print processors' prefixes, branch numbers, towns and countries; the web prints addresses and order codes") {
  Dice dice("merchants-test", 2, 1);
  std::map<std::string, std::size_t> found;
  std::set<std::string> orders;
  for (int i = 0; i < 4000; ++i) {
    const std::string shop = text(dice, draw_merchant(dice, Category::restaurant, 17, 0));
    for (const char* part : {"SQ *", "SUMUP *", "ZETTLE_*"}) found[part] += shop.starts_with(part);
    found[" XA"] += shop.ends_with(" XA");
    const std::string web = text(dice, draw_merchant(dice, Category::electronics, 17, 1000));
    for (const char* part : {"PAYPAL *", "WWW."}) found[part] += web.starts_with(part);
    found[".COM"] += web.ends_with(".COM");
    if (web.starts_with("EVERYMART MKTP*")) orders.insert(web);
    const std::string chain = text(dice, draw_merchant(dice, Category::groceries, 17, 0));
    found["#"] += chain.find('#') != std::string::npos;
  }
  for (const auto& [part, count] : found) {
    CAPTURE(part);
    CHECK(count > 30);
    CHECK(count < 3'000);
  }
  CHECK(orders.size() > 100);  // each its own
}

TEST_CASE("towns have their own shops: the local ones of two towns differ, a chain's branches have the chain's name") {
  Dice dice("merchants-test", 3, 1);
  std::set<std::string> here, there;
  for (int i = 0; i < 2000; ++i) {
    Merchant merchant = draw_merchant(dice, Category::bar, 0, 0);
    if (merchant.form == MerchantForm::local) here.insert(text(dice, merchant));
    merchant = draw_merchant(dice, Category::bar, 1, 0);
    if (merchant.form == MerchantForm::local) there.insert(text(dice, merchant));
  }
  CHECK(here.size() > 30);
  std::size_t shared = 0;
  for (const std::string& shop : here) shared += there.count(shop);
  CHECK(shared * 20 < here.size());
  const Merchant branch{.category = Category::groceries, .form = MerchantForm::chain, .place = 5, .number = 0};
  const std::string name = "GREENFIELD MARKET";
  CHECK(text(dice, branch).starts_with(name));
}

TEST_CASE("there is a long tail: most of the restaurants of a large town are seldom met, a few often") {
  Dice dice("merchants-test", 4, 1);
  std::map<std::uint32_t, std::size_t> visits;
  for (int i = 0; i < 5000; ++i) {
    const Merchant merchant = draw_merchant(dice, Category::restaurant, 0, 0);
    if (merchant.form == MerchantForm::local) ++visits[merchant.number];
  }
  CHECK(visits.size() > 100);
  CHECK(visits[0] > 10 * visits[visits.rbegin()->first]);
}

TEST_CASE("every category has somebody who is paid, and every habit's shops have names in every place") {
  Dice dice("merchants-test", 5, 1);
  for (std::size_t i = 0; i < kCategories; ++i) {
    CAPTURE(kCategoryNames[i]);
    CHECK_FALSE(trade_of(static_cast<Category>(i)).chains.empty());
    for (const Place place : {Place{0}, Place{239}, place_of(0), place_of(11)}) {
      CHECK(text(dice, draw_merchant(dice, static_cast<Category>(i), place, 0)).size() >= 3);
      CHECK(text(dice, draw_payee(dice, static_cast<Category>(i), place)).size() >= 3);
    }
  }
}
