#include "simulations/population/life.h"

#include <algorithm>
#include <utility>

namespace fedspend::simulations {
namespace {

using enum Category;

constexpr std::int64_t kSixteenths = 16;
constexpr std::int64_t kNever = std::int64_t{1} << 40;
constexpr int kLastHour = 22;                     // so that no time zone moves a row into another month
constexpr std::int64_t kInflationThousandths = 28;  // a year

std::size_t at(Category category) { return *habit_of(category); }

std::int64_t inflated(std::int64_t amount_minor, int months_passed) { return scaled(amount_minor, 1000 + kInflationThousandths * months_passed / 12); }

}  // namespace

Life::Life(Dice& dice, const Customer& customer)
    : dice_(dice), customer_(customer), statement_(customer.utc_offset_minutes()), orders_(dice, statement_), favourites_(dice, customer.loyalty_in_thousand, customer.online_percent) {
  begin_standing_orders(dice_, customer_, orders_);
  employed_ = customer_.kind != CustomerKind::retired;
  gets_thirteenth_ = orders_.has(salary) && customer_.kind != CustomerKind::shift_worker && customer_.kind != CustomerKind::student && dice_.chance(550);
  if (customer_.has_child) child_age_months_ = static_cast<int>(dice_.between(6, 180));
  for (std::uint16_t& percent : sequel_percent_) percent = static_cast<std::uint16_t>(dice_.chance(400) ? 0 : dice_.between(50, 380));
  for (std::size_t i = 0; i < kHabits; ++i) begin_habit(habits_[i], habits()[i]);
  settle_prices();
  statement_.begin_day(first_day_of(0));
  for (std::size_t i = 0; i < kHabits; ++i) {
    schedule(i);
    // In the middle of things, not all at the beginning of a gap.
    const std::int64_t begin = statement_.day().number * kSixteenths;
    if (habits_[i].due_sixteenths < kNever) habits_[i].due_sixteenths = begin + (habits_[i].due_sixteenths - begin) * dice_.between(5, 100) / 100;
  }
  if (customer_.kind == CustomerKind::self_employed) invoice_due_day_ = statement_.day().number + dice_.between(0, 12);
}

// What is the customer's own in a habit: how often, how dear, at which hour, perhaps on which day of the week.
void Life::begin_habit(HabitState& state, const Habit& table) {
  state.own_percent = dice_.spread(table.necessary ? 45 : 120) / 10;
  const bool often = table.times_a_year[static_cast<std::size_t>(customer_.kind)] >= 12;
  if (dice_.chance(table.necessary ? 20 : often ? 260 : 420)) state.own_percent = 0;  // not for everybody
  state.typical_minor = scaled(table.typical_minor, dice_.spread(30));
  state.own_hour = static_cast<int>((dice_.between(table.from_hour, table.to_hour) + dice_.between(table.from_hour, table.to_hour)) / 2);
  state.regular = table.regular || (often && dice_.chance(600));
  if (state.regular && dice_.chance(750)) state.own_day = static_cast<int>(dice_.chance(700) ? dice_.between(3, 5) : dice_.between(0, 5));
}

// So that what is bought costs about what the household has beyond its standing orders: dearer things first, then more of them.
void Life::settle_prices() {
  money_minor_ = std::max(customer_.income_minor - orders_.monthly_cost_minor(), customer_.income_minor / 5);
  std::int64_t yearly_minor = 0;
  for (std::size_t i = 0; i < kHabits; ++i)
    if (has_need(habits()[i].needs)) yearly_minor += habits()[i].times_a_year[static_cast<std::size_t>(customer_.kind)] * habits_[i].own_percent / 100 * habits_[i].typical_minor;
  const std::int64_t level = money_minor_ * dice_.between(70, 105) * 12 / std::max<std::int64_t>(yearly_minor, 100);
  price_percent_ = std::clamp<std::int64_t>(level, 78, 135);
  const std::int64_t often = std::clamp<std::int64_t>(level * 100 / price_percent_, 50, 150);
  for (std::size_t i = 0; i < kHabits; ++i)
    habits_[i].own_percent = habits_[i].own_percent * (habits()[i].necessary ? 100 : often) * customer_.account_percent / 10'000;
}

bool Life::has_need(Needs needs) const {
  switch (needs) {
    case Needs::nothing: return true;
    case Needs::car: return customer_.drives;
    case Needs::pet: return customer_.has_pet;
    case Needs::child: return child_age_months_ >= 60;
  }
  return false;
}

void Life::schedule(std::size_t habit) {
  HabitState& state = habits_[habit];
  const Habit& table = habits()[habit];
  const Day& day = statement_.day();
  const std::int64_t times = table.times_a_year[static_cast<std::size_t>(customer_.kind)];
  const std::int64_t percents = state.own_percent * state.life_percent * season_peak_percent(table.season);  // of 100^3
  if (times == 0 || percents < 200 || !has_need(table.needs)) {
    state.due_sixteenths = kNever;
    return;
  }
  std::int64_t gap = std::min<std::int64_t>(365 * kSixteenths * 1'000'000 / (times * percents), 3'000 * kSixteenths);
  if (state.regular) {
    // Somewhat early, and then on one's own day of the week.
    gap = gap * dice_.between(75, 115) / 100;
    if (state.own_day < 7) gap = std::max<std::int64_t>(gap - 3 * kSixteenths, gap / 2);
  } else {
    gap = scaled(gap, dice_.gap());
  }
  state.due_sixteenths = day.number * kSixteenths + std::max<std::int64_t>(gap, 1);
}

std::int64_t Life::amount_of(std::size_t habit) {
  const Habit& table = habits()[habit];
  std::int64_t typical = habits_[habit].typical_minor * price_percent_ / 100;
  if (table.for_household) typical = typical * (100 + (customer_.has_partner ? 35 : 0) + (child_age_months_ >= 0 ? 30 : 0)) / 100;
  return priced(dice_, table.price, inflated(scaled(typical, dice_.spread(table.spread_percent)), statement_.day().months_passed));
}

void Life::begin_month(const Day& day) {
  statement_.begin_day(day);
  money_minor_ = std::max(customer_.income_minor - orders_.monthly_cost_minor(), customer_.income_minor / 5);
  statement_.begin_month(money_minor_);
  if (fees_due_minor_ > 0) statement_.book(dice_, 2, bank_fees, {.category = bank_fees, .form = MerchantForm::payee, .number = 2}, std::exchange(fees_due_minor_, 0), models::Direction::debit);
  if (day.month == 1) journeys_ = plan_journeys(dice_, customer_, day);
  had_thirteenth_ = false;
  if (child_age_months_ >= 0) ++child_age_months_;
  orders_.begin_month(day);
  if (day.months_passed > 0) {
    drift();
    meet_fate();
  }
}

void Life::drift() {
  for (HabitState& state : habits_) state.own_percent = std::clamp<std::int64_t>(state.own_percent * dice_.between(94, 107) / 100, 0, 600);
  if (dice_.chance(60)) {  // something is taken up, or given up
    HabitState& state = habits_[dice_.below(kHabits)];
    state.own_percent = dice_.chance(500) ? state.own_percent / 4 : std::max<std::int64_t>(state.own_percent, 40) * 2;
  }
  for (const Category category : kSubscriptions) {
    if (orders_.has(category)) {
      if (dice_.chance(18)) orders_.stop(category);
    } else if (dice_.chance(category == streaming || category == music ? 18 : 7)) {
      orders_.add(draw_subscription(dice_, category, customer_.town));
    }
  }
}

void Life::live_month(unsigned month) {
  Day day = first_day_of(month);
  begin_month(day);
  for (int i = 0; i < day.last_of_month; ++i) {
    live_day(day);
    advance(day);
  }
  // A tenth a year on what is overdrawn, if it is worth a booking.
  if (statement_.left_minor() < -20'000) fees_due_minor_ = -statement_.left_minor() / 120;
  statement_.sort_month();
}

void Life::live_day(const Day& day) {
  statement_.begin_day(day);
  const std::size_t before = statement_.rows().size();
  orders_.book(day);
  if (gets_thirteenth_ && !had_thirteenth_ && day.month == 11) {
    for (std::size_t i = before; i < statement_.rows().size() && !had_thirteenth_; ++i) {
      StatementRow wages = statement_.rows()[i];
      if (wages.category != salary) continue;
      wages.amount_minor = wages.amount_minor * 9 / 10;
      statement_.book_again(dice_, 3, wages);
      had_thirteenth_ = true;
    }
  }
  if (customer_.kind == CustomerKind::self_employed) own_business();
  money_back();
  book_journeys();
  for (const Journey& journey : journeys_) {
    if (day.number < journey.first_day || day.number > journey.last_day) continue;
    be_away(journey);
    return;
  }
  if (works() && customer_.office_days[static_cast<std::size_t>(day.of_week)]) work_day();
  follow_habits();
}

void Life::work_day() {
  const std::size_t tickets = at(public_transport), coffees = at(coffee);
  const bool rides = customer_.commute == Commute::single_tickets && !dice_.chance(90);
  const Place place = customer_.works_in;
  const std::int64_t fare = std::max<std::int64_t>(inflated(habits_[tickets].typical_minor / 10 * 10, statement_.day().months_passed / 12 * 12), 150);  // dearer once a year
  const auto ticket = [&](int hour) { statement_.spend(dice_, hour, public_transport, favourites_.choose(tickets, customer_.town), fare); };
  const auto cup = [&](int hour) {
    const Merchant counter = favourites_.choose(coffees, place);
    const std::int64_t amount = priced(dice_, Price::tens, scaled(habits_[coffees].typical_minor * 8 / 10, dice_.spread(15)));
    statement_.spend(dice_, hour, coffee, counter, amount);
  };
  if (rides) ticket(7);
  if (customer_.coffee_first && dice_.chance(customer_.coffee_in_thousand)) cup(8);
  if (customer_.commute == Commute::car && dice_.chance(120)) pay(at(parking), 8, place);
  if (dice_.chance(customer_.lunch_in_thousand)) {
    pay(at(lunch), 12, place);
    if (!customer_.coffee_first && dice_.chance(customer_.coffee_in_thousand / 2)) cup(13);
  }
  if (rides) ticket(17);
  if (!customer_.coffee_first && dice_.chance(customer_.coffee_in_thousand / 2)) cup(18);
}

// Purchases fall due as often as at the season's peak; in other months some of them are not made.
bool Life::in_season(std::size_t habit) {
  const Season season = habits()[habit].season;
  return season == Season::flat || dice_.below(static_cast<std::uint32_t>(season_peak_percent(season))) < static_cast<std::uint32_t>(season_percent(season, statement_.day().month));
}

int Life::hour_of(std::size_t habit) {
  const Habit& table = habits()[habit];
  const bool usual = habits_[habit].own_day < 7 || dice_.chance(500);
  const std::int64_t hour = usual ? habits_[habit].own_hour + (dice_.chance(200) ? dice_.between(-1, 1) : 0) : dice_.between(table.from_hour, table.to_hour);
  return static_cast<int>(std::clamp<std::int64_t>(hour, 7, kLastHour));
}

bool Life::postponed(std::size_t habit) {
  const Habit& table = habits()[habit];
  const Day& day = statement_.day();
  HabitState& state = habits_[habit];
  if (state.own_day < 7 && day.of_week != state.own_day) {
    // Once a week on one's own day, and on others what is more than that.
    const std::int64_t a_year = table.times_a_year[static_cast<std::size_t>(customer_.kind)] * state.own_percent / 100;
    if (!dice_.chance(static_cast<std::uint32_t>(std::clamp<std::int64_t>((a_year - 45) * 4, 40, 800)))) return true;
  }
  if (!dice_.chance(weekday_weight(table.weekdays, day.of_week)) && day.of_week != state.own_day) return true;
  if (table.necessary) return false;
  // What is left, against an even pace to the month's end.
  const std::int64_t even = money_minor_ * (day.last_of_month - day.of_month + 1) / day.last_of_month;
  const std::int64_t pace_percent = statement_.left_minor() * 100 / std::max<std::int64_t>(even, 100);
  return pace_percent < 30 ? dice_.chance(720) : pace_percent < 70 && dice_.chance(330);
}

void Life::follow_habits() {
  const Day& day = statement_.day();
  const std::int64_t end_of_day = (day.number + 1) * kSixteenths;
  for (std::size_t habit = 0; habit < kHabits; ++habit) {
    HabitState& state = habits_[habit];
    for (int times = 0; state.due_sixteenths < end_of_day && times < 3; ++times) {
      if (postponed(habit)) {
        state.due_sixteenths = end_of_day;
        break;
      }
      if (in_season(habit)) buy(habit, hour_of(habit), customer_.town);
      schedule(habit);
    }
  }
}

// The dice are thrown one statement after the other, here and everywhere: the order in which C++ evaluates arguments is not fixed, and
// another compiler must give the same life.
std::pair<Merchant, StatementRow> Life::pay(std::size_t habit, int hour, Place place) {
  const Merchant shop = favourites_.choose(habit, place);
  const std::int64_t amount = amount_of(habit);
  return {shop, statement_.spend(dice_, std::min(hour, kLastHour), habits()[habit].category, shop, amount)};
}

void Life::buy(std::size_t habit, int hour, Place place) {
  const Habit& table = habits()[habit];
  const auto [shop, row] = pay(habit, hour, place);
  const bool web = shop.form == MerchantForm::web || shop.form == MerchantForm::marketplace;
  const bool goods = table.category >= clothing && table.category <= pets;
  if (goods && dice_.chance(web ? 130 : 35)) {
    DueRefund refund{statement_.day().number + dice_.between(3, 16), row};
    refund.row.direction = models::Direction::credit;
    if (dice_.chance(350)) refund.row.amount_minor = std::max<std::int64_t>(refund.row.amount_minor * dice_.between(20, 80) / 100, 1);  // a part of it was kept
    refunds_.push_back(std::move(refund));
  }
  sequels_of(table.category, hour, place);
}

// One step only: what follows a sequel would make evenings without end.
void Life::sequels_of(Category category, int hour, Place place) {
  for (std::size_t i = 0; i < kSequels; ++i) {
    const Sequel& sequel = sequels()[i];
    if (sequel.after != category || !dice_.chance(sequel.in_thousand * sequel_percent_[i] / 100U)) continue;
    const std::size_t then = at(sequel.then);
    if (!has_need(habits()[then].needs)) continue;
    pay(then, hour + sequel.hours_later, place);
  }
}

// Customers of the self-employed pay when they pay; the revenue office asks four times a year.
void Life::own_business() {
  const Day& day = statement_.day();
  if (day.number >= invoice_due_day_) {
    const Merchant payer = draw_payee(dice_, freelance_income, customer_.town);
    const std::int64_t fee = scaled(customer_.income_minor * 11 / 20, dice_.spread(65));
    statement_.book(dice_, 10, freelance_income, payer, fee, models::Direction::credit);
    invoice_due_day_ = day.number + std::max<std::int64_t>(scaled(13, dice_.gap()), 1);
  }
  if (day.month % 3 == 0 && day.of_month == 10) statement_.book(dice_, 4, taxes, {.category = taxes, .form = MerchantForm::payee, .number = 0}, customer_.income_minor * 45 / 100, models::Direction::debit);
}

void Life::money_back() {
  const std::int64_t today = statement_.day().number;
  for (DueRefund& refund : refunds_)
    if (refund.day <= today) statement_.book_again(dice_, 11, refund.row);
  std::erase_if(refunds_, [&](const DueRefund& refund) { return refund.day <= today; });
}

void Life::book_journeys() {
  const Day& day = statement_.day();
  for (const Journey& journey : journeys_) {
    if (journey.book_day != day.number) continue;
    const std::int64_t nights = journey.last_day - journey.first_day;
    const std::int64_t heads = journey.kind == JourneyKind::business ? 1 : 1 + customer_.has_partner + (child_age_months_ >= 0 ? 1 : 0);
    const Merchant carrier = draw_merchant(dice_, journey.by_air ? flights : trains, customer_.town, 800);
    const std::int64_t fare = journey.by_air ? dice_.between(7'000, 26'000) : dice_.between(3'000, 9'000);
    if (journey.by_air || !customer_.drives || dice_.chance(300)) statement_.spend(dice_, 20, journey.by_air ? flights : trains, carrier, inflated(fare * heads, day.months_passed));
    const Merchant house = draw_merchant(dice_, hotel, customer_.town, 900);
    statement_.spend(dice_, 21, hotel, house, inflated(nights * dice_.between(4'500, 13'000) * price_percent_ / 100, day.months_passed));
    if (!journey.by_air || nights <= 3 || !dice_.chance(250)) continue;
    const Merchant cars = draw_merchant(dice_, car_rental, customer_.town, 700);
    statement_.spend(dice_, 21, car_rental, cars, nights * dice_.between(2'500, 5'500));
  }
}

void Life::be_away(const Journey& journey) {
  const Day& day = statement_.day();
  const bool business = journey.kind == JourneyKind::business;
  const std::size_t before = statement_.rows().size();
  const auto spend = [&](int hour, Category category, std::int64_t typical_minor, unsigned spread_percent, Price price) {
    const Merchant shop = favourites_.anywhere(category, journey.place);
    const std::int64_t amount = priced(dice_, price, scaled(typical_minor * price_percent_ / 100, dice_.spread(spread_percent)));
    statement_.spend(dice_, hour, category, shop, amount);
  };
  if (day.number == journey.first_day) {
    if (customer_.drives && !journey.by_air && dice_.chance(600)) spend(8, fuel, 6'200, 25, Price::any);
    if (journey.by_air && dice_.chance(500)) spend(9, dice_.chance(500) ? taxi : parking, 3'500, 40, Price::halves);
    if (is_abroad(journey.place) && dice_.chance(450)) spend(13, cash, 12'000, 40, Price::tens);
  }
  if (dice_.chance(business ? 700 : 450)) spend(9, coffee, 520, 40, Price::tens);
  if (dice_.chance(business ? 350 : 250)) spend(12, fast_food, 1'300, 45, Price::tens);
  if (!business && dice_.chance(300)) spend(14, leisure, 3'200, 70, Price::halves);
  if (!business && dice_.chance(180)) spend(16, dice_.chance(500) ? clothing : gifts, 3'600, 70, Price::nines);
  if (!business && dice_.chance(300)) spend(17, groceries, 2'600, 60, Price::any);
  if (business && dice_.chance(550)) spend(18, taxi, 2'200, 45, Price::tens);
  if (dice_.chance(700)) spend(20, restaurant, business ? 4'200 : 5'400, 55, Price::halves);
  if (dice_.chance(160)) spend(22, bar, 2'300, 55, Price::halves);
  if (business && day.number == journey.last_day) spend(9, hotel, 9'800 * (journey.last_day - journey.first_day), 25, Price::any);
  std::size_t foreign = 0;
  for (std::size_t i = before; i < statement_.rows().size(); ++i) foreign += currency_of(statement_.rows()[i]) != "EUR";
  if (foreign > 0) statement_.spend(dice_, 22, bank_fees, {.category = bank_fees, .form = MerchantForm::payee, .number = 1}, static_cast<std::int64_t>(foreign) * dice_.between(60, 150));
  // At home nothing is bought meanwhile.
  for (HabitState& state : habits_)
    if (state.due_sixteenths <= (day.number + 1) * kSixteenths) state.due_sixteenths = (day.number + 1) * kSixteenths + dice_.below(40);
}

}  // namespace fedspend::simulations
