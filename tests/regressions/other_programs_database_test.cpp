// A --state path that named another program's SQLite database had the coordinator's tables made into it.

#include <sqlite3.h>

#include "tests/coordinator/store_folder.h"

namespace fedspend::coordinator {
namespace {

TEST_CASE("a database with tables of somebody else is refused, and stays byte for byte what it was") {
  const StoreFolder folder;
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(folder.file().c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "PRAGMA journal_mode=WAL; CREATE TABLE photos(name TEXT); INSERT INTO photos VALUES('a')", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(other);
  const std::string before = read_text(folder.file());
  const auto store = folder.open();
  REQUIRE_FALSE(store);
  CHECK(store.error().code == ErrorCode::malformed);
  CHECK_FALSE(store.error().hint.empty());
  CHECK(read_text(folder.file()) == before);
}

}  // namespace
}  // namespace fedspend::coordinator
