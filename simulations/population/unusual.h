#pragma once
// Unusual activity, with its label: what a model of it is measured by (no trainer and no device sees a label). It is laid over the life of a customer by dice of
// their own, so that the ordinary rows of a seed are the same whatever the rate is. A month has an incident with the stated chance (where
// there is something that it can happen to), never in its first nine days. Life events are not unusual activity and have no label; nor
// have the rows after a price jump, which is the new price. One per customer; one thread.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "simulations/population/customers.h"
#include "simulations/population/statement.h"

namespace fedspend::simulations {

inline constexpr std::size_t kBurstCategories = 12;

class UnusualActivity {
 public:
  UnusualActivity(std::uint64_t seed, std::uint64_t client, std::uint32_t incidents_in_thousand_months);
  // Over the statement's month that has just been lived; it is in order before and after. Months in turn.
  void lay_over(Statement& statement, const Customer& customer);

 private:
  void incident(Statement& statement, const Customer& customer);
  void test_card(Statement& statement, std::int64_t begin_s);
  void take_over(Statement& statement, std::int64_t begin_s);
  void burst(Statement& statement, std::int64_t begin_s, const Customer& customer);
  void duplicate(Statement& statement);
  void mistype(Statement& statement);
  void raise_price(Statement& statement);
  void keep_raised(Statement& statement);
  StatementRow* one_purchase(Statement& statement);  // nullptr: there is none
  void add(Statement& statement, std::int64_t time_s, Category category, const Merchant& merchant, std::int64_t amount_minor, Unusual unusual);

  struct Raised {
    std::string merchant;
    std::int64_t thousandths;
  };
  Dice dice_;
  std::uint32_t incidents_in_thousand_months_;
  std::array<bool, kBurstCategories> met_{};  // of those that a burst can be of, what the customer has used
  std::vector<Raised> raised_;                // subscriptions
};

}  // namespace fedspend::simulations
