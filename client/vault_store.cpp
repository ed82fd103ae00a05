#include "client/vault_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/vault_files.h"
#include "client/vault_seal.h"
#include "client/vault_wipe.h"
#include "common/check.h"

namespace fedspend::client {
namespace fs = std::filesystem;
namespace {

constexpr int kSchemaVersion = 1;
constexpr std::uint64_t kApplicationId = 0x66737076;  // "fspv": the file says whose it is
constexpr const char* kMarks = "PRAGMA application_id=1718841462; PRAGMA user_version=1";
static_assert(kApplicationId == 1'718'841'462);
// SQLite keeps these texts as they are, and they are compared when the file is opened.
constexpr std::array kSchema = {
    "CREATE TABLE vault(one INTEGER NOT NULL PRIMARY KEY, id BLOB NOT NULL, header BLOB NOT NULL)",
    "CREATE TABLE row(shelf INTEGER NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY(shelf, number)) WITHOUT ROWID",
};
// EXCLUSIVE, before the log is first used: no shared memory, and a lock as long as the file is open.
constexpr const char* kOpening =
    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=4194304; BEGIN IMMEDIATE";
constexpr const char* kRemedy =
    "restore all of the device's files from one backup, which forgets what came later, or, if there is none, wipe the device's store and enrol it anew with new keys";

// What must not be undone by a log that goes missing, beside rows that say so themselves.
bool is_for_good(Shelf shelf) { return shelf == Shelf::consent || shelf == Shelf::record || shelf == Shelf::account; }

constexpr Shelf kReserveShelf{0};  // of no row: what the reserve is sealed for

bool is_of_shelf(Shelf shelf) { return static_cast<std::size_t>(shelf) >= 1 && static_cast<std::size_t>(shelf) <= kShelves; }

class Statement {
 public:
  Statement(sqlite3* handle, const char* sql) { sqlite3_prepare_v2(handle, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& again() {
    sqlite3_reset(statement_);
    return *this;
  }
  Statement& bind(int index, std::uint64_t value) {
    if (statement_ != nullptr) sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(value));
    return *this;
  }
  Statement& bind(int index, Shelf shelf) { return bind(index, std::uint64_t{static_cast<std::uint8_t>(shelf)}); }
  Statement& bind(int index, ByteSpan bytes) {
    if (statement_ != nullptr) sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC);
    return *this;
  }
  Statement& bind(int index, std::string_view text) {
    if (statement_ != nullptr) sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  int step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }
  std::uint64_t integer(int column) { return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column)); }
  // Until the next step.
  ByteSpan blob(int column) {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    return data == nullptr ? ByteSpan() : ByteSpan(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

// Taken back unless it is over, also when there is no memory in the middle.
struct Transaction {
  sqlite3* handle;
  bool is_over = false;
  explicit Transaction(sqlite3* given) : handle(given) {}
  ~Transaction() {
    if (!is_over) sqlite3_exec(handle, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
};

struct Database {
  sqlite3* handle = nullptr;
  std::string path;  // as errors name it

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { close(); }
  void close() {
    sqlite3_close(handle);
    handle = nullptr;
  }

  tl::unexpected<Error> damaged(const std::string& what) const { return fail(ErrorCode::malformed, path + ": the device's store is damaged: " + what, kRemedy); }
  tl::unexpected<Error> failure(const std::string& what) const {
    const int code = sqlite3_errcode(handle);
    const std::string reason = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return fail(ErrorCode::conflict, path + ": another process has this device's store open", "stop the other process");
    // ERROR: the statements are right, so that what they meet is wrong.
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_ERROR) return damaged(reason);
    const int error = handle == nullptr ? 0 : sqlite3_system_errno(handle);
    const bool full = code == SQLITE_FULL || (code == SQLITE_IOERR && (error == ENOSPC || error == EFBIG || error == EDQUOT));
    return fail(ErrorCode::io, path + ": " + what + ": " + (full ? "the disk is full" : reason), full ? "free some space: until then nothing is written and nothing is sent" : "the folder and its files must be such that this user may write them");
  }
  Status execute(const char* sql, const std::string& what) {
    if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(what);
    return {};
  }
  Status open(const std::string& file) {
    if (sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr) != SQLITE_OK) return failure("opening");
    return {};
  }
  Status check_form();
  Status fill(const VaultSeal& seal, RandomSource& random);
};

Status Database::fill(const VaultSeal& seal, RandomSource& random) {
  FEDSPEND_TRY(execute("PRAGMA synchronous=FULL; BEGIN IMMEDIATE", "making the store"));
  for (const char* sql : kSchema) FEDSPEND_TRY(execute(sql, "making the store"));
  const Bytes header = seal.seal_header({}, random);
  Statement insert(handle, "INSERT INTO vault VALUES(1, ?, ?)");
  if (insert.bind(1, ByteSpan(seal.id())).bind(2, ByteSpan(header)).step() != SQLITE_DONE) return failure("making the store");
  FEDSPEND_TRY(execute(kMarks, "making the store"));
  return execute("COMMIT", "making the store");
}

Status Database::check_form() {
  Statement marks(handle, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version)");
  if (marks.step() != SQLITE_ROW) return failure("reading its version");
  if (marks.integer(0) != kApplicationId) return fail(ErrorCode::malformed, path + " is not a device's store: it is another program's, or damaged", kRemedy);
  if (marks.integer(1) != kSchemaVersion)
    return fail(ErrorCode::invalid_argument, path + " is of schema version " + std::to_string(marks.integer(1)), "this program reads version " + std::to_string(kSchemaVersion) + ": update it");
  Statement tables(handle, "SELECT count(*) FROM sqlite_master WHERE sql IS NOT NULL");
  if (tables.step() != SQLITE_ROW) return failure("reading its tables");
  bool same = tables.integer(0) == kSchema.size();
  for (const char* sql : kSchema) {
    Statement table(handle, "SELECT count(*) FROM sqlite_master WHERE sql = ?");
    if (table.bind(1, std::string_view(sql)).step() != SQLITE_ROW) return failure("reading its tables");
    same = same && table.integer(0) == 1;
  }
  if (!same) return damaged("its tables are not those of a store");
  Statement strays(handle, "SELECT EXISTS(SELECT 1 FROM row WHERE shelf < 1) + EXISTS(SELECT 1 FROM row WHERE shelf > 7) + (SELECT count(*) != 1 FROM vault)");
  static_assert(kShelves == 7);
  if (strays.step() != SQLITE_ROW) return failure("reading its rows");
  if (strays.integer(0) != 0) return damaged("there is more in it than was written");
  return {};
}

}  // namespace

struct VaultStore::State {
  fs::path path;
  SeedProtector& protector;
  RandomSource& random;
  VaultStoreOptions options;
  std::optional<SeedFile> seed_file;  // its lock is the last thing that goes
  std::optional<VaultSeal> seal;
  Database database;
  VaultHeader header;
  std::array<bool, kShelves> checked{};
  std::uint64_t reserve_sequence = 0;
  bool is_checkpoint_due = false;
  bool is_new = false;
  bool is_wiped = false;

  State(fs::path given, SeedProtector& given_protector, RandomSource& given_random, VaultStoreOptions given_options)
      : path(std::move(given)), protector(given_protector), random(given_random), options(given_options) {}

  Status make();
  Status finish_making();
  Status begin_or_find_keys();
  Status find_keys();
  Status open();
  void checkpoint();
  Bytes reserve_block(ByteSpan content, std::uint64_t sequence);
  Status usable() const;
  Status check(Shelf shelf);
  Status forget(Statement& find, Shelf shelf, std::uint64_t number, VaultHeader& after, bool& found);
  Status write(std::span<const VaultRowId> erase, std::span<const VaultRow> put, VaultHeader& after, bool& erased);
  Result<std::uint64_t> pages();
};

// The seed first, so that no database is there without one; the database complete before it has its name.
Status VaultStore::State::make() {
  SecretBytes<32> seed;
  random.fill(seed.expose_mutable());
  VaultSeal sealing(VaultKeys::derive(seed));
  for (const char* ending : {"-wal", "-shm", "-journal"}) ::unlink((path.string() + ending).c_str());  // of a database that was taken away
  FEDSPEND_ASSIGN(NewFile file, NewFile::write(path, {}));
  {
    Database fresh;
    fresh.path = path.string();
    FEDSPEND_TRY(fresh.open(file.temporary()));
    FEDSPEND_TRY(fresh.fill(sealing, random));
  }
  FEDSPEND_ASSIGN(const Bytes wrapped, wrap_and_try(protector, seed));
  seed_file.reset();
  FEDSPEND_ASSIGN(SeedFile made, SeedFile::make(seed_path_of(path), sealing.id(), wrapped));
  seed_file.emplace(std::move(made));
  FEDSPEND_TRY(file.link_in_place());
  FEDSPEND_TRY(sync_folder_of(path));
  seal.emplace(std::move(sealing));
  is_new = true;
  return finish_making();
}

// From now on a file that is missing was taken away.
Status VaultStore::State::finish_making() {
  FEDSPEND_TRY(ReserveFile::make(reserve_path_of(path), reserve_block({}, 0)));
  return seed_file->finish_making();
}

Status VaultStore::State::find_keys() {
  if (!seed_file)
    return fail(ErrorCode::malformed, seed_path_of(path).string() + " is not there: without it " + path.string() + " cannot be read", kRemedy);
  FEDSPEND_ASSIGN(const SeedFile::Content content, seed_file->content());
  FEDSPEND_ASSIGN(const SecretBytes<32> seed, protector.unwrap(content.wrapped));
  seal.emplace(VaultKeys::derive(seed));
  if (seal->id() != content.id) return fail(ErrorCode::malformed, seed_path_of(path).string() + ": what was unwrapped is not this store's seed", kRemedy);
  return {};
}

// What was there before must not be forgotten because a file is: only where none of them is, or after a wipe, the store is begun anew.
Status VaultStore::State::begin_or_find_keys() {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::malformed, path.string() + " is not a file", kRemedy);
    if (status.st_size == 0) return database.damaged("it is empty");
    if ((status.st_mode & 077) != 0 && ::chmod(path.c_str(), 0600) != 0) return file_failure(path, "cannot be kept from other users");
    FEDSPEND_TRY(find_keys());
    return seed_file->is_making() ? finish_making() : Status();
  }
  if (errno != ENOENT) return file_failure(path, "cannot be read");
  struct stat other {};
  const fs::path beside = seed_file ? seed_path_of(path) : reserve_path_of(path);
  if (seed_file ? !seed_file->is_making() : ::lstat(beside.c_str(), &other) == 0)
    return fail(ErrorCode::malformed, path.string() + " is not there, and " + beside.string() + ", which belongs to it, is: what this device must not forget would be forgotten", kRemedy);
  return make();
}

Status VaultStore::State::open() {
  database.path = path.string();
  remove_unfinished(path);
  remove_unfinished(seed_path_of(path));
  remove_unfinished(reserve_path_of(path));
  FEDSPEND_TRY(begin_or_find_keys());
  for (const char* ending : {"-wal", "-journal"}) {  // SQLite would wait at a pipe
    struct stat status {};
    const std::string beside = path.string() + ending;
    if (::lstat(beside.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) return fail(ErrorCode::malformed, beside + " is not a file", kRemedy);
  }
  FEDSPEND_TRY(database.open(path.string()));
  FEDSPEND_TRY(database.execute(kOpening, "opening"));
  FEDSPEND_TRY(database.check_form());
  {
    Statement read(database.handle, "SELECT id, header FROM vault");
    if (read.step() != SQLITE_ROW) return database.failure("reading its header");
    if (!std::ranges::equal(read.blob(0), seal->id())) return database.damaged("it does not belong to " + seed_path_of(path).string());
    if (!seal->open_header(read.blob(1), header)) return database.damaged("its header is not what was written");
  }
  FEDSPEND_TRY(database.execute("COMMIT", "opening"));
  checkpoint();  // of what a process that was killed left in the log
  return {};
}

// The log into the database, and then it is empty. Should it fail, then at the next change.
void VaultStore::State::checkpoint() {
  is_checkpoint_due = sqlite3_wal_checkpoint_v2(database.handle, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) != SQLITE_OK;
}

Status VaultStore::State::usable() const {
  if (is_wiped) return fail(ErrorCode::not_found, path.string() + ": the device's store was wiped", "open it anew");
  return {};
}

// Whether a shelf holds what the header says, and nothing else: once, then this process alone changes it.
Status VaultStore::State::check(Shelf shelf) {
  FEDSPEND_CHECK(is_of_shelf(shelf), "a shelf that there is");
  FEDSPEND_TRY(usable());
  bool& done = checked[static_cast<std::size_t>(shelf) - 1];
  if (done) return {};
  const ShelfState& expected = header.of(shelf);
  SetHash rows;
  std::uint64_t count = 0;
  Statement read(database.handle, "SELECT number, sealed FROM row WHERE shelf = ? ORDER BY number");
  read.bind(1, shelf);
  int code = SQLITE_DONE;
  while ((code = read.step()) == SQLITE_ROW) {
    rows.add(seal->hash_of(shelf, read.integer(0), read.blob(1)));
    ++count;
  }
  if (code != SQLITE_DONE) return database.failure("reading its rows");
  if (count != expected.size.rows || rows != expected.rows)
    return database.damaged("on shelf " + std::to_string(static_cast<int>(shelf)) + " rows are missing, changed or from elsewhere");
  done = true;
  return {};
}

// A row that goes, out of the sums.
Status VaultStore::State::forget(Statement& find, Shelf shelf, std::uint64_t number, VaultHeader& after, bool& found) {
  const int code = find.again().bind(1, shelf).bind(2, number).step();
  found = code == SQLITE_ROW;
  if (code == SQLITE_DONE) return {};
  if (code != SQLITE_ROW) return database.failure("reading a row");
  const ByteSpan sealed = find.blob(0);
  Bytes content;
  const bool opens = seal->open_row(shelf, number, sealed, content);
  fedspend::wipe(content);
  if (!opens) return database.damaged("row " + std::to_string(number) + " of shelf " + std::to_string(static_cast<int>(shelf)) + " is not what was written");
  ShelfState& state = after.of(shelf);
  state.rows.subtract(seal->hash_of(shelf, number, sealed));
  state.size.content_bytes -= content.size();
  --state.size.rows;
  find.again();
  return {};
}

Result<std::uint64_t> VaultStore::State::pages() {
  Statement count(database.handle, "PRAGMA page_count");
  if (count.step() != SQLITE_ROW) return database.failure("counting its pages");
  return count.integer(0);
}

Status VaultStore::State::write(std::span<const VaultRowId> erase, std::span<const VaultRow> put, VaultHeader& after, bool& erased) {
  FEDSPEND_ASSIGN(const std::uint64_t pages_before, pages());
  Statement find(database.handle, "SELECT sealed FROM row WHERE shelf = ? AND number = ?");
  Statement remove(database.handle, "DELETE FROM row WHERE shelf = ? AND number = ?");
  Statement insert(database.handle, "INSERT OR REPLACE INTO row VALUES(?, ?, ?)");
  for (const VaultRowId& row : erase) {
    bool found = false;
    FEDSPEND_TRY(forget(find, row.shelf, row.number, after, found));
    if (!found) continue;
    if (remove.again().bind(1, row.shelf).bind(2, row.number).step() != SQLITE_DONE) return database.failure("erasing a row");
    erased = true;
  }
  for (const VaultRow& row : put) {
    ShelfState& state = after.of(row.shelf);
    bool found = false;
    if (row.number <= state.size.last_number) FEDSPEND_TRY(forget(find, row.shelf, row.number, after, found));
    const Bytes sealed = seal->seal_row(row.shelf, row.number, row.content, random);
    if (insert.again().bind(1, row.shelf).bind(2, row.number).bind(3, ByteSpan(sealed)).step() != SQLITE_DONE) return database.failure("writing a row");
    state.rows.add(seal->hash_of(row.shelf, row.number, sealed));
    state.size.content_bytes += row.content.size();
    ++state.size.rows;
    state.size.last_number = std::max(state.size.last_number, row.number);
  }
  ++after.changes;
  const Bytes sealed = seal->seal_header(after, random);
  Statement update(database.handle, "UPDATE vault SET header = ?");
  if (update.bind(1, ByteSpan(sealed)).step() != SQLITE_DONE) return database.failure("writing its header");
  FEDSPEND_ASSIGN(const std::uint64_t pages_after, pages());
  constexpr std::uint64_t kPageBytes = 4096;
  if (pages_after > pages_before && pages_after * kPageBytes > options.max_file_bytes)
    return fail(ErrorCode::limit, path.string() + " would have more than " + std::to_string(options.max_file_bytes) + " bytes", "erase something, or allow more");
  return {};
}

VaultStore::VaultStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
VaultStore::~VaultStore() = default;

Result<std::unique_ptr<VaultStore>> VaultStore::open(const fs::path& path, SeedProtector& protector, RandomSource& random, VaultStoreOptions options) {
  FEDSPEND_ASSIGN(const FolderTurn turn, FolderTurn::take(folder_of(path)));
  auto state = std::make_unique<State>(path, protector, random, options);
  FEDSPEND_ASSIGN(state->seed_file, SeedFile::open(seed_path_of(path)));
  if (state->seed_file && state->seed_file->is_wiping()) {  // somebody was killed at it
    const Status destroyed = state->seed_file->begin_wiping(), removed = remove_wiped(path, protector);
    FEDSPEND_TRY(destroyed);
    FEDSPEND_TRY(removed);
    state->seed_file.reset();
  }
  FEDSPEND_TRY(state->open());
  return std::unique_ptr<VaultStore>(new VaultStore(std::move(state)));
}

bool VaultStore::is_new() const { return state_->is_new; }

Result<ShelfSize> VaultStore::size_of(Shelf shelf) {
  FEDSPEND_CHECK(is_of_shelf(shelf), "a shelf that there is");
  FEDSPEND_TRY(state_->usable());
  return state_->header.of(shelf).size;
}

Status VaultStore::read(Shelf shelf, std::uint64_t from, const std::function<bool(std::uint64_t, ByteSpan)>& visit) {
  State& state = *state_;
  FEDSPEND_TRY(state.check(shelf));
  Statement read(state.database.handle, "SELECT number, sealed FROM row WHERE shelf = ? AND number >= ? ORDER BY number");
  read.bind(1, shelf).bind(2, std::min(from, kMaxVaultRowNumber + 1));
  Bytes content;
  int code = SQLITE_DONE;
  bool whole = true, goes_on = true;
  while (whole && goes_on && (code = read.step()) == SQLITE_ROW) {
    const std::uint64_t number = read.integer(0);
    whole = state.seal->open_row(shelf, number, read.blob(1), content);
    goes_on = whole && visit(number, content);
  }
  fedspend::wipe(content);
  if (!whole) return state.database.damaged("a row of shelf " + std::to_string(static_cast<int>(shelf)) + " is not what was written");
  if (code != SQLITE_DONE && code != SQLITE_ROW) return state.database.failure("reading its rows");
  return {};
}

Status VaultStore::change(std::span<const VaultRowId> erase, std::span<const VaultRow> put) {
  State& state = *state_;
  for (const VaultRow& row : put) {
    FEDSPEND_CHECK(row.number >= 1 && row.number <= kMaxVaultRowNumber, "a row's number from 1 on");
    FEDSPEND_TRY(state.check(row.shelf));
  }
  for (const VaultRowId& row : erase) FEDSPEND_TRY(state.check(row.shelf));
  FEDSPEND_TRY(state.usable());
  VaultHeader after = state.header;
  bool erased = false;
  {
    FEDSPEND_TRY(state.database.execute("BEGIN IMMEDIATE", "beginning to write"));
    Transaction transaction(state.database.handle);
    FEDSPEND_TRY(state.write(erase, put, after, erased));
    FEDSPEND_TRY(state.database.execute("COMMIT", "writing"));
    transaction.is_over = true;
    state.header = after;
  }
  // So that what was erased is not in the log either, and what is for good not there alone.
  const bool for_good = std::ranges::any_of(put, [](const VaultRow& row) { return row.for_good || is_for_good(row.shelf); }) || std::ranges::any_of(erase, [](const VaultRowId& row) { return is_for_good(row.shelf); });
  if (erased || for_good || state.is_checkpoint_due) state.checkpoint();
  return {};
}

// sequence (u64) || length of what follows (u32) || sealed content, always of one length.
Bytes VaultStore::State::reserve_block(ByteSpan content, std::uint64_t sequence) {
  Bytes padded(2 + kVaultReserveBytes);
  store_u16(padded, static_cast<std::uint16_t>(content.size()));
  std::ranges::copy(content, padded.begin() + 2);
  const Bytes sealed = seal->seal_row(kReserveShelf, sequence, padded, random);
  fedspend::wipe(padded);
  Bytes block(ReserveFile::kBlockBytes);
  FEDSPEND_CHECK(sealed.size() + 12 <= block.size(), "a block has room for the reserve");
  store_u64(block, sequence);
  store_u32(MutableByteSpan(block).subspan(8), static_cast<std::uint32_t>(sealed.size()));
  std::ranges::copy(sealed, block.begin() + 12);
  return block;
}

Result<Bytes> VaultStore::read_reserve() {
  State& state = *state_;
  FEDSPEND_TRY(state.usable());
  const auto damaged = [&](const std::string& what) { return fail(ErrorCode::malformed, reserve_path_of(state.path).string() + ": " + what, "what was withdrawn last may be forgotten: all that was consented to counts as withdrawn"); };
  const auto blocks = ReserveFile::read(reserve_path_of(state.path));
  if (!blocks && blocks.error().code != ErrorCode::not_found) return fail(blocks.error());
  if (!blocks) return damaged("it is not there, or not whole");
  std::optional<Bytes> newest;
  for (const Bytes& block : *blocks) {
    const std::uint64_t sequence = load_u64(block);
    const std::size_t length = load_u32(ByteSpan(block).subspan(8));
    Bytes content;
    if (length > block.size() - 12 || !state.seal->open_row(kReserveShelf, sequence, ByteSpan(block).subspan(12, length), content)) continue;
    if (content.size() != 2 + kVaultReserveBytes || load_u16(content) > kVaultReserveBytes) continue;
    if (newest && sequence < state.reserve_sequence) continue;
    state.reserve_sequence = sequence;
    newest.emplace(content.begin() + 2, content.begin() + 2 + load_u16(content));
  }
  if (!newest) return damaged("it is not what was written");
  return std::move(*newest);
}

Status VaultStore::write_reserve(ByteSpan content) {
  FEDSPEND_CHECK(content.size() <= kVaultReserveBytes, "no more than room is kept for");
  State& state = *state_;
  const Result<Bytes> before = read_reserve();  // where it stands
  if (!before && before.error().code != ErrorCode::malformed) return fail(before.error());
  if (before && std::ranges::equal(*before, content)) return {};
  const Bytes block = state.reserve_block(content, ++state.reserve_sequence);
  const Status written = ReserveFile::write(reserve_path_of(state.path), block);
  return written || before ? written : ReserveFile::make(reserve_path_of(state.path), block);
}

Status VaultStore::wipe() {
  State& state = *state_;
  if (state.is_wiped && !state.seed_file) return {};
  state.is_wiped = true;
  state.seal.reset();
  bool is_destroyed = false;
  const Status wiped = [&]() -> Status {
    FEDSPEND_ASSIGN(const FolderTurn turn, FolderTurn::take(folder_of(state.path)));
    const Status destroyed = state.seed_file->begin_wiping();
    is_destroyed = destroyed.has_value();
    if (state.database.handle != nullptr) sqlite3_db_config(state.database.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    state.database.close();
    FEDSPEND_TRY(remove_wiped(state.path, state.protector));
    state.seed_file.reset();
    return destroyed;
  }();
  if (wiped) return {};
  return fail(wiped.error().code, wiped.error().message + left_of_wipe(state.path, is_destroyed), wiped.error().hint);
}

Status VaultStore::wipe(const fs::path& path, SeedProtector& protector) {
  FEDSPEND_ASSIGN(const FolderTurn turn, FolderTurn::take(folder_of(path)));
  Result<std::optional<SeedFile>> seed_file = SeedFile::open(seed_path_of(path));
  if (!seed_file && seed_file.error().code == ErrorCode::conflict) return fail(seed_file.error());
  // Whatever else stands in the seed's place, all that can go goes.
  const bool has_seed = seed_file && seed_file->has_value();
  const Status destroyed = has_seed ? (*seed_file)->begin_wiping() : seed_file ? Status() : Status(fail(seed_file.error()));
  const Status removed = remove_wiped(path, protector);
  if (removed && (destroyed || !has_seed)) return {};  // what stood there is gone, and was no seed
  const Error& error = removed ? destroyed.error() : removed.error();
  return fail(error.code, error.message + left_of_wipe(path, has_seed && destroyed), error.hint);
}

}  // namespace fedspend::client
