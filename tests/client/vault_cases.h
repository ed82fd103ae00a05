#pragma once
// What every vault does, whatever it is made of: cases for the tests of each.

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "client/vault.h"
#include "common/crypto/random.h"

namespace fedspend::client {

inline constexpr Shelf kEveryShelf[] = {Shelf::setting, Shelf::record, Shelf::account, Shelf::transaction, Shelf::consent, Shelf::history, Shelf::personal};

inline VaultRow row_of(Shelf shelf, std::uint64_t number, std::string_view text) { return {.shelf = shelf, .number = number, .content = Bytes(text.begin(), text.end())}; }

inline std::vector<std::pair<std::uint64_t, std::string>> rows_of(Vault& vault, Shelf shelf, std::uint64_t from = 0) {
  std::vector<std::pair<std::uint64_t, std::string>> rows;
  const Status read = vault.read(shelf, from, [&](std::uint64_t number, ByteSpan content) {
    rows.emplace_back(number, as_text(content));
    return true;
  });
  REQUIRE_MESSAGE(read, read.error().message);
  return rows;
}

inline Status put(Vault& vault, const std::vector<VaultRow>& rows) { return vault.change({}, rows); }
inline Status erase(Vault& vault, const std::vector<VaultRowId>& rows) { return vault.change(rows, {}); }

inline void check_keeps_rows(Vault& vault) {
  using Rows = std::vector<std::pair<std::uint64_t, std::string>>;
  for (const Shelf shelf : kEveryShelf) {
    CHECK(rows_of(vault, shelf).empty());
    CHECK(vault.size_of(shelf).value().last_number == 0);
  }
  REQUIRE(put(vault, {row_of(Shelf::record, 7, "seven"), row_of(Shelf::record, 2, ""), row_of(Shelf::consent, 7, "other")}));
  CHECK(rows_of(vault, Shelf::record) == Rows{{2, ""}, {7, "seven"}});
  CHECK(rows_of(vault, Shelf::record, 3) == Rows{{7, "seven"}});
  CHECK(rows_of(vault, Shelf::record, 8).empty());
  CHECK(rows_of(vault, Shelf::consent) == Rows{{7, "other"}});
  CHECK(rows_of(vault, Shelf::account).empty());
  ShelfSize size = vault.size_of(Shelf::record).value();
  CHECK(size.rows == 2);
  CHECK(size.content_bytes == 5);
  CHECK(size.last_number == 7);
  // Replaced; and erased first, then put.
  REQUIRE(put(vault, {row_of(Shelf::record, 2, "two")}));
  const VaultRowId seven{Shelf::record, 7};
  const VaultRow again = row_of(Shelf::record, 7, "again");
  REQUIRE(vault.change({&seven, 1}, {&again, 1}));
  CHECK(rows_of(vault, Shelf::record) == Rows{{2, "two"}, {7, "again"}});
  // What is not there is erased, too; a number that was used stays used.
  REQUIRE(erase(vault, {seven, {Shelf::record, 99}, {Shelf::personal, 1}, seven}));
  size = vault.size_of(Shelf::record).value();
  CHECK(size.rows == 1);
  CHECK(size.content_bytes == 3);
  CHECK(size.last_number == 7);
  // `visit` ends it.
  REQUIRE(put(vault, {row_of(Shelf::record, 8, "eight")}));
  int visited = 0;
  REQUIRE(vault.read(Shelf::record, 0, [&](std::uint64_t, ByteSpan) { return ++visited < 1; }));
  CHECK(visited == 1);
}

// Against a map, with a new object for the vault now and then (`reopen` returns one that has all).
template <class Make>
void check_as_a_map(Make make) {
  SeededRandom random(77);
  auto vault = make();
  std::map<std::pair<Shelf, std::uint64_t>, std::string> expected;
  std::map<Shelf, std::uint64_t> last;
  const auto any_shelf = [&] { return kEveryShelf[random.below(std::size(kEveryShelf))]; };
  for (int change = 0; change < 200; ++change) {
    std::vector<VaultRowId> erased;
    std::vector<VaultRow> rows;
    for (std::uint64_t i = random.below(4); i > 0; --i) erased.push_back({any_shelf(), 1 + random.below(20)});
    for (std::uint64_t i = random.below(4); i > 0; --i) rows.push_back(row_of(any_shelf(), 1 + random.below(20), std::string(random.below(300), static_cast<char>('a' + random.below(26)))));
    REQUIRE(vault->change(erased, rows));
    for (const VaultRowId& row : erased) expected.erase({row.shelf, row.number});
    for (const VaultRow& row : rows) {
      expected[{row.shelf, row.number}] = std::string(as_text(row.content));
      last[row.shelf] = std::max(last[row.shelf], row.number);
    }
    if (change % 20 != 0) continue;
    for (const Shelf shelf : kEveryShelf) {
      const ShelfSize size = vault->size_of(shelf).value();
      std::vector<std::pair<std::uint64_t, std::string>> rows_expected;
      std::size_t bytes = 0;
      for (const auto& [id, text] : expected) {
        if (id.first != shelf) continue;
        rows_expected.emplace_back(id.second, text);
        bytes += text.size();
      }
      CHECK(rows_of(*vault, shelf) == rows_expected);
      CHECK(size.rows == rows_expected.size());
      CHECK(size.content_bytes == bytes);
      CHECK(size.last_number == last[shelf]);
    }
  }
}

}  // namespace fedspend::client
