#include "simulations/population/statement.h"

namespace fedspend::simulations {

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

std::string_view currency_of(const StatementRow& row) { return is_abroad(row.place) ? destination_at(row.place).currency : "EUR"; }

StatementRow& Statement::add(Dice& dice, std::int64_t time_s, Category category, const Merchant& merchant, std::int64_t amount_minor, models::Direction direction) {
  if (is_abroad(merchant.place)) amount_minor = scaled(amount_minor, destination_at(merchant.place).rate_thousandths);
  const std::size_t begin = text_.size();
  append_terminal_text(dice, merchant, text_);
  rows_.push_back({.time_s = time_s,
                   .amount_minor = std::max<std::int64_t>(amount_minor, 1),
                   .text_begin = static_cast<std::uint32_t>(begin),
                   .text_size = static_cast<std::uint8_t>(text_.size() - begin),
                   .category = category,
                   .direction = direction,
                   .place = merchant.place});
  return rows_.back();
}

StatementRow& Statement::book_again(Dice& dice, int hour, StatementRow row) {
  row.time_s = time_at(dice, hour);
  if (!is_abroad(row.place)) left_minor_ += row.direction == models::Direction::credit ? row.amount_minor : -row.amount_minor;
  return rows_.emplace_back(row);
}

void Statement::sort_month() {
  std::stable_sort(rows_.begin() + static_cast<std::ptrdiff_t>(month_begin_), rows_.end(), [](const StatementRow& a, const StatementRow& b) { return a.time_s < b.time_s; });
}

}  // namespace fedspend::simulations
