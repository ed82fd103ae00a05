// The customer's transactions in a vault: each once, in order, no older and no more than allowed, whatever the clock says.

#include "client/transaction_store.h"

#include <algorithm>
#include <map>

#include <doctest/doctest.h>

#include "common/crypto/random.h"

namespace fedspend::client {
namespace {

using models::Transaction;

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNow = 1'700'000'000;

// Fails the next changes when told to, as a full disk does.
class FailingVault final : public Vault {
 public:
  Result<ShelfSize> size_of(Shelf shelf) override { return vault_.size_of(shelf); }
  Status read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t, ByteSpan)>& visit) override { return vault_.read(shelf, from, visit); }
  Status change(std::span<const VaultRowId> erase, std::span<const VaultRow> put) override {
    ++changes;
    rows_written += put.size();
    if (fails) return fail(ErrorCode::io, "the disk is full");
    return vault_.change(erase, put);
  }
  Status write_reserve(ByteSpan content) override { return vault_.write_reserve(content); }
  Result<Bytes> read_reserve() override { return vault_.read_reserve(); }
  bool fails = false;
  std::uint64_t changes = 0;
  std::uint64_t rows_written = 0;

 private:
  MemoryVault vault_;
};

IngestedTransaction bought(const std::string& id, std::int64_t time_s, std::int64_t amount_minor = 1'250) {
  return {.id = id, .transaction = {.time_s = time_s, .amount_minor = amount_minor, .category = "FOOD", .merchant = "K\xc3\xb8""bmand " + id, .currency = "DKK"}};
}

class Bench {
 public:
  explicit Bench(StoreLimits given = {}) : limits(given) { restart(); }
  void restart() {
    auto opened = TransactionStore::open(vault, limits);
    REQUIRE_MESSAGE(opened, opened.error().message);
    store = std::move(*opened);
  }
  IngestReport ingest(const std::vector<IngestedTransaction>& given, std::int64_t now_s = kNow) {
    const auto report = store->ingest(given, now_s);
    REQUIRE_MESSAGE(report, report.error().message);
    return *report;
  }
  std::vector<std::int64_t> amounts() const {
    std::vector<std::int64_t> found;
    for (const Transaction& each : store->transactions()) found.push_back(each.amount_minor);
    return found;
  }
  // In memory, and again from the vault.
  void check_amounts(const std::vector<std::int64_t>& expected) {
    CHECK(amounts() == expected);
    restart();
    CHECK(amounts() == expected);
  }

  FailingVault vault;
  StoreLimits limits;
  std::unique_ptr<TransactionStore> store;
};

TEST_CASE("transactions come back by time, then by order of ingestion, with all their fields, also after a restart") {
  Bench bench;
  Transaction full{.time_s = kNow - 5, .amount_minor = 1'000'000'000'000'000, .direction = models::Direction::credit, .category = std::string(256, 'c'), .merchant = "tab\tand \xe2\x82\xac", .currency = ""};
  const IngestReport report = bench.ingest({bought("b", kNow - 10, 2), bought("c", kNow - 10, 3), {std::string(64, '\0'), full}, bought("a", kNow - 20, 1)});
  CHECK(report.added == 4);
  bench.ingest({bought("d", kNow - 10, 4), bought("e", kNow - 30, 0)});
  bench.check_amounts({0, 1, 2, 3, 4, full.amount_minor});
  const Transaction& last = bench.store->transactions().back();
  CHECK(last.time_s == full.time_s);
  CHECK(last.direction == full.direction);
  CHECK(last.category == full.category);
  CHECK(last.merchant == full.merchant);
  CHECK(last.currency == full.currency);
}

TEST_CASE("a transaction that is handed in again replaces the first, and the same again changes nothing") {
  Bench bench;
  bench.ingest({bought("a", kNow - 10, 1), bought("b", kNow - 10, 2), bought("c", kNow - 5, 3)});
  IngestReport report = bench.ingest({bought("a", kNow - 10, 11), bought("b", kNow - 10, 2)});
  CHECK(report.replaced == 1);
  CHECK(report.unchanged == 1);
  CHECK(report.added == 0);
  bench.check_amounts({11, 2, 3});
  // Booked a day later than it was announced; back, it has its place in the order of ingestion.
  bench.ingest({bought("a", kNow - 1, 11)});
  bench.check_amounts({2, 3, 11});
  bench.ingest({bought("a", kNow - 10, 11)});
  bench.check_amounts({11, 2, 3});
  const std::uint64_t changes = bench.vault.changes;
  CHECK(bench.ingest({bought("a", kNow - 10, 11)}).unchanged == 1);
  CHECK(bench.ingest({}).unchanged == 0);
  CHECK(bench.vault.changes == changes);
  // Twice in one call: the last one counts.
  report = bench.ingest({bought("x", kNow, 5), bought("x", kNow, 6), bought("x", kNow, 6), bought("c", kNow - 5, 7), bought("c", kNow - 5, 3)});
  CHECK(report.added == 1);
  CHECK(report.replaced == 3);
  CHECK(report.unchanged == 1);
  bench.check_amounts({11, 2, 3, 6});
}

TEST_CASE("each purpose sees the rows of its own retention, and what no purpose may use any more is erased") {
  const auto old = [](int days) { return bought(std::to_string(days), kNow - days * kDay, days); };
  Bench bench({.retention_days = 300, .retention_days_of = {{"short", 10}, {"long", 400}}});
  bench.ingest({old(0), old(9), old(11), old(299), old(301), old(399), old(401)});
  const auto seen = [&](std::string_view purpose, std::int64_t now_s = kNow) {
    std::vector<std::int64_t> amounts;
    for (const Transaction& each : bench.store->transactions_for(purpose, now_s)) amounts.push_back(each.amount_minor);
    return amounts;
  };
  CHECK(seen("long") == std::vector<std::int64_t>{399, 301, 299, 11, 9, 0});
  CHECK(seen("any other") == std::vector<std::int64_t>{299, 11, 9, 0});
  CHECK(seen("short") == std::vector<std::int64_t>{9, 0});
  CHECK(seen("short", kNow + 9 * kDay) == std::vector<std::int64_t>{0});
  CHECK(seen("short", -5) == seen("long"));  // a clock that has gone back
  bench.check_amounts({399, 301, 299, 11, 9, 0});
  // Where it is known what rows are used for, the default keeps nothing that only it would.
  bench.limits.purposes = {"short"};
  bench.store->set_limits(bench.limits);
  REQUIRE(bench.store->prune(kNow));
  bench.check_amounts({9, 0});
  bench.limits.retention_days_of["short"] = 1;
  bench.store->set_limits(bench.limits);
  REQUIRE(bench.store->prune(kNow + 2 * kDay));
  bench.check_amounts({});
}

TEST_CASE("of nothing, every purpose sees nothing") { CHECK(Bench().store->transactions_for("next_category", kNow).empty()); }

TEST_CASE("one wrong transaction, and none is kept; the error says which and what") {
  const auto refused = [](IngestedTransaction wrong, const std::string& words) {
    Bench bench;
    const auto report = bench.store->ingest(std::vector{bought("a", kNow), std::move(wrong)}, kNow);
    REQUIRE_FALSE(report);
    CHECK(report.error().code == ErrorCode::invalid_argument);
    CHECK_MESSAGE(report.error().message.find("transaction 1: its " + words) == 0, report.error().message);
    CHECK(bench.vault.changes == 0);
    CHECK(bench.store->transactions().empty());
  };
  const auto with = [](auto mend) {
    IngestedTransaction each = bought("b", kNow);
    mend(each);
    return each;
  };
  refused(with([](auto& each) { each.id.clear(); }), "id");
  refused(with([](auto& each) { each.id = "\xff"; }), "id is not UTF-8");
  refused(with([](auto& each) { each.id.assign(65, 'a'); }), "id");
  refused(with([](auto& each) { each.transaction.amount_minor = -1; }), "amount");
  refused(with([](auto& each) { each.transaction.amount_minor = 1'000'000'000'000'001; }), "amount");
  refused(with([](auto& each) { each.transaction.direction = static_cast<models::Direction>(2); }), "direction");
  refused(with([](auto& each) { each.transaction.time_s = -1; }), "time is before");
  refused(with([](auto& each) { each.transaction.time_s = INT64_MIN; }), "time is before");
  refused(with([](auto& each) { each.transaction.time_s = kNow + kDay + 1; }), "time is more than a day after");
  refused(with([](auto& each) { each.transaction.time_s = INT64_MAX; }), "time is more than a day after");
  refused(with([](auto& each) { each.transaction.merchant.assign(257, 'm'); }), "merchant");
  refused(with([](auto& each) { each.transaction.merchant = "\xff"; }), "merchant is not UTF-8");
  refused(with([](auto& each) { each.transaction.category = "\xc3"; }), "category is not UTF-8");
  refused(with([](auto& each) { each.transaction.currency.assign(257, 'm'); }), "currency");
  Bench bench;
  CHECK(bench.ingest({bought("a", kNow + kDay)}).added == 1);  // a time zone's worth is fine
}

TEST_CASE("what is older than the retention is not kept, and is erased as time goes on") {
  Bench bench({.retention_days = 100});
  IngestReport report = bench.ingest({bought("old", kNow - 100 * kDay - 1, 1), bought("just", kNow - 100 * kDay, 2), bought("new", kNow, 3)});
  CHECK(report.too_old == 1);
  CHECK(report.added == 2);
  bench.check_amounts({2, 3});
  REQUIRE(bench.store->prune(kNow + 1));
  bench.check_amounts({3});
  // One that was kept and is now said to be old is not kept.
  CHECK(bench.ingest({bought("new", kNow - 101 * kDay, 4), bought("other", kNow, 5)}).too_old == 1);
  bench.check_amounts({5});
  CHECK(bench.ingest({bought("later", kNow + 101 * kDay, 6)}, kNow + 101 * kDay).added == 1);
  bench.check_amounts({6});
}

TEST_CASE("over the cap the oldest go first, new ones among them") {
  Bench bench({.max_transactions = 3});
  bench.ingest({bought("a", kNow - 40, 1), bought("b", kNow - 30, 2), bought("c", kNow - 20, 3)});
  IngestReport report = bench.ingest({bought("d", kNow - 10, 4)});
  CHECK(report.pushed_out == 1);
  bench.check_amounts({2, 3, 4});
  report = bench.ingest({bought("z", kNow - 100, 9), bought("e", kNow, 5)});
  CHECK(report.added == 2);
  CHECK(report.pushed_out == 2);
  bench.check_amounts({3, 4, 5});
  // A smaller cap than before.
  bench.limits.max_transactions = 1;
  bench.restart();
  REQUIRE(bench.store->prune(kNow));
  bench.check_amounts({5});
  // More at once than there is room for.
  std::vector<IngestedTransaction> many;
  for (int i = 0; i < 10; ++i) many.push_back(bought("m" + std::to_string(i), kNow + i, i));
  CHECK(bench.ingest(many).pushed_out == 10);
  bench.check_amounts({9});
}

TEST_CASE("one jump of the clock forward erases nothing that the rows do not support, however far, and a jump backward nothing at all") {
  for (const std::int64_t now_s : {kNow + 40 * kDay, kNow + 3'650 * kDay, INT64_MAX, INT64_MIN, std::int64_t{0}, kNow - 3'650 * kDay}) {
    CAPTURE(now_s);
    Bench bench({.retention_days = 100});
    bench.ingest({bought("a", kNow - 60 * kDay, 1), bought("b", kNow, 2)});
    REQUIRE(bench.store->prune(now_s));
    REQUIRE(bench.store->prune(now_s));
    bench.check_amounts({1, 2});
    REQUIRE(bench.store->prune(kNow));  // mended
    bench.check_amounts({1, 2});
    // Transactions are handed in while the clock is ahead: those that are new do not support it.
    bench.ingest({bought("c", kNow, 3)}, std::max(now_s, kNow));
    bench.check_amounts({1, 2, 3});
  }
}

TEST_CASE("31 days after the newest transaction are believed, and not a second more") {
  Bench bench({.retention_days = 100});
  bench.ingest({bought("a", kNow - 69 * kDay, 1), bought("b", kNow - 69 * kDay - 1, 0), bought("c", kNow, 2)});
  REQUIRE(bench.store->prune(kNow + 500 * kDay));
  bench.check_amounts({1, 2});
}

TEST_CASE("a clock that stays ahead for 31 days of its own is believed, so that a customer who buys nothing is forgotten, too") {
  Bench bench({.retention_days = 100});
  bench.ingest({bought("a", kNow - 10, 1), bought("b", kNow, 2)});
  const std::int64_t first = kNow + 200 * kDay;
  REQUIRE(bench.store->prune(first));
  bench.restart();
  REQUIRE(bench.store->prune(first + 31 * kDay - 1));
  bench.check_amounts({1, 2});
  SUBCASE("it does") {
    REQUIRE(bench.store->prune(first + 31 * kDay));
    bench.check_amounts({});
  }
  SUBCASE("it was mended in between, and jumps again") {
    REQUIRE(bench.store->prune(kNow + kDay));
    bench.restart();
    REQUIRE(bench.store->prune(first + 31 * kDay));
    bench.check_amounts({1, 2});
  }
  SUBCASE("it steps back behind that moment, but is still ahead") {
    REQUIRE(bench.store->prune(first - kDay));
    bench.restart();
    REQUIRE(bench.store->prune(first + 30 * kDay - 1));
    bench.check_amounts({1, 2});
    REQUIRE(bench.store->prune(first + 30 * kDay));
    bench.check_amounts({});
  }
}

TEST_CASE("while the clock is set back new transactions are refused, with a word about the clock, and nothing is lost") {
  Bench bench;
  bench.ingest({bought("a", kNow, 1)});
  const auto report = bench.store->ingest(std::vector{bought("b", kNow, 2)}, kNow - 30 * kDay);
  REQUIRE_FALSE(report);
  CHECK(report.error().hint.find("clock") != std::string::npos);
  bench.check_amounts({1});
}

TEST_CASE("when the vault fails nothing has changed, and later it goes on") {
  Bench bench({.retention_days = 100, .max_transactions = 3});
  bench.ingest({bought("a", kNow - 20, 1), bought("b", kNow - 10, 2)});
  bench.vault.fails = true;
  CHECK_FALSE(bench.store->ingest(std::vector{bought("a", kNow, 5), bought("c", kNow, 3), bought("d", kNow, 4)}, kNow));
  CHECK_FALSE(bench.store->prune(kNow + 101 * kDay));
  CHECK_FALSE(bench.store->erase_all());
  CHECK(bench.amounts() == std::vector<std::int64_t>{1, 2});
  bench.vault.fails = false;
  bench.ingest({bought("a", kNow, 5), bought("c", kNow, 3), bought("d", kNow, 4)});
  bench.check_amounts({5, 3, 4});
  REQUIRE(bench.store->erase_all());
  bench.check_amounts({});
  CHECK(bench.vault.size_of(Shelf::transaction)->rows == 0);
  bench.ingest({bought("a", kNow, 7)});
  bench.check_amounts({7});
}

TEST_CASE("one call is one change of the vault, and writes what is new only") {
  Bench bench;
  std::vector<IngestedTransaction> many;
  for (int i = 0; i < 500; ++i) many.push_back(bought(std::to_string(i), kNow - i));
  bench.ingest(many);
  CHECK(bench.vault.changes == 1);
  CHECK(bench.vault.rows_written == 500);
  many.resize(501, bought("new", kNow));
  bench.ingest(many);
  CHECK(bench.vault.changes == 2);
  CHECK(bench.vault.rows_written == 501);
}

TEST_CASE("rows that are not transactions, or twice the same, are damage") {
  const auto refused = [](std::uint64_t number, Bytes content) {
    MemoryVault vault;
    {
      const auto store = TransactionStore::open(vault, {});
      REQUIRE((*store)->ingest(std::vector{bought("a", kNow)}, kNow));
    }
    Bytes good;
    REQUIRE(vault.read(Shelf::transaction, 2, [&](std::uint64_t, ByteSpan row) {
      good.assign(row.begin(), row.end());
      return true;
    }));
    if (content.empty()) content = good;
    const VaultRow row{Shelf::transaction, number, content};
    REQUIRE(vault.change({}, {&row, 1}));
    const auto store = TransactionStore::open(vault, {});
    REQUIRE_FALSE(store);
    CHECK(store.error().code == ErrorCode::malformed);
    CHECK_FALSE(store.error().hint.empty());
  };
  refused(3, {});  // the first, again
  refused(1, {});
  refused(1, Bytes(5));
  refused(3, Bytes(9));
  refused(3, Bytes(40, 1));
  Bytes long_text(18 + 8 + 1);
  long_text[0] = 1;
  long_text[18] = 1;
  refused(3, [&] { Bytes each = long_text; each.push_back(0); return each; }());  // left over
  refused(3, [&] { Bytes each = long_text; each.pop_back(); return each; }());    // short
  refused(3, [&] { Bytes each = long_text; each[17] = 4; return each; }());       // neither a direction nor the mark of a correction
}

// Against the simplest store that one can write, through all of it: replaced, too old, pushed out, restarted.
TEST_CASE("any series of calls leaves what a plain map would") {
  SeededRandom random(301);
  for (int repetition = 0; repetition < 30; ++repetition) {
    Bench bench({.retention_days = static_cast<std::uint32_t>(5 + random.below(40)), .max_transactions = 1 + random.below(30)});
    struct Known {
      Transaction transaction;
      std::uint64_t order = 0;
    };
    std::map<std::string, Known> known;
    std::uint64_t next_order = 0;
    std::int64_t now_s = kNow;
    const auto cut = [&](std::int64_t cutoff) {
      std::erase_if(known, [&](const auto& each) { return each.second.transaction.time_s < cutoff; });
      while (known.size() > bench.limits.max_transactions) {
        known.erase(std::min_element(known.begin(), known.end(), [](const auto& a, const auto& b) {
          return std::pair(a.second.transaction.time_s, a.second.order) < std::pair(b.second.transaction.time_s, b.second.order);
        }));
      }
    };
    for (int call = 0; call < 60; ++call) {
      now_s += static_cast<std::int64_t>(random.below(2 * kDay));
      std::vector<IngestedTransaction> given{bought("now " + std::to_string(call), now_s, call)};  // the clock is supported
      for (std::uint64_t i = random.below(8); i > 0; --i)
        given.push_back(bought(std::to_string(random.below(25)), now_s - static_cast<std::int64_t>(random.below(50)) * kDay, static_cast<std::int64_t>(random.below(3))));
      bench.ingest(given, now_s);
      const std::int64_t cutoff = now_s - std::int64_t{bench.limits.retention_days} * kDay;
      for (const IngestedTransaction& each : given) {
        // One that is too old takes its predecessor along; the next of that id in the same call has its old place again.
        const bool is_new = !known.contains(each.id);
        known[each.id] = {each.transaction, is_new ? next_order++ : known[each.id].order};
      }
      cut(cutoff);
      std::vector<Known> expected;
      for (const auto& [id, each] : known) expected.push_back(each);
      std::sort(expected.begin(), expected.end(), [](const Known& a, const Known& b) { return std::pair(a.transaction.time_s, a.order) < std::pair(b.transaction.time_s, b.order); });
      if (random.below(10) == 0) bench.restart();
      const auto found = bench.store->transactions();
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i].time_s == expected[i].transaction.time_s);
        CHECK(found[i].amount_minor == expected[i].transaction.amount_minor);
        CHECK(found[i].merchant == expected[i].transaction.merchant);
      }
    }
  }
}

TEST_CASE("a correction counts at once, after a restart, and against what the host says later") {
  Bench bench;
  bench.ingest({bought("a", kNow - kDay), bought("b", kNow)});
  REQUIRE(bench.store->correct("a", "TRAVEL"));
  const auto check = [&] {
    REQUIRE(bench.store->find("a") == 0);
    const Transaction& corrected = bench.store->transactions()[0];
    CHECK(corrected.category == "TRAVEL");
    CHECK(corrected.corrected);
    CHECK_FALSE(bench.store->transactions()[1].corrected);
  };
  check();
  bench.restart();
  check();
  // Booked: another amount, and the bank's category again.
  const IngestReport report = bench.ingest({bought("a", kNow - kDay, 1'300)});
  CHECK(report.replaced == 1);
  check();
  CHECK(bench.store->transactions()[0].amount_minor == 1'300);
  CHECK(bench.ingest({bought("a", kNow - kDay, 1'300)}).unchanged == 1);
  // A second thought.
  REQUIRE(bench.store->correct("a", "FOOD"));
  bench.restart();
  CHECK(bench.store->transactions()[0].category == "FOOD");
  CHECK(bench.store->transactions()[0].corrected);
}

TEST_CASE("a correction of nothing, or that is no text, changes nothing; nor does one that a full disk refuses") {
  Bench bench;
  bench.ingest({bought("a", kNow)});
  CHECK(bench.store->correct("b", "TRAVEL").error().code == ErrorCode::not_found);
  CHECK_FALSE(bench.store->find("b"));
  for (const std::string& bad : {std::string(), std::string(257, 'x'), std::string("\xff")}) CHECK(bench.store->correct("a", bad).error().code == ErrorCode::invalid_argument);
  bench.vault.fails = true;
  CHECK(bench.store->correct("a", "TRAVEL").error().code == ErrorCode::io);
  CHECK(bench.store->transactions()[0].category == "FOOD");
  bench.vault.fails = false;
  const std::uint64_t before = bench.vault.changes;
  REQUIRE(bench.store->correct("a", "TRAVEL"));
  REQUIRE(bench.store->correct("a", "TRAVEL"));
  CHECK(bench.vault.changes == before + 1);
}

}  // namespace
}  // namespace fedspend::client
