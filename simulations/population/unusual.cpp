#include "simulations/population/unusual.h"

#include <algorithm>
#include <span>

#include "simulations/population/habits.h"
#include "simulations/population/standing_orders.h"

namespace fedspend::simulations {
namespace {

using enum Category;
using models::Direction;

constexpr std::array<Category, 6> kResold = {electronics, electronics, clothing, games, gifts, cosmetics};
constexpr std::array<Category, kBurstCategories> kBursts = {games, electronics, lottery, sports, cosmetics, pets, toys, furniture, events, books, taxi, donations};
enum class Incident : std::uint8_t { card_test, duplicate, take_over, typo, burst, price_jump };
constexpr std::array<std::uint16_t, 6> kIncidentWeights = {18, 24, 14, 14, 14, 16};

bool is_subscription(Category category) { return std::find(kSubscriptions.begin(), kSubscriptions.end(), category) != kSubscriptions.end(); }

std::span<StatementRow> month_of(Statement& statement) { return std::span(statement.rows()).subspan(statement.month_begin()); }

}  // namespace

UnusualActivity::UnusualActivity(std::uint64_t seed, std::uint64_t client, std::uint32_t incidents_in_thousand_months)
    : dice_("synthetic-unusual", seed, client), incidents_in_thousand_months_(incidents_in_thousand_months) {}

void UnusualActivity::lay_over(Statement& statement, const Customer& customer) {
  if (incidents_in_thousand_months_ == 0) return;
  keep_raised(statement);
  if (dice_.chance(incidents_in_thousand_months_)) {
    incident(statement, customer);
    statement.sort_month();
  }
  std::array<bool, kCategories> used{};
  for (const StatementRow& row : month_of(statement)) used[index_of(row.category)] = true;
  for (std::size_t i = 0; i < kBursts.size(); ++i) met_[i] = met_[i] || used[index_of(kBursts[i])];
}

void UnusualActivity::incident(Statement& statement, const Customer& customer) {
  // From the tenth to the twenty-fifth: no row may leave the month.
  const Day& day = statement.day();  // the month's last
  const std::int64_t begin_s = (day.number - day.of_month + 1 + dice_.between(9, 24)) * kDaySeconds - statement.utc_offset_minutes() * 60;
  switch (static_cast<Incident>(dice_.weighted(kIncidentWeights))) {
    case Incident::card_test: return test_card(statement, begin_s);
    case Incident::duplicate: return duplicate(statement);
    case Incident::take_over: return take_over(statement, begin_s);
    case Incident::typo: return mistype(statement);
    case Incident::burst: return burst(statement, begin_s, customer);
    case Incident::price_jump: return raise_price(statement);
  }
}

void UnusualActivity::add(Statement& statement, std::int64_t time_s, Category category, const Merchant& merchant, std::int64_t amount_minor, Unusual unusual) {
  statement.add(dice_, time_s, category, merchant, amount_minor, Direction::debit).unusual = unusual;
}

// Two to five small amounts within minutes at shops of the web, then one large one for what can be sold again.
void UnusualActivity::test_card(Statement& statement, std::int64_t begin_s) {
  std::int64_t time_s = begin_s + dice_.between(2 * 3600, 20 * 3600);
  for (std::int64_t tests = dice_.between(2, 5); tests > 0; --tests) {
    const Category category = dice_.chance(500) ? donations : games;
    const std::int64_t amount = dice_.between(50, 299);
    add(statement, time_s, category, draw_merchant(dice_, category, 0, 1000), amount, Unusual::card_test);
    time_s += dice_.between(20, 400);
  }
  time_s += dice_.between(600, 90 * 60);
  const Category category = dice_.one_of(kResold);
  const std::int64_t amount = dice_.between(350, 1'900) * 100 - 1;
  add(statement, time_s, category, draw_merchant(dice_, category, 0, 1000), amount, Unusual::large_after_test);
}

// At night, from a place abroad: cash, then goods that can be sold, until the card is stopped.
void UnusualActivity::take_over(Statement& statement, std::int64_t begin_s) {
  const Place far = place_of(5 + dice_.below(static_cast<std::uint32_t>(kDestinations.size() - 5)));
  std::int64_t time_s = begin_s + dice_.between(24 * 3600, 27 * 3600);
  for (std::int64_t left = dice_.between(3, 8); left > 0; --left) {
    const Category category = dice_.chance(300) ? cash : dice_.one_of(kResold);
    const std::int64_t amount = category == cash ? dice_.between(10, 50) * 1'000 : scaled(26'000, dice_.spread(60));
    add(statement, time_s, category, draw_merchant(dice_, category, far, 0), amount, Unusual::account_takeover);
    time_s += dice_.between(120, 2'400);
  }
}

// Five to ten purchases within two days of what the customer has never bought.
void UnusualActivity::burst(Statement& statement, std::int64_t begin_s, const Customer& customer) {
  std::vector<Category> fresh;
  for (std::size_t i = 0; i < kBursts.size(); ++i) {
    const auto month = month_of(statement);
    const bool now = std::any_of(month.begin(), month.end(), [&](const StatementRow& row) { return row.category == kBursts[i]; });
    if (!met_[i] && !now) fresh.push_back(kBursts[i]);
  }
  if (fresh.empty()) return;
  const Category category = fresh[dice_.below(static_cast<std::uint32_t>(fresh.size()))];
  std::int64_t time_s = begin_s + dice_.between(8 * 3600, 14 * 3600);
  for (std::int64_t left = dice_.between(5, 10); left > 0; --left) {
    const std::int64_t amount = scaled(habits()[*habit_of(category)].typical_minor, dice_.spread(50));
    add(statement, time_s, category, draw_merchant(dice_, category, customer.town, 600), amount, Unusual::category_burst);
    time_s += dice_.between(900, 5 * 3600);
  }
}

StatementRow* UnusualActivity::one_purchase(Statement& statement) {
  const auto month = month_of(statement);
  for (int attempt = 0; attempt < 40 && !month.empty(); ++attempt) {
    StatementRow& row = month[dice_.below(static_cast<std::uint32_t>(month.size()))];
    const std::int64_t second = row.time_s % kDaySeconds;
    if (row.direction == Direction::debit && second >= 7 * 3600 && second < 22 * 3600) return &row;
  }
  return nullptr;
}

void UnusualActivity::duplicate(Statement& statement) {
  const StatementRow* row = one_purchase(statement);
  if (row == nullptr) return;
  StatementRow again = *row;
  again.time_s += dice_.between(1, 300);
  again.unusual = Unusual::duplicate_charge;
  statement.rows().push_back(again);
}

void UnusualActivity::mistype(Statement& statement) {
  StatementRow* row = one_purchase(statement);
  if (row == nullptr) return;
  row->amount_minor *= dice_.chance(700) ? 10 : 100;
  row->unusual = Unusual::amount_typo;
}

void UnusualActivity::raise_price(Statement& statement) {
  std::vector<StatementRow*> found;
  for (StatementRow& row : month_of(statement)) {
    const bool raised = std::any_of(raised_.begin(), raised_.end(), [&](const Raised& one) { return one.merchant == statement.merchant_of(row); });
    if (is_subscription(row.category) && !raised) found.push_back(&row);
  }
  if (found.empty()) return;
  StatementRow& row = *found[dice_.below(static_cast<std::uint32_t>(found.size()))];
  raised_.push_back({.merchant = std::string(statement.merchant_of(row)), .thousandths = dice_.between(1'500, 3'000)});
  row.unusual = Unusual::price_jump;
  const auto month = month_of(statement);
  for (StatementRow& one : month)
    if (&one >= &row && is_subscription(one.category) && statement.merchant_of(one) == raised_.back().merchant) one.amount_minor = scaled(one.amount_minor, raised_.back().thousandths);
}

void UnusualActivity::keep_raised(Statement& statement) {
  if (raised_.empty()) return;
  for (StatementRow& row : month_of(statement)) {
    if (!is_subscription(row.category)) continue;
    for (const Raised& raised : raised_)
      if (raised.merchant == statement.merchant_of(row)) row.amount_minor = scaled(row.amount_minor, raised.thousandths);
  }
}

}  // namespace fedspend::simulations
