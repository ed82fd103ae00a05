// The record's file: durable when a call returns, whole after a kill, refused when it is damaged or somebody else's. Children are
// forked for what would end or lock this process.

#include "client/device_store.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "common/bytes.h"
#include "tests/client/record_folder.h"

// Every sync of this program, SQLite's too, comes through here.
namespace {
int syncs = 0;
}
extern "C" {
__attribute__((visibility("default"))) int fsync(int descriptor) {
  ++syncs;
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}
__attribute__((visibility("default"))) int fdatasync(int descriptor) {
  ++syncs;
  return static_cast<int>(syscall(SYS_fdatasync, descriptor));
}
}

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;
constexpr RoundId kRound{7};

std::string read_text(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}
void write_text(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary | std::ios::trunc) << text; }

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

// The exit code of a child that runs `body`.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// One of each kind, and three participations.
void fill(DeviceRecord& record) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    REQUIRE(record.record_answered(task_of(1), kRound, session_of(i)));
    REQUIRE(record.record_survivor_choice(session_of(i), hash_of(i)));
    REQUIRE(record.charge_participation(task_of(1), kRound, session_of(i), {}, capped(100)));
    REQUIRE(record.record_update(session_of(i), hash_of(i)));
  }
}
bool holds_all(DeviceRecord& record) {
  bool all = record.participations(task_of(1)).value_or(0) == 3;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    all = all && !record.record_answered(task_of(1), kRound, session_of(i)) && !record.record_survivor_choice(session_of(i), hash_of(9));
    all = all && !record.charge_participation(task_of(1), kRound, session_of(i), {}, capped(100)) && record.has_contributed(hash_of(i)).value_or(false);
    all = all && !record.record_update(session_of(i), hash_of(9));
  }
  return all;
}

TEST_CASE("the record's files are the user's alone, also where they were not") {
  const RecordFolder folder;
  {
    const auto record = folder.open();
    REQUIRE(record);
    fill(**record);
    for (const auto& entry : fs::directory_iterator(folder.path())) CHECK_MESSAGE(mode_of(entry.path()) == 0600, entry.path().string());
  }
  REQUIRE(chmod(folder.file().c_str(), 0644) == 0);
  REQUIRE(folder.open());
  CHECK(mode_of(folder.file()) == 0600);
}

TEST_CASE("nothing but the record lies in the folder when it is closed") {
  const RecordFolder folder;
  fill(**folder.open());
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) names.push_back(entry.path().filename().string());
  CHECK(names == std::vector<std::string>{"record.db"});
}

TEST_CASE("each call has reached the disk when it returns") {
  const RecordFolder folder;
  auto record = folder.open();
  REQUIRE(record);
  const auto synced = [&](const Status& status) {
    REQUIRE(status);
    return std::exchange(syncs, 0) > 0;
  };
  syncs = 0;
  CHECK(synced((*record)->record_answered(task_of(1), kRound, session_of(1))));
  CHECK(synced((*record)->record_survivor_choice(session_of(1), hash_of(1))));
  CHECK(synced((*record)->charge_participation(task_of(1), kRound, session_of(1), {}, capped(10))));
  CHECK(synced((*record)->record_update(session_of(1), hash_of(1))));
}

TEST_CASE("the digest of an update is not in the file, nor anything that two records of one update share") {
  const RecordFolder one;
  const RecordFolder other;
  const auto bytes_of = [](const RecordFolder& folder) {
    REQUIRE((*folder.open())->record_update(session_of(1), hash_of(1)));
    return read_text(folder.file());
  };
  const std::string first = bytes_of(one);
  const std::string second = bytes_of(other);
  const Hash256 digest = hash_of(1);
  const SessionId session = session_of(1);
  CHECK(first.find(as_text(digest)) == std::string::npos);
  CHECK(first.find(as_text(session.bytes)) != std::string::npos);  // so the search is able to find
  // Of 32 bytes that both files have, all are the session, SQLite's page layout or the tables' text.
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(one.file().c_str(), &database) == SQLITE_OK);
  sqlite3_stmt* read = nullptr;
  REQUIRE(sqlite3_prepare_v2(database, "SELECT name FROM entry WHERE kind = 4", -1, &read, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(read) == SQLITE_ROW);
  const std::string name(static_cast<const char*>(sqlite3_column_blob(read, 0)), 32);
  CHECK(second.find(name) == std::string::npos);
  CHECK(first.find(name) != std::string::npos);
  sqlite3_finalize(read);
  sqlite3_close(database);
}

TEST_CASE("a second process, or a second object, is refused while the record is open, and let in afterwards") {
  const RecordFolder folder;
  const auto refused = [&] {
    const auto second = folder.open();
    return !second && second.error().code == ErrorCode::conflict ? 0 : 1;
  };
  for (int opening = 0; opening < 2; ++opening) {  // a new record, and one that is there
    auto record = folder.open();
    REQUIRE(record);
    CHECK(in_child(refused) == 0);
    CHECK(refused() == 0);
    REQUIRE((*record)->record_answered(task_of(1), kRound, session_of(static_cast<std::uint64_t>(opening))));
    CHECK(in_child(refused) == 0);
  }
  CHECK(in_child([&] { return folder.open() ? 0 : 1; }) == 0);
}

TEST_CASE("of two processes that make a record at once, neither loses what it was told is recorded") {
  for (int repetition = 0; repetition < 50; ++repetition) {
    const RecordFolder folder;
    int start[2];
    int outcomes[2];
    REQUIRE(pipe(start) == 0);
    REQUIRE(pipe(outcomes) == 0);
    pid_t children[2];
    for (std::uint64_t i = 0; i < 2; ++i) {
      children[i] = fork();
      REQUIRE(children[i] >= 0);
      if (children[i] != 0) continue;
      char go = 0;
      close(start[1]);
      if (read(start[0], &go, 1) < 0) _exit(1);  // until the parent closes its end
      auto record = folder.open();
      if (record && (*record)->record_answered(task_of(1), kRound, session_of(i))) {
        const auto mine = static_cast<char>(i);
        if (write(outcomes[1], &mine, 1) != 1) _exit(1);
      }
      record = fail(ErrorCode::internal, "closed");
      _exit(0);
    }
    close(start[0]);
    close(start[1]);
    close(outcomes[1]);
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    std::vector<char> recorded;
    for (char who = 0; read(outcomes[0], &who, 1) == 1;) recorded.push_back(who);
    close(outcomes[0]);
    CAPTURE(repetition);
    CHECK_FALSE(recorded.empty());
    const auto record = folder.open();
    REQUIRE(record);
    for (const char who : recorded) CHECK_FALSE((*record)->record_answered(task_of(1), kRound, session_of(static_cast<std::uint64_t>(who))));
  }
}

// kill -9 at any moment: what a call returned for is there, and at most the one that was under way besides.
TEST_CASE("a device that is killed forgets nothing that it was told is recorded (hostile case 32)") {
  SeededRandom random(48);
  const RecordFolder folder;
  std::uint64_t charged = 0;
  std::uint64_t kills = 0;  // of children that had something acknowledged; a slow disk takes more attempts
  for (int attempt = 0; attempt < 300 && kills < 12; ++attempt) {
    int acknowledged[2];
    REQUIRE(pipe(acknowledged) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(acknowledged[0]);
      auto record = folder.open();
      if (!record) _exit(1);
      for (std::uint64_t i = charged;; ++i) {
        DeviceRecord& each = **record;
        const bool done = each.record_answered(task_of(1), kRound, session_of(i)) && each.record_survivor_choice(session_of(i), hash_of(i)) &&
                          each.record_update(session_of(i), hash_of(i)) && each.charge_participation(task_of(1), kRound, session_of(i), {}, capped(1'000'000));
        if (!done || write(acknowledged[1], &i, sizeof(i)) != sizeof(i)) _exit(1);
      }
    }
    close(acknowledged[1]);
    usleep(static_cast<useconds_t>(1'000 + random.below(60'000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    std::uint64_t acknowledgements = 0;
    std::uint64_t last = 0;
    while (read(acknowledged[0], &last, sizeof(last)) == sizeof(last)) {
      ++acknowledgements;
      CHECK(last + 1 == charged + acknowledgements);
    }
    close(acknowledged[0]);

    const auto record = folder.open();
    REQUIRE_MESSAGE(record, record.error().message);
    const std::uint32_t found = (*record)->participations(task_of(1)).value();
    CHECK(found >= charged + acknowledgements);
    CHECK(found <= charged + acknowledgements + 1);
    for (std::uint64_t i = charged; i < found; ++i) {
      CHECK_FALSE((*record)->record_answered(task_of(1), kRound, session_of(i)));
      CHECK_FALSE((*record)->record_survivor_choice(session_of(i), hash_of(i + 1)));
      CHECK((*record)->has_contributed(hash_of(i)).value());
      CHECK_FALSE((*record)->charge_participation(task_of(1), kRound, session_of(i), {}, capped(1'000'000)));
    }
    // The session under way may be half recorded; the next child begins past it.
    if (!(*record)->charge_participation(task_of(1), kRound, session_of(found), {}, capped(1'000'000))) FAIL("nothing was charged beyond what was found");
    charged = found + 1;
    if (acknowledgements > 0) ++kills;
  }
  CHECK(kills == 12);
}

TEST_CASE("a full disk is an error, nothing is charged, and with space again the record goes on") {
  const RecordFolder folder;
  const int outcome = in_child([&] {
    // A limit on the size of files is what a process can have of a full disk.
    std::signal(SIGXFSZ, SIG_IGN);
    auto record = folder.open();
    if (!record) return 1;
    const rlimit tight{64 * 1024, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &tight) != 0) return 2;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      const Status charged = (*record)->charge_participation(task_of(1), kRound, session_of(i), {}, capped(1'000'000));
      if (charged) continue;
      if (charged.error().code != ErrorCode::io || i == 0) return 3;
      if ((*record)->participations(task_of(1)).value_or(0) != i) return 4;
      const rlimit wide{RLIM_INFINITY, RLIM_INFINITY};
      if (setrlimit(RLIMIT_FSIZE, &wide) != 0) return 5;
      if (!(*record)->charge_participation(task_of(1), kRound, session_of(i), {}, capped(1'000'000))) return 6;
      return (*record)->participations(task_of(1)).value_or(0) == i + 1 ? 0 : 7;
    }
    return 8;
  });
  CHECK(outcome == 0);
  const auto record = folder.open();
  REQUIRE(record);
  const std::uint32_t found = (*record)->participations(task_of(1)).value();
  CHECK(found > 1);
  CHECK_FALSE((*record)->charge_participation(task_of(1), kRound, session_of(found - 1), {}, capped(1'000'000)));
}

TEST_CASE("a folder without space for a new record is an error, and leaves no half of one") {
  const RecordFolder folder;
  const int outcome = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight{6 * 1024, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &tight) != 0) return 2;
    return folder.open() ? 1 : 0;
  });
  CHECK(outcome == 0);
  CHECK(fs::is_empty(folder.path()));
  CHECK(folder.open());
}

TEST_CASE("any flipped bit is found when the record is opened, or has changed nothing that is recorded") {
  const RecordFolder folder;
  fill(**folder.open());
  const std::string good = read_text(folder.file());
  REQUIRE(good.size() > 1000);
  SeededRandom random(49);
  std::size_t found = 0;
  std::size_t tried = 0;
  for (std::size_t at = 0; at < good.size(); at += 1 + random.below(at < 200 ? 1 : 40)) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
    write_text(folder.file(), bad);
    fs::remove(folder.file().string() + "-wal");
    ++tried;
    auto record = folder.open();
    CAPTURE(at);
    if (!record) {
      ++found;
      CHECK_FALSE(record.error().message.empty());
      CHECK(record.error().message.find(folder.file().string()) != std::string::npos);
      continue;
    }
    CHECK(holds_all(**record));
  }
  CHECK(found > tried / 20);
  write_text(folder.file(), good);
  CHECK(holds_all(**folder.open()));
}

TEST_CASE("a record that is cut, emptied, another file or a folder is said to be damaged, with a way out, and is left as it is") {
  const RecordFolder folder;
  fill(**folder.open());
  const std::string good = read_text(folder.file());
  const auto refused = [&] {
    const auto record = folder.open();
    REQUIRE_FALSE(record);
    CHECK(record.error().code == ErrorCode::malformed);
    CHECK(record.error().message.find(folder.file().string()) == 0);
    CHECK(record.error().hint.find("restore") != std::string::npos);
  };
  for (const std::string& bad : {good.substr(0, good.size() / 2), good.substr(0, 50), std::string(), std::string(5'000, 'x'), std::string("SQLite format 3\0", 16)}) {
    write_text(folder.file(), bad);
    refused();
    CHECK(read_text(folder.file()) == bad);
  }
  SUBCASE("a folder") {
    fs::remove(folder.file());
    fs::create_directory(folder.file());
    refused();
  }
  SUBCASE("another program's database") {
    fs::remove(folder.file());
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, "CREATE TABLE other(a); PRAGMA user_version=2", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
    refused();
  }
}

TEST_CASE("a count or an entry that somebody changed with a tool is found") {
  const auto changed = [](const char* sql) {
    const RecordFolder folder;
    fill(**folder.open());
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    REQUIRE(sqlite3_total_changes(database) + (std::string_view(sql).starts_with("UPDATE") ? 0 : 1) > 0);
    sqlite3_close(database);
    const auto record = folder.open();
    return record ? std::string() : record.error().message;
  };
  CHECK(changed("PRAGMA user_version=2").empty());
  CHECK(changed("PRAGMA user_version=1").find("from before privacy was accounted for") != std::string::npos);
  CHECK(changed("UPDATE account SET spent = x'00' WHERE task != zeroblob(16)").find("an account of participations") != std::string::npos);
  // Another account that is one: fewer participations than there were.
  CHECK(changed("UPDATE account SET spent = CAST(substr(spent, 1, 4) || x'01000000' || substr(spent, 9) AS BLOB)").find("an account of participations") != std::string::npos);
  CHECK(changed("UPDATE account SET task = randomblob(16) WHERE task = zeroblob(16)").find("an account of participations") != std::string::npos);
  CHECK(changed("UPDATE entry SET value = zeroblob(32) WHERE kind = 2").find("an entry") != std::string::npos);
  CHECK(changed("UPDATE entry SET name = randomblob(32) WHERE kind = 1").find("an entry") != std::string::npos);
  CHECK(changed("UPDATE entry SET kind = 9 WHERE kind = 1").find("an entry") != std::string::npos);
  CHECK(changed("UPDATE entry SET number = number + 100 WHERE kind = 3").find("an entry") != std::string::npos);
  CHECK(changed("UPDATE device SET key = randomblob(32)").find("its key") != std::string::npos);
  CHECK(changed("DROP INDEX entry_name").find("its tables") != std::string::npos);
  CHECK(changed("CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END").find("its tables") != std::string::npos);
  CHECK(changed("PRAGMA user_version=3").find("schema version 3") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::client
