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
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/vault.h"
#include "common/result.h"
#include "models/history.h"

namespace fedspend::client {

struct StoreLimits {
  std::uint32_t retention_days = 730;      // older rows are erased; at least 1
  std::uint64_t max_transactions = 50'000; // then the oldest go first; at least 1
};

inline constexpr std::size_t kMaxTransactionIdBytes = 64;
inline constexpr std::size_t kMaxTransactionTextBytes = 256;
inline constexpr std::int64_t kClockSupport_s = 31 * std::int64_t{86'400};

// A transaction with the host's own id of it (1 to 64 bytes of any kind), by which the same one that is handed in again replaces the first:
// banks send a pending transaction again when it is booked. It keeps the first one's place in the order of ingestion.
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

class TransactionStore {
 public:
  // Reads the shelf. malformed: the vault is damaged. `vault` outlives the store.
  static Result<std::unique_ptr<TransactionStore>> open(Vault& vault, StoreLimits limits);

  // One change of the vault: all of them or, on an error, none. invalid_argument, with the index and the field: an empty or too long id, an
  // amount below 0 or above 10^15, a time before 1970 or more than a day after `now_s`, a text of more than 256 bytes or that is not UTF-8. The
  // vault's errors as they are.
  Result<IngestReport> ingest(std::span<const IngestedTransaction> transactions, std::int64_t now_s);
  // Erases what is older than the retention, as far as the clock is believed (above), and what is over the cap.
  Status prune(std::int64_t now_s);
  Status erase_all();

  // Oldest first; stable by time, then by order of ingestion. Valid until the next change.
  std::span<const models::Transaction> transactions() const;

 private:
  struct State;
  explicit TransactionStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;

 public:
  ~TransactionStore();
};

}  // namespace fedspend::client
