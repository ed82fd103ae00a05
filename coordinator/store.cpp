#include "coordinator/store.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include <sqlite3.h>

#include "common/crypto/hash.h"
#include "common/protocol/model_file.h"

namespace fedspend::coordinator {
namespace {

constexpr int kSchemaVersion = 6;
constexpr const char* kSetSchemaVersion = "PRAGMA user_version=6";
constexpr std::uint64_t kModelsKept = 10;  // weights and optimizer states of these; the hashes of all
constexpr const char* kSchema = R"(
CREATE TABLE federation(plan_hash BLOB NOT NULL);
CREATE TABLE model(round INTEGER PRIMARY KEY, hash BLOB NOT NULL, weights BLOB NOT NULL,
                   state BLOB NOT NULL, state_hash BLOB NOT NULL, nonce BLOB NOT NULL, clip_norm BLOB NOT NULL);
CREATE TABLE round(id INTEGER PRIMARY KEY, round INTEGER NOT NULL, attempt INTEGER NOT NULL, published INTEGER NOT NULL, why_aborted TEXT NOT NULL,
                   asked INTEGER NOT NULL, declined INTEGER NOT NULL, bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL);
CREATE TABLE contributor(round INTEGER NOT NULL, client BLOB NOT NULL, PRIMARY KEY(round, client)) WITHOUT ROWID;
)";
// What was charged, in the order in which it was: the cost as common/privacy/ledger.h stores it, the ids of the devices one after the other.
constexpr const char* kChargeSchema =
    "CREATE TABLE charge(id INTEGER PRIMARY KEY, session BLOB NOT NULL UNIQUE, round INTEGER NOT NULL, cost BLOB NOT NULL, clients BLOB NOT NULL, hash BLOB NOT NULL)";

// How many charges there are, and a hash over all of them in their order: a row that is gone, or two that changed places, is found.
constexpr const char* kChargeSealSchema = "CREATE TABLE charge_seal(charges INTEGER NOT NULL, chain BLOB NOT NULL)";

// Against damage: a state that is not what was stored must not be gone on from.
Hash256 hash_of_state(ByteSpan bytes) { return Hasher("optimizer-state").field(bytes).finish(); }

// The next clip norm, its bits little-endian, and a hash against damage.
Bytes stored_clip_norm(std::uint64_t round, double clip_norm_l2) {
  Bytes bytes(8);
  store_u64(bytes, std::bit_cast<std::uint64_t>(clip_norm_l2));
  const Hash256 hash = Hasher("stored-clip-norm").u64(round).field(bytes).finish();
  bytes.insert(bytes.end(), hash.begin(), hash.end());
  return bytes;
}

Hash256 hash_of_charge(ByteSpan session, std::uint64_t round, ByteSpan cost, ByteSpan clients) {
  return Hasher("stored-charge").field(session).u64(round).field(cost).field(clients).finish();
}

struct ChargeSeal {
  std::uint64_t charges = 0;
  Hash256 chain{};
  void add(const Hash256& charge) {
    ++charges;
    chain = Hasher("charge-chain").field(chain).field(charge).finish();
  }
  bool operator==(const ChargeSeal&) const = default;
};

template <class Id>
Result<Id> id_of(ByteSpan bytes) {
  Id id;
  if (bytes.size() != id.bytes.size()) return fail(ErrorCode::malformed, "the coordinator's database holds an id of the wrong length", "restore the file from a backup");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

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
    if (statement_ == nullptr) return *this;
    // Of an empty span the data may be null, which SQLite would take for NULL.
    if (bytes.empty()) sqlite3_bind_zeroblob(statement_, index, 0);
    else sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(int index, const std::string& text) {
    if (statement_ != nullptr) sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
  }
  int step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }
  void reset() {
    if (statement_ != nullptr) sqlite3_reset(statement_);
  }
  std::uint64_t integer(int column) { return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column)); }
  ByteSpan blob(int column) {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

struct Store::Database {
  sqlite3* handle = nullptr;
  std::string path;

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(handle); }

  tl::unexpected<Error> failure(const std::string& what) const {
    const int code = sqlite3_errcode(handle);
    const std::string reason = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
      return fail(ErrorCode::conflict, path + ": another process holds it", "stop the other coordinator, or give another --state folder");
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return fail(ErrorCode::malformed, path + " is not a coordinator's database: " + reason, "give another --state folder");
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) return fail(ErrorCode::invalid_argument, path + " cannot be written: " + reason, "give a --state folder that this user may write");
    return fail(ErrorCode::io, path + ": " + what + ": " + reason, code == SQLITE_FULL ? "free some space; the round is not lost, start again" : "");
  }
  Status execute(const char* sql, const std::string& what) {
    if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(what);
    return {};
  }
  Status save_round(const RoundSummary& summary);
  Status prepare(const PlanHash& plan);
  Status create(const PlanHash& plan);
  Status take_over_version_1();
  Status take_over_version_2();
  Status take_over_version_3();
  Status take_over_version_4();
  Status take_over_version_5();
  Result<ChargeSeal> charge_seal();
  Status save_charge_seal(const ChargeSeal& seal);
  Status save_charge(const PrivacyCharge& charge);
};

Status Store::Database::create(const PlanHash& plan) {
  {
    Statement tables(handle, "SELECT count(*) FROM sqlite_master");
    if (tables.step() != SQLITE_ROW) return failure("reading its tables");
    if (tables.integer(0) != 0) return fail(ErrorCode::malformed, path + " is not a coordinator's database: it is another program's", "give another --state folder");
  }
  FEDSPEND_TRY(execute(kSchema, "making the tables"));
  FEDSPEND_TRY(execute(kChargeSchema, "making the tables"));
  FEDSPEND_TRY(execute(kChargeSealSchema, "making the tables"));
  Statement seal(handle, "INSERT INTO charge_seal VALUES(0, ?)");
  if (seal.bind(1, ByteSpan(ChargeSeal{}.chain)).step() != SQLITE_DONE) return failure("writing the seal of the charges");
  Statement insert(handle, "INSERT INTO federation VALUES(?)");
  if (insert.bind(1, ByteSpan(plan.bytes)).step() != SQLITE_DONE) return failure("writing the plan's hash");
  return execute(kSetSchemaVersion, "writing its version");
}

// Version 1 had no state of the server optimizer, and its programs refused every plan whose optimizer has one: it is empty.
Status Store::Database::take_over_version_1() {
  FEDSPEND_TRY(execute("ALTER TABLE model ADD COLUMN state BLOB NOT NULL DEFAULT x''; ALTER TABLE model ADD COLUMN state_hash BLOB NOT NULL DEFAULT x''",
                       "adding the optimizer's state"));
  Statement fill(handle, "UPDATE model SET state_hash = ?");
  if (fill.bind(1, ByteSpan(hash_of_state({}))).step() != SQLITE_DONE) return failure("adding the optimizer's state");
  return {};
}

// Version 2 did not keep the attempts' nonces.
Status Store::Database::take_over_version_2() {
  return execute("ALTER TABLE model ADD COLUMN nonce BLOB NOT NULL DEFAULT x''", "adding the attempts' nonces");
}

// Version 3 was written by programs that refused every plan with noise.
Status Store::Database::take_over_version_3() {
  return execute(kChargeSchema, "adding the charges");
}

// Version 4 was written by programs that refused every plan whose clip norm adapts.
Status Store::Database::take_over_version_4() {
  return execute("ALTER TABLE model ADD COLUMN clip_norm BLOB NOT NULL DEFAULT x''", "adding the clip norms");
}

// Version 5 did not seal its charges: those that are there are taken as all.
Status Store::Database::take_over_version_5() {
  FEDSPEND_TRY(execute(kChargeSealSchema, "sealing the charges"));
  ChargeSeal seal;
  {
    Statement read(handle, "SELECT hash FROM charge ORDER BY id");
    int code = SQLITE_DONE;
    while ((code = read.step()) == SQLITE_ROW) {
      Hash256 hash{};
      if (read.blob(0).size() != hash.size()) return fail(ErrorCode::malformed, path + ": a charge of the privacy ledger is not what was written", "restore the file from a backup");
      std::ranges::copy(read.blob(0), hash.begin());
      seal.add(hash);
    }
    if (code != SQLITE_DONE) return failure("sealing the charges");
  }
  Statement insert(handle, "INSERT INTO charge_seal VALUES(?, ?)");
  if (insert.bind(1, seal.charges).bind(2, ByteSpan(seal.chain)).step() != SQLITE_DONE) return failure("sealing the charges");
  return execute(kSetSchemaVersion, "writing its version");
}

Result<ChargeSeal> Store::Database::charge_seal() {
  Statement read(handle, "SELECT charges, chain FROM charge_seal");
  if (read.step() != SQLITE_ROW || read.blob(1).size() != Hash256{}.size())
    return fail(ErrorCode::malformed, path + ": the seal of the privacy ledger is gone or broken", "restore the file from a backup");
  ChargeSeal seal{.charges = read.integer(0), .chain = {}};
  std::ranges::copy(read.blob(1), seal.chain.begin());
  return seal;
}

Status Store::Database::save_charge_seal(const ChargeSeal& seal) {
  Statement update(handle, "UPDATE charge_seal SET charges = ?, chain = ?");
  if (update.bind(1, seal.charges).bind(2, ByteSpan(seal.chain)).step() != SQLITE_DONE) return failure("sealing a charge");
  return {};
}

Status Store::Database::prepare(const PlanHash& plan) {
  // EXCLUSIVE: held from the first write on, so that two coordinators cannot share one state.
  FEDSPEND_TRY(execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN IMMEDIATE", "opening"));
  std::uint64_t version = 0;
  {
    Statement read(handle, "PRAGMA user_version");
    if (read.step() != SQLITE_ROW) return failure("reading its version");
    version = read.integer(0);
  }
  if (version == 0) {
    FEDSPEND_TRY(create(plan));
  } else if (version > kSchemaVersion) {
    return fail(ErrorCode::invalid_argument, path + " is of schema version " + std::to_string(version),
                "this program reads versions 1 to " + std::to_string(kSchemaVersion) + ": update it, or give another --state folder");
  } else {
    {
      Statement read(handle, "SELECT plan_hash FROM federation");
      if (read.step() != SQLITE_ROW) return failure("reading the plan's hash");
      if (!std::equal(plan.bytes.begin(), plan.bytes.end(), read.blob(0).begin(), read.blob(0).end()))
        return fail(ErrorCode::conflict, path + " belongs to another plan", "give another --state folder, or the plan that it was begun with");
    }
    if (version == 1) FEDSPEND_TRY(take_over_version_1());
    if (version < 3) FEDSPEND_TRY(take_over_version_2());
    if (version < 4) FEDSPEND_TRY(take_over_version_3());
    if (version < 5) FEDSPEND_TRY(take_over_version_4());
    if (version < 6) FEDSPEND_TRY(take_over_version_5());
  }
  return execute("COMMIT", "opening");
}

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& path, const PlanHash& plan) {
  auto database = std::make_unique<Database>();
  database->path = path.string();
  if (sqlite3_open_v2(path.c_str(), &database->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
    return database->failure("opening");
  FEDSPEND_TRY(database->prepare(plan));
  return std::unique_ptr<Store>(new Store(std::move(database)));
}

Result<std::optional<StoredModel>> Store::latest_model() {
  Statement read(database_->handle, "SELECT round, hash, weights, state, state_hash, clip_norm FROM model ORDER BY round DESC LIMIT 1");
  const int code = read.step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return database_->failure("reading the newest model");
  StoredModel model;
  model.round = read.integer(0);
  FEDSPEND_ASSIGN(model.hash, id_of<ModelHash>(read.blob(1)));
  const ByteSpan bytes = read.blob(2);
  if (hash_of_weights(bytes) != model.hash)
    return fail(ErrorCode::malformed, database_->path + ": the newest model does not have its hash", "restore the file from a backup");
  FEDSPEND_ASSIGN(model.weights, weights_from_bytes(bytes, bytes.size() / 4));
  const ByteSpan state = read.blob(3);
  const Hash256 state_hash = hash_of_state(state);
  if (!std::equal(state_hash.begin(), state_hash.end(), read.blob(4).begin(), read.blob(4).end()))
    return fail(ErrorCode::malformed, database_->path + ": the server optimizer's state does not have its hash", "restore the file from a backup");
  FEDSPEND_ASSIGN(model.optimizer_state, weights_from_bytes(state, state.size() / 4));
  if (const ByteSpan clip_norm = read.blob(5); !clip_norm.empty()) {
    if (clip_norm.size() >= 8) model.next_clip_norm_l2 = std::bit_cast<double>(load_u64(clip_norm));
    if (!std::ranges::equal(clip_norm, stored_clip_norm(model.round, model.next_clip_norm_l2)))
      return fail(ErrorCode::malformed, database_->path + ": the clip norm does not have its hash", "restore the file from a backup");
  }
  return model;
}

Status Store::Database::save_round(const RoundSummary& summary) {
  Statement insert(handle, "INSERT INTO round(round, attempt, published, why_aborted, asked, declined, bytes_up, bytes_down) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, summary.round.value).bind(2, std::uint64_t{summary.attempt}).bind(3, std::uint64_t{summary.published}).bind(4, summary.why_aborted);
  insert.bind(5, std::uint64_t{summary.asked.size()}).bind(6, std::uint64_t{summary.declined}).bind(7, summary.bytes_up).bind(8, summary.bytes_down);
  if (insert.step() != SQLITE_DONE) return failure("writing a round");
  return {};
}

Status Store::save_published(const Publish& publish) {
  FEDSPEND_TRY(database_->execute("BEGIN IMMEDIATE", "beginning to write a model"));
  const auto write = [&]() -> Status {
    Statement insert(database_->handle, "INSERT INTO model(round, hash, weights, state, state_hash, nonce, clip_norm) VALUES(?, ?, ?, ?, ?, ?, ?)");
    const Bytes state = weights_to_bytes(*publish.optimizer_state);
    insert.bind(1, publish.summary.round.value).bind(2, ByteSpan(publish.hash.bytes)).bind(3, ByteSpan(weights_to_bytes(*publish.weights)));
    insert.bind(4, ByteSpan(state)).bind(5, ByteSpan(hash_of_state(state))).bind(6, ByteSpan(publish.summary.nonce));
    insert.bind(7, ByteSpan(stored_clip_norm(publish.summary.round.value, publish.next_clip_norm_l2)));
    if (insert.step() != SQLITE_DONE) return database_->failure("writing a model");
    FEDSPEND_TRY(database_->save_round(publish.summary));
    Statement contributor(database_->handle, "INSERT INTO contributor VALUES(?, ?)");
    for (const ClientId& client : publish.summary.contributors) {
      if (contributor.bind(1, publish.summary.round.value).bind(2, ByteSpan(client.bytes)).step() != SQLITE_DONE) return database_->failure("writing a contributor");
      contributor.reset();
    }
    Statement forget(database_->handle, "UPDATE model SET weights = x'', state = x'' WHERE round = ?");
    if (publish.summary.round.value > kModelsKept && forget.bind(1, publish.summary.round.value - kModelsKept).step() != SQLITE_DONE)
      return database_->failure("forgetting an old model");
    return database_->execute("COMMIT", "writing a model");
  };
  Status written = write();
  if (!written) sqlite3_exec(database_->handle, "ROLLBACK", nullptr, nullptr, nullptr);
  return written;
}

Status Store::save_aborted(const RoundSummary& summary) { return database_->save_round(summary); }

Status Store::save_charge(const PrivacyCharge& charge) {
  FEDSPEND_TRY(database_->execute("BEGIN IMMEDIATE", "beginning to write a charge"));
  Status written = database_->save_charge(charge);
  if (written) written = database_->execute("COMMIT", "writing a charge");
  if (!written) sqlite3_exec(database_->handle, "ROLLBACK", nullptr, nullptr, nullptr);
  return written;
}

// The charge and its seal, in the transaction that is open.
Status Store::Database::save_charge(const PrivacyCharge& charge) {
  FEDSPEND_ASSIGN(ChargeSeal seal, charge_seal());
  Bytes clients;
  for (const ClientId& client : charge.contributors) clients.insert(clients.end(), client.bytes.begin(), client.bytes.end());
  const Bytes cost = charge.cost.serialise();
  const Hash256 hash = hash_of_charge(charge.session.bytes, charge.round.value, cost, clients);
  Statement insert(handle, "INSERT INTO charge(session, round, cost, clients, hash) VALUES(?, ?, ?, ?, ?)");
  insert.bind(1, ByteSpan(charge.session.bytes)).bind(2, charge.round.value).bind(3, ByteSpan(cost)).bind(4, ByteSpan(clients));
  insert.bind(5, ByteSpan(hash));
  if (insert.step() != SQLITE_DONE) {
    if (sqlite3_errcode(handle) == SQLITE_CONSTRAINT) return fail(ErrorCode::conflict, path + ": this session is charged already");
    return failure("writing a charge");
  }
  seal.add(hash);
  return save_charge_seal(seal);
}

Result<PopulationLedger> Store::ledger() {
  const auto damaged = [&] { return fail(ErrorCode::malformed, database_->path + ": a charge of the privacy ledger is not what was written", "restore the file from a backup"); };
  FEDSPEND_ASSIGN(const ChargeSeal seal, database_->charge_seal());
  ChargeSeal found;
  PopulationLedger ledger;
  Statement read(database_->handle, "SELECT session, round, cost, clients, hash FROM charge ORDER BY id");
  int code = SQLITE_DONE;
  while ((code = read.step()) == SQLITE_ROW) {
    PrivacyCharge charge;
    FEDSPEND_ASSIGN(charge.session, id_of<SessionId>(read.blob(0)));
    charge.round = RoundId{read.integer(1)};
    const ByteSpan cost = read.blob(2), clients = read.blob(3);
    const Hash256 hash = hash_of_charge(charge.session.bytes, charge.round.value, cost, clients);
    const Result<PrivacyCost> parsed = PrivacyCost::parse(cost);
    if (!std::ranges::equal(hash, read.blob(4)) || !parsed || clients.size() % ClientId::kSize != 0) return damaged();
    charge.cost = *parsed;
    found.add(hash);
    for (std::size_t at = 0; at < clients.size(); at += ClientId::kSize) {
      FEDSPEND_ASSIGN(const ClientId client, id_of<ClientId>(clients.subspan(at, ClientId::kSize)));
      charge.contributors.push_back(client);
    }
    if (!ledger.charge(charge)) return damaged();
  }
  if (code != SQLITE_DONE) return database_->failure("reading the charges");
  if (found != seal)
    return fail(ErrorCode::malformed,
                database_->path + ": the privacy ledger has " + std::to_string(found.charges) + " charges that are not the " + std::to_string(seal.charges) + " that were written", "restore the file from a backup");
  return ledger;
}

Result<std::uint64_t> Store::count_rounds(bool published) {
  Statement read(database_->handle, "SELECT count(*) FROM round WHERE published = ?");
  if (read.bind(1, std::uint64_t{published}).step() != SQLITE_ROW) return database_->failure("counting rounds");
  return read.integer(0);
}

Result<std::vector<PublishedRound>> Store::published_rounds() {
  std::vector<PublishedRound> rounds;
  Statement models(database_->handle, "SELECT round, hash, nonce FROM model ORDER BY round");
  Statement contributors(database_->handle, "SELECT client FROM contributor WHERE round = ? ORDER BY client");
  int code = SQLITE_DONE;
  while ((code = models.step()) == SQLITE_ROW) {
    PublishedRound& round = rounds.emplace_back();
    round.round = models.integer(0);
    FEDSPEND_ASSIGN(round.hash, id_of<ModelHash>(models.blob(1)));
    round.nonce.assign(models.blob(2).begin(), models.blob(2).end());
    contributors.bind(1, round.round);
    while ((code = contributors.step()) == SQLITE_ROW) {
      FEDSPEND_ASSIGN(const ClientId client, id_of<ClientId>(contributors.blob(0)));
      round.contributors.push_back(client);
    }
    if (code != SQLITE_DONE) return database_->failure("reading contributors");
    contributors.reset();
  }
  if (code != SQLITE_DONE) return database_->failure("reading rounds");
  return rounds;
}

}  // namespace fedspend::coordinator
