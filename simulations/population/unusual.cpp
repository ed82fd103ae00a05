#include "simulations/population/unusual.h"

#include <algorithm>
#include <utility>

#include "simulations/population/habits.h"

namespace fedspend::simulations {
namespace {

using enum Category;
using models::Direction;
using models::Transaction;

constexpr std::array<Category, 6> kResold = {electronics, electronics, clothing, games, gifts, cosmetics};
constexpr std::array<Category, kBurstCategories> kBursts = {games, electronics, lottery, sports, cosmetics, pets, toys, furniture, events, books, taxi, donations};
enum class Incident : std::uint8_t { card_test, duplicate, take_over, typo, burst, price_jump };
constexpr std::array<std::uint16_t, 6> kIncidentWeights = {18, 24, 14, 14, 14, 16};

bool is_subscription(std::string_view category) {
  return std::any_of(kSubscriptions.begin(), kSubscriptions.end(), [&](Category one) { return name_of(one) == category; });
}

}  // namespace

std::string_view to_string(Unusual unusual) {
  switch (unusual) {
    case Unusual::none: return "";
    case Unusual::card_test: return "card test";
    case Unusual::large_after_test: return "large after card test";
    case Unusual::duplicate_charge: return "duplicate charge";
    case Unusual::account_takeover: return "account takeover";
    case Unusual::amount_typo: return "amount typo";
    case Unusual::category_burst: return "new category burst";
    case Unusual::price_jump: return "subscription price jump";
  }
  return "?";
}

UnusualActivity::UnusualActivity(std::uint64_t seed, std::uint64_t client, std::uint32_t incidents_in_thousand_months)
    : dice_("synthetic-unusual", seed, client), incidents_in_thousand_months_(incidents_in_thousand_months) {}

LabelledMonth UnusualActivity::lay_over(std::vector<Transaction> ordinary, const Day& first_of_month, const Customer& customer) {
  const bool happens = dice_.chance(incidents_in_thousand_months_);
  LabelledMonth month;
  if (!happens && raised_.empty()) {
    month.labels.assign(ordinary.size(), Unusual::none);
    month.rows = std::move(ordinary);
  } else {
    Rows rows;
    rows.reserve(ordinary.size() + 16);
    for (Transaction& row : ordinary) rows.emplace_back(std::move(row), Unusual::none);
    keep_raised(rows);
    if (happens) incident(rows, first_of_month, customer);
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first.time_s < b.first.time_s; });
    for (auto& [row, label] : rows) {
      month.rows.push_back(std::move(row));
      month.labels.push_back(label);
    }
  }
  for (std::size_t i = 0; i < kBursts.size(); ++i) {
    if (met_[i]) continue;
    met_[i] = std::any_of(month.rows.begin(), month.rows.end(), [&](const Transaction& row) { return row.category == name_of(kBursts[i]); });
  }
  return month;
}

void UnusualActivity::incident(Rows& rows, const Day& first_of_month, const Customer& customer) {
  // From the tenth to the twenty-fifth: no row may leave the month.
  const std::int64_t begin_s = first_of_month.begin_s() + dice_.between(9, 24) * kDaySeconds - customer.utc_offset_minutes() * 60;
  switch (static_cast<Incident>(dice_.weighted(kIncidentWeights))) {
    case Incident::card_test: return test_card(rows, begin_s);
    case Incident::duplicate: return duplicate(rows);
    case Incident::take_over: return take_over(rows, begin_s);
    case Incident::typo: return mistype(rows);
    case Incident::burst: return burst(rows, begin_s, customer);
    case Incident::price_jump: return raise_price(rows);
  }
}

void UnusualActivity::add(Rows& rows, std::int64_t time_s, Category category, const Merchant& merchant, std::int64_t amount_minor, Unusual label) {
  std::string_view currency = "EUR";
  if (is_abroad(merchant.place)) {
    currency = destination_at(merchant.place).currency;
    amount_minor = scaled(amount_minor, destination_at(merchant.place).rate_thousandths);
  }
  rows.emplace_back(Transaction{.time_s = time_s,
                                .amount_minor = std::max<std::int64_t>(amount_minor, 1),
                                .direction = Direction::debit,
                                .category = std::string(name_of(category)),
                                .merchant = terminal_text(dice_, merchant),
                                .currency = std::string(currency)},
                    label);
}

// Two to five small amounts within minutes at shops of the web, then one large one where things can be sold again.
void UnusualActivity::test_card(Rows& rows, std::int64_t begin_s) {
  std::int64_t time_s = begin_s + dice_.between(2 * 3600, 20 * 3600);
  for (std::int64_t tests = dice_.between(2, 5); tests > 0; --tests) {
    const Category category = dice_.chance(500) ? donations : games;
    add(rows, time_s, category, draw_merchant(dice_, category, 0, 1000), dice_.between(50, 299), Unusual::card_test);
    time_s += dice_.between(20, 400);
  }
  time_s += dice_.between(600, 90 * 60);
  const Category category = dice_.one_of(kResold);
  add(rows, time_s, category, draw_merchant(dice_, category, 0, 1000), dice_.between(350, 1'900) * 100 - 1, Unusual::large_after_test);
}

// At night, from a place abroad: cash, then goods that can be sold, until the card is stopped.
void UnusualActivity::take_over(Rows& rows, std::int64_t begin_s) {
  const Place far = place_of(5 + dice_.below(static_cast<std::uint32_t>(kDestinations.size() - 5)));
  std::int64_t time_s = begin_s + dice_.between(24 * 3600, 27 * 3600);
  for (std::int64_t left = dice_.between(3, 8); left > 0; --left) {
    const Category category = dice_.chance(300) ? cash : dice_.one_of(kResold);
    const std::int64_t amount = category == cash ? dice_.between(10, 50) * 1'000 : scaled(26'000, dice_.spread(60));
    add(rows, time_s, category, draw_merchant(dice_, category, far, 0), amount, Unusual::account_takeover);
    time_s += dice_.between(120, 2'400);
  }
}

// Five to ten purchases within two days of what the customer has never bought.
void UnusualActivity::burst(Rows& rows, std::int64_t begin_s, const Customer& customer) {
  std::vector<Category> fresh;
  for (std::size_t i = 0; i < kBursts.size(); ++i) {
    const Category category = kBursts[i];
    const bool now = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.first.category == name_of(category); });
    if (!met_[i] && !now) fresh.push_back(category);
  }
  if (fresh.empty()) return;
  const Category category = fresh[dice_.below(static_cast<std::uint32_t>(fresh.size()))];
  std::int64_t time_s = begin_s + dice_.between(8 * 3600, 14 * 3600);
  for (std::int64_t left = dice_.between(5, 10); left > 0; --left) {
    add(rows, time_s, category, draw_merchant(dice_, category, customer.town, 600), scaled(habits()[*habit_of(category)].typical_minor, dice_.spread(50)), Unusual::category_burst);
    time_s += dice_.between(900, 5 * 3600);
  }
}

std::size_t UnusualActivity::one_purchase(const Rows& rows) {
  for (int attempt = 0; attempt < 40 && !rows.empty(); ++attempt) {
    const std::size_t i = dice_.below(static_cast<std::uint32_t>(rows.size()));
    const Transaction& row = rows[i].first;
    if (rows[i].second == Unusual::none && row.direction == Direction::debit && row.time_s % kDaySeconds >= 7 * 3600 && row.time_s % kDaySeconds < 22 * 3600) return i;
  }
  return rows.size();
}

void UnusualActivity::duplicate(Rows& rows) {
  const std::size_t i = one_purchase(rows);
  if (i == rows.size()) return;
  Transaction again = rows[i].first;
  again.time_s += dice_.between(1, 300);
  rows.emplace_back(std::move(again), Unusual::duplicate_charge);
}

void UnusualActivity::mistype(Rows& rows) {
  const std::size_t i = one_purchase(rows);
  if (i == rows.size()) return;
  rows[i].first.amount_minor *= dice_.chance(700) ? 10 : 100;
  rows[i].second = Unusual::amount_typo;
}

void UnusualActivity::raise_price(Rows& rows) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (is_subscription(rows[i].first.category) && !raised_.contains(rows[i].first.merchant)) found.push_back(i);
  if (found.empty()) return;
  auto& [row, label] = rows[found[dice_.below(static_cast<std::uint32_t>(found.size()))]];
  const std::int64_t thousandths = dice_.between(1'500, 3'000);
  raised_.emplace(row.merchant, thousandths);
  row.amount_minor = scaled(row.amount_minor, thousandths);
  label = Unusual::price_jump;
}

void UnusualActivity::keep_raised(Rows& rows) {
  for (auto& [row, label] : rows) {
    if (raised_.empty() || !is_subscription(row.category)) continue;
    if (const auto found = raised_.find(row.merchant); found != raised_.end()) row.amount_minor = scaled(row.amount_minor, found->second);
  }
}

}  // namespace fedspend::simulations
