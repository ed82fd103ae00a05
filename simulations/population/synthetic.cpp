#include "simulations/population/synthetic.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>

#include "common/check.h"
#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/program/runtime.h"
#include "models/transaction_csv.h"
#include "models/transaction_fields.h"

namespace fedspend::simulations {
namespace {

using models::Direction;
using models::Transaction;

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kFirstYear = 2023;

template <std::size_t Size>
using Names = std::array<std::string_view, Size>;

constexpr Names<4> kSupermarkets = {"Greenfield Market", "Daily Basket", "Corner Fresh", "Hillside Foods"};
constexpr Names<3> kCafes = {"Cafe Luna", "The Roastery", "Bean & Leaf"};
constexpr Names<4> kCanteens = {"Noodle Bar", "Salad Corner", "Canteen 12", "Pita Point"};
constexpr Names<5> kRestaurants = {"Trattoria Sole", "Golden Wok", "Blue Door Bistro", "Taverna Nikos", "Spice Route"};
constexpr Names<3> kBars = {"The Anchor", "Red Lion", "Night Owl"};
constexpr Names<4> kClothes = {"North Thread", "Urban Loom", "Shoe Barn", "Cotton Street"};
constexpr Names<3> kElectronics = {"Volt House", "Pixel Point", "Gadget Bay"};
constexpr Names<3> kHomeShops = {"Oak & Nail", "Home Harbour", "Garden Gate"};
constexpr Names<3> kFuel = {"Roadside Fuel 12", "Fastlane Petrol", "Junction Services"};
constexpr Names<4> kSubscriptions = {"streaming", "music", "news", "gym"};
constexpr Names<4> kSubscriptionMerchants = {"Flickerbox", "Tunewave", "The Daily Ledger", "Iron Works Gym"};

class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t client) : random_(Hasher("synthetic-client").u64(seed).u64(client).finish()) {}
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  bool chance(std::uint64_t in_thousand) { return below(1000) < in_thousand; }
  std::int64_t between(std::int64_t low, std::int64_t high) { return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1))); }
  template <std::size_t Size>
  std::string_view one_of(const Names<Size>& names) {
    return names[below(Size)];
  }
  // Around a typical amount: the sum of two dice from 60 % to 140 % of it.
  std::int64_t around(std::int64_t typical_minor) { return typical_minor * (60 + between(0, 40) + between(0, 40)) / 100; }

 private:
  SeededRandom random_;
};

// What stays the same of a customer.
struct Customer {
  std::int64_t salary_minor = 0, rent_minor = 0;
  int salary_day = 25, rent_day = 1, bills_day = 5;
  bool owns_home = false, commutes_by_train = false, drives = false, has_child = false, has_pet = false, uses_cash = false;
  bool coffee_first = false;                 // on the way out; others on the way back
  std::array<bool, kSubscriptions.size()> subscriptions{};
  std::array<int, kSubscriptions.size()> subscription_days{};
  std::array<bool, 7> office_days{};         // Monday: 0
  int grocery_day = 5, cash_day = 0, fuel_day = 6;
  std::string_view supermarket, other_supermarket, cafe, canteen, employer, landlord;
  std::uint64_t lunch_chance = 0, coffee_chance = 0, restaurant_chance = 0, shopping_chance = 0;  // in a thousand
  int holiday_month = 8, holiday_day = 3;
};

Customer draw_customer(Dice& dice) {
  static constexpr Names<4> employers = {"Meridian Works", "City Hospital", "Lumen Software", "Harbour Logistics"};
  static constexpr Names<2> landlords = {"Brickfield Lettings", "Old Town Housing"};
  Customer c;
  c.salary_minor = dice.between(1'600, 5'200) * 100;
  c.rent_minor = c.salary_minor * dice.between(25, 40) / 100;
  c.salary_day = dice.chance(300) ? 28 : static_cast<int>(dice.between(24, 27));
  c.rent_day = static_cast<int>(dice.between(1, 3));
  c.bills_day = static_cast<int>(dice.between(4, 20));
  c.owns_home = dice.chance(400);
  c.commutes_by_train = dice.chance(550);
  c.drives = !c.commutes_by_train ? dice.chance(700) : dice.chance(200);
  c.has_child = dice.chance(350);
  c.has_pet = dice.chance(250);
  c.uses_cash = dice.chance(300);
  c.coffee_first = dice.chance(500);
  for (std::size_t i = 0; i < kSubscriptions.size(); ++i) {
    c.subscriptions[i] = dice.chance(i == 0 ? 650 : 350);
    c.subscription_days[i] = static_cast<int>(dice.between(1, 28));
  }
  for (std::size_t day = 0; day < 5; ++day) c.office_days[day] = dice.chance(day == 4 ? 500 : 800);
  c.grocery_day = static_cast<int>(dice.between(3, 6));
  c.cash_day = static_cast<int>(dice.between(0, 6));
  c.fuel_day = static_cast<int>(dice.between(0, 6));
  c.supermarket = dice.one_of(kSupermarkets);
  c.other_supermarket = dice.one_of(kSupermarkets);
  c.cafe = dice.one_of(kCafes);
  c.canteen = dice.one_of(kCanteens);
  c.employer = dice.one_of(employers);
  c.landlord = c.owns_home ? "First Mutual Mortgages" : dice.one_of(landlords);
  c.lunch_chance = static_cast<std::uint64_t>(dice.between(200, 950));
  c.coffee_chance = static_cast<std::uint64_t>(dice.between(0, 900));
  c.restaurant_chance = static_cast<std::uint64_t>(dice.between(150, 700));
  c.shopping_chance = static_cast<std::uint64_t>(dice.between(20, 90));
  c.holiday_month = static_cast<int>(dice.between(6, 9));
  c.holiday_day = static_cast<int>(dice.between(1, 14));
  return c;
}

struct Day {
  std::int64_t begin_s = 0;
  int year_month = 1;     // 1 ... 12
  int of_month = 1;
  int of_week = 0;        // Monday: 0
  bool away = false;      // on holiday
  bool leaves = false;    // the first day of it
};

// Lives the days of one customer, one after the other.
class Life {
 public:
  Life(Dice& dice, std::vector<Transaction>& out) : dice_(dice), c_(draw_customer(dice)), out_(out) {}
  const Customer& customer() const { return c_; }

  void live(const Day& day) {
    day_ = day;
    const std::size_t first = out_.size();
    standing_orders();
    refunds();
    if (day.leaves) depart();
    if (day.away) {
      away();
    } else {
      if (c_.office_days[static_cast<std::size_t>(day.of_week)]) work_day();
      errands();
      evening();
    }
    // Standing orders are booked at night, all else at its hour.
    std::stable_sort(out_.begin() + static_cast<std::ptrdiff_t>(first), out_.end(), [](const Transaction& a, const Transaction& b) { return a.time_s < b.time_s; });
  }

 private:
  void add(int hour, std::string_view category, std::string_view merchant, std::int64_t amount_minor, Direction direction) {
    out_.push_back({.time_s = day_.begin_s + hour * 3600 + dice_.between(0, 59) * 60 + dice_.between(0, 59),
                    .amount_minor = std::max<std::int64_t>(amount_minor, 1),
                    .direction = direction,
                    .category = std::string(category),
                    .merchant = std::string(merchant),
                    .currency = "EUR"});
  }
  void spend(int hour, std::string_view category, std::string_view merchant, std::int64_t amount_minor) { add(hour, category, merchant, amount_minor, Direction::debit); }

  void standing_orders() {
    if (day_.of_month == c_.salary_day) add(1, "salary", c_.employer, c_.salary_minor, Direction::credit);
    if (day_.of_month == c_.rent_day) spend(2, c_.owns_home ? "mortgage" : "rent", c_.landlord, c_.rent_minor);
    if (day_.of_month == c_.bills_day) {
      spend(2, "electricity", "Brightgrid Energy", dice_.around(day_.year_month <= 3 || day_.year_month >= 11 ? 13'000 : 7'000));
      spend(3, "internet", "Fibrenet", 3'999);
      spend(4, "insurance", "Shield Mutual", 4'250);
    }
    if (day_.of_month == c_.bills_day + 2) spend(2, "mobile phone", "Telora", 1'899);
    if (day_.of_month == 15 && day_.year_month % 3 == 0) spend(2, "water", "City Water", dice_.around(9'000));
    if (c_.has_child && day_.of_month == 1) spend(3, "childcare", "Little Oaks", 32'000);
    for (std::size_t i = 0; i < kSubscriptions.size(); ++i)
      if (c_.subscriptions[i] && day_.of_month == c_.subscription_days[i]) spend(5, kSubscriptions[i], kSubscriptionMerchants[i], 999 + 400 * static_cast<std::int64_t>(i));
  }

  // Money back for clothes that were sent back some days before.
  void refunds() {
    if (!refund_due_ || day_.begin_s < refund_due_->time_s) return;
    add(11, refund_due_->category, refund_due_->merchant, refund_due_->amount_minor, Direction::credit);
    refund_due_.reset();
  }

  void work_day() {
    const bool train = c_.commutes_by_train && !dice_.chance(60);
    if (train) spend(7, "public transport", "Metro Line", 280);
    if (!train && c_.drives && dice_.chance(350)) spend(8, "parking", "Central Car Park", dice_.around(900));
    if (c_.coffee_first && dice_.chance(c_.coffee_chance)) spend(8, "coffee", dice_.chance(850) ? c_.cafe : dice_.one_of(kCafes), dice_.around(420));
    if (dice_.chance(c_.lunch_chance)) spend(12, "lunch", dice_.chance(750) ? c_.canteen : dice_.one_of(kCanteens), dice_.around(1'050));
    if (train) spend(17, "public transport", "Metro Line", 280);
    if (!c_.coffee_first && dice_.chance(c_.coffee_chance)) spend(18, "coffee", dice_.chance(850) ? c_.cafe : dice_.one_of(kCafes), dice_.around(420));
  }

  void errands() {
    const bool weekend = day_.of_week >= 5;
    if (day_.of_week == c_.grocery_day && !dice_.chance(80)) {
      spend(16, "groceries", dice_.chance(850) ? c_.supermarket : c_.other_supermarket, dice_.around(c_.has_child ? 14'000 : 7'500));
      if (c_.has_pet && dice_.chance(450)) spend(17, "pets", "Paws & Co", dice_.around(2'600));
      if (dice_.chance(250)) spend(17, "pharmacy", dice_.chance(500) ? c_.supermarket : "Old Town Pharmacy", dice_.around(1'400));
    } else if (dice_.chance(180)) {
      spend(19, "groceries", dice_.chance(600) ? c_.supermarket : "Late Shop", dice_.around(1'900));
    }
    if (c_.drives && day_.of_week == c_.fuel_day && dice_.chance(700)) spend(15, "fuel", dice_.chance(300) ? c_.supermarket : dice_.one_of(kFuel), dice_.around(5'600));
    if (c_.uses_cash && day_.of_week == c_.cash_day && dice_.chance(800)) spend(13, "cash", "Cash machine", dice_.between(2, 15) * 1'000);
    if (dice_.chance(12)) {
      spend(10, "health", "Family Practice", dice_.around(3'500));
      spend(11, "pharmacy", "Old Town Pharmacy", dice_.around(1'800));
    }
    const bool season = day_.year_month >= 11;  // presents
    const bool just_paid = day_.of_month >= c_.salary_day || day_.of_month < 4;
    const std::uint64_t shopping = c_.shopping_chance * (season ? 2 : 1) * (weekend ? 2 : 1) * (just_paid ? 3 : 2) / 2;
    if (dice_.chance(std::min<std::uint64_t>(shopping, 900))) shop(season);
  }

  void shop(bool season) {
    // A marketplace sells everything, so that a merchant does not always tell the category.
    const auto at = [online = dice_.chance(350)](std::string_view shop) { return online ? "Everything Online" : shop; };
    const std::uint64_t kind = dice_.below(10);
    if (kind < 5) {
      spend(14, "clothing", at(dice_.one_of(kClothes)), dice_.around(5'200));
      if (!refund_due_ && dice_.chance(220)) {
        refund_due_ = out_.back();
        refund_due_->time_s += dice_.between(4, 12) * kDay;
      }
    } else if (kind < 7) {
      spend(14, "home & garden", at(dice_.one_of(kHomeShops)), dice_.around(4'100));
    } else if (kind < 9 || !c_.has_child) {
      spend(14, "electronics", at(dice_.one_of(kElectronics)), dice_.around(14'000));
    } else {
      spend(14, "toys", at("Toy Castle"), dice_.around(season ? 5'000 : 2'400));
    }
    if (dice_.chance(300)) spend(15, "coffee", dice_.one_of(kCafes), dice_.around(800));
  }

  void evening() {
    const bool out_night = day_.of_week == 4 || day_.of_week == 5;
    if (!dice_.chance(out_night ? c_.restaurant_chance : c_.restaurant_chance / 8)) return;
    const bool cinema = dice_.chance(200);
    if (cinema) spend(18, "cinema", "Rex Pictures", dice_.around(2'400));
    spend(20, "restaurant", dice_.one_of(kRestaurants), dice_.around(4'800));
    if (out_night && dice_.chance(500)) {
      spend(22, "bar", dice_.one_of(kBars), dice_.around(2'700));
      if (dice_.chance(550)) spend(23, "taxi", "Rapid Cabs", dice_.around(1'900));
    }
  }

  void depart() {
    spend(6, "travel", dice_.chance(600) ? "Skyway Air" : "Coast Rail Tours", dice_.around(28'000));
    spend(7, "hotel", "Bay View Hotel", dice_.around(52'000));
  }

  void away() {
    if (dice_.chance(600)) spend(9, "coffee", "Promenade Cafe", dice_.around(900));
    if (dice_.chance(350)) spend(13, "leisure", "Harbour Boat Trips", dice_.around(4'000));
    if (dice_.chance(800)) spend(20, "restaurant", dice_.one_of(kRestaurants), dice_.around(6'000));
  }

  Dice& dice_;
  const Customer c_;
  std::vector<Transaction>& out_;
  std::optional<Transaction> refund_due_;
  Day day_;
};

constexpr std::string_view kDescription =
    R"(# What fedspend-sim synth writes. The numbers, shops and customers are invented.
#   fedspend-sim synth --clients 500 --seed 1 --out out/synthetic
#   fedspend-sim baselines --data out/synthetic/synthetic.toml
[files]
transactions = ["transactions.csv"]

[columns]
client = "client"
time = "time"
time_format = "%Y-%m-%dT%H:%M:%SZ"
amount = "amount"
direction = { column = "direction", credit = ["credit"], debit = ["debit"] }
category = "category"
merchant = "merchant"
currency = "currency"
)";

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::string synthetic_client_name(std::uint64_t client) {
  std::string digits = std::to_string(client);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return "customer-" + digits;
}

std::vector<Transaction> synthetic_history(const SyntheticOptions& options, std::uint64_t client) {
  FEDSPEND_CHECK(options.months >= 1 && options.months <= 120, "1 to 120 months");
  Dice dice(options.seed, client);
  std::vector<Transaction> history;
  Life life(dice, history);
  const Customer& customer = life.customer();
  std::int64_t time_s = models::seconds_of_day(kFirstYear, 1, 1);
  for (unsigned month = 0; month < options.months; ++month) {
    const std::int64_t year = kFirstYear + month / 12;
    const unsigned next = month + 1;
    const std::int64_t end_s = models::seconds_of_day(kFirstYear + next / 12, next % 12 + 1, 1);
    const std::int64_t begin_s = models::seconds_of_day(year, month % 12 + 1, 1);
    for (; time_s < end_s; time_s += kDay) {
      Day day{.begin_s = time_s, .year_month = static_cast<int>(month % 12) + 1, .of_month = static_cast<int>((time_s - begin_s) / kDay) + 1,
              .of_week = static_cast<int>((time_s / kDay + 3) % 7)};  // 1970-01-01 was a Thursday
      const int into_holiday = day.year_month == customer.holiday_month ? day.of_month - customer.holiday_day : -1;
      day.away = into_holiday >= 0 && into_holiday < 10;
      day.leaves = into_holiday == 0;
      life.live(day);
    }
  }
  return history;
}

std::string_view synthetic_description() { return kDescription; }

Result<SyntheticSummary> write_synthetic(const SyntheticOptions& options, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "transactions.csv";
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "wbx"));
  const auto failed = [&] { return fail(ErrorCode::io, "cannot write " + path.string(), "check the disk's space and the permissions"); };
  if (file == nullptr) return failed();
  SyntheticSummary summary{.clients = options.clients};
  std::string text = "client," + std::string(models::kTransactionCsvHeader) + "\n";
  for (std::uint64_t client = 0; client < options.clients; ++client) {
    if (program::stop_requested().load()) return fail(ErrorCode::io, "stopped by a signal", "nothing was written");
    const std::string name = synthetic_client_name(client);
    for (const Transaction& transaction : synthetic_history(options, client)) {
      (text += name) += ',';
      models::append_transaction_csv(transaction, text);
      ++summary.rows;
    }
    summary.bytes += text.size();
    if (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()) return failed();
    text.clear();
  }
  if (std::fflush(file.get()) != 0) return failed();
  const std::filesystem::path description = folder / "synthetic.toml";
  const std::unique_ptr<std::FILE, CloseFile> toml(std::fopen(description.c_str(), "wbx"));
  if (toml == nullptr || std::fwrite(kDescription.data(), 1, kDescription.size(), toml.get()) != kDescription.size() || std::fflush(toml.get()) != 0) return failed();
  return summary;
}

}  // namespace fedspend::simulations
