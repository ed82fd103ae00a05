#pragma once
// The customer's history: everything that ever left the device and everything that was refused, in words and as JSON. An entry is durable
// before the message is handed to the connection that it tells of, so that nothing leaves without one; what is in it may have left, and
// may not have arrived. Kept in the vault, never sent. One thread per object.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>


#include "client/json_text.h"
#include "client/vault.h"
#include "common/ids.h"
#include "common/result.h"

namespace fedspend::client {

enum class HistoryKind : std::uint8_t {
  checked_in = 1,     // "I am here and ready": no data about transactions
  contributed = 2,    // a masked update left
  control = 3,        // the other messages of a round: keys, sealed shares, signatures
  refused = 4,        // this device refused a plan or a round, with the reason
  stopped = 5,        // the customer withdrew, the host cancelled, or a condition ended
  enrolled = 6,       // a certificate was installed
  wiped = 7,          // a wipe begins: with the rest it goes, unless it is interrupted
  contributed_open = 8,   // an update that is not masked left: its receiver can read it
  contributed_again = 9,  // the bytes of a contribution once more, because no answer came
  enrolment_requested = 10,
};

struct HistoryEntry {
  std::uint64_t number = 0;     // set by append
  std::int64_t time_s = 0;      // UTC; put into the years 1970 to 9999
  HistoryKind kind{};
  std::string purpose = {};     // of the plan; empty where there is none yet. At most 64 bytes, as are the next two
  std::string plan_name = {};
  PlanHash plan = {};
  std::string model = {};       // plan.model.name
  RoundId round = {};
  std::uint64_t bytes = 0;      // handed to the connection: at most so many left
  double epsilon_after = 0;     // spent in all by this device after it, at `delta`; 0 where nothing was spent
  double delta = 0;
  std::string note = {};        // the reason of a refusal, in words; at most 512 bytes
  // Of a sum of several entries of one kind: how many, and the time of the last. It says nothing of what they did not have in common, and has
  // the note of the last.
  std::uint64_t messages = 1;
  std::int64_t until_s = 0;
};

struct TransparencyLimits {
  // Above it the oldest are summed up into one entry of their kind: check-ins and control messages first, then, since a coordinator can
  // cause as many as it likes, what was refused or stopped. Contributions, enrolments and wipes stay for ever. At least 8.
  std::uint64_t entries_kept = 20'000;
};

class TransparencyLog {
 public:
  // malformed: the shelf is damaged. `vault` outlives the log.
  static Result<std::unique_ptr<TransparencyLog>> open(Vault& vault, TransparencyLimits limits = {});
  ~TransparencyLog();

  // Durable when it returns; on an error nothing has changed, and nothing may leave. Texts that a plan or a coordinator brought are made
  // harmless, never refused: control characters, bytes that are not UTF-8 and marks that turn the reading direction become '?', and what is too
  // long is cut. An epsilon that is not a number, or below 0, counts as infinite. `also`: rows of other shelves that are kept with it, all or none.
  Status append(HistoryEntry entry, std::span<const VaultRow> also = {});
  Result<std::vector<HistoryEntry>> entries();  // oldest first; malformed as open

 private:
  struct State;
  explicit TransparencyLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "Handed to the connection": from then on it may have left, and may not have arrived. In words that a customer can read, one line an entry, newest first, times in UTC. Epsilons are rounded up, and the budget they are compared
// with, max_epsilon, down.
std::string history_text(const std::vector<HistoryEntry>& entries, std::optional<double> max_epsilon = {});
// {"schema_version": 1, "bytes": what they mean, "entries": [...]}, oldest first. Epsilons as they are; an infinite one is null with "epsilon_is_unbounded": true.
Json history_json(const std::vector<HistoryEntry>& entries);

// The epsilon with two decimals, never below it: reading the text back gives at least `epsilon`. "without bound" from 10^9 on.
std::string epsilon_text(double epsilon);

}  // namespace fedspend::client
