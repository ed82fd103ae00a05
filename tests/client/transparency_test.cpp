// The customer's history: everything that left and everything that was refused, kept, readable, and never with an epsilon too small.

#include "client/transparency.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/protocol/plain_text.h"
#include "tests/client/fallible_vault.h"
#include "tests/client/parsed_json.h"

namespace fedspend::client {
namespace {

constexpr std::int64_t kTime = 1'795'356'300;  // 2026-11-22T14:05:00Z

std::unique_ptr<TransparencyLog> opened(Vault& vault, TransparencyLimits limits = {}) {
  auto log = TransparencyLog::open(vault, limits);
  REQUIRE_MESSAGE(log, log.error().message);
  return std::move(*log);
}
std::vector<HistoryEntry> entries_of(TransparencyLog& log) {
  auto entries = log.entries();
  REQUIRE_MESSAGE(entries, entries.error().message);
  return std::move(*entries);
}
HistoryEntry contribution() {
  HistoryEntry entry{.time_s = kTime, .kind = HistoryKind::contributed, .purpose = "next_category", .plan_name = "weekly", .model = "next_category", .round = RoundId{17}, .bytes = 32'412, .epsilon_after = 1.2301, .delta = 1e-6};
  entry.plan.bytes[0] = 0xab;
  return entry;
}
std::uint64_t total_messages(const std::vector<HistoryEntry>& entries, HistoryKind kind) {
  std::uint64_t total = 0;
  for (const HistoryEntry& entry : entries) total += entry.kind == kind ? entry.messages : 0;
  return total;
}

TEST_CASE("an entry is kept whole, over a restart") {
  MemoryVault vault;
  REQUIRE(opened(vault)->append(contribution()));
  const auto entries = entries_of(*opened(vault));
  REQUIRE(entries.size() == 1);
  const HistoryEntry& entry = entries[0];
  CHECK(entry.number == 1);
  CHECK(entry.time_s == kTime);
  CHECK(entry.kind == HistoryKind::contributed);
  CHECK(entry.purpose == "next_category");
  CHECK(entry.plan_name == "weekly");
  CHECK(entry.plan == contribution().plan);
  CHECK(entry.model == "next_category");
  CHECK(entry.round == RoundId{17});
  CHECK(entry.bytes == 32'412);
  CHECK(entry.epsilon_after == 1.2301);
  CHECK(entry.delta == 1e-6);
  CHECK(entry.messages == 1);
}

TEST_CASE("entries stay in the order they were appended in, whatever the clock said") {
  MemoryVault vault;
  const auto log = opened(vault);
  for (const std::int64_t time_s : {kTime, kTime - 1'000'000, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    REQUIRE(log->append({.time_s = time_s, .kind = HistoryKind::checked_in}));
  const auto entries = entries_of(*log);
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].time_s == kTime);
  CHECK(entries[1].time_s == kTime - 1'000'000);
  CHECK(entries[2].time_s == 0);
  CHECK(history_text(entries).find("31 December 9999, 23:59 UTC: this device") == 0);
}

TEST_CASE("an entry that the disk does not take is an error, and nothing has changed") {
  FallibleVault vault;
  const auto log = opened(vault);
  REQUIRE(log->append(contribution()));
  vault.fails = true;
  CHECK_FALSE(log->append(contribution()));
  vault.fails = false;
  CHECK(entries_of(*log).size() == 1);
  REQUIRE(log->append(contribution()));
  CHECK(entries_of(*log).back().number == 2);
}

TEST_CASE("a contribution in words") {
  CHECK(history_text({contribution()}) ==
        "22 November 2026, 14:05 UTC: a masked update for 'next_category' was handed to the connection: 32,412 bytes, round 17; it contains no transactions, and only the sum over many devices can be read."
        " Privacy budget used so far: 1.24 (epsilon at delta 1e-06).\n");
  CHECK(history_text({contribution()}, 10.0).find("1.24 of 10.00 (epsilon") != std::string::npos);
  CHECK(history_text({contribution()}, 9.999).find("1.24 of 9.99 (epsilon") != std::string::npos);
}

TEST_CASE("each kind says in its line what it was, and the newest comes first") {
  const std::vector<std::pair<HistoryKind, std::string>> kinds = {
      {HistoryKind::checked_in, "this device asked whether there was something to do: 7 bytes; nothing about transactions."},
      {HistoryKind::contributed, "a masked update for 'offers' was handed to the connection: 7 bytes; it contains no transactions, and only the sum over many devices can be read."},
      {HistoryKind::contributed_open, "an update for 'offers' was handed to the connection without a mask: 7 bytes; it contains no transactions, but who receives it can read it."},
      {HistoryKind::contributed_again, "the same update for 'offers' as before was handed to the connection once more, because no answer had come: 7 bytes."},
      {HistoryKind::enrolment_requested, "a request to enrol this device was made for the bank: the cohort is too small. 7 bytes; it contains keys, and no transactions."},
      {HistoryKind::control, "messages that prepare or end a joint computation for 'offers' were handed to the connection: 7 bytes; they contain keys and signatures, and no transactions."},
      {HistoryKind::refused, "this device refused to take part for 'offers': the cohort is too small. It sent only that it refuses: 7 bytes."},
      {HistoryKind::stopped, "this device stopped taking part for 'offers': the cohort is too small. It sent only that it stops: 7 bytes."},
      {HistoryKind::enrolled, "this device was enrolled for 'offers': the cohort is too small."},
      {HistoryKind::wiped, "what was kept on this device was erased: the cohort is too small."},
  };
  std::vector<HistoryEntry> entries;
  std::string expected;
  for (const auto& [kind, words] : kinds) {
    entries.push_back({.time_s = 0, .kind = kind, .purpose = "offers", .bytes = 7, .note = "the cohort is too small"});
    expected = "1 January 1970, 00:00 UTC: " + words + "\n" + expected;
  }
  CHECK(history_text(entries) == expected);
}

TEST_CASE("epsilons are rounded up") {
  CHECK(epsilon_text(0) == "0.00");
  CHECK(epsilon_text(1.24) == "1.24");
  CHECK(epsilon_text(1.1) == "1.10");
  CHECK(epsilon_text(1.2400001) == "1.25");
  CHECK(epsilon_text(std::nextafter(1.24, 2.0)) == "1.25");
  CHECK(epsilon_text(1e-300) == "0.01");
  CHECK(epsilon_text(std::numeric_limits<double>::infinity()) == "without bound");
  CHECK(epsilon_text(std::nan("")) == "without bound");
  CHECK(epsilon_text(-1) == "without bound");
}

TEST_CASE("no epsilon is ever shown below what it is, nor much above") {
  CHECK(rc::check([](std::uint64_t bits) {
    const double epsilon = std::ldexp(static_cast<double>(bits >> 12), -static_cast<int>(30 + bits % 30));
    if (epsilon >= 1e9) return;
    const double shown = std::strtod(epsilon_text(epsilon).c_str(), nullptr);
    RC_ASSERT((shown >= epsilon && shown <= epsilon + 0.0100001));
  }));
}

TEST_CASE("an epsilon that is no number counts as infinite, in words and as JSON") {
  MemoryVault vault;
  const auto log = opened(vault);
  for (const double epsilon : {std::nan(""), -1.0, std::numeric_limits<double>::infinity()}) {
    HistoryEntry entry = contribution();
    entry.epsilon_after = epsilon;
    REQUIRE(log->append(entry));
  }
  for (const HistoryEntry& entry : entries_of(*log)) {
    CHECK(entry.epsilon_after == std::numeric_limits<double>::infinity());
    CHECK(history_text({entry}).find("used so far: without bound") != std::string::npos);
    const auto json = parsed(history_json({entry}))["entries"][0];
    CHECK(json["epsilon_after"].is_null());
    CHECK(json["epsilon_is_unbounded"] == true);
  }
}

TEST_CASE("names and reasons that would spoil the text are made harmless and never keep an entry out") {
  MemoryVault vault;
  const auto log = opened(vault);
  HistoryEntry entry = contribution();
  entry.kind = HistoryKind::refused;
  entry.purpose = "x' left\n1 January 2027: \x1b[2J" + std::string(1'000, 'p');
  entry.note = "\xff\xe2\x80\xae" + std::string(5'000, 'n');
  const std::string unchecked = history_text({entry});
  CHECK(std::count(unchecked.begin(), unchecked.end(), '\n') == 1);
  REQUIRE(log->append(entry));
  const auto entries = entries_of(*opened(vault));
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].purpose.size() == 64);
  CHECK(entries[0].note.size() == 512);
  std::string text = history_text(entries);
  CHECK(text.find("'x\xe2\x80\x99 left?1 January") != std::string::npos);
  REQUIRE(text.back() == '\n');
  text.pop_back();
  CHECK(is_plain_text(text));
  CHECK_NOTHROW((void)parsed(history_json({entry})));
}

TEST_CASE("rows of other shelves are kept with an entry, all or none") {
  FallibleVault vault;
  const auto log = opened(vault);
  const std::vector<VaultRow> also{{Shelf::setting, 4, Bytes(3, 1)}};
  vault.fails = true;
  CHECK_FALSE(log->append(contribution(), also));
  CHECK(rows_on(vault, Shelf::setting).empty());
  vault.fails = false;
  REQUIRE(log->append(contribution(), also));
  CHECK(rows_on(vault, Shelf::setting).size() == 1);
  CHECK(entries_of(*opened(vault)).size() == 1);
}

TEST_CASE("as JSON") {
  const auto json = parsed(history_json({contribution()}));
  CHECK(json["schema_version"] == 1);
  const auto& entry = json["entries"][0];
  CHECK(entry["time"] == "2026-11-22T14:05:00Z");
  CHECK(entry["kind"] == "contributed");
  CHECK(entry["purpose"] == "next_category");
  CHECK(entry["plan"] == contribution().plan.hex());
  CHECK(entry["round"] == 17);
  CHECK(entry["bytes"] == 32'412);
  CHECK(entry["epsilon_after"] == 1.2301);
  CHECK(entry["epsilon_is_unbounded"] == false);
  CHECK(entry["delta"] == 1e-6);
  CHECK(entry["messages"] == 1);
}

TEST_CASE("above the limit old check-ins and control messages are summed up, and nothing is lost of their number and bytes") {
  MemoryVault vault;
  const auto log = opened(vault, {.entries_kept = 40});
  std::uint64_t check_in_bytes = 0;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const HistoryKind kind = i % 3 == 0 ? HistoryKind::control : HistoryKind::checked_in;
    if (kind == HistoryKind::checked_in) check_in_bytes += i;
    REQUIRE(log->append({.time_s = kTime + static_cast<std::int64_t>(i), .kind = kind, .purpose = "offers", .bytes = i}));
    if (i % 100 == 50) REQUIRE(log->append(contribution()));
    CHECK(entries_of(*log).size() <= 40);
  }
  const auto entries = entries_of(*opened(vault));
  CHECK(entries.size() >= 30);  // a few at a time
  CHECK(total_messages(entries, HistoryKind::checked_in) == 666);
  CHECK(total_messages(entries, HistoryKind::control) == 334);
  CHECK(total_messages(entries, HistoryKind::contributed) == 10);
  std::uint64_t bytes = 0;
  for (const HistoryEntry& entry : entries) {
    if (entry.kind == HistoryKind::checked_in) bytes += entry.bytes;
    if (entry.kind == HistoryKind::contributed) CHECK(entry.messages == 1);
  }
  CHECK(bytes == check_in_bytes);
  CHECK(entries.back().time_s == kTime + 999);  // the newest stay by themselves
  CHECK(entries.back().messages == 1);
  REQUIRE(entries.front().messages > 1);
  CHECK(entries.front().purpose == "offers");
  const std::string text = history_text({entries.front()});
  CHECK(text.find("22 November 2026, 14:05 UTC to 22 November 2026, 14:") == 0);
  CHECK(text.find(std::to_string(entries.front().messages) + " times, in all: ") != std::string::npos);
  CHECK(parsed(history_json(entries))["entries"][0].contains("until"));
}

TEST_CASE("a coordinator that makes a device refuse without end does not fill its store, and the newest reason stays") {
  MemoryVault vault;
  const auto log = opened(vault, {.entries_kept = 10});
  REQUIRE(log->append(contribution()));
  for (int i = 0; i < 500; ++i) REQUIRE(log->append({.time_s = kTime, .kind = HistoryKind::refused, .note = "reason " + std::to_string(i)}));
  const auto entries = entries_of(*log);
  CHECK(entries.size() <= 10);
  CHECK(total_messages(entries, HistoryKind::refused) == 500);
  CHECK(total_messages(entries, HistoryKind::contributed) == 1);
  CHECK(entries.back().note == "reason 499");
}

TEST_CASE("contributions are never summed up, even above the limit") {
  MemoryVault vault;
  const auto log = opened(vault, {.entries_kept = 8});
  for (int i = 0; i < 50; ++i) REQUIRE(log->append(contribution()));
  CHECK(entries_of(*log).size() == 50);
}

TEST_CASE("a sum has the largest epsilon of its parts, and only what they have in common") {
  MemoryVault vault;
  const auto log = opened(vault, {.entries_kept = 8});
  for (int i = 0; i < 9; ++i) {
    HistoryEntry entry = contribution();
    entry.kind = HistoryKind::control;
    entry.epsilon_after = i == 1 ? 3.0 : 1.0;
    entry.plan_name = i == 2 ? "other" : "weekly";
    REQUIRE(log->append(entry));
  }
  const auto entries = entries_of(*log);
  REQUIRE(entries.front().messages > 2);
  CHECK(entries.front().epsilon_after == 3.0);
  CHECK(entries.front().plan_name == "");
  CHECK(entries.front().purpose == "next_category");
  CHECK(entries.front().plan == contribution().plan);
}

TEST_CASE("a summing up that the disk does not take loses nothing") {
  FallibleVault vault;
  const auto log = opened(vault, {.entries_kept = 8});
  for (int i = 0; i < 8; ++i) REQUIRE(log->append({.kind = HistoryKind::checked_in}));
  vault.fails = true;
  CHECK_FALSE(log->append({.kind = HistoryKind::checked_in}));
  vault.fails = false;
  CHECK(entries_of(*log).size() == 8);
  REQUIRE(log->append({.kind = HistoryKind::checked_in}));
  CHECK(total_messages(entries_of(*log), HistoryKind::checked_in) == 9);
}

TEST_CASE("a damaged row is an error when the log is opened and when it is read") {
  MemoryVault vault;
  const auto log = opened(vault);
  REQUIRE(log->append(contribution()));
  const VaultRow row = rows_on(vault, Shelf::history).front();
  int refused = 0;
  for (const Bytes& mutated : mutations_of(row.content)) {
    const std::vector<VaultRow> put{{Shelf::history, 1, mutated}};
    REQUIRE(vault.change({}, put));
    const bool opens = TransparencyLog::open(vault).has_value();
    CHECK(log->entries().has_value() == opens);
    refused += opens ? 0 : 1;
  }
  CHECK(refused > static_cast<int>(row.content.size()));  // every shortening, and what no entry can say
}

}  // namespace
}  // namespace fedspend::client
