#include "simulations/population/synthetic.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/crypto/hash.h"
#include "models/transactions/transaction_fields.h"
#include "simulations/population/baselines.h"
#include "simulations/population/population.h"
#include "tests/paths.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

std::string hash_of(const std::filesystem::path& file) { return to_hex(Hasher("synthetic-test").field(tests::TemporaryFolder::read(file)).finish()); }

// All of a client in one text: equal texts, equal clients.
std::string text_of(const SyntheticClient& client) {
  std::string text;
  for (const StatementRow& row : client.rows)
    text.append(name_of(row.category)).append("|").append(client.merchant(row)).append("|").append(to_string(row.unusual)).append("|").append(std::to_string(row.time_s)).append("|").append(std::to_string(row.amount_minor)).append("\n");
  return text;
}

using Key = std::tuple<std::int64_t, std::int64_t, std::string, std::string>;
Key key_of(const SyntheticClient& client, const StatementRow& row) { return {row.time_s, row.amount_minor, std::string(name_of(row.category)), std::string(client.merchant(row))}; }

}  // namespace

TEST_CASE("a seed gives the same bytes on every machine, for any number of threads") {
  const tests::TemporaryFolder one, three;
  const SyntheticOptions options{.seed = 1, .clients = 20, .months = 14};
  REQUIRE(write_synthetic(options, one.path()));
  REQUIRE(write_synthetic(options, three.path(), 3));
  // Recorded: a change of the generator changes every figure that was measured on its data.
  CHECK(hash_of(one.path() / "transactions.csv") == "e661c6e52bf4b6681dc4eee2519404c2f37298b9503ab0f8c20d0199990fb51b");
  CHECK(hash_of(one.path() / "customers.csv") == "92b1df988e1d237862db2f750366515bce27830ea431c05b54eb77154809338d");
  CHECK(hash_of(one.path() / "events.csv") == "2bd82b51adb247f5fb23b7d1cc855b49cb244c834bee1199e8a0b091115fce8d");
  for (const char* file : {"transactions.csv", "customers.csv", "events.csv", "synthetic.toml"}) CHECK(hash_of(one.path() / file) == hash_of(three.path() / file));
}

TEST_CASE("a client does not depend on how many there are, differs from others, and a longer history begins with the shorter one") {
  CHECK(rc::check([] {
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const auto client = *rc::gen::inRange<std::uint64_t>(0, 1'000'000);
    const std::string text = text_of(synthetic_client({.seed = seed, .clients = 10, .months = 4}, client));
    RC_ASSERT(text == text_of(synthetic_client({.seed = seed, .clients = 1000, .months = 4}, client)));
    RC_ASSERT(text != text_of(synthetic_client({.seed = seed, .clients = 10, .months = 4}, client + 1)));
    RC_ASSERT(text != text_of(synthetic_client({.seed = seed + std::uint64_t{1}, .clients = 10, .months = 4}, client)));
    RC_ASSERT(text_of(synthetic_client({.seed = seed, .clients = 10, .months = 9}, client)).starts_with(text));
  }));
}

TEST_CASE("a history is in order, within its months, of amounts above zero, with texts that a canonical file can hold") {
  CHECK(rc::check([] {
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const unsigned months = *rc::gen::inRange(1U, 30U);
    const SyntheticClient client = synthetic_client({.seed = seed, .months = months, .unusual_in_thousand = 500}, 0);
    const std::int64_t begin = first_day_of(0).begin_s(), end = first_day_of(months).begin_s();
    RC_ASSERT(!client.rows.empty());
    for (std::size_t i = 0; i < client.rows.size(); ++i) {
      const StatementRow& row = client.rows[i];
      // In brackets: rapidcheck's own operator || would evaluate both sides.
      RC_ASSERT((i == 0 || client.rows[i - 1].time_s <= row.time_s));
      RC_ASSERT(row.time_s >= begin && row.time_s < end);
      RC_ASSERT(row.amount_minor > 0 && row.amount_minor < 1'000'000'000);
      const std::string_view merchant = client.merchant(row);
      RC_ASSERT(merchant.size() >= 3 && merchant.size() <= 64);
      RC_ASSERT(merchant.front() != ' ' && merchant.back() != ' ');
      for (const char c : merchant) RC_ASSERT(c >= 0x20 && c < 0x7f && !(c >= 'a' && c <= 'z'));
    }
  }));
}

TEST_CASE("without unusual activity no row has a label, and the ordinary rows are the same whatever the rate") {
  CHECK(rc::check([] {
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const SyntheticClient quiet = synthetic_client({.seed = seed, .months = 12, .unusual_in_thousand = 0}, 3);
    const SyntheticClient busy = synthetic_client({.seed = seed, .months = 12, .unusual_in_thousand = 700}, 3);
    std::multiset<Key> ordinary;
    for (const StatementRow& row : quiet.rows) {
      RC_ASSERT(row.unusual == Unusual::none);
      ordinary.insert(key_of(quiet, row));
    }
    RC_ASSERT(quiet.events.size() == busy.events.size());
    std::size_t altered = 0, met = 0;
    for (const StatementRow& row : busy.rows) {
      if (row.unusual == Unusual::amount_typo || row.unusual == Unusual::price_jump) ++altered;
      if (row.unusual != Unusual::none) continue;
      const auto found = ordinary.find(key_of(busy, row));
      if (found == ordinary.end()) {  // only a subscription that has become dearer
        RC_ASSERT(std::find(kSubscriptions.begin(), kSubscriptions.end(), row.category) != kSubscriptions.end());
        continue;
      }
      ordinary.erase(found);
      ++met;
    }
    RC_ASSERT(met + altered + 60 > quiet.rows.size());
  }));
}

TEST_CASE("what is written reads back as the histories, labels and attributes, by the description that lies beside it") {
  const tests::TemporaryFolder folder;
  const SyntheticOptions options{.seed = 3, .clients = 12, .months = 3, .unusual_in_thousand = 600};
  const auto summary = write_synthetic(options, folder.path());
  REQUIRE(summary);
  const auto description = read_data_description(folder.path() / "synthetic.toml", std::nullopt);
  REQUIRE(description);
  const auto read = read_population(*description);
  REQUIRE_MESSAGE(read, read.error().message);
  const Population& population = read->population;
  CHECK(read->statistics.rows == summary->rows);
  CHECK(population.clients() == 12);
  CHECK(population.clients_with_attributes() == 12);
  CHECK(population.attributes() == std::vector<std::string>(kAttributeNames.begin(), kAttributeNames.end()));
  std::uint64_t unusual = 0;
  for (std::uint64_t client = 0; client < 12; ++client) {
    CHECK(population.client_name(client) == synthetic_client_name(client));
    const SyntheticClient lived = synthetic_client(options, client);
    const auto history = synthetic_history(options, client);
    const auto rows = population.history(client);
    REQUIRE(rows.size() == lived.rows.size());
    REQUIRE(history.size() == lived.rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const models::Transaction transaction = population.transaction(rows[i]);
      const models::Transaction& expected = history[i];
      const bool same = transaction.time_s == expected.time_s && transaction.amount_minor == expected.amount_minor && transaction.direction == expected.direction &&
                        transaction.category == expected.category && transaction.merchant == expected.merchant && transaction.currency == expected.currency;
      REQUIRE(same);
      REQUIRE(population.labels()[rows[i].label] == to_string(lived.rows[i].unusual));
      unusual += lived.rows[i].unusual != Unusual::none;
    }
    const CustomerAttributes attributes = synthetic_attributes(options, client);
    const std::vector<std::string> expected = {attributes.age_band, attributes.region, attributes.kind, attributes.income_band, attributes.device_class, attributes.time_zone};
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(population.attribute(client, i) == expected[i]);
  }
  CHECK(unusual == summary->unusual);
  CHECK(unusual > 0);
}

TEST_CASE("the description that ships is the one that is written") {
  CHECK(tests::TemporaryFolder::read(tests::source_dir() + "/simulations/data/synthetic.toml") == synthetic_description());
}

TEST_CASE("the population is predictable, but not trivially, and its merchants do not tell every category") {
  PopulationBuilder builder;
  for (std::uint64_t client = 0; client < 100; ++client)
    for (const auto& transaction : synthetic_history({.seed = 1, .clients = 100, .months = 12}, client)) REQUIRE(builder.add(synthetic_client_name(client), transaction));
  const Baselines baselines = compute_baselines(std::move(builder).build());
  std::map<std::string, double> accuracy;
  for (const Baseline& line : baselines.lines) accuracy[line.key] = line.score.headline();
  CAPTURE(accuracy["markov_own"]);
  CAPTURE(accuracy["own_merchant_lookup"]);
  CHECK(accuracy["global_most_frequent"] < 0.25);
  CHECK(accuracy["own_most_frequent"] > accuracy["global_most_frequent"]);
  CHECK(accuracy["markov_own"] > accuracy["own_most_frequent"]);  // what went before tells something
  CHECK(accuracy["markov_own"] < 0.5);
  CHECK(accuracy["own_merchant_lookup"] > 0.7);
  CHECK(accuracy["own_merchant_lookup"] < 0.93);
}
