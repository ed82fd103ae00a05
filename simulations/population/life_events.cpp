// What happens to a customer besides every day's purchases, and what it changes. At most one event a month.

#include <algorithm>

#include "simulations/population/life.h"

namespace fedspend::simulations {
namespace {

using enum Category;

constexpr std::array<LifeEvent, 9> kByChance = {LifeEvent::moved,            LifeEvent::new_job,   LifeEvent::job_lost, LifeEvent::child_born, LifeEvent::new_car,
                                                LifeEvent::partner_moved_in, LifeEvent::separated, LifeEvent::retired,  LifeEvent::fell_ill};
constexpr int kChildcareFromMonths = 12, kSchoolFromMonths = 60;

}  // namespace

std::string_view to_string(LifeEvent event) {
  switch (event) {
    case LifeEvent::moved: return "moved";
    case LifeEvent::new_job: return "new job";
    case LifeEvent::job_lost: return "job lost";
    case LifeEvent::job_found: return "job found";
    case LifeEvent::child_born: return "child born";
    case LifeEvent::new_car: return "new car";
    case LifeEvent::partner_moved_in: return "partner moved in";
    case LifeEvent::separated: return "separated";
    case LifeEvent::retired: return "retired";
    case LifeEvent::fell_ill: return "fell ill";
    case LifeEvent::recovered: return "recovered";
  }
  return "?";
}

// The chance of a month, in thousandths.
bool Life::happens(LifeEvent event) {
  const Customer& c = customer_;
  const int age = c.age + statement_.day().months_passed / 12;
  const bool worker = employed_ && c.kind != CustomerKind::retired && c.kind != CustomerKind::student;
  switch (event) {
    case LifeEvent::moved: return dice_.chance(c.owns_home ? 2 : c.kind == CustomerKind::student ? 18 : c.kind == CustomerKind::retired ? 2 : 9);
    case LifeEvent::new_job: return worker && c.kind != CustomerKind::self_employed && dice_.chance(8);
    case LifeEvent::job_lost: return worker && c.kind != CustomerKind::self_employed && dice_.chance(c.kind == CustomerKind::shift_worker ? 7 : 3);
    case LifeEvent::child_born: return c.has_partner && age >= 24 && age <= 43 && (child_age_months_ < 0 || child_age_months_ > 30) && dice_.chance(6);
    case LifeEvent::new_car: return c.income_minor >= 130'000 && dice_.chance(c.drives ? 4 : 3);
    case LifeEvent::partner_moved_in: return !c.has_partner && age >= 20 && age <= 62 && dice_.chance(4);
    case LifeEvent::separated: return c.has_partner && dice_.chance(2);
    case LifeEvent::retired: return worker && age >= 62 && dice_.chance(age >= 66 ? 150 : 12);
    case LifeEvent::fell_ill: return ill_months_ == 0 && dice_.chance(age >= 65 ? 10 : 4);
    case LifeEvent::job_found:
    case LifeEvent::recovered: return false;  // these follow from earlier ones
  }
  return false;
}

void Life::meet_fate() {
  if (ill_months_ > 0) {
    if (--ill_months_ == 0) take_effect(LifeEvent::recovered);
    return;
  }
  if (!employed_ && jobless_months_ > 0 && --jobless_months_ == 0) {
    take_effect(LifeEvent::job_found);
    return;
  }
  if (child_age_months_ == kChildcareFromMonths && !orders_.has(childcare) && dice_.chance(700)) {
    orders_.add({.category = childcare, .payee = draw_payee(dice_, childcare, customer_.town), .amount_minor = dice_.between(120, 480) * 100, .day = static_cast<int>(dice_.between(1, 10)), .step_month = 8, .step_thousandths_high = 60});
  }
  if (child_age_months_ == kSchoolFromMonths) {
    orders_.stop(childcare);
    schedule(*habit_of(school));
  }
  for (const LifeEvent event : kByChance) {
    if (!happens(event)) continue;
    take_effect(event);
    return;
  }
}

void Life::change(Category category, std::int64_t percent) {
  const std::size_t habit = *habit_of(category);
  HabitState& state = habits_[habit];
  state.life_percent = std::clamp<std::int64_t>(state.life_percent * percent / 100, 1, 1'000);
  schedule(habit);
}

void Life::change_all(std::int64_t percent) {
  for (std::size_t habit = 0; habit < kHabits; ++habit)
    if (!habits()[habit].necessary) change(habits()[habit].category, percent);
}

void Life::set_income(std::int64_t thousandths) { customer_.income_minor = scaled(customer_.income_minor, thousandths); }

void Life::one_off(Category category, std::int64_t amount_minor) {
  const int hour = static_cast<int>(dice_.between(9, 18));
  const Merchant shop = draw_merchant(dice_, category, customer_.town, 100);
  statement_.spend(dice_, hour, category, shop, amount_minor);
}

void Life::move_house(bool to_own) {
  const std::size_t region = dice_.chance(850) ? region_of(customer_.town) : dice_.below(kRegions.size());
  // The clock stays: another time zone would be another customer's statement.
  if (kRegions[region].utc_offset_minutes == customer_.utc_offset_minutes()) customer_.town = draw_town(dice_, region);
  favourites_.forget_shops();
  for (const Category category : {rent, mortgage, electricity, heating, water, property_tax}) {
    const bool had = orders_.has(category);
    orders_.stop(category);
    if (had && (category == electricity || category == heating))
      orders_.add({.category = category, .payee = draw_payee(dice_, category, customer_.town), .amount_minor = dice_.between(40, 160) * 100, .day = static_cast<int>(dice_.between(1, 28))});
  }
  customer_.owns_home = customer_.owns_home || to_own;
  add_home(dice_, customer_, orders_);
  one_off(furniture, dice_.between(150, 1'800) * 100);
  one_off(home_garden, dice_.between(40, 300) * 100);
  one_off(car_rental, dice_.between(60, 190) * 100);  // the van
}

void Life::take_effect(LifeEvent event) {
  record(event);
  Customer& c = customer_;
  switch (event) {
    case LifeEvent::moved:
      move_house(c.income_minor > 280'000 && dice_.chance(350));
      break;
    case LifeEvent::new_job:
    case LifeEvent::job_found: {
      const bool found = event == LifeEvent::job_found;
      set_income(found ? dice_.between(1'350, 1'700) : dice_.between(1'020, 1'260));
      employed_ = true;
      orders_.stop(benefits);
      orders_.stop(salary);
      add_income(dice_, c, orders_);
      c.works_in = draw_town(dice_, region_of(c.town));
      for (std::size_t day = 0; day < 5; ++day) c.office_days[day] = dice_.chance(700);
      c.lunch_in_thousand = static_cast<std::uint32_t>(dice_.between(50, 900));
      if (found) change_all(160);
      break;
    }
    case LifeEvent::job_lost:
      employed_ = false;
      jobless_months_ = static_cast<int>(dice_.between(2, 10));
      orders_.stop(salary);
      set_income(620);
      orders_.add({.category = benefits, .payee = {.category = benefits, .form = MerchantForm::payee, .number = 0}, .amount_minor = c.income_minor, .day = 28, .hour = 3, .income = true});
      change_all(62);
      break;
    case LifeEvent::child_born:
      c.has_child = true;
      child_age_months_ = 0;
      change(drugstore, 190), change(toys, 300), change(clothing, 140), change(pharmacy, 140), change(groceries, 115);
      change(bar, 25), change(restaurant, 55), change(cinema, 35), change(Category::events, 40), change(delivery, 130);
      if (!orders_.has(benefits)) orders_.add({.category = benefits, .payee = {.category = benefits, .form = MerchantForm::payee, .number = 1}, .amount_minor = 25'000, .day = 12, .hour = 3, .income = true});
      one_off(furniture, dice_.between(200, 1'200) * 100);
      break;
    case LifeEvent::new_car:
      c.drives = true;
      if (c.commute == Commute::single_tickets) c.commute = Commute::car;
      orders_.add({.category = loan, .payee = {.category = loan, .form = MerchantForm::payee, .number = 0, .reference = 10'000'000 + dice_.below(89'999'999)}, .amount_minor = dice_.between(140, 420) * 100, .day = 3, .until_day = statement_.day().number + 48 * 30});
      orders_.add({.category = insurance, .payee = {.category = insurance, .form = MerchantForm::payee, .number = 4}, .amount_minor = dice_.between(3'500, 11'000), .day = 1, .step_month = 1, .step_thousandths_high = 80});
      for (const Category category : {fuel, parking, car_repair}) change(category, 130);
      break;
    case LifeEvent::partner_moved_in:
      c.has_partner = true;
      orders_.scale(rent, 680), orders_.scale(electricity, 800), orders_.scale(internet, 500);
      change(delivery, 80), change(bar, 60), change(restaurant, 120), change(furniture, 180);
      one_off(furniture, dice_.between(100, 900) * 100);
      break;
    case LifeEvent::separated:
      c.has_partner = false;
      change(bar, 160), change(delivery, 140), change(groceries, 85);
      move_house(false);
      break;
    case LifeEvent::retired:
      c.kind = CustomerKind::retired;
      employed_ = false;
      jobless_months_ = 0;
      orders_.stop(salary);
      set_income(dice_.between(560, 720));
      add_income(dice_, c, orders_);
      c.commute = Commute::none;
      c.office_days = {};
      for (std::size_t habit = 0; habit < kHabits; ++habit) schedule(habit);
      break;
    case LifeEvent::fell_ill:
      ill_months_ = static_cast<int>(dice_.between(1, 4));
      change(pharmacy, 450), change(health, 500), change(taxi, 200);
      change(bar, 20), change(restaurant, 40), change(sports, 20), change(clothing, 60), change(leisure, 40);
      break;
    case LifeEvent::recovered:
      change(pharmacy, 27), change(health, 25), change(taxi, 50);
      change(bar, 400), change(restaurant, 220), change(sports, 400), change(clothing, 160), change(leisure, 230);
      break;
  }
}

}  // namespace fedspend::simulations
