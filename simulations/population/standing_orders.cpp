#include "simulations/population/standing_orders.h"

#include <algorithm>

namespace fedspend::simulations {
namespace {

using enum Category;

constexpr std::array<std::int64_t, 12> kHeatPercent = {175, 165, 140, 95, 65, 50, 45, 45, 60, 90, 130, 160};

// Wages fall due on the last working day up to theirs, in the same month; those of the first two days on the first one from theirs on.
bool wages_due(const Day& day, int wage_day) {
  if (day.weekend()) return false;
  const int due = std::min(wage_day, day.last_of_month);
  if (day.of_month == due) return true;
  if (due <= 2) return day.of_week == 0 && day.of_month > due && day.of_month <= due + 2;
  return day.of_week == 4 && due > day.of_month && due <= day.of_month + 2;
}

std::int64_t euro(Dice& dice, std::int64_t low, std::int64_t high) { return dice.between(low, high) * 100; }

// 12.99, 14.99: whole euro less a cent.
std::int64_t nines(Dice& dice, std::int64_t low, std::int64_t high) { return dice.between(low, high) * 100 - 1; }

StandingOrder bill(Dice& dice, Category category, Place town, std::int64_t amount_minor) {
  return {.category = category, .payee = draw_payee(dice, category, town), .amount_minor = amount_minor, .day = static_cast<int>(dice.between(1, 28)), .hour = static_cast<int>(dice.between(2, 6)),
          .step_month = static_cast<int>(dice.between(1, 12)), .step_thousandths_low = 0, .step_thousandths_high = 90};
}

void add_bills(Dice& dice, const Customer& customer, StandingOrders& orders) {
  const bool household = customer.has_child || customer.has_partner;
  StandingOrder electricity = bill(dice, Category::electricity, customer.town, euro(dice, household ? 70 : 35, household ? 150 : 80));
  const bool metered = dice.chance(300);  // the others pay the same every month
  electricity.wobble_percent = metered ? 12 : 0;
  electricity.by_season = metered;
  orders.add(electricity);
  if (customer.owns_home || dice.chance(400)) {
    StandingOrder heating = bill(dice, Category::heating, customer.town, euro(dice, 50, household ? 190 : 110));
    heating.by_season = dice.chance(450);
    heating.wobble_percent = heating.by_season ? 15 : 0;
    orders.add(heating);
  }
  if (customer.owns_home) {
    StandingOrder water = bill(dice, Category::water, customer.town, euro(dice, 60, 160));
    water.every_months = 3;
    water.phase = static_cast<int>(dice.below(3));
    water.wobble_percent = 10;
    orders.add(water);
    StandingOrder council = bill(dice, property_tax, customer.town, euro(dice, 80, 240));
    council.every_months = 3;
    council.phase = 1;
    council.day = 15;
    orders.add(council);
  }
  if (dice.chance(850)) orders.add(bill(dice, internet, customer.town, nines(dice, 25, 50)));
  for (unsigned phones = customer.has_child ? 2 : 1; phones > 0; --phones) {
    StandingOrder phone = bill(dice, mobile_phone, customer.town, nines(dice, 8, 40));
    phone.wobble_percent = dice.chance(250) ? 15 : 0;
    orders.add(phone);
  }
  for (std::uint32_t policies = 1 + dice.below(customer.drives ? 4 : 3); policies > 0; --policies) {
    StandingOrder policy = bill(dice, insurance, customer.town, dice.between(600, 8'500));
    policy.step_month = 1;
    if (dice.chance(300)) {
      policy.every_months = 12;
      policy.phase = static_cast<int>(dice.below(12));
      policy.amount_minor *= 9;
    }
    orders.add(policy);
  }
  if (dice.chance(customer.drives ? 300 : 150)) {
    StandingOrder credit = bill(dice, loan, customer.town, euro(dice, 60, 320));
    credit.step_thousandths_high = 0;
    orders.add(credit);
  }
  if (dice.chance(400)) orders.add(bill(dice, savings, customer.town, customer.income_minor / 1000 * dice.between(20, 150) / 1'000 * 1'000 + 2'500));
  if (dice.chance(180)) orders.add(bill(dice, donations, customer.town, euro(dice, 5, 30)));
  if (dice.chance(400)) {
    StandingOrder fee = bill(dice, bank_fees, customer.town, dice.between(29, 79) * 10);
    fee.payee.number = 0;
    fee.day = 31;
    orders.add(fee);
  }
  if (customer.commute == Commute::season_ticket) orders.add({.category = public_transport, .payee = {.category = public_transport, .form = MerchantForm::chain, .place = customer.town, .number = 3}, .amount_minor = euro(dice, 49, 95), .day = 1, .hour = 3, .step_month = 1, .step_thousandths_high = 60});
  if (customer.kind == CustomerKind::family && dice.chance(450)) orders.add(bill(dice, childcare, customer.town, euro(dice, 120, 480)));
}

}  // namespace

const StandingOrder* StandingOrders::first(Category category) const {
  const auto found = std::find_if(orders_.begin(), orders_.end(), [&](const StandingOrder& order) { return order.category == category; });
  return found == orders_.end() ? nullptr : &*found;
}

void StandingOrders::scale(Category category, std::int64_t thousandths) {
  for (StandingOrder& order : orders_)
    if (order.category == category) order.amount_minor = scaled(order.amount_minor, thousandths);
}

void StandingOrders::book(const Day& day) {
  for (const StandingOrder& order : orders_) {
    if (order.every_months == 0) {
      if (day.of_week != order.day) continue;
    } else {
      if (!order.due_this_month) continue;
      const bool wages = order.income && order.category != benefits;
      if (wages ? !wages_due(day, order.day) : !day.is_day_of_month(order.day)) continue;
    }
    std::int64_t amount = order.amount_minor;
    if (order.by_season) amount = amount * kHeatPercent[static_cast<std::size_t>(day.month - 1)] / 100;
    if (order.wobble_percent > 0) amount = scaled(amount, dice_.spread(order.wobble_percent));
    statement_.book(dice_, order.hour, order.category, order.payee, amount, order.income ? models::Direction::credit : models::Direction::debit);
  }
}

void StandingOrders::begin_month(const Day& day) {
  std::erase_if(orders_, [&](const StandingOrder& order) { return order.until_day < day.number; });
  for (StandingOrder& order : orders_) set_due(order, day);
  if (day.months_passed == 0) return;
  for (StandingOrder& order : orders_) {
    if (order.step_month != day.month || order.step_thousandths_high == 0) continue;
    order.amount_minor = scaled(order.amount_minor, 1000 + dice_.between(order.step_thousandths_low, order.step_thousandths_high));
  }
}

std::int64_t StandingOrders::monthly_cost_minor() const {
  std::int64_t sum = 0;
  for (const StandingOrder& order : orders_)
    if (!order.income) sum += order.every_months == 0 ? order.amount_minor * 52 / 12 : order.amount_minor / order.every_months;
  return sum;
}

StandingOrder draw_subscription(Dice& dice, Category category, Place town) {
  std::int64_t amount = nines(dice, 5, 16);
  if (category == news) amount = nines(dice, 8, 40);
  if (category == gym) amount = nines(dice, 20, 60);
  StandingOrder order = bill(dice, category, town, amount);
  // One in three is dearer every year.
  order.step_thousandths_low = 0;
  order.step_thousandths_high = 0;
  if (dice.chance(330)) {
    order.step_thousandths_low = 80;
    order.step_thousandths_high = 200;
  }
  return order;
}

void add_home(Dice& dice, const Customer& customer, StandingOrders& orders) {
  if (customer.owns_home && customer.age >= 60 && dice.chance(600)) return;  // paid off
  if (customer.kind == CustomerKind::student && dice.chance(300)) return;    // at the parents'
  StandingOrder home = bill(dice, customer.owns_home ? mortgage : rent, customer.town, 0);
  const std::int64_t share = customer.has_partner ? dice.between(18, 30) : dice.between(24, 38);
  home.amount_minor = customer.income_minor * share / 100;
  if (!customer.owns_home) home.amount_minor = home.amount_minor / 500 * 500;
  home.day = static_cast<int>(dice.between(1, 4));
  home.step_thousandths_high = customer.owns_home ? 0 : 40;
  orders.add(home);
}

void add_income(Dice& dice, const Customer& customer, StandingOrders& orders) {
  StandingOrder income{.category = salary, .payee = draw_payee(dice, salary, customer.town), .amount_minor = customer.income_minor, .day = 28, .hour = 3, .income = true,
                       .step_month = static_cast<int>(dice.between(1, 12)), .step_thousandths_low = 0, .step_thousandths_high = 55};
  const std::uint32_t when = dice.below(100);
  income.day = when < 40 ? static_cast<int>(dice.between(24, 28)) : when < 75 ? 31 : when < 90 ? 15 : 1;
  switch (customer.kind) {
    case CustomerKind::student:
      income.category = dice.chance(400) ? benefits : family_support;
      income.payee = draw_payee(dice, income.category, customer.town);
      if (income.category == benefits) income.payee.number = 2;
      income.amount_minor = customer.income_minor * 65 / 100;
      income.day = 1;
      orders.add(income);
      if (dice.chance(650))
        orders.add({.category = salary, .payee = draw_payee(dice, salary, customer.town), .amount_minor = customer.income_minor * 35 / 100, .day = 15, .hour = 3, .wobble_percent = 20, .income = true});
      return;
    case CustomerKind::family: {
      const bool two = customer.has_partner && dice.chance(600);
      if (two) {
        StandingOrder second = income;
        second.payee = draw_payee(dice, salary, customer.town);
        second.amount_minor = customer.income_minor * dice.between(25, 45) / 100;
        income.amount_minor -= second.amount_minor;
        second.day = second.day == 31 ? 25 : 31;
        orders.add(second);
      }
      orders.add({.category = benefits, .payee = {.category = benefits, .form = MerchantForm::payee, .number = 1}, .amount_minor = euro(dice, 180, 500), .day = static_cast<int>(dice.between(5, 20)), .hour = 2, .income = true});
      break;
    }
    case CustomerKind::retired:
      income.category = pension;
      income.payee = draw_payee(dice, pension, customer.town);
      income.day = 31;
      income.step_month = 7;
      income.step_thousandths_low = 20;
      break;
    case CustomerKind::shift_worker:
      income.every_months = 0;
      income.day = dice.chance(700) ? 4 : 3;
      income.amount_minor = customer.income_minor * 12 / 52;
      income.wobble_percent = 10;
      break;
    case CustomerKind::self_employed: return;  // customers pay when they pay: life.cpp
    case CustomerKind::employee:
    case CustomerKind::high_earner: break;
  }
  orders.add(income);
}

void begin_standing_orders(Dice& dice, const Customer& customer, StandingOrders& orders) {
  add_income(dice, customer, orders);
  add_home(dice, customer, orders);
  add_bills(dice, customer, orders);
  const std::uint32_t likes = customer.kind == CustomerKind::retired ? 180 : customer.kind == CustomerKind::shift_worker ? 330 : 430;
  for (const Category category : kSubscriptions) {
    const std::uint32_t liked = category == streaming ? likes + 200 : category == news ? (customer.kind == CustomerKind::retired ? 420U : 120U) : category == software ? likes / 2 : likes;
    if (dice.chance(liked)) orders.add(draw_subscription(dice, category, customer.town));
    if (category == streaming && dice.chance(likes / 2)) orders.add(draw_subscription(dice, category, customer.town));
  }
}

}  // namespace fedspend::simulations
