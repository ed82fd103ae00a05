#include "simulations/population/merchants.h"

#include <algorithm>

#include "simulations/population/merchant_names.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kNameWidth = 22;  // what terminals leave of a name
constexpr std::size_t kTownWidth = 13;
constexpr std::size_t kMostBytes = 64;

bool sold_online(Category category) {
  return category >= Category::clothing && category <= Category::games;
}
bool sold_by_department_stores(Category category) {
  using enum Category;
  return category == clothing || category == cosmetics || category == toys || category == home_garden || category == gifts || category == books;
}

bool paid_in_town(Category category) {
  using enum Category;
  return category == water || category == property_tax || category == childcare || category == cash;
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
    append_place_name(merchant.place, out);
    out.append(" ").append(word);
  } else if (pattern < 91) {
    add_sign(rest, out);
    out.append(" ").append(word);
  } else {
    add_person(rest, out);
  }
}

// Appends to a string and cuts its own part of it.
class Line {
 public:
  explicit Line(std::string& out) : out_(out), begin_(out.size()) {}

  std::string& text() { return out_; }
  Line& operator<<(std::string_view part) {
    out_ += part;
    return *this;
  }
  void cut(std::size_t width) {
    if (out_.size() > begin_ + width) out_.resize(begin_ + width);
    while (out_.size() > begin_ && out_.back() == ' ') out_.pop_back();
  }
  void without_blanks() {
    const auto blank = [](char c) { return c == ' ' || c == '&' || c == '\''; };
    out_.erase(std::remove_if(out_.begin() + static_cast<std::ptrdiff_t>(begin_), out_.end(), blank), out_.end());
  }
  void capitals() {
    for (std::size_t i = begin_; i < out_.size(); ++i)
      if (out_[i] >= 'a' && out_[i] <= 'z') out_[i] = static_cast<char>(out_[i] - 'a' + 'A');
  }
  void town(const Merchant& merchant) {
    *this << " ";
    Line town(out_);
    append_place_name(merchant.place, out_);
    town.cut(kTownWidth);
  }
  void country(const Merchant& merchant) { *this << " " << country_of(merchant.place); }
  void digits(std::uint64_t value, std::size_t count) {
    const std::size_t begin = out_.size();
    out_.append(count, '0');
    for (std::size_t i = out_.size(); i-- > begin; value /= 10) out_[i] = static_cast<char>('0' + value % 10);
  }
  // An order's number, new every time: "2K4RT81".
  void order(Dice& dice, std::size_t count) {
    static constexpr std::string_view kCharacters = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ";
    for (std::size_t i = 0; i < count; ++i) out_ += kCharacters[dice.below(static_cast<std::uint32_t>(kCharacters.size()))];
  }

 private:
  std::string& out_;
  std::size_t begin_;
};

void add_chain(Dice& dice, const Merchant& merchant, Line& line) {
  const std::uint64_t house = mixed(index_of(merchant.category), merchant.number);  // the chain's own form
  const std::uint64_t branch = mixed(identity(merchant), merchant.reference) % 9'000 + 100;
  std::uint64_t form = house % 5;
  if (dice.chance(125)) form = (form + 1 + dice.below(4)) % 5;
  line << trade_of(merchant.category).chains[merchant.number];
  line.cut(kNameWidth - (form == 0 || form == 2 ? 5 : 0));
  if (form == 0 || form == 2) (line << (form == 0 ? " " : "#")).digits(branch, 4);
  if (form == 0 || form == 1 || form == 3) line.town(merchant);
  if (form == 0 || form == 1) line.country(merchant);
}

void add_local(Dice& dice, const Merchant& merchant, Line& line) {
  const std::uint64_t hash = identity(merchant);
  std::uint64_t form = (hash >> 50) % 100;
  if (form >= 64 && form < 94) {  // a payment processor's, often with the owner's name alone
    line << (form < 76 ? "SQ *" : form < 90 ? "SUMUP *" : "ZETTLE_*");
    if ((hash >> 44) % 5 < 2) {
      add_person(hash >> 9, line.text());
    } else {
      add_local_name(merchant, hash, line.text());
    }
    line.cut(kNameWidth);
    if (form >= 76 && !dice.chance(125)) line.town(merchant);
    return;
  }
  add_local_name(merchant, hash, line.text());
  if (dice.chance(125)) form = dice.below(64);
  line.cut(form >= 94 ? 18 : kNameWidth);
  if (form < 54 || form >= 94) line.town(merchant);
  if (form < 42) line.country(merchant);
}

void add_web(Dice& dice, const Merchant& merchant, Line& line) {
  const Trade& trade = trade_of(merchant.category);
  const std::uint64_t hash = identity(merchant);
  const std::uint64_t form = (hash >> 50) % 100;
  line << (form < 30 ? "www." : form >= 55 && form < 80 ? "PAYPAL *" : "");
  Line name(line.text());
  if (merchant.number < trade.chains.size()) {
    name << trade.chains[merchant.number];
  } else {
    add_surname(hash, line.text());
    if (!trade.words.empty() && hash % 3 != 0) name << pick(trade.words, hash >> 40);
  }
  name.without_blanks();
  if (form < 30) {
    name << (hash % 2 == 0 ? ".xa" : ".com");
  } else if (form < 55) {
    name << ".com";
  } else if (form < 80) {
    name.cut(11);
  } else if (form >= 92) {
    name << " online shop";
  } else {
    name.cut(12);
    (name << "*").order(dice, 7);
  }
}

void add_marketplace(Dice& dice, const Merchant& merchant, Line& line) {
  line << marketplaces()[merchant.number];
  if (merchant.number % 2 != 0) {
    if (dice.chance(200)) (line << " ").digits(merchant.number, 3);
  } else if (dice.chance(300)) {
    line.without_blanks();
    line << ".com";
  } else {
    (line << "*").order(dice, 6);
  }
}

void add_payee(const Merchant& merchant, Line& line) {
  using enum Category;
  const auto& payees = trade_of(merchant.category).chains;
  if (merchant.number >= payees.size()) {  // a private landlord, a customer's customer
    add_person(identity(merchant), line.text());
  } else {
    line << payees[merchant.number];
  }
  if (paid_in_town(merchant.category)) line.town(merchant);
  if (merchant.reference != 0 && mixed(index_of(merchant.category), merchant.number) % 2 == 0) (line << " ").digits(merchant.reference, 8);
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
  if (!paid_in_town(category)) merchant.place = 0;
  if ((category == Category::rent && dice.chance(500)) || (category == Category::freelance_income && dice.chance(400))) merchant.number = 100 + dice.below(5'000);
  if (category != Category::cash && category != Category::bank_fees) merchant.reference = 10'000'000 + dice.below(89'999'999);
  return merchant;
}

void append_terminal_text(Dice& dice, const Merchant& merchant, std::string& out) {
  Line line(out);
  switch (merchant.form) {
    case MerchantForm::chain: add_chain(dice, merchant, line); break;
    case MerchantForm::local: add_local(dice, merchant, line); break;
    case MerchantForm::web: add_web(dice, merchant, line); break;
    case MerchantForm::department_store:
      line << department_stores()[merchant.number];
      line.town(merchant);
      break;
    case MerchantForm::marketplace: add_marketplace(dice, merchant, line); break;
    case MerchantForm::payee: add_payee(merchant, line); break;
  }
  line.cut(kMostBytes);
  line.capitals();
}

}  // namespace fedspend::simulations
