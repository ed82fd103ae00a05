#pragma once
// The account statement that a synthetic life writes: compact rows, the printed text of all merchants in one string, the customer's
// local hour turned into UTC; and the household's purse, which knows what is left of the month. One per customer; one thread.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/history.h"
#include "simulations/population/calendar.h"
#include "simulations/population/merchants.h"

namespace fedspend::simulations {

// What is unusual about a row (unusual.h); almost always nothing.
enum class Unusual : std::uint8_t { none, card_test, large_after_test, duplicate_charge, account_takeover, amount_typo, category_burst, price_jump };
inline constexpr std::size_t kUnusualKinds = 8;
std::string_view to_string(Unusual unusual);  // of none: ""

struct StatementRow {
  std::int64_t time_s = 0;
  std::int64_t amount_minor = 0;
  std::uint32_t text_begin = 0;  // of the merchant, in Statement::text()
  std::uint8_t text_size = 0;
  Category category = Category::groceries;
  models::Direction direction = models::Direction::debit;
  Place place = 0;               // for its currency
  Unusual unusual = Unusual::none;
};

std::string_view currency_of(const StatementRow& row);

class Statement {
 public:
  explicit Statement(int utc_offset_minutes) : utc_offset_minutes_(utc_offset_minutes) {}

  void begin_day(const Day& day) { day_ = day; }
  const Day& day() const { return day_; }
  int utc_offset_minutes() const { return utc_offset_minutes_; }

  // A purchase out of the purse. In euro; at a merchant's place abroad the row is in that place's currency.
  const StatementRow& spend(Dice& dice, int hour, Category category, const Merchant& merchant, std::int64_t amount_minor) {
    left_minor_ -= amount_minor;
    return book(dice, hour, category, merchant, amount_minor, models::Direction::debit);
  }
  // Past the purse: standing orders, whose money is set aside, and income, which a new month's purse is filled from.
  const StatementRow& book(Dice& dice, int hour, Category category, const Merchant& merchant, std::int64_t amount_minor, models::Direction direction) {
    return add(dice, time_at(dice, hour), category, merchant, amount_minor, direction);
  }
  // At a given time, neither by the day nor out of the purse.
  StatementRow& add(Dice& dice, std::int64_t time_s, Category category, const Merchant& merchant, std::int64_t amount_minor, models::Direction direction);
  // A row that is known in all but its time, such as money back, which the purse takes.
  StatementRow& book_again(Dice& dice, int hour, StatementRow row);

  std::int64_t left_minor() const { return left_minor_; }
  // A new month: what was saved is put aside, what was overdrawn is carried on, to one month's money at most. Its rows follow those there are.
  void begin_month(std::int64_t money_minor) {
    left_minor_ = std::clamp(left_minor_, -money_minor, std::int64_t{0}) + money_minor;
    month_begin_ = rows_.size();
  }
  // The rows of the month in the order of their times, those of one time as they came.
  void sort_month();

  std::size_t month_begin() const { return month_begin_; }  // index of the month's first row
  std::vector<StatementRow>& rows() { return rows_; }
  const std::vector<StatementRow>& rows() const { return rows_; }
  const std::string& text() const { return text_; }
  std::string_view merchant_of(const StatementRow& row) const { return std::string_view(text_).substr(row.text_begin, row.text_size); }

 private:
  std::int64_t time_at(Dice& dice, int hour) const { return day_.begin_s() + hour * 3600 - utc_offset_minutes_ * 60 + dice.between(0, 3599); }

  int utc_offset_minutes_;
  Day day_;
  std::vector<StatementRow> rows_;
  std::string text_;
  std::size_t month_begin_ = 0;
  std::int64_t left_minor_ = 0;
};

}  // namespace fedspend::simulations
