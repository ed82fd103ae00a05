// The published figures of ../shared/data/README.md, on the data themselves. Skipped, by name, where they are absent.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "models/transactions/transaction_fields.h"
#include "simulations/population/baselines.h"
#include "tests/paths.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

const std::filesystem::path kData = tests::source_dir() + "/../shared/data";

bool absent(const char* name, const char* file) {
  if (std::filesystem::exists(kData / file)) return false;
  std::printf("skipped: %s: data absent\n", name);
  return true;
}

Result<ReadPopulation> read(const char* description, unsigned threads = 2) {
  FEDSPEND_ASSIGN(const DataDescription described, read_data_description(tests::source_dir() + "/simulations/data/" + description, kData));
  return read_population(described, {.threads = threads});
}

double accuracy(const Baselines& baselines, const std::string& key) {
  for (const Baseline& line : baselines.lines)
    if (line.key == key) return line.score.headline();
  return -1;
}

}  // namespace

TEST_CASE("the purchase cards are read as they are published") {
  if (absent("the purchase cards are read as they are published", "purchase-cards/2014-04.csv")) return;
  const auto read_cards = read("purchase-cards.toml");
  REQUIRE_MESSAGE(read_cards, read_cards.error().message);
  const ReadStatistics& statistics = read_cards->statistics;
  CHECK(statistics.files == 43);
  CHECK(statistics.rows == 181'335);
  CHECK(statistics.kept == 181'335);
  CHECK(statistics.skipped_in_all() == 0);
  CHECK(statistics.without_category == 104);
  CHECK(statistics.credits == 5'073);
  CHECK(statistics.repeated == 4'984);
  CHECK(statistics.monthly_files == 43);
  CHECK(statistics.stray > 0);
  CHECK(models::format_date(statistics.first_time_s) < "2014-04-01");
  CHECK(read_cards->population.rows() == 181'335 - 104);
}

TEST_CASE("the baselines of the purchase cards are the published ones") {
  if (absent("the baselines of the purchase cards are the published ones", "purchase-cards/2014-04.csv")) return;
  const auto read_cards = read("purchase-cards.toml");
  REQUIRE(read_cards);
  const Baselines baselines = compute_baselines(read_cards->population);
  CHECK(baselines.held_out == 36'734);
  const auto holds = [&](const char* key, double published, double half_digit) {
    CAPTURE(key);
    CAPTURE(accuracy(baselines, key));
    CHECK(std::abs(accuracy(baselines, key) - published) <= half_digit);
  };
  holds("global_most_frequent", 0.192, 0.0005);
  holds("own_most_frequent", 0.480, 0.0005);
  holds("markov_global", 0.523, 0.0005);
  holds("markov_own", 0.526, 0.0005);
  holds("mixture", 0.557, 0.004);
  holds("merchant_lookup", 0.63, 0.005);
  holds("own_merchant_lookup", 0.69, 0.005);
}

TEST_CASE("one thread reads the same population as several") {
  if (absent("one thread reads the same population as several", "purchase-cards/2014-04.csv")) return;
  const auto one = read("purchase-cards.toml", 1), four = read("purchase-cards.toml", 4);
  REQUIRE(one);
  REQUIRE(four);
  CHECK(one->population.categories() == four->population.categories());
  CHECK(one->population.merchants() == four->population.merchants());
  REQUIRE(one->population.clients() == four->population.clients());
  for (std::size_t client = 0; client < one->population.clients(); ++client) {
    const auto a = one->population.history(client), b = four->population.history(client);
    const bool same = std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const PopulationRow& x, const PopulationRow& y) {
      return x.time_s == y.time_s && x.amount_minor == y.amount_minor && x.category == y.category && x.merchant == y.merchant && x.direction == y.direction;
    });
    REQUIRE(same);
  }
}

TEST_CASE("the households are read as they are published, with the category by the product") {
  if (absent("the households are read as they are published, with the category by the product", "households/transactions.csv")) return;
  const auto read_households = read("households.toml");
  REQUIRE_MESSAGE(read_households, read_households.error().message);
  const ReadStatistics& statistics = read_households->statistics;
  CHECK(statistics.rows == 75'000);
  CHECK(statistics.skipped[static_cast<std::size_t>(SkipReason::bad_amount)] == 1);  // 4.440892e-16
  CHECK(statistics.kept == 74'999);
  CHECK(read_households->population.categories().size() > 200);
}
