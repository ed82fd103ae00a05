#pragma once
// Lives the days of one synthetic customer, one after the other, and writes its statement: standing orders at night, work days with
// their tickets, coffee and lunch, habits when they are due (less of what can wait when the month's money runs out), sequels, journeys,
// money back. Habits drift from month to month; life events (life_events.cpp) change them from then on and are recorded.
// What a day brings depends on the dice and on the days before alone, so a longer life begins with the shorter one. One thread.

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "simulations/population/favourites.h"
#include "simulations/population/journeys.h"
#include "simulations/population/standing_orders.h"
#include "simulations/population/statement.h"

namespace fedspend::simulations {

enum class LifeEvent : std::uint8_t { moved, new_job, job_lost, job_found, child_born, new_car, partner_moved_in, separated, retired, fell_ill, recovered };
std::string_view to_string(LifeEvent event);

struct RecordedEvent {
  std::int64_t time_s = 0;  // the begin of the day
  LifeEvent event = LifeEvent::moved;
};

class Life {
 public:
  Life(Dice& dice, const Customer& customer);
  // Month 0 is January of kFirstYear; months in turn. Its rows are the statement's from month_begin() on, oldest first.
  void live_month(unsigned month);
  Statement& statement() { return statement_; }
  const std::vector<RecordedEvent>& events() const { return events_; }
  const Customer& customer() const { return customer_; }  // as it is by now

 private:
  struct HabitState {
    std::int64_t due_sixteenths = 0;  // of a day, since 1970
    std::int64_t own_percent = 100;   // of what is usual for the kind; drifts
    std::int64_t life_percent = 100;  // by what has happened
    std::int64_t typical_minor = 0;
    int own_day = 7;                  // of the week; 7: none
    int own_hour = 12;
    bool regular = false;
  };
  struct DueRefund {
    std::int64_t day;
    StatementRow row;
  };

  // life.cpp
  void begin_habit(HabitState& state, const Habit& table);
  void settle_prices();
  void begin_month(const Day& day);
  void live_day(const Day& day);
  void work_day();
  void follow_habits();
  bool postponed(std::size_t habit);
  bool in_season(std::size_t habit);
  int hour_of(std::size_t habit);
  std::pair<Merchant, StatementRow> pay(std::size_t habit, int hour, Place place);
  void buy(std::size_t habit, int hour, Place place);
  void sequels_of(Category category, int hour, Place place);
  void schedule(std::size_t habit);
  bool has_need(Needs needs) const;
  std::int64_t amount_of(std::size_t habit);
  void own_business();
  void book_journeys();
  void be_away(const Journey& journey);
  void money_back();
  void drift();
  bool works() const { return employed_ && ill_months_ == 0; }

  // life_events.cpp
  void meet_fate();
  bool happens(LifeEvent event);
  void take_effect(LifeEvent event);
  void record(LifeEvent event) { events_.push_back({statement_.day().begin_s(), event}); }
  void change(Category category, std::int64_t percent);
  void change_all(std::int64_t percent);
  void set_income(std::int64_t thousandths);
  void move_house(bool to_own);
  void one_off(Category category, std::int64_t amount_minor);

  Dice& dice_;
  Customer customer_;
  Statement statement_;
  StandingOrders orders_;
  Favourites favourites_;
  std::array<HabitState, kHabits> habits_;
  std::array<std::uint16_t, kSequels> sequel_percent_{};  // how much a customer is given to each
  std::vector<Journey> journeys_;
  std::vector<DueRefund> refunds_;
  std::vector<RecordedEvent> events_;
  std::int64_t invoice_due_day_ = 0;
  std::int64_t price_percent_ = 100, money_minor_ = 0;  // for a month, beyond the standing orders
  std::int64_t fees_due_minor_ = 0;
  bool employed_ = true, had_thirteenth_ = false, gets_thirteenth_ = false;
  int ill_months_ = 0, jobless_months_ = 0, child_age_months_ = -1;
};

}  // namespace fedspend::simulations
