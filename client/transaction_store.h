#pragma once
// The customer's transactions as the host app hands them in, in the device's vault: in order of time, each once, for as long as the retention
// allows and no more than the cap. They never leave the device. One thread per object.

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
  std::uint64_t max_transactions = 50'000; // then the oldest go first
};

// A transaction with the host's own id of it (1 to 64 bytes), by which the same one that is handed in again replaces the first: banks send
// a pending transaction again when it is booked.
struct IngestedTransaction {
  std::string id;
  models::Transaction transaction;
};

struct IngestReport {
  std::uint64_t added = 0;
  std::uint64_t replaced = 0;
  std::uint64_t unchanged = 0;  // the same again
  std::uint64_t too_old = 0;    // outside the retention: not kept
  std::uint64_t pushed_out = 0; // the oldest, to make room
};

class TransactionStore {
 public:
  // Reads the shelf. malformed: the vault is damaged. `vault` outlives the store.
  static Result<std::unique_ptr<TransactionStore>> open(Vault& vault, StoreLimits limits);

  // All of them or, on an error, none. invalid_argument, with the index and the field: an empty or too long id, an amount below 0 or above
  // 10^15, a time before 1970 or more than a day after `now_s`, a text of more than 256 bytes or that is not UTF-8.
  Result<IngestReport> ingest(std::span<const IngestedTransaction> transactions, std::int64_t now_s);
  // Erases what is older than the retention. A clock that jumped forward erases too much, so no more than `now_s` - (the newest
  // transaction's time + 31 days) of a jump is believed (see the .cpp).
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
