// The vault on disk: what it keeps, what lies in its file, its cap, its wipe, and whose errors it passes on. Attacks on the file are in
// vault_attacks_test.cpp, kills and power cuts in vault_power_cut_test.cpp.

#include "client/vault_store.h"

#include <set>

#include <sqlite3.h>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include "client/vault_seal.h"
#include "tests/disk/power_cut.h"
#include "tests/client/record_folder.h"
#include "tests/client/vault_cases.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;

// Closed and opened again before one call in three.
class ReopenedVault final : public Vault {
 public:
  Result<ShelfSize> size_of(Shelf shelf) override { return opened().size_of(shelf); }
  Status read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t, ByteSpan)>& visit) override { return opened().read(shelf, from, visit); }
  Status change(std::span<const VaultRowId> erase, std::span<const VaultRow> rows) override { return opened().change(erase, rows); }
  Status write_reserve(ByteSpan content) override { return opened().write_reserve(content); }
  Result<Bytes> read_reserve() override { return opened().read_reserve(); }

 private:
  Vault& opened() {
    if (calls_++ % 3 == 0) {
      vault_ = OpenRecord();
      auto next = folder_.open_vault();
      REQUIRE_MESSAGE(next, next.error().message);
      vault_ = std::move(*next);
    }
    return *vault_.vault;
  }
  RecordFolder folder_;
  OpenRecord vault_;
  int calls_ = 0;
};

TEST_CASE("on disk: a vault keeps rows by shelf and number, in order") {
  const RecordFolder folder;
  const auto opened = folder.open_vault();
  REQUIRE(opened);
  CHECK(opened->vault->is_new());
  check_keeps_rows(*opened->vault);
}

TEST_CASE("on disk: a vault does any series of changes as a map would, also when it is opened anew in between") {
  check_as_a_map([] { return std::make_unique<ReopenedVault>(); });
}

TEST_CASE("rows of any size up to the longest come back") {
  const RecordFolder folder;
  SeededRandom random(3);
  std::vector<Bytes> contents;
  for (const std::size_t size : {0U, 1U, 59U, 60U, 61U, 92U, 93U, 5'000U, 1'000'000U, 1U << 20}) {
    contents.emplace_back(size);
    random.fill(contents.back());
  }
  {
    auto opened = folder.open_vault();
    for (std::size_t i = 0; i < contents.size(); ++i) REQUIRE(put(*opened->vault, {{Shelf::personal, i + 1, contents[i]}}));
  }
  auto opened = folder.open_vault();
  CHECK_FALSE(opened->vault->is_new());
  std::size_t next = 0;
  REQUIRE(opened->vault->read(Shelf::personal, 0, [&](std::uint64_t, ByteSpan content) {
    CHECK(std::ranges::equal(content, contents[next++]));
    return true;
  }));
  CHECK(next == contents.size());
}

TEST_CASE("contents are padded to 64, 96, 144, 216 ... bytes, and the file shows no other sizes") {
  CHECK(padded_bytes(0) == 64);
  CHECK(padded_bytes(60) == 64);
  CHECK(padded_bytes(61) == 96);
  CHECK(padded_bytes(92) == 96);
  CHECK(padded_bytes(93) == 144);
  CHECK(padded_bytes(141) == 216);
  CHECK(padded_bytes(kMaxVaultRowBytes) < 2 * kMaxVaultRowBytes);
  const RecordFolder folder;
  {
    const auto opened = folder.open_vault();
    for (std::size_t size = 0; size <= 140; ++size) REQUIRE(put(*opened->vault, {{Shelf::transaction, size + 1, Bytes(size, 'x')}}));
  }
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
  sqlite3_stmt* read = nullptr;
  REQUIRE(sqlite3_prepare_v2(database, "SELECT DISTINCT length(sealed) FROM row ORDER BY 1", -1, &read, nullptr) == SQLITE_OK);
  std::vector<int> lengths;
  while (sqlite3_step(read) == SQLITE_ROW) lengths.push_back(sqlite3_column_int(read, 0));
  sqlite3_finalize(read);
  sqlite3_close(database);
  CHECK(lengths == std::vector<int>{64 + 40, 96 + 40, 144 + 40});
}

TEST_CASE("a row opens at its own place only, and sums of rows are those of 256-bit integers") {
  SeededRandom random(5);
  SecretBytes<32> seed, other_seed;
  other_seed.expose_mutable()[0] = 1;
  const VaultSeal seal(VaultKeys::derive(seed));
  const VaultSeal other(VaultKeys::derive(other_seed));
  const Bytes content(70, 'c');
  const Bytes sealed = seal.seal_row(Shelf::record, 7, content, random);
  Bytes out;
  REQUIRE(seal.open_row(Shelf::record, 7, sealed, out));
  CHECK(out == content);
  CHECK_FALSE(seal.open_row(Shelf::record, 8, sealed, out));
  CHECK_FALSE(seal.open_row(Shelf::account, 7, sealed, out));
  CHECK_FALSE(other.open_row(Shelf::record, 7, sealed, out));
  CHECK_FALSE(seal.open_row(Shelf::record, 7, ByteSpan(sealed).first(sealed.size() - 1), out));
  VaultHeader header;
  CHECK_FALSE(seal.open_header(sealed, header));
  CHECK(seal.hash_of(Shelf::record, 7, sealed) != seal.hash_of(Shelf::record, 8, sealed));
  CHECK(seal.hash_of(Shelf::record, 7, sealed) != seal.hash_of(Shelf::account, 7, sealed));
  CHECK(seal.hash_of(Shelf::record, 7, sealed) != other.hash_of(Shelf::record, 7, sealed));

  Bytes largest(32, 0xff), one(32);
  one[0] = 1;
  SetHash sum = SetHash::load(largest);
  sum.add(SetHash::load(one));
  CHECK(sum == SetHash());  // 2^256 - 1 + 1
  sum.subtract(SetHash::load(one));
  CHECK(sum == SetHash::load(largest));
  Bytes carried(32), stored(32);
  carried[8] = 1;
  SetHash low = SetHash::load(ByteSpan(carried));  // 2^64
  low.subtract(SetHash::load(one));
  low.store(stored);
  CHECK(stored == [] { Bytes bytes(32); std::fill_n(bytes.begin(), 8, std::uint8_t{0xff}); return bytes; }());
  low.add(SetHash::load(one));
  CHECK(low == SetHash::load(carried));
  for (int i = 0; i < 200; ++i) {
    Bytes a(32), b(32);
    random.fill(a);
    random.fill(b);
    SetHash left = SetHash::load(a), right = SetHash::load(b);
    left.add(SetHash::load(b));
    right.add(SetHash::load(a));
    CHECK(left == right);
    left.subtract(SetHash::load(a));
    CHECK(left == SetHash::load(b));
  }
}

TEST_CASE("what is erased is in no file any more, not even sealed") {
  const RecordFolder folder;
  const auto opened = folder.open_vault();
  for (std::uint64_t i = 1; i <= 50; ++i) REQUIRE(put(*opened->vault, {row_of(Shelf::transaction, i, std::string(200, static_cast<char>('a' + i % 26)))}));
  const auto sealed_row = [&] {  // read from a copy, as the file is locked
    const TemporaryFolder copy;
    for (const auto& entry : fs::directory_iterator(folder.path())) fs::copy_file(entry.path(), copy.path() / entry.path().filename());
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((copy.path() / kVaultFile).c_str(), &database) == SQLITE_OK);
    sqlite3_stmt* read = nullptr;
    REQUIRE(sqlite3_prepare_v2(database, "SELECT sealed FROM row WHERE number = 20", -1, &read, nullptr) == SQLITE_OK);
    REQUIRE(sqlite3_step(read) == SQLITE_ROW);
    std::string sealed(static_cast<const char*>(sqlite3_column_blob(read, 0)), static_cast<std::size_t>(sqlite3_column_bytes(read, 0)));
    sqlite3_finalize(read);
    sqlite3_close(database);
    return sealed;
  }();
  const auto is_somewhere = [&] {
    const std::string all = read_text(folder.file()) + read_text(folder.file().string() + "-wal");
    return all.find(sealed_row.substr(0, 32)) != std::string::npos || all.find(sealed_row.substr(sealed_row.size() - 32)) != std::string::npos;
  };
  CHECK(is_somewhere());
  REQUIRE(erase(*opened->vault, {{Shelf::transaction, 20}}));
  CHECK_FALSE(is_somewhere());
}

TEST_CASE("beyond the cap a change is refused as a whole, erasing goes on, and then there is room again") {
  const RecordFolder folder;
  auto opened = folder.open_vault({.max_file_bytes = 400'000});
  REQUIRE(opened);
  std::uint64_t number = 0;
  Status written;
  while ((written = put(*opened->vault, {row_of(Shelf::history, number + 1, std::string(3'000, 'h')), row_of(Shelf::setting, number + 1, "s")}))) {
    REQUIRE(++number < 1'000);
    CHECK(fs::file_size(folder.file()) <= 400'000);
  }
  CHECK(number > 40);
  CHECK(written.error().code == ErrorCode::limit);
  CHECK(written.error().message.find(folder.file().string()) == 0);
  CHECK(opened->vault->size_of(Shelf::history)->rows == number);
  CHECK(opened->vault->size_of(Shelf::setting)->last_number == number);
  CHECK(rows_of(*opened->vault, Shelf::setting).size() == number);
  REQUIRE(erase(*opened->vault, {{Shelf::history, 1}, {Shelf::history, 2}}));
  CHECK(put(*opened->vault, {row_of(Shelf::history, number + 1, std::string(3'000, 'h'))}));
  *opened = OpenRecord();
  CHECK(fs::file_size(folder.file()) <= 400'000);
  opened = folder.open_vault();
  CHECK(rows_of(*opened->vault, Shelf::history).size() == number - 1);
}

TEST_CASE("a wipe leaves nothing: no file, no seed, and an object that does nothing more; the next opening begins anew") {
  const RecordFolder folder;
  const TemporaryFolder kept;
  auto opened = folder.open_vault();
  REQUIRE(put(*opened->vault, {row_of(Shelf::transaction, 1, "bought something")}));
  // Under other names the files can be looked at afterwards.
  fs::create_hard_link(folder.seed_file(), kept.path() / "seed");
  fs::create_hard_link(folder.key_file(), kept.path() / "key");
  write_text(folder.path() / "device.db.new-abcdef", "left by a process that was killed");
  write_text(folder.path() / "store.key.new-abcdef", "left by a process that was killed");
  const std::string seed_before = read_text(kept.path() / "seed");
  REQUIRE(opened->vault->wipe());
  CHECK(names_in(folder.path()).empty());
  const std::string seed = read_text(kept.path() / "seed");
  CHECK(seed.size() == seed_before.size());
  CHECK(seed.substr(24) == std::string(seed.size() - 24, '\0'));
  CHECK(read_text(kept.path() / "key") == std::string(72, '\0'));
  const auto gone = [](const auto& result) { return !result && result.error().code == ErrorCode::not_found; };
  CHECK(gone(opened->vault->size_of(Shelf::transaction)));
  CHECK(gone(opened->vault->read(Shelf::transaction, 0, [](std::uint64_t, ByteSpan) { return true; })));
  CHECK(gone(put(*opened->vault, {row_of(Shelf::transaction, 2, "more")})));
  const auto again = folder.open_vault();  // while the old object is still there
  REQUIRE(again);
  CHECK(again->vault->is_new());
  REQUIRE(put(*again->vault, {row_of(Shelf::transaction, 1, "new")}));
  REQUIRE(opened->vault->wipe());  // done long ago, and not done to the new one
  CHECK(rows_of(*again->vault, Shelf::transaction).size() == 1);
  CHECK(names_in(folder.path()).size() == 5);
}

// Opens the same vault from within, as a host's key store may that has lost its way.
class EnteringProtector final : public SeedProtector {
 public:
  EnteringProtector(const RecordFolder& folder, SeedProtector& inner) : folder_(folder), inner_(inner) {}
  Result<Bytes> wrap(const SecretBytes<32>& seed) override {
    SystemRandom random;
    const auto second = VaultStore::open(folder_.file(), inner_, random);
    entered = !second && second.error().code == ErrorCode::conflict;
    return inner_.wrap(seed);
  }
  Result<SecretBytes<32>> unwrap(ByteSpan wrapped) override { return inner_.unwrap(wrapped); }
  Status destroy() override { return inner_.destroy(); }
  bool entered = false;

 private:
  const RecordFolder& folder_;
  SeedProtector& inner_;
};

TEST_CASE("a protector that opens the store which it is being made for is told conflict, and the store is made") {
  const RecordFolder folder;
  SystemRandom random;
  FileSeedProtector inner(folder.key_file(), random);
  EnteringProtector protector(folder, inner);
  CHECK(VaultStore::open(folder.file(), protector, random));
  CHECK(protector.entered);
}

TEST_CASE("a vault that cannot be opened can be wiped, one that somebody has open cannot") {
  const RecordFolder folder;
  SystemRandom random;
  FileSeedProtector protector(folder.key_file(), random);
  {
    const auto opened = folder.open_vault();
    REQUIRE(put(*opened->vault, {row_of(Shelf::transaction, 1, "bought something")}));
    const Status wiped = VaultStore::wipe(folder.file(), protector);
    REQUIRE_FALSE(wiped);
    CHECK(wiped.error().code == ErrorCode::conflict);
    CHECK(disk::in_child([&] { return VaultStore::wipe(folder.file(), protector) ? 1 : 0; }) == 0);
    CHECK(rows_of(*opened->vault, Shelf::transaction).size() == 1);
  }
  SUBCASE("whole") {}
  SUBCASE("its database is damaged") { write_text(folder.file(), "x"); }
  SUBCASE("its seed is damaged") { write_text(folder.seed_file(), "x"); }
  SUBCASE("its seed is empty") { write_text(folder.seed_file(), ""); }
  SUBCASE("its seed is gone") { fs::remove(folder.seed_file()); }
  SUBCASE("its seed is a link") {
    const TemporaryFolder elsewhere;
    write_text(elsewhere.path() / "precious", "precious");
    fs::remove(folder.seed_file());
    fs::create_symlink(elsewhere.path() / "precious", folder.seed_file());
    CHECK(VaultStore::wipe(folder.file(), protector));
    CHECK(read_text(elsewhere.path() / "precious") == "precious");
  }
  SUBCASE("its seed is a folder, which stays; all else goes") {
    fs::remove(folder.seed_file());
    fs::create_directory(folder.seed_file());
    const Status wiped = VaultStore::wipe(folder.file(), protector);
    REQUIRE_FALSE(wiped);
    CHECK(wiped.error().message.find("on the disk are still " + folder.seed_file().filename().string()) != std::string::npos);
    CHECK(names_in(folder.path()).size() == 1);
    fs::remove(folder.seed_file());
  }
  SUBCASE("its key is gone") { fs::remove(folder.key_file()); }
  SUBCASE("its key is a link") {
    const TemporaryFolder elsewhere;
    write_text(elsewhere.path() / "precious", "precious");
    fs::remove(folder.key_file());
    fs::create_symlink(elsewhere.path() / "precious", folder.key_file());
    CHECK(VaultStore::wipe(folder.file(), protector));  // the link goes, what it points to stays
    CHECK(read_text(elsewhere.path() / "precious") == "precious");
  }
  REQUIRE(VaultStore::wipe(folder.file(), protector));
  CHECK(names_in(folder.path()).empty());
  REQUIRE(VaultStore::wipe(folder.file(), protector));
  CHECK(folder.open_vault()->vault->is_new());
}

// A host that answers as it is told.
class HostProtector final : public SeedProtector {
 public:
  Result<Bytes> wrap(const SecretBytes<32>& seed) override {
    if (fails) return fail(ErrorCode::unavailable, "the device is locked");
    if (wrapped_size) return Bytes(*wrapped_size);
    Bytes wrapped(seed.expose().begin(), seed.expose().end());
    for (std::uint8_t& byte : wrapped) byte ^= 0x5a;
    return wrapped;
  }
  Result<SecretBytes<32>> unwrap(ByteSpan wrapped) override {
    if (fails || only_wraps) return fail(ErrorCode::unavailable, "the device is locked");
    SecretBytes<32> seed;
    for (std::size_t i = 0; i < 32; ++i) seed.expose_mutable()[i] = wrapped[i] ^ (wrong ? 0 : 0x5a);
    return seed;
  }
  Status destroy() override {
    if (keeps) return fail(ErrorCode::unavailable, "the key cannot be destroyed now");
    ++destroyed;
    return {};
  }
  bool only_wraps = false;
  bool fails = false;
  bool wrong = false;
  bool keeps = false;
  int destroyed = 0;
  std::optional<std::size_t> wrapped_size;
};

TEST_CASE("what the protector says is passed on, and nothing is made or lost by it") {
  const RecordFolder folder;
  SystemRandom random;
  HostProtector host;
  const auto error_of = [&] {
    const auto opened = VaultStore::open(folder.file(), host, random);
    REQUIRE_FALSE(opened);
    return opened.error().code;
  };
  host.fails = true;
  CHECK(error_of() == ErrorCode::unavailable);
  CHECK(names_in(folder.path()).empty());
  host.fails = false;
  for (const std::size_t size : {std::size_t{0}, kMaxWrappedSeedBytes + 1}) {
    host.wrapped_size = size;
    CHECK(error_of() == ErrorCode::invalid_argument);
    CHECK(names_in(folder.path()).empty());
  }
  host.wrapped_size.reset();
  {
    const auto opened = VaultStore::open(folder.file(), host, random);
    REQUIRE(opened);
    REQUIRE(put(**opened, {row_of(Shelf::setting, 1, "kept")}));
  }
  host.fails = true;
  CHECK(error_of() == ErrorCode::unavailable);
  host.fails = false;
  host.wrong = true;  // a host that gives another seed than the one it was given
  CHECK(error_of() == ErrorCode::malformed);
  host.wrong = false;
  const auto opened = VaultStore::open(folder.file(), host, random);
  REQUIRE(opened);
  CHECK(rows_of(**opened, Shelf::setting).size() == 1);
}

TEST_CASE("a key that does not give back what it wrapped makes no store: it is tried out before it is relied on") {
  const RecordFolder folder;
  SystemRandom random;
  HostProtector host;
  host.wrong = true;
  const auto refused = VaultStore::open(folder.file(), host, random);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unauthorized);
  CHECK(refused.error().message == "what was just wrapped is unwrapped to something else");
  CHECK(refused.error().hint.starts_with("no store was made"));
  CHECK(names_in(folder.path()).empty());
  host.wrong = false;
  host.only_wraps = true;
  CHECK(VaultStore::open(folder.file(), host, random).error().code == ErrorCode::unavailable);
  CHECK(names_in(folder.path()).empty());
  host.only_wraps = false;
  const auto opened = VaultStore::open(folder.file(), host, random);
  REQUIRE(opened);
  CHECK((*opened)->is_new());
}

TEST_CASE("a wipe whose protector fails has closed the rows for good, says so, and is finished by the next wipe or opening") {
  const RecordFolder folder;
  SystemRandom random;
  HostProtector host;
  auto opened = VaultStore::open(folder.file(), host, random);
  REQUIRE(opened);
  REQUIRE(put(**opened, {row_of(Shelf::setting, 1, "kept")}));
  host.keeps = true;
  const Status wiped = (*opened)->wipe();
  REQUIRE_FALSE(wiped);
  CHECK(wiped.error().code == ErrorCode::unavailable);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"device.db.seed"});
  CHECK_FALSE((*opened)->size_of(Shelf::setting));
  SUBCASE("the next wipe") {
    host.keeps = false;
    CHECK((*opened)->wipe());
    CHECK(names_in(folder.path()).empty());
  }
  SUBCASE("the next opening") {
    opened = fail(ErrorCode::internal, "closed");
    CHECK(VaultStore::open(folder.file(), host, random).error().code == ErrorCode::unavailable);
    host.keeps = false;
    const auto again = VaultStore::open(folder.file(), host, random);
    REQUIRE(again);
    CHECK((*again)->is_new());
    CHECK(rows_of(**again, Shelf::setting).empty());
  }
  CHECK(host.destroyed == 1);
}

TEST_CASE("the key is needed: without it, or with another one, nothing is read and nothing begun anew") {
  const RecordFolder folder;
  const RecordFolder other;
  {
    const auto opened = folder.open_vault();
    REQUIRE(put(*opened->vault, {row_of(Shelf::setting, 1, "kept")}));
    REQUIRE(other.open_vault());
  }
  const std::string key = read_text(folder.key_file());
  fs::remove(folder.key_file());
  CHECK(folder.open_vault().error().code == ErrorCode::not_found);
  CHECK_FALSE(fs::exists(folder.key_file()));
  fs::copy_file(other.key_file(), folder.key_file());
  CHECK(folder.open_vault().error().code == ErrorCode::unauthorized);
  write_text(folder.key_file(), key);
  const auto opened = folder.open_vault();
  REQUIRE(opened);
  CHECK(rows_of(*opened->vault, Shelf::setting).size() == 1);
}

TEST_CASE("a database that is taken away, and its seed or its reserve left, is said, and nothing is begun anew: what it must not forget would be forgotten") {
  const RecordFolder folder;
  {
    const auto opened = folder.open_vault();
    REQUIRE(put(*opened->vault, {row_of(Shelf::account, 1, "spent")}));
  }
  const std::string database = read_text(folder.file());
  fs::remove(folder.file());
  SUBCASE("its seed is there") {}
  SUBCASE("its reserve is there") { fs::remove(folder.seed_file()); }
  const auto names = names_in(folder.path());
  const auto opened = folder.open_vault();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::malformed);
  CHECK(opened.error().message.find("device.db is not there") != std::string::npos);
  CHECK(opened.error().hint.find("backup") != std::string::npos);
  CHECK(names_in(folder.path()) == names);
  write_text(folder.file(), database);
  CHECK(folder.open_vault().has_value() == fs::exists(folder.seed_file()));
  // A wipe, and then it is begun anew.
  SystemRandom random;
  FileSeedProtector protector(folder.key_file(), random);
  REQUIRE(VaultStore::wipe(folder.file(), protector));
  CHECK(folder.open_vault()->vault->is_new());
}

TEST_CASE("a log that is cleaned away takes back no consent, no record and no account, nor what was written before them") {
  const disk::NoWaiting no_waiting;
  for (const Shelf shelf : {Shelf::consent, Shelf::record, Shelf::account}) {
    CAPTURE(static_cast<int>(shelf));
    const RecordFolder folder, copy;
    const auto opened = folder.open_vault();
    REQUIRE(put(*opened->vault, {row_of(Shelf::transaction, 1, "bought something")}));
    REQUIRE(put(*opened->vault, {row_of(shelf, 1, "for good")}));
    REQUIRE(put(*opened->vault, {row_of(Shelf::transaction, 2, "bought more")}));
    for (const std::string& name : names_in(folder.path()))
      if (!name.ends_with("-wal")) fs::copy_file(folder.path() / name, copy.path() / name);
    const auto found = copy.open_vault();
    REQUIRE(found);
    CHECK(rows_of(*found->vault, shelf).size() == 1);
    CHECK(rows_of(*found->vault, Shelf::transaction).size() == 1);
  }
}

TEST_CASE("what is in the reserve comes back after a restart, and goes with a wipe") {
  const RecordFolder folder;
  {
    const auto opened = folder.open_vault();
    CHECK(opened->vault->read_reserve().value().empty());
    for (const std::size_t bytes : {std::size_t{3}, kVaultReserveBytes, std::size_t{0}, std::size_t{7}}) {
      REQUIRE(opened->vault->write_reserve(Bytes(bytes, 0x5a)));
      CHECK(opened->vault->read_reserve().value() == Bytes(bytes, 0x5a));
    }
  }
  const auto opened = folder.open_vault();
  CHECK(opened->vault->read_reserve().value() == Bytes(7, 0x5a));
  CHECK(read_text(folder.file().string() + ".reserve").find("ZZZ") == std::string::npos);
  CHECK(fs::file_size(folder.file().string() + ".reserve") == 8192);
  REQUIRE(opened->vault->wipe());
  CHECK(opened->vault->read_reserve().error().code == ErrorCode::not_found);
  CHECK(folder.open_vault()->vault->read_reserve().value().empty());
}

TEST_CASE("a reserve that is taken away, cut, of another vault or damaged in both of its blocks is said; one block is enough, and an old one does not come back") {
  const RecordFolder folder, other;
  const std::string path = folder.file().string() + ".reserve";
  const auto opened = folder.open_vault();
  REQUIRE(opened->vault->write_reserve(Bytes(3, 1)));
  REQUIRE(opened->vault->write_reserve(Bytes(3, 2)));
  const std::string good = read_text(path);
  const auto found = [&](const std::string& text) {
    write_text(path, text);
    const auto read = opened->vault->read_reserve();
    return read ? to_hex(*read) : std::string(to_string(read.error().code));
  };
  REQUIRE(other.open_vault()->vault->write_reserve(Bytes(3, 3)));
  CHECK(found(good) == "020202");
  CHECK(found(read_text(other.file().string() + ".reserve")) == "malformed");
  CHECK(found(good.substr(0, 8191)) == "malformed");
  CHECK(found("") == "malformed");
  for (const std::size_t at : {std::size_t{0}, std::size_t{9}, std::size_t{12}, std::size_t{1000}}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    CHECK(found(bad) == "020202");
    bad = good;
    bad[4096 + at] = static_cast<char>(bad[4096 + at] ^ 1);
    CHECK(found(bad) == "020202");
    bad[at] = static_cast<char>(bad[at] ^ 1);
    CHECK(found(bad) == "malformed");
  }
  fs::remove(path);
  CHECK(opened->vault->read_reserve().error().code == ErrorCode::malformed);
  REQUIRE(opened->vault->write_reserve(Bytes(3, 4)));  // it is made again
  CHECK(opened->vault->read_reserve().value() == Bytes(3, 4));
  fs::remove(path);
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);  // nobody waits for the other end of it
  CHECK(opened->vault->read_reserve().error().code == ErrorCode::malformed);
  REQUIRE(opened->vault->write_reserve(Bytes(3, 5)));
  CHECK(opened->vault->read_reserve().value() == Bytes(3, 5));
}

TEST_CASE("nobody waits at a pipe that stands in the place of a file: it is said, and all can be wiped") {
  for (const char* name : {"device.db", "device.db.seed", "device.db-wal", "device.db-journal", "store.key"}) {
    CAPTURE(name);
    const RecordFolder folder;
    SystemRandom random;
    FileSeedProtector protector(folder.key_file(), random);
    REQUIRE(put(*folder.open_vault()->vault, {row_of(Shelf::transaction, 1, "bought something")}));
    const fs::path pipe = folder.path() / name;
    fs::remove(pipe);
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    const auto opened = folder.open_vault();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == (std::string_view(name) == "store.key" ? ErrorCode::refused : ErrorCode::malformed));
    CHECK(opened.error().message.find(std::string(name) + " is not a file") != std::string::npos);
    CHECK(VaultStore::wipe(folder.file(), protector));
    CHECK(fs::is_empty(folder.path()));
    CHECK(folder.open_vault());
  }
}

TEST_CASE("a folder that is not there is said, and not made") {
  SystemRandom random;
  HostProtector host;
  const RecordFolder folder;
  const auto opened = VaultStore::open(folder.path() / "nowhere" / kVaultFile, host, random);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::io);
  CHECK_FALSE(fs::exists(folder.path() / "nowhere"));
}

}  // namespace
}  // namespace fedspend::client
