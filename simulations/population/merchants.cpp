#include "simulations/population/merchants.h"

#include <algorithm>

#include "simulations/population/merchant_names.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kNameWidth = 22;  // what terminals leave of a name
constexpr std::size_t kTownWidth = 13;

bool sold_online(Category category) {
  return category >= Category::clothing && category <= Category::games;
}
bool sold_by_department_stores(Category category) {
  using enum Category;
  return category == clothing || category == cosmetics || category == toys || category == home_garden || category == gifts || category == books;
}

// How many times the local shops of a small town a place has.
std::uint32_t size_of(Place place) {
  if (is_abroad(place)) return 5;
  const std::size_t rank = rank_in_region(place);
  return rank == 0 ? 8 : rank < 3 ? 5 : rank < 8 ? 3 : rank < 16 ? 2 : 1;
}

// Small numbers more often.
std::uint32_t skewed(Dice& dice, std::size_t count) {
  const auto bound = static_cast<std::uint32_t>(count);
  return std::min(dice.below(bound), dice.below(bound));
}

std::uint64_t identity(const Merchant& merchant) {
  return mixed(index_of(merchant.category) << 8 | static_cast<std::uint64_t>(merchant.form), merchant.place, merchant.number);
}

template <class Words>
std::string_view pick(const Words& words, std::uint64_t hash) {
  return words[hash % words.size()];
}

void add_surname(std::uint64_t hash, std::string& out) {
  out += pick(surname_beginnings(), hash);
  out += pick(surname_ends(), hash >> 16);
}

void add_person(std::uint64_t hash, std::string& out) {
  out += static_cast<char>('A' + hash % 25);
  out += ' ';
  add_surname(hash >> 8, out);
}

void add_sign(std::uint64_t hash, std::string& out) { out.append(pick(signs(), hash)).append(" ").append(pick(things(), hash >> 16)); }

// What is written over a local shop's door: its trade, its owner, its sign, or two of them.
void add_local_name(const Merchant& merchant, std::uint64_t hash, std::string& out) {
  const auto& words = trade_of(merchant.category).words;
  const std::string_view word = pick(words, hash >> 40);
  const std::uint64_t pattern = hash % 100, rest = hash >> 7;
  if (pattern < 28) {
    add_surname(rest, out);
    out.append(" ").append(word);
  } else if (pattern < 40) {
    out.append(word).append(" ");
    add_surname(rest, out);
  } else if (pattern < 60) {
    add_sign(rest, out);
  } else if (pattern < 74) {
    out.append(pick(things(), rest)).append(" ").append(word);
  } else if (pattern < 83) {
    out.append(place_name(merchant.place)).append(" ").append(word);
  } else if (pattern < 91) {
    add_sign(rest, out);
    out.append(" ").append(word);
  } else {
    add_person(rest, out);
  }
}

void capitals(std::string& text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

void cut(std::string& text, std::size_t width) {
  if (text.size() > width) text.resize(width);
  while (!text.empty() && text.back() == ' ') text.pop_back();
}

void add_town(const Merchant& merchant, std::string& text) {
  std::string town = place_name(merchant.place);
  cut(town, kTownWidth);
  text.append(" ").append(town);
}

void add_country(const Merchant& merchant, std::string& text) { text.append(" ").append(country_of(merchant.place)); }

void add_digits(std::uint64_t value, std::size_t count, std::string& text) {
  std::string digits(count, '0');
  for (std::size_t i = count; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  text += digits;
}

// An order's number, new every time: "2K4RT81".
void add_order(Dice& dice, std::size_t count, std::string& text) {
  constexpr std::string_view kSigns = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ";
  for (std::size_t i = 0; i < count; ++i) text += kSigns[dice.below(static_cast<std::uint32_t>(kSigns.size()))];
}

void without_blanks(std::string& text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '&' || c == '\''; });
}

std::string chain_text(Dice& dice, const Merchant& merchant) {
  std::string text(trade_of(merchant.category).chains[merchant.number]);
  const std::uint64_t house = mixed(index_of(merchant.category), merchant.number);  // the chain's own form
  const std::uint64_t branch = mixed(identity(merchant), merchant.reference) % 9'000 + 100;
  std::uint64_t form = house % 5;
  if (dice.chance(125)) form = (form + 1 + dice.below(4)) % 5;
  cut(text, kNameWidth - (form == 0 || form == 2 ? 5 : 0));
  if (form == 0 || form == 2) add_digits(branch, 4, text += form == 0 ? " " : "#");
  if (form == 0 || form == 1 || form == 3) add_town(merchant, text);
  if (form == 0 || form == 1) add_country(merchant, text);
  return text;
}

std::string local_text(Dice& dice, const Merchant& merchant) {
  const std::uint64_t hash = identity(merchant);
  std::string text;
  std::uint64_t form = (hash >> 50) % 100;
  if (form >= 64 && form < 94) {  // a payment processor's, often with the owner's name alone
    text += form < 76 ? "SQ *" : form < 90 ? "SUMUP *" : "ZETTLE_*";
    if ((hash >> 44) % 5 < 2) {
      add_person(hash >> 9, text);
    } else {
      add_local_name(merchant, hash, text);
    }
    cut(text, kNameWidth);
    if (form >= 76 && !dice.chance(125)) add_town(merchant, text);
    return text;
  }
  add_local_name(merchant, hash, text);
  if (dice.chance(125)) form = dice.below(64);
  cut(text, form >= 94 ? 18 : kNameWidth);
  if (form < 54 || form >= 94) add_town(merchant, text);
  if (form < 42) add_country(merchant, text);
  return text;
}

std::string web_text(Dice& dice, const Merchant& merchant) {
  const Trade& trade = trade_of(merchant.category);
  const std::uint64_t hash = identity(merchant);
  std::string text;
  if (merchant.number < trade.chains.size()) {
    text += trade.chains[merchant.number];
  } else {
    add_surname(hash, text);
    if (!trade.words.empty() && hash % 3 != 0) text += pick(trade.words, hash >> 40);
  }
  const std::uint64_t form = (hash >> 50) % 100;
  without_blanks(text);
  if (form < 30) return "www." + text + (hash % 2 == 0 ? ".xa" : ".com");
  if (form < 55) return text + ".com";
  if (form < 80) {
    cut(text, 11);
    return "PAYPAL *" + text;
  }
  if (form >= 92) return text + " online shop";
  cut(text, 12);
  add_order(dice, 7, text += "*");
  return text;
}

std::string marketplace_text(Dice& dice, const Merchant& merchant) {
  std::string text(marketplaces()[merchant.number]);
  if (merchant.number % 2 == 0) {
    if (dice.chance(300)) {
      without_blanks(text);
      return text + ".com";
    }
    add_order(dice, 6, text += "*");
    return text;
  }
  if (dice.chance(200)) add_digits(merchant.number, 3, text += " ");
  return text;
}

std::string payee_text(const Merchant& merchant) {
  const auto& payees = trade_of(merchant.category).chains;
  std::string text;
  using enum Category;
  if (merchant.number >= payees.size()) {  // a private landlord, a customer's customer
    add_person(identity(merchant), text);
  } else {
    text += payees[merchant.number];
  }
  if (merchant.category == water || merchant.category == property_tax || merchant.category == childcare || merchant.category == cash) add_town(merchant, text);
  if (merchant.reference != 0 && mixed(index_of(merchant.category), merchant.number) % 2 == 0) add_digits(merchant.reference, 8, text += " ");
  return text;
}

}  // namespace

Merchant draw_merchant(Dice& dice, Category category, Place place, std::uint32_t online_in_thousand) {
  const Trade& trade = trade_of(category);
  Merchant merchant{.category = category, .place = place};
  if (online_in_thousand > 0 && dice.chance(online_in_thousand)) {
    const bool marketplace = sold_online(category) && category != Category::games && dice.chance(450);
    merchant.form = marketplace ? MerchantForm::marketplace : MerchantForm::web;
    merchant.category = marketplace ? Category::gifts : category;
    merchant.place = 0;
    merchant.number = marketplace ? skewed(dice, marketplaces().size()) : skewed(dice, trade.chains.size() + 40);
    return merchant;
  }
  if (sold_by_department_stores(category) && size_of(place) >= 3 && dice.chance(120)) {
    merchant.form = MerchantForm::department_store;
    merchant.category = Category::gifts;
    merchant.number = static_cast<std::uint32_t>(mixed(place) % department_stores().size());
    return merchant;
  }
  const std::uint32_t size = size_of(place);
  const std::uint32_t chain = is_abroad(place) && !trade.words.empty() ? trade.chain_in_thousand / 4U : trade.chain_in_thousand;
  if (trade.words.empty() || dice.chance(chain)) {
    merchant.form = MerchantForm::chain;
    // Which chains are strong differs from region to region.
    const std::size_t first = is_abroad(place) ? 0 : mixed(index_of(category), region_of(place)) % trade.chains.size();
    merchant.number = static_cast<std::uint32_t>((first + skewed(dice, trade.chains.size())) % trade.chains.size());
    merchant.reference = dice.below((size + 1) / 2);
    return merchant;
  }
  merchant.number = skewed(dice, std::size_t{trade.shops_in_small_town} * size);
  return merchant;
}

Merchant draw_payee(Dice& dice, Category category, Place place) {
  const std::size_t payees = trade_of(category).chains.size();
  Merchant merchant{.category = category, .form = MerchantForm::payee, .place = place, .number = skewed(dice, payees)};
  const bool local = category == Category::water || category == Category::property_tax || category == Category::childcare || category == Category::cash;
  if (!local) merchant.place = 0;
  if ((category == Category::rent && dice.chance(500)) || (category == Category::freelance_income && dice.chance(400))) merchant.number = 100 + dice.below(5'000);
  if (category != Category::cash && category != Category::bank_fees) merchant.reference = 10'000'000 + dice.below(89'999'999);
  return merchant;
}

std::string terminal_text(Dice& dice, const Merchant& merchant) {
  std::string text;
  switch (merchant.form) {
    case MerchantForm::chain: text = chain_text(dice, merchant); break;
    case MerchantForm::local: text = local_text(dice, merchant); break;
    case MerchantForm::web: text = web_text(dice, merchant); break;
    case MerchantForm::department_store:
      text = department_stores()[merchant.number];
      add_town(merchant, text);
      break;
    case MerchantForm::marketplace: text = marketplace_text(dice, merchant); break;
    case MerchantForm::payee: text = payee_text(merchant); break;
  }
  capitals(text);
  return text;
}

}  // namespace fedspend::simulations
