#pragma once
// What comes and goes by itself: salary, pension, rent, bills, insurances, loans, subscriptions. A monthly one has its day of the month,
// which a shorter month's last day stands for; wages are paid before a weekend. Amounts stay the same for months and then step: a raise, a
// dearer contract. One per customer; one thread.

#include <array>
#include <cstdint>
#include <vector>

#include "simulations/population/customers.h"
#include "simulations/population/statement.h"

namespace fedspend::simulations {

struct StandingOrder {
  Category category;
  Merchant payee;
  std::int64_t amount_minor = 0;
  int day = 1;                        // of the month; of a weekly one of the week, Monday: 0
  int hour = 2;                       // 2 ... 22: so no time zone moves a row into another month
  int every_months = 1;               // 0: every week
  int phase = 0;                      // months_passed % every_months of the booking
  unsigned wobble_percent = 0;        // the spread of a metered amount
  bool by_season = false;             // dear in winter
  bool income = false;
  int step_month = 1;                 // of the year, in which the amount steps
  int step_thousandths_low = 0, step_thousandths_high = 0;
  std::int64_t until_day = INT64_MAX; // Day::number of the last day
  bool due_this_month = true;         // StandingOrders keeps it
};

class StandingOrders {
 public:
  StandingOrders(Dice& dice, Statement& statement) : dice_(dice), statement_(statement) {}

  void add(const StandingOrder& order) {
    orders_.push_back(order);
    set_due(orders_.back(), statement_.day());
  }
  void stop(Category category) { std::erase_if(orders_, [&](const StandingOrder& order) { return order.category == category; }); }
  bool has(Category category) const { return first(category) != nullptr; }
  const StandingOrder* first(Category category) const;
  void scale(Category category, std::int64_t thousandths);  // all of that category
  void book(const Day& day);
  // The steps of the month, and the end of those that are over.
  void begin_month(const Day& day);
  // Per month, of those that are no income: the part of the money that is spoken for.
  std::int64_t monthly_cost_minor() const;

 private:
  static void set_due(StandingOrder& order, const Day& day) { order.due_this_month = order.every_months == 0 || day.months_passed % order.every_months == order.phase % order.every_months; }

  Dice& dice_;
  Statement& statement_;
  std::vector<StandingOrder> orders_;
};

inline constexpr std::array<Category, 5> kSubscriptions = {Category::streaming, Category::music, Category::news, Category::gym, Category::software};
StandingOrder draw_subscription(Dice& dice, Category category, Place town);

// What runs on the first day: income by kind, home, bills, insurances, perhaps a loan and savings, some subscriptions.
void begin_standing_orders(Dice& dice, const Customer& customer, StandingOrders& orders);
// Parts of it, for when life changes.
void add_home(Dice& dice, const Customer& customer, StandingOrders& orders);
void add_income(Dice& dice, const Customer& customer, StandingOrders& orders);

}  // namespace fedspend::simulations
