#pragma once
// Who a synthetic customer is on the first day: kind, age, town, income, household, ways. What becomes of it is life.h's. The attributes
// are those of the first day and stay, as a bank's master data do: a customer who loses the job later keeps the income band.
// All figures are invented; no source of statistics is claimed. Pure functions of the dice.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "simulations/population/dice.h"
#include "simulations/population/towns.h"

namespace fedspend::simulations {

enum class CustomerKind : std::uint8_t { student, employee, family, self_employed, retired, high_earner, shift_worker };
inline constexpr std::size_t kCustomerKinds = 7;
std::string_view to_string(CustomerKind kind);

enum class Commute : std::uint8_t { none, season_ticket, single_tickets, car };

struct Customer {
  CustomerKind kind = CustomerKind::employee;
  int age = 40;
  Place town = 0, works_in = 0;
  std::int64_t income_minor = 0;      // a month, after tax; of shift workers and the self-employed the mean
  bool branch = false;                // its device stands in a branch, not in a pocket
  bool owns_home = false, drives = false, has_pet = false, has_child = false, has_partner = false;
  Commute commute = Commute::none;
  std::array<bool, 7> office_days{};  // Monday: 0
  bool coffee_first = false;          // on the way out; others on the way back
  std::uint32_t lunch_in_thousand = 0, coffee_in_thousand = 0;  // of a day in the office
  std::uint32_t online_percent = 100;   // of what is usual
  std::uint32_t account_percent = 100;  // of its purchases go through this account; the rest is paid in other ways
  std::uint32_t loyalty_in_thousand = 800;
  unsigned holidays = 1, weekends_away = 0, business_trips = 0;  // a year

  int utc_offset_minutes() const { return kRegions[region_of(town)].utc_offset_minutes; }
};

// The customer of its own stream, so that what it is can be known without living its life.
Customer draw_customer(std::uint64_t seed, std::uint64_t client);

// What customers.csv says of a customer.
struct CustomerAttributes {
  std::string age_band, region, kind, income_band, device_class, time_zone;
};
inline constexpr std::array<std::string_view, 6> kAttributeNames = {"age_band", "region", "kind", "income_band", "device_class", "time_zone"};
CustomerAttributes attributes_of(const Customer& customer);

}  // namespace fedspend::simulations
