#include "simulations/population/unusual.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <set>

#include "simulations/population/synthetic.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

struct Counted {
  std::array<std::uint64_t, kUnusualKinds> rows{};
  std::uint64_t all = 0, unusual = 0, months = 0, months_with = 0;
};

Counted count(std::uint32_t in_thousand) {
  Counted counted;
  for (std::uint64_t index = 0; index < 300; ++index) {
    const SyntheticClient client = synthetic_client({.seed = 2, .months = 12, .unusual_in_thousand = in_thousand}, index);
    std::set<models::CalendarMonth> with;
    for (const StatementRow& row : client.rows) {
      ++counted.all;
      ++counted.rows[static_cast<std::size_t>(row.unusual)];
      if (row.unusual == Unusual::none) continue;
      ++counted.unusual;
      with.insert(models::month_of(row.time_s));
    }
    counted.months += 12;
    counted.months_with += with.size();
  }
  return counted;
}

template <class Check>
std::size_t for_each_incident(Unusual kind, const Check& check) {
  std::size_t met = 0;
  for (std::uint64_t index = 0; index < 60; ++index) {
    const SyntheticClient client = synthetic_client({.seed = 4, .months = 12, .unusual_in_thousand = 400}, index);
    for (std::size_t i = 0; i < client.rows.size(); ++i) {
      if (client.rows[i].unusual != kind) continue;
      ++met;
      check(client, i);
    }
  }
  return met;
}

}  // namespace

TEST_CASE("months have incidents at the stated rate, of every kind, and few rows are unusual") {
  const Counted usual = count(60);
  const double share = static_cast<double>(usual.months_with) / static_cast<double>(usual.months);
  CAPTURE(share);
  CHECK(share > 0.04);   // some find nothing that they could happen to
  CHECK(share <= 0.07);
  const double rows = static_cast<double>(usual.unusual) / static_cast<double>(usual.all);
  CAPTURE(rows);
  CHECK(rows > 0.001);
  CHECK(rows < 0.01);
  for (std::size_t kind = 1; kind < kUnusualKinds; ++kind) {
    CAPTURE(to_string(static_cast<Unusual>(kind)));
    CHECK(usual.rows[kind] > 5);
  }
  CHECK(count(0).unusual == 0);
}

TEST_CASE("a card test is small, and a large amount follows within two hours") {
  const std::size_t met = for_each_incident(Unusual::large_after_test, [](const SyntheticClient& client, std::size_t i) {
    CHECK(client.rows[i].amount_minor >= 34'999);
    std::size_t tests = 0;
    for (std::size_t j = 0; j < i; ++j) {
      if (client.rows[j].unusual != Unusual::card_test || client.rows[i].time_s - client.rows[j].time_s > 2 * 3600 + 1600) continue;
      CHECK(client.rows[j].amount_minor < 300);
      ++tests;
    }
    CHECK(tests >= 2);
    CHECK(tests <= 5);
  });
  CHECK(met > 20);
}

TEST_CASE("a duplicate charge repeats an earlier row in all but its second") {
  const std::size_t met = for_each_incident(Unusual::duplicate_charge, [](const SyntheticClient& client, std::size_t i) {
    const StatementRow& row = client.rows[i];
    const bool repeats = std::any_of(client.rows.begin(), client.rows.begin() + static_cast<std::ptrdiff_t>(i), [&](const StatementRow& earlier) {
      return earlier.amount_minor == row.amount_minor && client.merchant(earlier) == client.merchant(row) && earlier.category == row.category && row.time_s - earlier.time_s <= 300;
    });
    CHECK(repeats);
  });
  CHECK(met > 20);
}

TEST_CASE("an account is taken over at night by the customer's clock, from abroad") {
  const std::size_t met = for_each_incident(Unusual::account_takeover, [](const SyntheticClient& client, std::size_t i) {
    const StatementRow& row = client.rows[i];
    CHECK(is_abroad(row.place));
    const std::int64_t local_hour = (row.time_s + client.customer.utc_offset_minutes() * 60) % kDaySeconds / 3600;
    CHECK(local_hour < 9);  // it begins before three
  });
  CHECK(met > 60);
}

TEST_CASE("a burst is of a category that the customer has not bought before") {
  std::size_t firsts = 0;
  for_each_incident(Unusual::category_burst, [&](const SyntheticClient& client, std::size_t i) {
    const StatementRow& row = client.rows[i];
    const bool before = std::any_of(client.rows.begin(), client.rows.begin() + static_cast<std::ptrdiff_t>(i), [&](const StatementRow& earlier) { return earlier.category == row.category; });
    if (!before) ++firsts;
    const bool ordinary_before = std::any_of(client.rows.begin(), client.rows.begin() + static_cast<std::ptrdiff_t>(i), [&](const StatementRow& earlier) { return earlier.category == row.category && earlier.unusual == Unusual::none && earlier.time_s < row.time_s - 3 * kDaySeconds; });
    CHECK_FALSE((ordinary_before && !before));
  });
  CHECK(firsts > 15);
}

TEST_CASE("a typing error puts zeros on an amount; a price jump makes a subscription dearer by half at least, and it stays so") {
  const auto with = [](std::uint32_t rate, std::uint64_t index) { return synthetic_client({.seed = 4, .months = 12, .unusual_in_thousand = rate}, index); };
  std::size_t typos = 0, jumps = 0;
  for (std::uint64_t index = 0; index < 60; ++index) {
    const SyntheticClient busy = with(400, index), quiet = with(0, index);
    for (const StatementRow& row : busy.rows) {
      if (row.unusual != Unusual::amount_typo && row.unusual != Unusual::price_jump) continue;
      const auto original = std::find_if(quiet.rows.begin(), quiet.rows.end(), [&](const StatementRow& other) { return other.time_s == row.time_s && quiet.merchant(other) == busy.merchant(row); });
      REQUIRE(original != quiet.rows.end());
      if (row.unusual == Unusual::amount_typo) {
        const std::int64_t factor = row.amount_minor / original->amount_minor;
        const bool subscription = std::find(kSubscriptions.begin(), kSubscriptions.end(), row.category) != kSubscriptions.end();
        if (!subscription) CHECK((factor == 10 || factor == 100));
        ++typos;
        continue;
      }
      ++jumps;
      CHECK(row.amount_minor * 100 >= original->amount_minor * 149);
      for (const StatementRow& later : busy.rows) {
        if (later.time_s <= row.time_s || later.category != row.category || busy.merchant(later) != busy.merchant(row) || later.unusual != Unusual::none) continue;
        const auto would_be = std::find_if(quiet.rows.begin(), quiet.rows.end(), [&](const StatementRow& other) { return other.time_s == later.time_s && quiet.merchant(other) == busy.merchant(later); });
        if (would_be == quiet.rows.end()) continue;
        CHECK(later.amount_minor * 100 >= would_be->amount_minor * 149);
      }
    }
  }
  CHECK(typos > 20);
  CHECK(jumps > 10);
}
