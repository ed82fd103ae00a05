#pragma once
// The customer's history: everything that ever left the device and everything that was refused, in words and as JSON. An entry is durable
// before the message leaves that it tells of, so that nothing leaves without one. Kept in the vault, never sent. One thread per object.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "client/vault.h"
#include "common/ids.h"
#include "common/result.h"

namespace fedspend::client {

enum class HistoryKind : std::uint8_t {
  checked_in = 1,     // "I am here and ready": no data about transactions
  contributed = 2,    // a masked, noised update left
  control = 3,        // the other messages of a round: keys, sealed shares, signatures
  refused = 4,        // this device refused a plan or a round, with the reason
  stopped = 5,        // the customer withdrew, the host cancelled, or a condition ended
  enrolled = 6,
  wiped = 7,
};

struct HistoryEntry {
  std::uint64_t number = 0;     // set by append
  std::int64_t time_s = 0;
  HistoryKind kind{};
  std::string purpose;          // of the plan; empty where there is none yet
  std::string plan_name;
  PlanHash plan;
  std::string model;            // plan.model.name
  RoundId round;
  std::uint64_t bytes = 0;      // that left
  double epsilon_after = 0;     // spent in all by this device after it, at `delta`; 0 where nothing was spent
  double delta = 0;
  std::string note;             // the reason of a refusal, in words; at most 512 bytes
};

struct TransparencyLimits {
  std::uint64_t entries_kept = 20'000;  // of check-ins and control messages the oldest are summed up into one entry first; contributions stay
};

class TransparencyLog {
 public:
  static Result<std::unique_ptr<TransparencyLog>> open(Vault& vault, TransparencyLimits limits = {});
  ~TransparencyLog();

  Status append(HistoryEntry entry);
  Result<std::vector<HistoryEntry>> entries();  // oldest first

 private:
  struct State;
  explicit TransparencyLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// In words that a customer can read, one line an entry, newest first. Epsilons are rounded up.
std::string history_text(const std::vector<HistoryEntry>& entries);
nlohmann::json history_json(const std::vector<HistoryEntry>& entries);

}  // namespace fedspend::client
