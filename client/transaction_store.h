#pragma once
// The customer's transactions as the host app hands them in, in the device's vault: in order of time, each once, for as long as the retention
// allows and no more than the cap. They never leave the device. One thread per object.
//
// The clock may be wrong. What is older than the retention is erased by the clock's word only as far as something supports it: the newest
// transaction (the clock counts as at most 31 days later than it), or the clock itself, when 31 days or more of its own have passed since
// it was first seen ahead of the rows (it starts anew when the clock falls behind that moment). So one jump forward, however far, erases nothing that was not due, a customer
// who buys nothing any more is still forgotten, a month late, and a jump backward erases nothing. Two jumps forward, or transactions that
// carry the wrong clock's time, are believed.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/vault.h"
#include "common/result.h"
#include "models/history.h"

namespace fedspend::client {

inline constexpr std::uint32_t kMaxRetentionDays = 36'500;

// How long rows may be used, by purpose; rows that no purpose may use any more are erased.
struct StoreLimits {
  std::uint32_t retention_days = 730;      // of every purpose without its own; 1 to kMaxRetentionDays
  std::uint64_t max_transactions = 50'000; // then the oldest go first; at least 1
  std::map<std::string, std::uint32_t, std::less<>> retention_days_of = {};  // the same range
  // All that rows are ever used for here; empty: not known, so that the default counts, too.
  std::set<std::string, std::less<>> purposes = {};

  std::uint32_t days_for(std::string_view purpose) const;
  std::uint32_t longest_days() const;
};

inline constexpr std::size_t kMaxTransactionIdBytes = 64;
inline constexpr std::size_t kMaxTransactionTextBytes = 256;
inline constexpr std::int64_t kClockSupport_s = 31 * std::int64_t{86'400};

// A transaction with the host's own id of it (1 to 64 bytes of UTF-8), by which the same one that is handed in again replaces the first:
// banks send a pending transaction again when it is booked. It keeps the first one's place in the order of ingestion, and the category that the
// customer corrected (below).
struct IngestedTransaction {
  std::string id;
  models::Transaction transaction;
};

// Of the transactions handed in: added + replaced + unchanged + too_old.
struct IngestReport {
  std::uint64_t added = 0;
  std::uint64_t replaced = 0;
  std::uint64_t unchanged = 0;  // the same again
  std::uint64_t too_old = 0;    // outside the retention: not kept, and one of that id that was kept is erased
  std::uint64_t pushed_out = 0; // the oldest, to make room; new ones among them, if they are the oldest
};

// What every transaction keeps to, ingested or from the host's own store. invalid_argument, with the field: an amount below 0 or above 10^15, a time
// before 1970 or more than a day after `now_s`, a text of more than 256 bytes or that is not UTF-8.
Status check_transaction(const models::Transaction& transaction, std::int64_t now_s);

class TransactionStore {
 public:
  // Reads the shelf. malformed: the vault is damaged. `vault` outlives the store.
  static Result<std::unique_ptr<TransactionStore>> open(Vault& vault, StoreLimits limits);

  // One change of the vault: all of them or, on an error, none. invalid_argument, with the index and the field: an id that is empty, too long or not
  // UTF-8, or check_transaction. The vault's errors as they are. internal: there was no memory for what the vault has taken; open the store anew:
  // until then it holds nothing, and changes nothing.
  Result<IngestReport> ingest(std::span<const IngestedTransaction> transactions, std::int64_t now_s);
  // The customer's own word for its category (as Transaction::category, not empty), which counts from now on, also where the host hands the
  // transaction in again with another. not_found: no such transaction. invalid_argument: a category that is empty, too long or not UTF-8.
  Status correct(std::string_view id, std::string_view category);
  // Its place in transactions(); nothing: it is not kept.
  std::optional<std::size_t> find(std::string_view id) const;
  // From now on; what is beyond them goes with the next ingest or prune.
  void set_limits(StoreLimits limits);
  // Erases what is older than the longest retention, as far as the clock is believed (above), and what is over the cap.
  Status prune(std::int64_t now_s);
  Status erase_all();

  // Oldest first; stable by time, then by order of ingestion. Valid until the next change.
  std::span<const models::Transaction> transactions() const;
  // The newest of them: those that this purpose may use.
  std::span<const models::Transaction> transactions_for(std::string_view purpose, std::int64_t now_s) const;

 private:
  struct State;
  explicit TransactionStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;

 public:
  ~TransactionStore();
};

}  // namespace fedspend::client
