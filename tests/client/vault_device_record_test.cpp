// The record in its vault on disk: durable when a call returns, whole after a kill, refused when it is damaged or somebody else's. Children
// are forked for what would end or lock this process.

#include "client/vault_device_record.h"

#include <algorithm>
#include <csignal>
#include <set>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "common/bytes.h"
#include "tests/disk/power_cut.h"
#include "tests/client/record_folder.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;
using disk::in_child;
constexpr RoundId kRound{7};

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
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
  for (const fs::path& file : {folder.file(), folder.seed_file()}) {
    REQUIRE(chmod(file.c_str(), 0644) == 0);
    REQUIRE(folder.open());
    CHECK(mode_of(file) == 0600);
  }
}

TEST_CASE("nothing but the vault, its seed, its reserve and the key lies in the folder when it is closed") {
  const RecordFolder folder;
  fill(**folder.open());
  CHECK(names_in(folder.path()) == std::vector<std::string>{"device.db", "device.db.reserve", "device.db.seed", "store.key"});
}

TEST_CASE("each call has reached the disk when it returns") {
  const RecordFolder folder;
  auto record = folder.open();
  REQUIRE(record);
  const auto synced = [&](const Status& status) {
    REQUIRE(status);
    const bool any = disk::syncs() > 0;
    disk::reset_syncs();
    return any;
  };
  disk::reset_syncs();
  CHECK(synced((*record)->record_answered(task_of(1), kRound, session_of(1))));
  CHECK(synced((*record)->record_survivor_choice(session_of(1), hash_of(1))));
  CHECK(synced((*record)->charge_participation(task_of(1), kRound, session_of(1), {}, capped(10))));
  CHECK(synced((*record)->record_update(session_of(1), hash_of(1))));
}

TEST_CASE("nothing that is recorded is in a file as it is, nor anything that two records of one update share") {
  const RecordFolder one;
  const RecordFolder other;
  const auto bytes_of = [](const RecordFolder& folder) {
    const auto record = folder.open();
    REQUIRE(record);
    fill(**record);
    return read_text(folder.file()) + read_text(folder.file().string() + "-wal") + read_text(folder.seed_file());
  };
  const std::string first = bytes_of(one);
  const std::string second = bytes_of(other);
  CHECK(first.size() > 10'000);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const SessionId session = session_of(i);
    CHECK(first.find(as_text(hash_of(i))) == std::string::npos);
    CHECK(first.find(as_text(session.bytes)) == std::string::npos);
  }
  CHECK(first.find(std::string(16, '\1')) == std::string::npos);  // the task
  // Of 16 bytes that both have, all are SQLite's: the tables' text, and the heads of files and pages. Sealed rows share none.
  std::set<std::string> shared;
  for (std::size_t at = 0; at + 16 <= first.size(); at += 16) {
    if (second.find(first.substr(at, 16)) != std::string::npos) shared.insert(first.substr(at, 16));
  }
  CHECK(shared.size() < 100);
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
  const disk::NoWaiting no_waiting;
  for (int repetition = 0; repetition < 300; ++repetition) {
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
      if (record) *record = OpenRecord();
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
  for (int attempt = 0; attempt < 16; ++attempt) {
    CAPTURE(attempt);
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
    std::uint64_t acknowledgements = 0;
    const auto next_acknowledged = [&] {
      std::uint64_t last = 0;
      if (read(acknowledged[0], &last, sizeof(last)) != sizeof(last)) return false;
      ++acknowledgements;
      CHECK(last + 1 == charged + acknowledgements);
      return true;
    };
    // However slow the disk is, each child but those that are killed as they open the record gets somewhere.
    for (int awaited = attempt % 4; awaited > 0; --awaited) REQUIRE(next_acknowledged());
    usleep(static_cast<useconds_t>(random.below(20'000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    while (next_acknowledged()) {
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
  }
}

TEST_CASE("a full disk is an error, nothing is charged, and with space again the record goes on") {
  const RecordFolder folder;
  const int outcome = in_child([&] {
    // A limit on the size of files is what a process can have of a full disk.
    std::signal(SIGXFSZ, SIG_IGN);
    auto record = folder.open();
    if (!record) return 1;
    const rlimit tight{96 * 1024, RLIM_INFINITY};
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
  CHECK(names_in(folder.path()).empty());
  CHECK(folder.open());
}

TEST_CASE("any flipped bit is found when the record is opened, or has changed nothing that is recorded") {
  const disk::NoWaiting no_waiting;
  const RecordFolder folder;
  fill(**folder.open());
  for (const fs::path& file : {folder.file(), folder.seed_file(), folder.key_file()}) {
    const std::string good = read_text(file);
    SeededRandom random(49);
    std::size_t found = 0;
    std::size_t tried = 0;
    for (std::size_t at = 0; at < good.size(); at += 1 + random.below(at < 250 ? 1 : 40)) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
      write_text(file, bad);
      REQUIRE(chmod(file.c_str(), 0600) == 0);
      ++tried;
      auto record = folder.open();
      CAPTURE(at);
      if (!record) {
        ++found;
        CHECK_FALSE(record.error().hint.empty());
        CHECK_MESSAGE(record.error().message.find(folder.path().string()) != std::string::npos, record.error().message);
        CHECK(record.error().code != ErrorCode::conflict);
        continue;
      }
      CHECK(holds_all(**record));
    }
    CHECK(found > (file == folder.file() ? tried / 20 : tried - 1));
    write_text(file, good);
    CHECK(holds_all(**folder.open()));
  }
}

TEST_CASE("a record that is cut, emptied, another file or a folder is said to be damaged, with a way out, and is left as it is") {
  const disk::NoWaiting no_waiting;
  const RecordFolder folder;
  fill(**folder.open());
  const auto refused = [&](const fs::path& file) {
    const auto record = folder.open();
    REQUIRE_FALSE(record);
    CHECK(record.error().code == ErrorCode::malformed);
    CHECK(record.error().message.find(file.string()) == 0);
    CHECK(record.error().hint.find("restore") != std::string::npos);
  };
  for (const fs::path& file : {folder.file(), folder.seed_file(), folder.key_file()}) {
    const std::string good = read_text(file);
    for (const std::string& bad : {good.substr(0, good.size() / 2), good.substr(0, 50), std::string(), std::string(5'000, 'x'), std::string("SQLite format 3\0", 16)}) {
      write_text(file, bad);
      refused(file);
      CHECK(read_text(file) == bad);
    }
    write_text(file, good);
  }
  SUBCASE("a folder") {
    fs::remove(folder.file());
    fs::create_directory(folder.file());
    refused(folder.file());
  }
  SUBCASE("no seed") {
    fs::remove(folder.seed_file());
    refused(folder.seed_file());
  }
}

TEST_CASE("a record whose rows are not all there is damage: no key, an entry or an account that is none, one of them twice") {
  const auto refused = [](Shelf shelf, std::uint64_t number, Bytes content, bool erase) {
    MemoryVault vault;
    SystemRandom random;
    {
      const auto record = VaultDeviceRecord::open(vault, random);
      REQUIRE(record);
      fill(**record);
    }
    if (content.empty() && !erase) {
      REQUIRE(vault.read(shelf, 2, [&](std::uint64_t, ByteSpan row) {
        content.assign(row.begin(), row.end());
        return false;
      }));
    }
    const VaultRow row{shelf, number, content};
    const VaultRowId id{shelf, number};
    const Status changed = erase ? vault.change({&id, 1}, {}) : vault.change({}, {&row, 1});
    REQUIRE(changed);
    const auto record = VaultDeviceRecord::open(vault, random);
    REQUIRE_FALSE(record);
    CHECK(record.error().code == ErrorCode::malformed);
    CHECK(record.error().hint.find("restore") != std::string::npos);
  };
  refused(Shelf::record, 1, {}, true);
  refused(Shelf::record, 1, Bytes(32), false);
  refused(Shelf::record, 1, Bytes(33, 1), false);
  refused(Shelf::record, 99, {}, false);
  refused(Shelf::record, 99, Bytes(64, 1), false);
  refused(Shelf::record, 99, Bytes(65, 0), false);
  refused(Shelf::record, 99, Bytes(65, 6), false);
  refused(Shelf::account, 99, {}, false);
  refused(Shelf::account, 1, Bytes(15), false);
  refused(Shelf::account, 1, Bytes(20), false);
}

TEST_CASE("a record that has lost every row is not begun anew") {
  MemoryVault vault;
  SystemRandom random;
  REQUIRE(VaultDeviceRecord::open(vault, random));
  const VaultRowId key{Shelf::record, 1};
  REQUIRE(vault.change({&key, 1}, {}));
  CHECK_FALSE(VaultDeviceRecord::open(vault, random));
}

}  // namespace
}  // namespace fedspend::client
