#include "simulations/population/customers.h"

namespace fedspend::simulations {
namespace {

struct KindProfile {
  std::string_view name;
  std::uint16_t share;                       // in a thousand customers
  std::uint8_t age_low, age_high;
  std::uint16_t income_low, income_high;     // euro a month
  std::uint16_t owns_home, drives, has_pet, has_partner, works_outside, branch;  // in a thousand
  std::uint16_t online_percent;
  std::uint8_t holidays, weekends_away, business_trips;  // at most, a year
};
constexpr std::array<KindProfile, kCustomerKinds> kProfiles = {{
    //                  share  age     income         home drive pet partner works branch online trips
    {"student",         120, 18, 26,   650, 1'300,      0,  150,  60, 150, 500,  10, 130, 2, 3, 0},
    {"employee",        250, 21, 62, 1'700, 3'900,    250,  520, 180, 350, 900,  40, 110, 2, 3, 0},
    {"family",          240, 27, 54, 2'900, 5'800,    520,  850, 320, 930, 850,  40, 110, 2, 1, 0},
    {"self-employed",    90, 26, 66, 1'700, 5'500,    380,  680, 240, 550, 350,  60, 105, 2, 2, 4},
    {"retired",         150, 64, 88, 1'050, 2'700,    560,  560, 260, 560,   0, 230,  35, 3, 1, 0},
    {"high earner",      60, 32, 62, 5'600, 14'000,   640,  760, 200, 650, 900,  30, 130, 4, 5, 14},
    {"shift worker",     90, 19, 60, 1'300, 2'400,    180,  680, 220, 450, 950,  70,  75, 1, 1, 0},
}};

Commute draw_commute(Dice& dice, const Customer& customer, std::uint32_t works_outside) {
  if (!dice.chance(works_outside)) return Commute::none;
  if (customer.drives && dice.chance(650)) return Commute::car;
  const std::uint32_t way = dice.below(100);
  return way < 40 ? Commute::season_ticket : way < 70 ? Commute::single_tickets : Commute::none;  // the last walk or cycle
}

std::string_view age_band(int age) { return age < 25 ? "18-24" : age < 35 ? "25-34" : age < 45 ? "35-44" : age < 55 ? "45-54" : age < 65 ? "55-64" : "65+"; }

std::string_view income_band(std::int64_t income_minor) {
  const std::int64_t euro = income_minor / 100;
  return euro < 1'300 ? "under 1300" : euro < 2'200 ? "1300-2199" : euro < 3'500 ? "2200-3499" : euro < 5'500 ? "3500-5499" : "5500 and more";
}

}  // namespace

std::string_view to_string(CustomerKind kind) { return kProfiles[static_cast<std::size_t>(kind)].name; }

Customer draw_customer(std::uint64_t seed, std::uint64_t client) {
  Dice dice("synthetic-customer", seed, client);
  Customer c;
  std::array<std::uint16_t, kCustomerKinds> shares{};
  for (std::size_t i = 0; i < kCustomerKinds; ++i) shares[i] = kProfiles[i].share;
  const std::size_t kind = dice.weighted(shares);
  const KindProfile& profile = kProfiles[kind];
  c.kind = static_cast<CustomerKind>(kind);
  c.age = static_cast<int>(dice.between(profile.age_low, profile.age_high));
  std::array<std::uint16_t, kRegions.size()> inhabitants{};
  for (std::size_t i = 0; i < kRegions.size(); ++i) inhabitants[i] = kRegions[i].weight;
  const std::size_t region = dice.weighted(inhabitants);
  c.town = draw_town(dice, region);
  c.works_in = dice.chance(350) ? draw_town(dice, region) : c.town;
  // Two dice, the lower one: more small incomes than large ones.
  const std::int64_t reach = profile.income_high - profile.income_low;
  c.income_minor = (profile.income_low + dice.between(0, dice.between(0, reach))) * 100;
  c.branch = dice.chance(profile.branch);
  c.owns_home = dice.chance(profile.owns_home);
  c.drives = dice.chance(profile.drives);
  c.has_pet = dice.chance(profile.has_pet);
  c.has_child = c.kind == CustomerKind::family || (c.age >= 25 && c.age < 55 && c.kind != CustomerKind::student && dice.chance(120));
  c.has_partner = dice.chance(profile.has_partner);
  c.commute = draw_commute(dice, c, profile.works_outside);
  const bool goes_out = c.commute != Commute::none || dice.chance(profile.works_outside);
  const std::uint32_t in_office = static_cast<std::uint32_t>(dice.between(350, 1000));
  for (std::size_t day = 0; day < 5; ++day) c.office_days[day] = goes_out && dice.chance(in_office);
  c.coffee_first = dice.chance(550);
  c.lunch_in_thousand = dice.below(4) == 0 ? 0 : static_cast<std::uint32_t>(dice.between(50, 900));
  c.coffee_in_thousand = dice.below(3) == 0 ? 0 : static_cast<std::uint32_t>(dice.between(50, 850));
  c.online_percent = static_cast<std::uint32_t>(scaled(profile.online_percent, dice.spread(40)));
  c.account_percent = static_cast<std::uint32_t>(dice.chance(380) ? dice.between(6, 60) : dice.between(70, 120));
  if (c.account_percent < 60) {  // an account beside another one
    c.lunch_in_thousand = c.lunch_in_thousand * c.account_percent / 100;
    c.coffee_in_thousand = c.coffee_in_thousand * c.account_percent / 100;
    if (c.commute == Commute::single_tickets) c.commute = Commute::none;
  }
  c.loyalty_in_thousand = static_cast<std::uint32_t>(dice.between(620, 950));
  c.holidays = dice.below(profile.holidays + 1U);
  c.weekends_away = dice.below(profile.weekends_away + 1U);
  c.business_trips = dice.below(profile.business_trips + 1U);
  return c;
}

CustomerAttributes attributes_of(const Customer& customer) {
  const Region& region = kRegions[region_of(customer.town)];
  return {.age_band = std::string(age_band(customer.age)),
          .region = std::string(region.name),
          .kind = std::string(to_string(customer.kind)),
          .income_band = std::string(income_band(customer.income_minor)),
          .device_class = customer.branch ? "branch" : "phone",
          .time_zone = std::string(region.time_zone)};
}

}  // namespace fedspend::simulations
