#pragma once
// Unusual activity, with its label: what a model of it is trained and measured on. It is laid over the life of a customer by dice of
// their own, so that the ordinary rows of a seed are the same whatever the rate is. A month has an incident with the stated chance (where
// there is something that it can happen to), never in its first nine days. Life events are not unusual activity and have no label; nor
// have the rows after a price jump, which is the new price. One per customer; one thread.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "simulations/population/life.h"

namespace fedspend::simulations {

enum class Unusual : std::uint8_t { none, card_test, large_after_test, duplicate_charge, account_takeover, amount_typo, category_burst, price_jump };
inline constexpr std::size_t kUnusualKinds = 8;
std::string_view to_string(Unusual unusual);  // of none: ""

inline constexpr std::size_t kBurstCategories = 12;

struct LabelledMonth {
  std::vector<models::Transaction> rows;
  std::vector<Unusual> labels;  // as many
};

class UnusualActivity {
 public:
  UnusualActivity(std::uint64_t seed, std::uint64_t client, std::uint32_t incidents_in_thousand_months);
  // The month's rows, oldest first, with what the dice lay over them. Months in turn.
  LabelledMonth lay_over(std::vector<models::Transaction> rows, const Day& first_of_month, const Customer& customer);

 private:
  using Rows = std::vector<std::pair<models::Transaction, Unusual>>;
  void incident(Rows& rows, const Day& first_of_month, const Customer& customer);
  void test_card(Rows& rows, std::int64_t begin_s);
  void take_over(Rows& rows, std::int64_t begin_s);
  void burst(Rows& rows, std::int64_t begin_s, const Customer& customer);
  void duplicate(Rows& rows);
  void mistype(Rows& rows);
  void raise_price(Rows& rows);
  void keep_raised(Rows& rows);
  std::size_t one_purchase(const Rows& rows);  // rows.size(): there is none
  void add(Rows& rows, std::int64_t time_s, Category category, const Merchant& merchant, std::int64_t amount_minor, Unusual label);

  Dice dice_;
  std::uint32_t incidents_in_thousand_months_;
  std::array<bool, kBurstCategories> met_{};                  // of those that a burst can be of, what the customer has used
  std::unordered_map<std::string, std::int64_t> raised_;      // subscription's merchant text; thousandths
};

}  // namespace fedspend::simulations
