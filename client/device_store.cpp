#include "client/device_store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"

namespace fedspend::client {
namespace fs = std::filesystem;
namespace {

constexpr int kSchemaVersion = 2;
constexpr std::uint64_t kApplicationId = 0x66737072;  // "fspr": the file says whose it is
constexpr const char* kMarks = "PRAGMA application_id=1718841458; PRAGMA user_version=2";
static_assert(kApplicationId == 1'718'841'458);
// SQLite keeps these texts as they are, and they are compared when the file is opened.
constexpr std::array kSchema = {
    "CREATE TABLE device(key BLOB NOT NULL, seal BLOB NOT NULL)",
    "CREATE TABLE entry(kind INTEGER NOT NULL, number INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, seal BLOB NOT NULL, PRIMARY KEY(kind, number)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX entry_name ON entry(kind, name)",
    "CREATE TABLE account(task BLOB NOT NULL PRIMARY KEY, spent BLOB NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID",
};
constexpr const char* kRemedy = "restore the file from a backup of this device, which forgets what was spent since, or, if there is none, give this client new keys and a new enrolment";

Hash256 seal_of_key(ByteSpan key) { return Hasher("record-key").field(key).finish(); }

class Statement {
 public:
  Statement(sqlite3* handle, const char* sql) { sqlite3_prepare_v2(handle, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, std::uint64_t value) {
    if (statement_ != nullptr) sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(value));
    return *this;
  }
  Statement& bind(int index, ByteSpan bytes) {
    if (statement_ != nullptr) sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(int index, std::string_view text) {
    if (statement_ != nullptr) sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
  }
  int step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }
  std::uint64_t integer(int column) { return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column)); }
  std::string text(int column) {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  // False if the column has another length than `out`.
  bool blob(int column, MutableByteSpan out) {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    if (data == nullptr || static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)) != out.size()) return false;
    std::copy_n(data, out.size(), out.begin());
    return true;
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

tl::unexpected<Error> file_failure(const fs::path& path, const std::string& what) {
  return fail(ErrorCode::io, path.string() + ": " + what + ": " + std::strerror(errno), "the profile's folder must be one that this user may write");
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// Held while a record is opened, so that records in one folder are opened one after the other. Without it two processes that open a
// record at once each get SQLite's shared lock, and SQLite then refuses both of them the exclusive one. Of the folder, not of the
// file: to close another descriptor of the file would drop SQLite's own locks on it.
class OpeningTurn {
 public:
  static Result<OpeningTurn> take(const fs::path& folder) {
    OpeningTurn turn(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (turn.descriptor_ < 0) return file_failure(folder, "cannot be opened");
    while (flock(turn.descriptor_, LOCK_EX) != 0)
      if (errno != EINTR) return file_failure(folder, "cannot be locked");
    return turn;
  }
  ~OpeningTurn() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpeningTurn(OpeningTurn&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpeningTurn& operator=(OpeningTurn&&) = delete;

  // A new name in the folder is there after a power failure, too.
  Status make_durable(const fs::path& folder) const {
    if (fsync(descriptor_) != 0) return file_failure(folder, "cannot be made durable");
    return {};
  }

 private:
  explicit OpeningTurn(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace

struct SqliteDeviceRecord::Database {
  sqlite3* handle = nullptr;
  std::string path;

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(handle); }

  tl::unexpected<Error> damaged(const std::string& what) const { return fail(ErrorCode::malformed, path + ": the device's record is damaged: " + what, kRemedy); }
  tl::unexpected<Error> failure(const std::string& what) const {
    const int code = sqlite3_errcode(handle);
    const std::string reason = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return fail(ErrorCode::conflict, path + ": another process holds this client's record", "stop the other device process");
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return damaged(reason);
    return fail(ErrorCode::io, path + ": " + what + ": " + reason, code == SQLITE_FULL ? "free some space: until then this client sends nothing" : "");
  }
  Status execute(const char* sql, const std::string& what) {
    if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(what);
    return {};
  }
  Status open(const fs::path& file) {
    path = file.string();
    if (sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK) return failure("opening");
    return {};
  }
  Status check_form();
  static Status make(const fs::path& path, const OpeningTurn& turn, RandomSource& random);
  Status fill(RandomSource& random);
};

Status SqliteDeviceRecord::Database::fill(RandomSource& random) {
  FEDSPEND_TRY(execute("PRAGMA synchronous=FULL; BEGIN IMMEDIATE", "making the record"));
  for (const char* sql : kSchema) FEDSPEND_TRY(execute(sql, "making the record"));
  SecretBytes<32> key;
  random.fill(key.expose_mutable());
  Statement insert(handle, "INSERT INTO device VALUES(?, ?)");
  if (insert.bind(1, ByteSpan(key.expose())).bind(2, ByteSpan(seal_of_key(key.expose()))).step() != SQLITE_DONE) return failure("making the record");
  FEDSPEND_TRY(execute(kMarks, "making the record"));
  return execute("COMMIT", "making the record");
}

// Complete under another name first, so that a file under its own name is a whole one. link() replaces nothing.
Status SqliteDeviceRecord::Database::make(const fs::path& path, const OpeningTurn& turn, RandomSource& random) {
  std::string name = path.string() + ".new-XXXXXX";
  const int descriptor = mkstemp(name.data());  // mode 0600
  if (descriptor < 0) return file_failure(path, "cannot be made");
  close(descriptor);
  Status made;
  {
    Database fresh;
    made = fresh.open(name);
    if (made) made = fresh.fill(random);
  }
  if (made && link(name.c_str(), path.c_str()) != 0) made = file_failure(path, "cannot be made");
  unlink(name.c_str());
  FEDSPEND_TRY(made);
  return turn.make_durable(folder_of(path));  // entries that no name leads to would be forgotten
}

Status SqliteDeviceRecord::Database::check_form() {
  {
    Statement marks(handle, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version)");
    if (marks.step() != SQLITE_ROW) return failure("reading its version");
    if (marks.integer(0) != kApplicationId) return fail(ErrorCode::malformed, path + " is not a device's record: it is another program's, or damaged", kRemedy);
    if (marks.integer(1) > kSchemaVersion)
      return fail(ErrorCode::invalid_argument, path + " is of schema version " + std::to_string(marks.integer(1)), "this program reads version " + std::to_string(kSchemaVersion) + ": update it");
    if (marks.integer(1) < kSchemaVersion)
      return fail(ErrorCode::invalid_argument, path + " is of schema version " + std::to_string(marks.integer(1)) + ", from before privacy was accounted for", kRemedy);
  }
  Statement check(handle, "PRAGMA integrity_check(1)");
  if (check.step() != SQLITE_ROW) return failure("checking it");
  if (check.text(0) != "ok") return damaged("its pages do not fit together");
  Statement tables(handle, "SELECT count(*) FROM sqlite_master WHERE sql IS NOT NULL");
  if (tables.step() != SQLITE_ROW) return failure("reading its tables");
  bool same = tables.integer(0) == kSchema.size();
  for (const char* sql : kSchema) {
    Statement table(handle, "SELECT count(*) FROM sqlite_master WHERE sql = ?");
    if (table.bind(1, std::string_view(sql)).step() != SQLITE_ROW) return failure("reading its tables");
    same = same && table.integer(0) == 1;
  }
  if (!same) return damaged("its tables are not those of a record");
  return {};
}

SqliteDeviceRecord::SqliteDeviceRecord(std::unique_ptr<Database> database) : database_(std::move(database)) {}
SqliteDeviceRecord::~SqliteDeviceRecord() = default;

Result<std::unique_ptr<SqliteDeviceRecord>> SqliteDeviceRecord::open(const fs::path& path, RandomSource& random, RecordLimits limits) {
  FEDSPEND_CHECK(limits.entries_kept > 0, "at least one entry kept");
  FEDSPEND_ASSIGN(const OpeningTurn turn, OpeningTurn::take(folder_of(path)));
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return file_failure(path, "cannot be read");
    FEDSPEND_TRY(Database::make(path, turn, random));
  } else if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::malformed, path.string() + " is not a file", kRemedy);
  } else if (status.st_size == 0) {
    return fail(ErrorCode::malformed, path.string() + ": the device's record is damaged: it is empty", kRemedy);
  } else if ((status.st_mode & 077) != 0 && ::chmod(path.c_str(), 0600) != 0) {
    return file_failure(path, "cannot be kept from other users");
  }
  auto database = std::make_unique<Database>();
  FEDSPEND_TRY(database->open(path));
  std::unique_ptr<SqliteDeviceRecord> record(new SqliteDeviceRecord(std::move(database)));
  record->limits_ = limits;
  Database& opened = *record->database_;
  // EXCLUSIVE: held as long as the file is open, so that two processes cannot each find a session unanswered.
  FEDSPEND_TRY(opened.execute("PRAGMA trusted_schema=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN IMMEDIATE", "opening"));
  FEDSPEND_TRY(opened.check_form());
  FEDSPEND_TRY(record->read_key());
  FEDSPEND_TRY(record->check_entries());
  FEDSPEND_TRY(record->check_accounts());
  FEDSPEND_TRY(opened.execute("COMMIT", "opening"));
  return record;
}

Status SqliteDeviceRecord::read_key() {
  Statement read(database_->handle, "SELECT key, seal FROM device");
  Hash256 seal{};
  const bool whole = read.step() == SQLITE_ROW && read.blob(0, key_.expose_mutable()) && read.blob(1, seal) && seal == seal_of_key(key_.expose());
  if (!whole || read.step() != SQLITE_DONE) return database_->damaged("its key is not what was written");
  return {};
}

Hash256 SqliteDeviceRecord::seal_of(const Entry& entry, std::uint64_t number) const {
  return Hasher("record-entry").field(key_.expose()).u8(static_cast<std::uint8_t>(entry.kind)).u64(number).field(entry.name).field(entry.value).finish();
}

Hash256 SqliteDeviceRecord::seal_of(const Account& account) const {
  return Hasher("record-account").field(key_.expose()).field(account.task.bytes).field(account.spent.serialise()).finish();
}

Status SqliteDeviceRecord::check_entries() {
  Statement read(database_->handle, "SELECT kind, number, name, value, seal FROM entry");
  int code = SQLITE_DONE;
  while ((code = read.step()) == SQLITE_ROW) {
    Entry entry;
    Hash256 seal{};
    const std::uint64_t kind = read.integer(0);
    entry.kind = static_cast<Kind>(kind);
    const bool whole = kind <= kKinds && read.blob(2, entry.name) && read.blob(3, entry.value) && read.blob(4, seal);
    if (!whole || seal != seal_of(entry, read.integer(1))) return database_->damaged("an entry is not what was written");
  }
  if (code != SQLITE_DONE) return database_->failure("reading its entries");
  return {};
}

Status SqliteDeviceRecord::check_accounts() {
  Statement read(database_->handle, "SELECT task, spent, seal FROM account");
  int code = SQLITE_DONE;
  while ((code = read.step()) == SQLITE_ROW) {
    Account account;
    Hash256 seal{};
    const Result<PrivacyAccount> spent = PrivacyAccount::parse(as_bytes(read.text(1)));
    const bool whole = spent && read.blob(0, account.task.bytes) && read.blob(2, seal);
    if (whole) account.spent = *spent;
    if (!whole || seal != seal_of(account)) return database_->damaged("an account of participations is not what was written");
  }
  if (code != SQLITE_DONE) return database_->failure("reading its accounts");
  return {};
}

Result<std::optional<Hash256>> SqliteDeviceRecord::find(Kind kind, const Hash256& name) {
  Statement read(database_->handle, "SELECT value FROM entry WHERE kind = ? AND name = ?");
  const int code = read.bind(1, std::uint64_t{static_cast<std::uint8_t>(kind)}).bind(2, ByteSpan(name)).step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return database_->failure("reading an entry");
  Hash256 value{};
  if (!read.blob(0, value)) return database_->damaged("an entry has the wrong length");
  return value;
}

Result<PrivacyAccount> SqliteDeviceRecord::account_of(const TaskId& task) {
  Statement read(database_->handle, "SELECT spent FROM account WHERE task = ?");
  const int code = read.bind(1, ByteSpan(task.bytes)).step();
  if (code == SQLITE_DONE) return PrivacyAccount{};
  if (code != SQLITE_ROW) return database_->failure("reading an account");
  Result<PrivacyAccount> spent = PrivacyAccount::parse(as_bytes(read.text(0)));
  if (!spent) return database_->damaged("an account is not what was written");
  return spent;
}

Status SqliteDeviceRecord::write(const Entry& entry) {
  const std::uint64_t kind = static_cast<std::uint8_t>(entry.kind);
  std::uint64_t number = 1;
  {
    Statement newest(database_->handle, "SELECT max(number) FROM entry WHERE kind = ?");
    if (newest.bind(1, kind).step() != SQLITE_ROW) return database_->failure("numbering an entry");
    number += newest.integer(0);
  }
  Statement insert(database_->handle, "INSERT INTO entry VALUES(?, ?, ?, ?, ?)");
  insert.bind(1, kind).bind(2, number).bind(3, ByteSpan(entry.name)).bind(4, ByteSpan(entry.value)).bind(5, ByteSpan(seal_of(entry, number)));
  if (insert.step() != SQLITE_DONE) return database_->failure("writing an entry");
  if (number <= limits_.entries_kept) return {};
  Statement forget(database_->handle, "DELETE FROM entry WHERE kind = ? AND number <= ?");
  if (forget.bind(1, kind).bind(2, number - limits_.entries_kept).step() != SQLITE_DONE) return database_->failure("forgetting an old entry");
  return {};
}

Status SqliteDeviceRecord::write(const Account& account) {
  Statement replace(database_->handle, "INSERT OR REPLACE INTO account VALUES(?, ?, ?)");
  replace.bind(1, ByteSpan(account.task.bytes)).bind(2, ByteSpan(account.spent.serialise())).bind(3, ByteSpan(seal_of(account)));
  if (replace.step() != SQLITE_DONE) return database_->failure("writing an account");
  return {};
}

Status SqliteDeviceRecord::keep(std::span<const Entry> entries, std::span<const Account> accounts) {
  FEDSPEND_TRY(database_->execute("BEGIN IMMEDIATE", "beginning to write"));
  const auto write_all = [&]() -> Status {
    for (const Entry& entry : entries) FEDSPEND_TRY(write(entry));
    for (const Account& account : accounts) FEDSPEND_TRY(write(account));
    return database_->execute("COMMIT", "writing");
  };
  Status written = write_all();
  if (!written) sqlite3_exec(database_->handle, "ROLLBACK", nullptr, nullptr, nullptr);
  return written;
}

}  // namespace fedspend::client
