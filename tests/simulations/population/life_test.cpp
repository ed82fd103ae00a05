#include "simulations/population/life.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <set>
#include <vector>

#include "simulations/population/synthetic.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

constexpr unsigned kMonths = 24;

// The same people for all cases: living is what takes the time.
const std::vector<SyntheticClient>& people() {
  static const std::vector<SyntheticClient> all = [] {
    std::vector<SyntheticClient> lived;
    for (std::uint64_t client = 0; client < 400; ++client) lived.push_back(synthetic_client({.seed = 11, .months = kMonths, .unusual_in_thousand = 0}, client));
    return lived;
  }();
  return all;
}

bool had(const SyntheticClient& client, std::initializer_list<LifeEvent> events) {
  return std::any_of(client.events.begin(), client.events.end(), [&](const RecordedEvent& event) { return std::find(events.begin(), events.end(), event.event) != events.end(); });
}

std::vector<StatementRow> rows_of(const SyntheticClient& client, Category category) {
  std::vector<StatementRow> found;
  for (const StatementRow& row : client.rows)
    if (row.category == category) found.push_back(row);
  return found;
}

int month_index(const StatementRow& row) {
  const models::CalendarMonth month = models::month_of(row.time_s);
  return static_cast<int>((month.year - kFirstYear) * 12) + static_cast<int>(month.month) - 1;
}

std::size_t count(Category category, int month, int months = 1) {
  std::size_t found = 0;
  for (const SyntheticClient& client : people())
    for (const StatementRow& row : client.rows) found += row.category == category && row.direction == models::Direction::debit && month_index(row) >= month && month_index(row) < month + months;
  return found;
}

}  // namespace

TEST_CASE("an employee without another job is paid once a month, never on a weekend, and the pay changes with a raise alone") {
  std::size_t met = 0, raises = 0, thirteenths = 0;
  for (const SyntheticClient& client : people()) {
    if (client.customer.kind != CustomerKind::employee || had(client, {LifeEvent::new_job, LifeEvent::job_lost, LifeEvent::retired})) continue;
    ++met;
    std::map<int, std::vector<StatementRow>> by_month;
    for (const StatementRow& row : rows_of(client, Category::salary)) {
      CHECK(row.direction == models::Direction::credit);
      CHECK((row.time_s / kDaySeconds + 3) % 7 < 5);
      by_month[month_index(row)].push_back(row);
    }
    REQUIRE(by_month.size() == kMonths);
    std::int64_t before = 0;
    for (const auto& [month, wages] : by_month) {
      const std::int64_t amount = std::max(wages.front().amount_minor, wages.back().amount_minor);
      CHECK(wages.size() <= (month % 12 == 10 ? 2U : 1U));
      thirteenths += wages.size() == 2;
      if (before != 0) {
        CHECK(amount >= before);
        CHECK(amount * 100 <= before * 106);
        raises += amount > before;
      }
      before = amount;
    }
    CHECK(raises <= 2 * met);  // one a year
  }
  CHECK(met > 40);
  CHECK(raises > met / 2);
  CHECK(thirteenths > met / 2);
  CHECK(thirteenths < 2 * met);
}

TEST_CASE("shift workers are paid weekly, pensioners monthly, the self-employed at odd days and in odd amounts") {
  std::size_t weekly = 0, monthly = 0, irregular = 0;
  for (const SyntheticClient& client : people()) {
    if (had(client, {LifeEvent::new_job, LifeEvent::job_lost, LifeEvent::retired})) continue;
    const CustomerKind kind = client.customer.kind;
    if (kind == CustomerKind::shift_worker) {
      const auto wages = rows_of(client, Category::salary);
      CHECK(wages.size() >= 103);
      for (std::size_t i = 1; i < wages.size(); ++i) CHECK(wages[i].time_s / kDaySeconds - wages[i - 1].time_s / kDaySeconds == 7);
      ++weekly;
    } else if (kind == CustomerKind::retired) {
      CHECK(rows_of(client, Category::pension).size() == kMonths);
      ++monthly;
    } else if (kind == CustomerKind::self_employed) {
      const auto paid = rows_of(client, Category::freelance_income);
      CHECK(rows_of(client, Category::salary).empty());
      CHECK(rows_of(client, Category::taxes).size() == 8);
      std::set<std::int64_t> gaps, amounts;
      for (std::size_t i = 1; i < paid.size(); ++i) gaps.insert(paid[i].time_s / kDaySeconds - paid[i - 1].time_s / kDaySeconds), amounts.insert(paid[i].amount_minor);
      CHECK(paid.size() > 20);
      CHECK(gaps.size() > 8);
      CHECK(amounts.size() > 15);
      ++irregular;
    }
  }
  CHECK(weekly > 10);
  CHECK(monthly > 20);
  CHECK(irregular > 10);
}

TEST_CASE("whoever stays at home pays the rent every month, on the same day, and it never falls") {
  std::size_t renters = 0;
  for (const SyntheticClient& client : people()) {
    if (had(client, {LifeEvent::moved, LifeEvent::separated, LifeEvent::partner_moved_in})) continue;
    const auto paid = rows_of(client, Category::rent);
    if (paid.empty()) continue;
    ++renters;
    REQUIRE(paid.size() == kMonths);
    for (std::size_t i = 1; i < paid.size(); ++i) {
      CHECK(month_index(paid[i]) == month_index(paid[i - 1]) + 1);
      CHECK(paid[i].amount_minor >= paid[i - 1].amount_minor);
      CHECK(client.merchant(paid[i]) == client.merchant(paid[0]));
    }
  }
  CHECK(renters > 100);
}

TEST_CASE("a subscription is charged monthly at a constant interval and price until it steps or stops; some begin and some stop later") {
  std::size_t subscriptions = 0, begun = 0, stopped = 0, steps = 0;
  for (const SyntheticClient& client : people()) {
    for (const Category category : {Category::music, Category::news, Category::gym}) {
      std::map<std::string, std::vector<StatementRow>> by_payee;
      for (const StatementRow& row : rows_of(client, category)) by_payee[std::string(client.merchant(row))].push_back(row);
      for (const auto& [payee, charges] : by_payee) {
        ++subscriptions;
        begun += month_index(charges.front()) > 1;
        stopped += month_index(charges.back()) < static_cast<int>(kMonths) - 2;
        for (std::size_t i = 1; i < charges.size(); ++i) {
          if (month_index(charges[i]) != month_index(charges[i - 1]) + 1) continue;  // stopped, and begun again
          steps += charges[i].amount_minor != charges[i - 1].amount_minor;
          const std::int64_t days = charges[i].time_s / kDaySeconds - charges[i - 1].time_s / kDaySeconds;
          CHECK(days >= 27);
          CHECK(days <= 32);
        }
      }
    }
  }
  CHECK(subscriptions > 150);
  CHECK(begun > subscriptions / 20);
  CHECK(stopped > subscriptions / 20);
  CHECK(steps > subscriptions / 20);
  CHECK(steps < 2 * subscriptions);
}

TEST_CASE("December is for presents, summer for leisure, spring for the garden, and metered heating is dear in winter") {
  CHECK(count(Category::toys, 11) * 10 > count(Category::toys, 6) * 15);
  CHECK(count(Category::gifts, 11) * 10 > count(Category::gifts, 2) * 15);
  CHECK(count(Category::leisure, 5, 3) * 10 > count(Category::leisure, 0, 3) * 12);
  CHECK(count(Category::home_garden, 3, 2) * 10 > count(Category::home_garden, 9, 2) * 11);
  std::int64_t winter = 0, summer = 0;
  for (const SyntheticClient& client : people())
    for (const StatementRow& row : rows_of(client, Category::heating)) (month_index(row) % 12 == 0 ? winter : month_index(row) % 12 == 6 ? summer : winter) += month_index(row) % 12 == 0 || month_index(row) % 12 == 6 ? row.amount_minor : 0;
  CHECK(winter * 10 > summer * 14);
}

TEST_CASE("groceries are bought about every few days by everybody, and most at the customer's few shops") {
  std::size_t customers = 0, repeated = 0, all = 0;
  for (const SyntheticClient& client : people()) {
    const auto bought = rows_of(client, Category::groceries);
    customers += bought.size() >= kMonths;
    std::set<std::string> seen;
    for (const StatementRow& row : bought) {
      repeated += !seen.insert(std::string(client.merchant(row))).second;
      ++all;
    }
  }
  CHECK(customers > people().size() * 90 / 100);
  CHECK(repeated * 100 > all * 60);
}

TEST_CASE("abroad the currency is the country's, and the bank takes its fee") {
  std::size_t travellers = 0;
  for (const SyntheticClient& client : people()) {
    std::size_t foreign = 0, fees = 0;
    for (const StatementRow& row : client.rows) {
      if (currency_of(row) != "EUR") {
        ++foreign;
        CHECK(is_abroad(row.place));
      }
      fees += client.merchant(row) == "FOREIGN USE FEE";
    }
    CHECK((foreign > 0) == (fees > 0));
    CHECK(fees <= foreign);
    travellers += foreign > 0;
  }
  CHECK(travellers > people().size() / 10);
  CHECK(travellers < people().size() * 7 / 10);
}

TEST_CASE("money comes back for what was bought, never more than was paid") {
  std::size_t refunds = 0;
  for (const SyntheticClient& client : people()) {
    for (std::size_t i = 0; i < client.rows.size(); ++i) {
      const StatementRow& row = client.rows[i];
      if (row.direction != models::Direction::credit || row.category < Category::clothing) continue;
      ++refunds;
      const bool bought = std::any_of(client.rows.begin(), client.rows.begin() + static_cast<std::ptrdiff_t>(i), [&](const StatementRow& earlier) {
        return earlier.direction == models::Direction::debit && earlier.category == row.category && client.merchant(earlier) == client.merchant(row) && earlier.amount_minor >= row.amount_minor;
      });
      CHECK(bought);
    }
  }
  CHECK(refunds > 200);
}

TEST_CASE("less is spent on what can wait in the last week of the month than in the first") {
  std::int64_t first = 0, last = 0;
  for (const SyntheticClient& client : people())
    for (const StatementRow& row : client.rows) {
      if (row.category < Category::clothing || row.category > Category::games || row.direction != models::Direction::debit) continue;
      const std::int64_t of_month = row.time_s / kDaySeconds - models::seconds_of_day(models::month_of(row.time_s).year, models::month_of(row.time_s).month, 1) / kDaySeconds;
      (of_month < 7 ? first : last) += of_month < 7 || (of_month >= 21 && of_month < 28) ? 1 : 0;
    }
  CHECK(first * 100 > last * 103);
}

TEST_CASE("life events are recorded in order and change what comes after") {
  std::set<LifeEvent> seen;
  std::size_t jobs_lost = 0;
  for (const SyntheticClient& client : people()) {
    for (std::size_t i = 0; i < client.events.size(); ++i) {
      seen.insert(client.events[i].event);
      if (i > 0) CHECK(client.events[i - 1].time_s < client.events[i].time_s);
      if (client.events[i].event != LifeEvent::job_lost) continue;
      ++jobs_lost;
      const std::int64_t lost = client.events[i].time_s, next = i + 1 < client.events.size() ? client.events[i + 1].time_s : INT64_MAX;
      for (const StatementRow& row : rows_of(client, Category::salary)) CHECK_FALSE((row.time_s > lost + kDaySeconds && row.time_s < next));
    }
    if (had(client, {LifeEvent::moved}) && !had(client, {LifeEvent::separated})) {
      const auto moved = std::find_if(client.events.begin(), client.events.end(), [](const RecordedEvent& event) { return event.event == LifeEvent::moved; });
      const bool furnished = std::any_of(client.rows.begin(), client.rows.end(), [&](const StatementRow& row) { return row.category == Category::furniture && row.time_s >= moved->time_s && row.time_s < moved->time_s + kDaySeconds; });
      CHECK(furnished);
    }
    if (client.events.size() > 0 && client.events[0].event == LifeEvent::new_car) CHECK(rows_of(client, Category::fuel).size() > 0);
  }
  CHECK(jobs_lost > 3);
  CHECK(seen.size() >= 9);
}

TEST_CASE("the attributes are what the customer is on the first day") {
  CHECK(rc::check([] {
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const auto index = *rc::gen::inRange<std::uint64_t>(0, 100'000);
    const CustomerAttributes attributes = synthetic_attributes({.seed = seed}, index);
    const SyntheticClient client = synthetic_client({.seed = seed, .months = 3}, index);
    RC_ASSERT(attributes.kind == to_string(client.customer.kind));
    RC_ASSERT(attributes.device_class == (client.customer.branch ? "branch" : "phone"));
    RC_ASSERT(attributes.region == kRegions[region_of(client.customer.town)].name);
    RC_ASSERT(attributes.time_zone == kRegions[region_of(client.customer.town)].time_zone);
    if (attributes.kind == "retired") RC_ASSERT(attributes.age_band == "55-64" || attributes.age_band == "65+");
    if (attributes.kind == "student") RC_ASSERT(attributes.age_band == "18-24" || attributes.age_band == "25-34");
    if (attributes.kind == "high earner") RC_ASSERT(attributes.income_band == "5500 and more");
  }));
}
