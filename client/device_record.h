#pragma once
// What a device must not forget, so that it refuses when it is asked twice, also after a restart: the sessions that it has answered, the survivor
// set that it signed in each, what its contributions have cost, of each task and in all, and a digest of each update that went into a
// sum. (SECAGG.md, "Rounds", last paragraph; cases 1, 13, 28, 29 and 32; PRIVACY.md, "Two ledgers".)
//
// Every record_... and charge_... is called before the message that it stands for leaves, and is durable when it returns. An error
// means: do not send. A failure of the disk may still leave the entry behind, found after a restart: too much can be recorded, never
// too little. Nothing is ever taken back, also when the round is aborted.
//
// The rules are here, once; an implementation only finds and keeps. MemoryDeviceRecord is for the simulator and the tests,
// vault_device_record.h for a device. One thread per object.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/crypto/hash.h"
#include "common/crypto/secret.h"
#include "common/ids.h"
#include "common/privacy/ledger.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend::client {

// Of each kind of entry the newest are kept. A session that was pruned cannot come back: its id holds the roster, and so this
// device's keys of that round, which are fresh each time and wiped. An update that was pruned is as many participations old.
struct RecordLimits {
  std::uint64_t entries_kept = 10'000;  // of each kind; at least 1
};

// A device's own for a task, with the plan's where that is stricter; and its policy's for everything that it ever sends, whose cap and
// separation are not looked at.
struct ParticipationLimits {
  PrivacyLimits of_task;
  double max_epsilon_in_all = 0;  // infinity: unlimited
  double delta_in_all = 0;
};

class DeviceRecord {
 public:
  virtual ~DeviceRecord() = default;
  DeviceRecord(const DeviceRecord&) = delete;
  DeviceRecord& operator=(const DeviceRecord&) = delete;

  // Before shares leave. conflict: this session was answered before.
  Status record_answered(const TaskId& task, RoundId round, const SessionId& session);
  // Before the signature over the survivors leaves. The same choice again is fine; conflict: another one was signed.
  Status record_survivor_choice(const SessionId& session, const Hash256& choice);
  // Before the masked input leaves, or the update of an open sum. refused: one of the limits would be passed. conflict: this session is charged already.
  Status charge_participation(const TaskId& task, RoundId round, const SessionId& session, const PrivacyCost& cost, const ParticipationLimits& limits);
  // The same answer, and nothing is charged: what a device asks before it trains.
  Status check_participation(const TaskId& task, RoundId round, const PrivacyCost& cost, const ParticipationLimits& limits);
  // Charged so far to a task; and in all, whose last round is 0.
  Result<PrivacyAccount> account(const TaskId& task) { return account_of(task); }
  Result<PrivacyAccount> account_in_all() { return account_of(TaskId{}); }
  Result<std::uint32_t> participations(const TaskId& task);
  // Whether this update, named by its digest, was recorded in any session.
  Result<bool> has_contributed(const Hash256& update);
  // Before the masked input's unmasking shares leave. The same update in the same session again is fine; conflict: it was recorded in
  // another session, or this session has another update (two vectors under one mask would show their difference).
  // An all-zero update, which honest devices may send more than once, is the caller's affair.
  Status record_update(const SessionId& session, const Hash256& update);

 protected:
  enum class Kind : std::uint8_t { answered = 1, choice = 2, charge = 3, update = 4, session_update = 5 };
  static constexpr std::size_t kKinds = 5;
  struct Entry {
    Kind kind{};
    Hash256 name{};   // unique in its kind: a session, or the keyed digest of an update
    Hash256 value{};  // task and round, a choice, a session, or the keyed digest of an update
  };
  struct Account {
    TaskId task;  // all zero, which no task is: the account of all
    PrivacyAccount spent;
  };

  DeviceRecord() = default;
  virtual Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) = 0;
  virtual Result<PrivacyAccount> account_of(const TaskId& task) = 0;  // an empty one where there is none
  // Keeps all of it, or on an error nothing; durable when it returns. None of the names is there yet; an account replaces its task's.
  virtual Status keep(std::span<const Entry> entries, std::span<const Account> accounts) = 0;

  // Of this record alone, random: digests of updates mean nothing without it.
  SecretBytes<32> key_;

 private:
  Hash256 digest_of(const Hash256& update) const;
  Result<std::array<Account, 2>> after(const TaskId& task, RoundId round, const PrivacyCost& cost, const ParticipationLimits& limits);
};

class MemoryDeviceRecord final : public DeviceRecord {
 public:
  explicit MemoryDeviceRecord(RandomSource& random, RecordLimits limits = {});

 private:
  Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) override;
  Result<PrivacyAccount> account_of(const TaskId& task) override;
  Status keep(std::span<const Entry> entries, std::span<const Account> accounts) override;

  RecordLimits limits_;
  std::map<std::pair<Kind, Hash256>, Hash256> values_;
  std::array<std::vector<Hash256>, kKinds> names_;  // by kind, oldest first
  std::map<TaskId, PrivacyAccount> accounts_;
};

}  // namespace fedspend::client
