// The store through crashes, full disks and damage. Children are forked for what would end or lock this process.

#include "coordinator/store.h"

#include <csignal>
#include <cstdlib>
#include <fstream>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "common/privacy/gaussian_rdp.h"
#include "tests/coordinator/store_folder.h"

namespace fedspend::coordinator {
namespace {

TEST_CASE("a new store has no model, and the newest one outlives the process") {
  const StoreFolder folder;
  {
    auto store = folder.open();
    REQUIRE(store);
    const auto none = (*store)->latest_model();
    REQUIRE(none);
    CHECK_FALSE(*none);
    for (std::uint64_t round = 1; round <= 3; ++round) REQUIRE((*store)->save_published(publish_of(round)));
  }
  auto store = folder.open();
  REQUIRE(store);
  const auto latest = (*store)->latest_model();
  REQUIRE(latest);
  REQUIRE(*latest);
  CHECK((*latest)->round == 3);
  CHECK((*latest)->weights == weights_of(3));
  CHECK((*latest)->optimizer_state == state_of(3));
  CHECK((*latest)->hash == testing::model_hash_of(weights_of(3)));
}

TEST_CASE("an optimizer without state is stored as one without state") {
  const StoreFolder folder;
  Publish publish = publish_of(1);
  publish.optimizer_state = std::make_shared<const std::vector<float>>();
  REQUIRE(folder.open().value()->save_published(publish));
  const auto latest = folder.open().value()->latest_model();
  REQUIRE(latest);
  CHECK((*latest)->optimizer_state.empty());
  CHECK((*latest)->weights == weights_of(1));
}

void execute(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

// As version 5 wrote it: without a seal over the charges.
void make_version_5(const std::filesystem::path& file) { execute(file, "DROP TABLE charge_seal; PRAGMA user_version=5"); }
// As version 4 wrote it: without clip norms, because its programs ran no plan whose clip norm adapts.
void make_version_4(const std::filesystem::path& file) {
  make_version_5(file);
  execute(file, "ALTER TABLE model DROP COLUMN clip_norm; PRAGMA user_version=4");
}
// As version 3 wrote it: without charges, because its programs ran no plan with noise.
void make_version_3(const std::filesystem::path& file) {
  make_version_4(file);
  execute(file, "DROP TABLE charge; PRAGMA user_version=3");
}
// As version 2 wrote it: without the attempts' nonces.
void make_version_2(const std::filesystem::path& file) {
  make_version_3(file);
  execute(file, "ALTER TABLE model DROP COLUMN nonce; PRAGMA user_version=2");
}
// As version 1 wrote it: no state either, because its programs knew no optimizer that has one.
void make_version_1(const std::filesystem::path& file) {
  make_version_2(file);
  execute(file, "ALTER TABLE model DROP COLUMN state; ALTER TABLE model DROP COLUMN state_hash; PRAGMA user_version=1");
}

TEST_CASE("a store from before the optimizers had state is taken over with its models and an empty state") {
  const StoreFolder folder;
  for (std::uint64_t round = 1; round <= 12; ++round) REQUIRE(folder.open().value()->save_published(publish_of(round)));
  make_version_1(folder.file());
  for (int opening = 0; opening < 2; ++opening) {
    const auto store = folder.open();
    REQUIRE(store);
    const auto latest = (*store)->latest_model();
    REQUIRE(latest);
    CHECK((*latest)->round == 12);
    CHECK((*latest)->weights == weights_of(12));
    CHECK((*latest)->optimizer_state.empty());
    CHECK((*store)->published_rounds().value().size() == 12);
  }
  REQUIRE(folder.open().value()->save_published(publish_of(13)));
  CHECK(folder.open().value()->latest_model().value()->optimizer_state == state_of(13));
}

TEST_CASE("a store from before the nonces were kept is taken over with its models, its states and empty nonces") {
  const StoreFolder folder;
  for (std::uint64_t round = 1; round <= 2; ++round) REQUIRE(folder.open().value()->save_published(publish_of(round)));
  make_version_2(folder.file());
  for (int opening = 0; opening < 2; ++opening) {
    const auto store = folder.open();
    REQUIRE(store);
    CHECK((*store)->latest_model().value()->weights == weights_of(2));
    CHECK((*store)->latest_model().value()->optimizer_state == state_of(2));
    const auto rounds = (*store)->published_rounds();
    REQUIRE(rounds);
    REQUIRE(rounds->size() == 2);
    for (const PublishedRound& round : *rounds) CHECK(round.nonce.empty());
  }
  REQUIRE(folder.open().value()->save_published(publish_of(3)));
  const auto nonce = folder.open().value()->published_rounds().value().at(2).nonce;
  CHECK(nonce == Bytes(16, 0xa3));
}

PrivacyCharge charge_of(std::uint8_t number, std::uint64_t round) {
  return {SessionId{{number}}, RoundId{round}, PrivacyCost{.has_noise = true, .rdp = gaussian_rdp_curve(1 + number), .delta = 1e-21}, {ClientId{{1}}, ClientId{{number}}}};
}

TEST_CASE("what was charged is there after a restart, once, whether its round was published or not") {
  const StoreFolder folder;
  REQUIRE(folder.open().value()->save_charge(charge_of(2, 1)));
  REQUIRE(folder.open().value()->save_charge(charge_of(3, 1)));
  PopulationLedger expected;
  for (const std::uint8_t number : {std::uint8_t{2}, std::uint8_t{3}}) REQUIRE(expected.charge(charge_of(number, 1)));
  auto store = folder.open();
  REQUIRE(store);
  CHECK((*store)->ledger().value() == expected);
  CHECK((*store)->save_charge(charge_of(3, 1)).error().code == ErrorCode::conflict);
  CHECK((*store)->ledger().value() == expected);
  CHECK((*store)->latest_model().value() == std::nullopt);
}

TEST_CASE("a store from before there were charges is taken over with an empty ledger") {
  const StoreFolder folder;
  REQUIRE(folder.open().value()->save_published(publish_of(1)));
  make_version_3(folder.file());
  REQUIRE(folder.open().value()->ledger().value() == PopulationLedger{});
  REQUIRE(folder.open().value()->save_charge(charge_of(2, 2)));
  CHECK(folder.open().value()->ledger().value().charges() == 1);
  CHECK(folder.open().value()->latest_model().value()->weights == weights_of(1));
}

TEST_CASE("a store from before clip norms were kept is taken over without one, and goes on with them") {
  const StoreFolder folder;
  {
    auto store = folder.open();
    REQUIRE(store);
    REQUIRE((*store)->save_published(publish_of(1)));
    CHECK((*store)->latest_model().value()->next_clip_norm_l2 == clip_norm_of(1));
  }
  make_version_4(folder.file());
  auto store = folder.open();
  REQUIRE(store);
  CHECK((*store)->latest_model().value()->weights == weights_of(1));
  CHECK((*store)->latest_model().value()->next_clip_norm_l2 == 0);
  REQUIRE((*store)->save_published(publish_of(2)));
  CHECK((*store)->latest_model().value()->next_clip_norm_l2 == clip_norm_of(2));
}

TEST_CASE("a charge that somebody changed is found, and the federation does not go on") {
  const auto found = [](const std::string& sql) {
    const StoreFolder folder;
    REQUIRE(folder.open().value()->save_charge(charge_of(2, 1)));
    execute(folder.file(), sql);
    const auto ledger = folder.open().value()->ledger();
    return !ledger && ledger.error().code == ErrorCode::malformed;
  };
  CHECK_FALSE(found("UPDATE charge SET round = 1"));
  CHECK(found("UPDATE charge SET round = 2"));
  CHECK(found("UPDATE charge SET clients = substr(clients, 1, 32)"));
  CHECK(found("UPDATE charge SET clients = substr(clients, 1, 33)"));
  CHECK(found("UPDATE charge SET session = randomblob(32)"));
  CHECK(found("UPDATE charge SET cost = zeroblob(length(cost))"));
}

TEST_CASE("a charge that is gone, whichever it was, or that changed places is found, and nothing is charged on top without the seal") {
  const auto error_of = [](const std::string& sql) {
    const StoreFolder folder;
    for (const std::uint8_t number : {std::uint8_t{2}, std::uint8_t{3}, std::uint8_t{4}}) REQUIRE(folder.open().value()->save_charge(charge_of(number, number)));
    execute(folder.file(), sql);
    const auto ledger = folder.open().value()->ledger();
    return ledger ? Error{} : ledger.error();
  };
  CHECK(error_of("SELECT 1").message.empty());
  for (const char* id : {"1", "2", "3"}) {
    const Error error = error_of(std::string("DELETE FROM charge WHERE id = ") + id);
    CHECK(error.code == ErrorCode::malformed);
    CHECK(error.message.find("has 2 charges that are not the 3 that were written") != std::string::npos);
  }
  CHECK(error_of("DELETE FROM charge").code == ErrorCode::malformed);
  CHECK(error_of("UPDATE charge SET id = 9 WHERE id = 1").code == ErrorCode::malformed);
  CHECK(error_of("DELETE FROM charge_seal").message.find("the seal of the privacy ledger is gone or broken") != std::string::npos);
  const StoreFolder folder;
  REQUIRE(folder.open().value()->save_charge(charge_of(2, 1)));
  execute(folder.file(), "DELETE FROM charge_seal");
  CHECK(folder.open().value()->save_charge(charge_of(3, 1)).error().code == ErrorCode::malformed);
  execute(folder.file(), "INSERT INTO charge_seal VALUES(1, zeroblob(32))");
  CHECK(folder.open().value()->ledger().error().code == ErrorCode::malformed);
}

TEST_CASE("a store from before charges were sealed is taken over with them, and from then on a charge that is gone is found") {
  const StoreFolder folder;
  PopulationLedger expected;
  for (const std::uint8_t number : {std::uint8_t{2}, std::uint8_t{3}}) {
    REQUIRE(folder.open().value()->save_charge(charge_of(number, 1)));
    REQUIRE(expected.charge(charge_of(number, 1)));
  }
  make_version_5(folder.file());
  for (int opening = 0; opening < 2; ++opening) CHECK(folder.open().value()->ledger().value() == expected);
  REQUIRE(folder.open().value()->save_charge(charge_of(4, 2)));
  CHECK(folder.open().value()->ledger().value().charges() == 3);
  execute(folder.file(), "DELETE FROM charge WHERE id = 2");
  CHECK(folder.open().value()->ledger().error().code == ErrorCode::malformed);
}

TEST_CASE("weights and states of the last ten rounds are kept, and the hashes of all") {
  const StoreFolder folder;
  {
    auto store = folder.open();
    REQUIRE(store);
    for (std::uint64_t round = 1; round <= 15; ++round) REQUIRE((*store)->save_published(publish_of(round)));
  }
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
  sqlite3_stmt* read = nullptr;
  REQUIRE(sqlite3_prepare_v2(database, "SELECT round, length(weights), length(state), length(hash) FROM model ORDER BY round", -1, &read, nullptr) == SQLITE_OK);
  for (int round = 1; round <= 15; ++round) {
    REQUIRE(sqlite3_step(read) == SQLITE_ROW);
    CHECK(sqlite3_column_int(read, 0) == round);
    CHECK((sqlite3_column_int(read, 1) != 0) == (round > 5));
    CHECK((sqlite3_column_int(read, 2) != 0) == (round > 5));
    CHECK(sqlite3_column_int(read, 3) == 32);
  }
  sqlite3_finalize(read);
  sqlite3_close(database);
}

TEST_CASE("a store from before, of another plan, is refused and stays as it was") {
  const StoreFolder folder;
  REQUIRE(folder.open().value()->save_published(publish_of(1)));
  make_version_1(folder.file());
  PlanHash other = StoreFolder::plan();
  other.bytes[0] ^= 1;
  const auto refused = Store::open(folder.file(), other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
  execute(folder.file(), "ALTER TABLE model ADD COLUMN state BLOB");  // fails if somebody has added it
}

TEST_CASE("a store of a later version is refused with what this program reads") {
  const StoreFolder folder;
  REQUIRE(folder.open().value()->save_published(publish_of(1)));
  execute(folder.file(), "PRAGMA user_version=7");
  const auto refused = folder.open();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_argument);
  CHECK(refused.error().message.find("schema version 7") != std::string::npos);
  CHECK(refused.error().hint.find("1 to 6") != std::string::npos);
}

TEST_CASE("published and aborted rounds are counted, and the contributors of each sum are kept") {
  const StoreFolder folder;
  {
    auto store = folder.open();
    REQUIRE(store);
    RoundSummary aborted;
    aborted.round = RoundId{1};
    aborted.attempt = 1;
    aborted.why_aborted = "too few updates: 'quotes' and \"quotes\"";
    REQUIRE((*store)->save_aborted(aborted));
    aborted.attempt = 2;
    REQUIRE((*store)->save_aborted(aborted));
    for (std::uint64_t round = 1; round <= 15; ++round) REQUIRE((*store)->save_published(publish_of(round)));
  }
  auto store = folder.open();
  REQUIRE(store);
  CHECK((*store)->count_rounds(true).value() == 15);
  CHECK((*store)->count_rounds(false).value() == 2);
  const auto rounds = (*store)->published_rounds();
  REQUIRE(rounds);
  REQUIRE(rounds->size() == 15);
  for (std::uint64_t round = 1; round <= 15; ++round) {
    CHECK((*rounds)[round - 1].round == round);
    CHECK((*rounds)[round - 1].hash == publish_of(round).hash);
    CHECK((*rounds)[round - 1].nonce == Bytes(16, static_cast<std::uint8_t>(0xa0 + round)));
    CHECK((*rounds)[round - 1].contributors == publish_of(round).summary.contributors);
  }
  CHECK((*store)->latest_model().value()->weights == weights_of(15));
}

TEST_CASE("a round is stored once: a second model for it is refused and changes nothing") {
  const StoreFolder folder;
  auto store = folder.open();
  REQUIRE(store);
  REQUIRE((*store)->save_published(publish_of(1)));
  Publish other = publish_of(2);
  other.summary.round = RoundId{1};
  CHECK_FALSE((*store)->save_published(other));
  CHECK((*store)->latest_model().value()->weights == weights_of(1));
  CHECK((*store)->count_rounds(true).value() == 1);
  CHECK((*store)->save_published(publish_of(2)));
}

TEST_CASE("a file of another plan is refused and left as it is") {
  const StoreFolder folder;
  {
    auto store = folder.open();
    REQUIRE(store);
    REQUIRE((*store)->save_published(publish_of(1)));
  }
  PlanHash other = StoreFolder::plan();
  other.bytes[31] ^= 1;
  const auto refused = Store::open(folder.file(), other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
  CHECK_FALSE(refused.error().hint.empty());
  CHECK(folder.open().value()->latest_model().value()->round == 1);
}

TEST_CASE("a second holder of the file is refused, in this process and in another") {
  const StoreFolder folder;
  auto store = folder.open();
  REQUIRE(store);
  const auto second = folder.open();
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(in_child([&] {
    const auto third = folder.open();
    return !third && third.error().code == ErrorCode::conflict ? 0 : 1;
  }) == 0);
  REQUIRE((*store)->save_published(publish_of(1)));
  store->reset();
  CHECK(folder.open());
}

TEST_CASE("a file that is not a coordinator's database is said to be none, and is not touched") {
  const StoreFolder folder;
  std::string contents;
  SUBCASE("text") { contents = "round,model\n1,abc\n" + std::string(2'000, 'x'); }
  SUBCASE("rubbish") { contents = std::string(5'000, '\xa5'); }
  SUBCASE("a database's first page only in name") { contents = std::string("SQLite format 3\0", 16) + std::string(4'080, '\x7f'); }
  std::ofstream(folder.file(), std::ios::binary) << contents;
  const auto store = folder.open();
  REQUIRE_FALSE(store);
  CAPTURE(store.error().message);
  CHECK(store.error().code == ErrorCode::malformed);
  CHECK(store.error().message.find(folder.file().string()) != std::string::npos);
  CHECK(read_text(folder.file()) == contents);
}

TEST_CASE("another program's database is not made into a coordinator's") {
  const StoreFolder folder;
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(folder.file().c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "CREATE TABLE photos(name TEXT)", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(other);
  const auto store = folder.open();
  REQUIRE_FALSE(store);
  CHECK(store.error().code == ErrorCode::malformed);
  REQUIRE(sqlite3_open(folder.file().c_str(), &other) == SQLITE_OK);
  CHECK(sqlite3_exec(other, "SELECT * FROM federation", nullptr, nullptr, nullptr) == SQLITE_ERROR);
  sqlite3_close(other);
}

TEST_CASE("a model that was altered in the file is malformed, never handed out") {
  const StoreFolder folder;
  {
    auto store = folder.open();
    REQUIRE(store);
    REQUIRE((*store)->save_published(publish_of(1)));
  }
  std::string sql;
  SUBCASE("weights") { sql = "UPDATE model SET weights = zeroblob(length(weights))"; }
  SUBCASE("no weights") { sql = "UPDATE model SET weights = x''"; }
  SUBCASE("hash") { sql = "UPDATE model SET hash = zeroblob(32)"; }
  SUBCASE("the optimizer's state") { sql = "UPDATE model SET state = zeroblob(length(state))"; }
  SUBCASE("no state") { sql = "UPDATE model SET state = x''"; }
  SUBCASE("the state's hash") { sql = "UPDATE model SET state_hash = zeroblob(32)"; }
  SUBCASE("no state's hash") { sql = "UPDATE model SET state_hash = x''"; }
  SUBCASE("the clip norm") { sql = "UPDATE model SET clip_norm = zeroblob(length(clip_norm))"; }
  SUBCASE("half a clip norm") { sql = "UPDATE model SET clip_norm = zeroblob(4)"; }
  SUBCASE("half a hash") { sql = "UPDATE model SET hash = zeroblob(16)"; }
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(folder.file().c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(other);
  const auto latest = folder.open().value()->latest_model();
  REQUIRE_FALSE(latest);
  CHECK(latest.error().code == ErrorCode::malformed);
}

TEST_CASE("bytes overwritten anywhere in the file are an error or change nothing, never a wrong model") {
  const StoreFolder folder;
  {
    auto store = folder.open();
    REQUIRE(store);
    for (std::uint64_t round = 1; round <= 4; ++round) REQUIRE((*store)->save_published(publish_of(round)));
  }
  const std::string whole = read_text(folder.file());
  SeededRandom random(31);
  unsigned seen = 0;
  for (int i = 0; i < 150; ++i) {
    std::string bent = whole;
    const std::size_t at = random.below(bent.size());
    for (std::size_t k = at; k < std::min(at + 64, bent.size()); ++k) bent[k] = static_cast<char>(random.below(256));
    std::ofstream(folder.file(), std::ios::binary | std::ios::trunc) << bent;
    auto store = folder.open();
    if (!store) {
      ++seen;
      continue;
    }
    const auto latest = (*store)->latest_model();
    if (!latest) {
      ++seen;
      continue;
    }
    // An older whole model can come to light where the newest row was torn out; never one that was not published.
    if (!*latest) continue;
    CHECK((*latest)->weights == weights_of((*latest)->round));
    CHECK((*latest)->optimizer_state == state_of((*latest)->round));
    CHECK((*latest)->next_clip_norm_l2 == clip_norm_of((*latest)->round));
  }
  CHECK(seen > 0);
}

TEST_CASE("a folder that is not there, or is no place for a file, is an error that names it") {
  const StoreFolder folder;
  for (const std::filesystem::path& path : {folder.path() / "absent" / "state.db", folder.path()}) {
    const auto store = Store::open(path, StoreFolder::plan());
    REQUIRE_FALSE(store);
    CHECK(store.error().code == ErrorCode::invalid_argument);
    CHECK(store.error().message.find(path.string()) != std::string::npos);
  }
}

// kill -9 in the middle of saves: what is found is the newest model that save_published returned for, or the one after it.
TEST_CASE("a process killed at any moment leaves a whole model with its state, and none that was acknowledged is lost (hostile case 32)") {
  SeededRandom random(47);
  std::uint64_t rounds_seen = 0;
  const StoreFolder folder;
  for (int repetition = 0; repetition < 25; ++repetition) {
    int acknowledged[2];
    REQUIRE(pipe(acknowledged) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(acknowledged[0]);
      auto store = folder.open();
      if (!store) _exit(1);
      const auto latest = (*store)->latest_model();
      if (!latest) _exit(1);
      for (std::uint64_t round = *latest ? (*latest)->round + 1 : 1;; ++round) {
        if (!(*store)->save_published(publish_of(round))) _exit(1);
        if (write(acknowledged[1], &round, sizeof(round)) != sizeof(round)) _exit(1);
      }
    }
    close(acknowledged[1]);
    usleep(static_cast<useconds_t>(2'000 + random.below(30'000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    std::uint64_t last = 0;
    std::uint64_t round = 0;
    while (read(acknowledged[0], &round, sizeof(round)) == sizeof(round)) last = round;
    close(acknowledged[0]);

    auto store = folder.open();
    REQUIRE(store);
    const auto latest = (*store)->latest_model();
    REQUIRE(latest);
    const std::uint64_t found = *latest ? (*latest)->round : 0;
    if (last != 0) CHECK(found >= last);
    CHECK(found <= std::max(last, rounds_seen) + 1);
    if (*latest) CHECK((*latest)->weights == weights_of(found));
    if (*latest) CHECK((*latest)->optimizer_state == state_of(found));  // of the same round, never the one before
    if (*latest) CHECK((*latest)->next_clip_norm_l2 == clip_norm_of(found));
    CHECK((*store)->count_rounds(true).value() == found);
    const auto rounds = (*store)->published_rounds();
    REQUIRE(rounds);
    CHECK(rounds->size() == found);
    if (!rounds->empty()) CHECK(rounds->back().contributors == publish_of(found).summary.contributors);
    rounds_seen = found;
  }
  CHECK(rounds_seen > 0);
}

TEST_CASE("a full disk is an error with a way out, the old model stays, and with space again saving goes on") {
  const StoreFolder folder;
  REQUIRE(folder.open().value()->save_published(publish_of(1)));
  const int outcome = in_child([&] {
    // A limit on the size of files is what a process can have of a full disk.
    std::signal(SIGXFSZ, SIG_IGN);
    auto store = folder.open();
    if (!store) return 1;
    const rlimit tight{64 * 1024, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &tight) != 0) return 2;
    for (std::uint64_t round = 2; round < 200; ++round) {
      const Status saved = (*store)->save_published(large_publish_of(round));
      if (saved) continue;
      if (saved.error().message.empty()) return 3;
      const auto latest = (*store)->latest_model();
      if (!latest || !*latest || (*latest)->round != round - 1) return 4;
      const rlimit wide{RLIM_INFINITY, RLIM_INFINITY};
      if (setrlimit(RLIMIT_FSIZE, &wide) != 0) return 5;
      return (*store)->save_published(large_publish_of(round)) ? 0 : 6;
    }
    return 7;
  });
  CHECK(outcome == 0);
  const auto latest = folder.open().value()->latest_model();
  REQUIRE(latest);
  CHECK((*latest)->round >= 2);
  CHECK((*latest)->weights == large_weights_of((*latest)->round));
  CHECK((*latest)->optimizer_state == state_of((*latest)->round, 10'000));
}

}  // namespace
}  // namespace fedspend::coordinator
