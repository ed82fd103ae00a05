#pragma once
// The account statement that a synthetic life writes: rows with the customer's local hour turned into UTC, and the household's purse,
// which knows what is left of the month. One per customer; one thread.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/history.h"
#include "simulations/population/calendar.h"
#include "simulations/population/merchants.h"

namespace fedspend::simulations {

class Statement {
 public:
  Statement(Dice& dice, int utc_offset_minutes) : dice_(dice), utc_offset_minutes_(utc_offset_minutes) {}

  void begin_day(const Day& day) { day_ = day; }
  const Day& day() const { return day_; }
  std::vector<models::Transaction>& rows() { return rows_; }
  // The rows of the month, oldest first; the next begins with none.
  std::vector<models::Transaction> take_month() {
    std::stable_sort(rows_.begin(), rows_.end(), [](const models::Transaction& a, const models::Transaction& b) { return a.time_s < b.time_s; });
    return std::exchange(rows_, {});
  }

  // A purchase out of the purse. In euro; at a merchant's place abroad the row is in that place's currency.
  models::Transaction& spend(int hour, Category category, const Merchant& merchant, std::int64_t amount_minor) {
    left_minor_ -= amount_minor;
    return book(hour, category, merchant, amount_minor, models::Direction::debit);
  }
  // Past the purse: standing orders, whose money is set aside, and income, which a new month's purse is filled from.
  models::Transaction& book(int hour, Category category, const Merchant& merchant, std::int64_t amount_minor, models::Direction direction) {
    std::string_view currency = "EUR";
    if (is_abroad(merchant.place) && merchant.form != MerchantForm::payee) {
      currency = destination_at(merchant.place).currency;
      amount_minor = scaled(amount_minor, destination_at(merchant.place).rate_thousandths);
    }
    rows_.push_back({.time_s = time_at(hour),
                     .amount_minor = std::max<std::int64_t>(amount_minor, 1),
                     .direction = direction,
                     .category = std::string(name_of(category)),
                     .merchant = terminal_text(dice_, merchant),
                     .currency = std::string(currency)});
    return rows_.back();
  }
  // A row that is known in all but its time: money back.
  void book_again(int hour, models::Transaction row) {
    row.time_s = time_at(hour);
    if (row.currency == "EUR") left_minor_ += row.direction == models::Direction::credit ? row.amount_minor : -row.amount_minor;
    rows_.push_back(std::move(row));
  }

  std::int64_t left_minor() const { return left_minor_; }
  // A new month: what was saved is put aside, what was overdrawn is carried on, to one month's money at most.
  void begin_month(std::int64_t money_minor) { left_minor_ = std::clamp(left_minor_, -money_minor, std::int64_t{0}) + money_minor; }

 private:
  std::int64_t time_at(int hour) { return day_.begin_s() + hour * 3600 - utc_offset_minutes_ * 60 + dice_.between(0, 3599); }

  Dice& dice_;
  const int utc_offset_minutes_;
  Day day_;
  std::vector<models::Transaction> rows_;
  std::int64_t left_minor_ = 0;
};

}  // namespace fedspend::simulations
