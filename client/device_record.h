#pragma once
// What a device must not forget, so that it refuses when it is asked twice, also after a restart: the sessions that it has answered, the survivor
// set that it signed in each, how often it has taken part, and a digest of each update that went into a sum. (SECAGG.md, "Rounds",
// last paragraph; cases 1, 13, 28, 29 and 32; PRIVACY.md, "Two ledgers".)
//
// Every record_... and charge_... is called before the message that it stands for leaves, and is durable when it returns. An error
// means: do not send. A failure of the disk may still leave the entry behind, found after a restart: too much can be recorded, never
// too little. Nothing is ever taken back, also when the round is aborted.
//
// The rules are here, once; an implementation only finds and keeps. MemoryDeviceRecord is for the simulator and the tests,
// device_store.h for a device. One thread per object.

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
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend::client {

// Of each kind of entry the newest are kept. A session that was pruned cannot come back: its id holds the roster, and so this
// device's keys of that round, which are fresh each time and wiped. An update that was pruned is as many participations old.
struct RecordLimits {
  std::uint64_t entries_kept = 10'000;  // of each kind; at least 1
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
  // Before the masked input leaves. refused: `max_participations` of this task are spent (0: always). conflict: this session is charged already.
  Status charge_participation(const TaskId& task, RoundId round, const SessionId& session, std::uint32_t max_participations);
  // Charged so far. A device at its cap is silent; it does not even check in.
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
  struct Count {
    TaskId task;
    std::uint32_t participations = 0;
  };

  DeviceRecord() = default;
  virtual Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) = 0;
  virtual Result<std::uint32_t> count_of(const TaskId& task) = 0;  // 0: none
  // Keeps all of it, or on an error nothing; durable when it returns. None of the names is there yet; `count` replaces the task's.
  virtual Status keep(std::span<const Entry> entries, const std::optional<Count>& count) = 0;

  // Of this record alone, random: digests of updates mean nothing without it.
  SecretBytes<32> key_;

 private:
  Hash256 digest_of(const Hash256& update) const;
};

class MemoryDeviceRecord final : public DeviceRecord {
 public:
  explicit MemoryDeviceRecord(RandomSource& random, RecordLimits limits = {});

 private:
  Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) override;
  Result<std::uint32_t> count_of(const TaskId& task) override;
  Status keep(std::span<const Entry> entries, const std::optional<Count>& count) override;

  RecordLimits limits_;
  std::map<std::pair<Kind, Hash256>, Hash256> values_;
  std::array<std::vector<Hash256>, kKinds> names_;  // by kind, oldest first
  std::map<TaskId, std::uint32_t> counts_;
};

}  // namespace fedspend::client
