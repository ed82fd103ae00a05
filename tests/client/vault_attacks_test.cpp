// What somebody who writes the vault's files can do, without the key, while the device is off: every change is found, but for those that
// vault_store.h names.

#include <functional>
#include <map>
#include <string>

#include <sqlite3.h>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include "tests/disk/power_cut.h"
#include "tests/client/record_folder.h"
#include "tests/client/vault_cases.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;

using Contents = std::map<Shelf, std::vector<std::pair<std::uint64_t, std::string>>>;

std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const std::string& name : names_in(folder)) files[name] = read_text(folder / name);
  return files;
}
void put_files(const fs::path& folder, const std::map<std::string, std::string>& files) {
  for (const std::string& name : names_in(folder)) fs::remove(folder / name);
  for (const auto& [name, text] : files) {
    write_text(folder / name, text);
    REQUIRE(chmod((folder / name).c_str(), 0600) == 0);
  }
}

void sql(const fs::path& file, const std::string& statements) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  char* message = nullptr;
  const int code = sqlite3_exec(database, statements.c_str(), nullptr, nullptr, &message);
  REQUIRE_MESSAGE(code == SQLITE_OK, statements << ": " << (message == nullptr ? "" : message));
  REQUIRE(sqlite3_total_changes(database) > 0);
  sqlite3_close(database);
}

// Five rows on the record's shelf, of which the third was replaced, three transactions, one consent.
void fill(Vault& vault) {
  for (std::uint64_t i = 1; i <= 5; ++i) REQUIRE(put(vault, {row_of(Shelf::record, i, "answered " + std::to_string(i))}));
  REQUIRE(put(vault, {row_of(Shelf::transaction, 1, "a"), row_of(Shelf::transaction, 2, "b"), row_of(Shelf::transaction, 3, "c"), row_of(Shelf::consent, 1, "given")}));
}

// What each shelf says; "damaged" where it is refused, which must then be malformed, with file and remedy, for reading and for changing.
std::map<Shelf, std::string> found_in(const RecordFolder& folder) {
  std::map<Shelf, std::string> found;
  for (const Shelf shelf : kEveryShelf) {
    const auto opened = folder.open_vault();
    if (!opened) {
      CHECK(opened.error().code == ErrorCode::malformed);
      CHECK(opened.error().message.find(folder.path().string()) != std::string::npos);
      CHECK_FALSE(opened.error().hint.empty());
      found[shelf] = "closed";
      continue;
    }
    std::string text;
    const Status read = opened->vault->read(shelf, 0, [&](std::uint64_t number, ByteSpan content) {
      text += std::to_string(number) + "=" + std::string(as_text(content)) + " ";
      return true;
    });
    found[shelf] = read ? text : "damaged";
    if (read) continue;
    CHECK(read.error().code == ErrorCode::malformed);
    CHECK(read.error().message.find(folder.file().string()) == 0);
    CHECK(read.error().hint.find("restore") != std::string::npos);
    CHECK(text.empty());  // not even the rows before the damage
    const Status changed = put(*opened->vault, {row_of(shelf, 100, "more")});
    CHECK_FALSE(changed);
  }
  return found;
}

class Attacked {
 public:
  Attacked() {
    const auto opened = folder.open_vault();
    REQUIRE(opened);
    fill(*opened->vault);
  }
  // The state of now, closed, to be taken parts from later.
  void keep_old() { old = files_of(folder.path()); }
  void go_on(const std::function<void(Vault&)>& body) {
    const auto opened = folder.open_vault();
    REQUIRE(opened);
    body(*opened->vault);
  }
  // With the kept state attached as `old`.
  void with_old(const std::string& statements) {
    const TemporaryFolder elsewhere;
    write_text(elsewhere.path() / "old.db", old.at("device.db"));
    sql(folder.file(), "ATTACH '" + (elsewhere.path() / "old.db").string() + "' AS old; " + statements);
  }

  RecordFolder folder;
  std::map<std::string, std::string> old;
};

TEST_CASE("a row deleted, doubled, moved, swapped or changed is found; other shelves are read as before") {
  const disk::NoWaiting no_waiting;
  const auto after = [](const std::string& statements) {
    Attacked attacked;
    sql(attacked.folder.file(), statements);
    return found_in(attacked.folder);
  };
  const std::string transactions = "1=a 2=b 3=c ";
  for (const std::string& statements : std::vector<std::string>{
           "DELETE FROM row WHERE shelf = 2 AND number = 3",
           "DELETE FROM row WHERE shelf = 2 AND number = 5",
           "DELETE FROM row WHERE shelf = 2",
           "INSERT INTO row SELECT shelf, 6, sealed FROM row WHERE shelf = 2 AND number = 5",
           "INSERT INTO row SELECT shelf, 0, sealed FROM row WHERE shelf = 2 AND number = 5",
           "INSERT INTO row SELECT shelf, -1, sealed FROM row WHERE shelf = 2 AND number = 5",
           "INSERT INTO row SELECT shelf, 'x', sealed FROM row WHERE shelf = 2 AND number = 5",
           "UPDATE row SET number = 6 WHERE shelf = 2 AND number = 5",
           "UPDATE row SET number = 4.5 WHERE shelf = 2 AND number = 5",
           "UPDATE row SET sealed = (SELECT sealed FROM row WHERE shelf = 2 AND number = 4) WHERE shelf = 2 AND number = 5",
           "UPDATE row SET sealed = CASE number WHEN 1 THEN (SELECT sealed FROM row WHERE shelf = 2 AND number = 2) ELSE (SELECT sealed FROM row WHERE shelf = 2 AND number = 1) END "
           "WHERE shelf = 2 AND number <= 2",
           "UPDATE row SET sealed = (SELECT sealed FROM row WHERE shelf = 4 AND number = 2) WHERE shelf = 2 AND number = 2",
           "UPDATE row SET sealed = x'' WHERE shelf = 2 AND number = 2",
           "UPDATE row SET sealed = 0 WHERE shelf = 2 AND number = 2",
           "UPDATE row SET sealed = zeroblob(104) WHERE shelf = 2 AND number = 2",
           "UPDATE row SET sealed = CAST(sealed AS TEXT) || 'x' WHERE shelf = 2 AND number = 2",
           "UPDATE row SET sealed = substr(sealed, 1, 103) WHERE shelf = 2 AND number = 2",
           "UPDATE row SET sealed = zeroblob(2000000) WHERE shelf = 2 AND number = 2",
       }) {
    CAPTURE(statements);
    auto found = after(statements);
    CHECK(found[Shelf::record] == "damaged");
    CHECK(found[Shelf::transaction] == transactions);
    CHECK(found[Shelf::consent] == "1=given ");
  }
  auto found = after("UPDATE row SET shelf = 3 WHERE shelf = 2 AND number = 5");
  CHECK(found[Shelf::record] == "damaged");
  CHECK(found[Shelf::account] == "damaged");
  CHECK(found[Shelf::transaction] == transactions);
  found = after("INSERT INTO row SELECT 6, number, sealed FROM row WHERE shelf = 2");
  CHECK(found[Shelf::record].starts_with("1=answered 1"));
  CHECK(found[Shelf::history] == "damaged");
}

TEST_CASE("a header, an id, a row or a table that is not the vault's closes it") {
  const disk::NoWaiting no_waiting;
  const auto closed = [](const std::string& statements) {
    Attacked attacked;
    sql(attacked.folder.file(), "PRAGMA writable_schema=ON; " + statements);
    auto found = found_in(attacked.folder);
    CHECK_MESSAGE(found[Shelf::record] == "closed", statements);
  };
  closed("UPDATE vault SET header = zeroblob(length(header))");
  closed("UPDATE vault SET header = x''");
  closed("UPDATE vault SET header = (SELECT sealed FROM row WHERE shelf = 2 AND number = 1)");
  closed("UPDATE vault SET id = zeroblob(16)");
  closed("INSERT INTO vault SELECT 2, id, header FROM vault");
  closed("DELETE FROM vault");
  closed("INSERT INTO row SELECT 8, number, sealed FROM row WHERE shelf = 2 AND number = 1");
  closed("INSERT INTO row SELECT 0, number, sealed FROM row WHERE shelf = 2 AND number = 1");
  closed("INSERT INTO row SELECT 'x', number, sealed FROM row WHERE shelf = 2 AND number = 1");
  closed("INSERT INTO row SELECT 9, 9, sealed FROM row WHERE number = 1 AND shelf = 2; CREATE TABLE more(a)");
  closed("DELETE FROM row WHERE shelf = 2 AND number = 1; CREATE TRIGGER t AFTER INSERT ON row BEGIN DELETE FROM row; END");
  closed("DELETE FROM row WHERE shelf = 2 AND number = 1; DROP TABLE row");
  closed("DELETE FROM row WHERE shelf = 2 AND number = 1; PRAGMA application_id=1");
}

TEST_CASE("a newer file is said to be newer, not damaged") {
  const disk::NoWaiting no_waiting;
  Attacked attacked;
  sql(attacked.folder.file(), "UPDATE row SET number = number; PRAGMA user_version=2");
  const auto opened = attacked.folder.open_vault();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::invalid_argument);
  CHECK(opened.error().message.find("schema version 2") != std::string::npos);
}

TEST_CASE("older rows under the newer header, the newer rows under the older header, and one shelf set back by itself are found") {
  const disk::NoWaiting no_waiting;
  const auto set_back = [](const std::string& statements) {
    Attacked attacked;
    attacked.keep_old();
    attacked.go_on([](Vault& vault) { REQUIRE(put(vault, {row_of(Shelf::record, 3, "changed"), row_of(Shelf::record, 6, "new")})); });
    attacked.with_old(statements);
    return found_in(attacked.folder);
  };
  // One row of the same place, as it once was.
  CHECK(set_back("UPDATE row SET sealed = (SELECT sealed FROM old.row WHERE shelf = 2 AND number = 3) WHERE shelf = 2 AND number = 3")[Shelf::record] == "damaged");
  // The whole shelf.
  auto found = set_back("DELETE FROM row WHERE shelf = 2; INSERT INTO row SELECT * FROM old.row WHERE shelf = 2");
  CHECK(found[Shelf::record] == "damaged");
  CHECK(found[Shelf::transaction] == "1=a 2=b 3=c ");
  CHECK(set_back("DELETE FROM row; INSERT INTO row SELECT * FROM old.row")[Shelf::record] == "damaged");
  // The header.
  found = set_back("UPDATE vault SET header = (SELECT header FROM old.vault)");
  CHECK(found[Shelf::record] == "damaged");
  // One shelf and the header, when another shelf has changed since.
  const auto account_set_back = [] {
    Attacked attacked;
    attacked.keep_old();
    attacked.go_on([](Vault& vault) { REQUIRE(put(vault, {row_of(Shelf::record, 6, "spent"), row_of(Shelf::history, 1, "told")})); });
    attacked.with_old("DELETE FROM row WHERE shelf = 2; INSERT INTO row SELECT * FROM old.row WHERE shelf = 2; UPDATE vault SET header = (SELECT header FROM old.vault)");
    return found_in(attacked.folder);
  }();
  CHECK(account_set_back.at(Shelf::record).starts_with("1=answered"));
  CHECK(account_set_back.at(Shelf::history) == "damaged");
}

TEST_CASE("files of another vault, or of an earlier one of this device, do not mix with this one's") {
  const disk::NoWaiting no_waiting;
  const auto mixed = [](const std::vector<std::string>& names) {
    Attacked attacked;
    const Attacked other;
    for (const std::string& name : names) write_text(attacked.folder.path() / name, read_text(other.folder.path() / name));
    const auto opened = attacked.folder.open_vault();
    return opened ? "opened" : std::string(to_string(opened.error().code));
  };
  CHECK(mixed({"device.db"}) == "malformed");
  CHECK(mixed({"device.db.seed"}) == "unauthorized");
  CHECK(mixed({"store.key"}) == "unauthorized");
  CHECK(mixed({"device.db.seed", "store.key"}) == "malformed");
  CHECK(mixed({"device.db", "device.db.seed"}) == "unauthorized");
  CHECK(mixed({"device.db", "store.key"}) == "unauthorized");
  // Rows of another vault, of the same places.
  Attacked attacked, other;
  attacked.old = files_of(other.folder.path());
  attacked.with_old("DELETE FROM row; INSERT INTO row SELECT * FROM old.row");
  CHECK(found_in(attacked.folder)[Shelf::record] == "damaged");
  attacked.with_old("UPDATE vault SET header = (SELECT header FROM old.vault)");
  CHECK(found_in(attacked.folder)[Shelf::record] == "closed");
}

// Not found, and said so in vault_store.h: this test is there so that nobody believes otherwise.
TEST_CASE("a whole older state that is put back is not noticed") {
  const disk::NoWaiting no_waiting;
  Attacked attacked;
  attacked.keep_old();
  attacked.go_on([](Vault& vault) { REQUIRE(put(vault, {row_of(Shelf::record, 6, "spent")})); });
  put_files(attacked.folder.path(), attacked.old);
  CHECK(found_in(attacked.folder)[Shelf::record] == "1=answered 1 2=answered 2 3=answered 3 4=answered 4 5=answered 5 ");
}

TEST_CASE("a log that is cut anywhere, or has a bit flipped, gives a whole state that once was, or is found") {
  const disk::NoWaiting no_waiting;
  RecordFolder folder;
  std::vector<Contents> states;
  std::map<std::string, std::string> files;
  {
    const auto opened = folder.open_vault();
    Vault& vault = *opened->vault;
    const auto note = [&] {
      Contents contents;
      for (const Shelf shelf : kEveryShelf) contents[shelf] = rows_of(vault, shelf);
      states.push_back(contents);
    };
    note();
    for (std::uint64_t i = 1; i <= 8; ++i) {
      REQUIRE(put(vault, {row_of(Shelf::transaction, i, "bought"), row_of(Shelf::setting, 1, "paused " + std::to_string(i))}));
      note();
    }
    files = files_of(folder.path());  // as a power cut would leave them
  }
  const std::string log = files.at("device.db-wal");
  REQUIRE(log.size() > 20'000);
  SeededRandom random(91);
  std::size_t older = 0, found = 0, whole = 0;
  const auto look = [&](const std::string& bad) {
    files["device.db-wal"] = bad;
    put_files(folder.path(), files);
    const auto opened = folder.open_vault();
    if (!opened) {
      CHECK(opened.error().code == ErrorCode::malformed);
      ++found;
      return;
    }
    Contents contents;
    for (const Shelf shelf : kEveryShelf) {
      const Status read = opened->vault->read(shelf, 0, [&](std::uint64_t number, ByteSpan content) {
        contents[shelf].emplace_back(number, as_text(content));
        return true;
      });
      contents[shelf];
      if (!read) {
        CHECK(read.error().code == ErrorCode::malformed);
        ++found;
        return;
      }
    }
    CHECK(std::ranges::find(states, contents) != states.end());
    ++(contents == states.back() ? whole : older);
  };
  look(log);
  CHECK(whole == 1);
  for (std::size_t length = 0; length < log.size(); length += 1 + random.below(300)) look(log.substr(0, length));
  CHECK(older > 50);
  for (std::size_t at = 0; at < log.size(); at += 1 + random.below(at < 200 ? 4 : 400)) {
    std::string bad = log;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
    look(bad);
  }
}

// SQLite replays any log that is whole onto whatever database lies beside it: pages of two states, mixed.
TEST_CASE("an older log beside a newer database is found, or gives the older state") {
  const disk::NoWaiting no_waiting;
  const RecordFolder folder;
  std::vector<std::string> logs;
  std::vector<Contents> states;
  for (std::uint64_t session = 0; session < 4; ++session) {
    const auto opened = folder.open_vault();
    for (std::uint64_t i = 1; i <= 10; ++i) {
      REQUIRE(put(*opened->vault, {row_of(Shelf::transaction, 10 * session + i, std::string(500, static_cast<char>('a' + session))), row_of(Shelf::setting, 1, std::to_string(10 * session + i))}));
      Contents contents;
      for (const Shelf shelf : kEveryShelf) contents[shelf] = rows_of(*opened->vault, shelf);
      states.push_back(contents);
    }
    logs.push_back(read_text(folder.file().string() + "-wal"));
  }
  auto files = files_of(folder.path());
  for (const std::string& log : logs) {
    REQUIRE_FALSE(log.empty());
    files["device.db-wal"] = log;
    put_files(folder.path(), files);
    const auto opened = folder.open_vault();
    Contents contents;
    bool damaged = !opened;
    for (const Shelf shelf : kEveryShelf) {
      contents[shelf];
      if (!damaged)
        damaged = !opened->vault->read(shelf, 0, [&](std::uint64_t number, ByteSpan content) {
          contents[shelf].emplace_back(number, as_text(content));
          return true;
        });
    }
    if (!damaged) CHECK(std::ranges::find(states, contents) != states.end());
  }
}

// Also with free pages in the file, into which later changes write.
TEST_CASE("any flipped bit of the database is found when a shelf is read, or has changed nothing, also after the next changes") {
  const disk::NoWaiting no_waiting;
  const RecordFolder folder;
  Contents expected;
  {
    const auto opened = folder.open_vault();
    Vault& vault = *opened->vault;
    fill(vault);
    for (std::uint64_t i = 1; i <= 60; ++i) REQUIRE(put(vault, {row_of(Shelf::history, i, std::string(300, 'h'))}));
    for (std::uint64_t i = 1; i <= 55; ++i) REQUIRE(erase(vault, {{Shelf::history, i}}));
    for (const Shelf shelf : kEveryShelf) expected[shelf] = rows_of(vault, shelf);
  }
  const auto files = files_of(folder.path());
  const std::string& good = files.at("device.db");
  SeededRandom random(92);
  std::size_t found = 0, tried = 0;
  for (std::size_t at = 0; at < good.size(); at += 1 + random.below(at < 250 ? 1 : 60)) {
    auto bad = files;
    bad["device.db"][at] = static_cast<char>(good[at] ^ (1 << random.below(8)));
    put_files(folder.path(), bad);
    CAPTURE(at);
    ++tried;
    bool changed = false;
    for (int opening = 0; opening < 2; ++opening) {
      const auto opened = folder.open_vault();
      if (!opened) {
        if (opened.error().code != ErrorCode::invalid_argument) CHECK(opened.error().code == ErrorCode::malformed);  // its version's bits
        ++found;
        break;
      }
      bool damaged = false;
      for (const Shelf shelf : kEveryShelf) {
        std::vector<std::pair<std::uint64_t, std::string>> rows;
        const Status read = opened->vault->read(shelf, 0, [&](std::uint64_t number, ByteSpan content) {
          rows.emplace_back(number, as_text(content));
          return true;
        });
        if (!read) CHECK(read.error().code == ErrorCode::malformed);
        damaged = damaged || !read;
        if (!read || (changed && (shelf == Shelf::personal || shelf == Shelf::setting))) continue;
        CHECK(rows == expected[shelf]);
      }
      if (damaged) {
        ++found;
        break;
      }
      if (opening == 0) changed = put(*opened->vault, {row_of(Shelf::personal, 1, std::string(30'000, 'p')), row_of(Shelf::setting, 1, "s")}).has_value();
      else if (changed) CHECK(rows_of(*opened->vault, Shelf::personal).size() == 1);
    }
  }
  CHECK(found > tried / 20);
}

}  // namespace
}  // namespace fedspend::client
