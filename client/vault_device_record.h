#pragma once
// The durable record of a device, in its vault: entries on Shelf::record, accounts on Shelf::account. The rules are device_record.h's; this
// finds and keeps. What it holds and what it refuses in plain words: client/README.md. All of it is in memory, too (at most a few
// megabytes). One thread per object.

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "client/device_record.h"
#include "client/vault.h"

namespace fedspend::client {

class VaultDeviceRecord final : public DeviceRecord {
 public:
  // Begins one, with a key from `random`, where the shelves are empty. malformed: they are damaged, and the device must not answer anything.
  // The vault's errors as they are. `vault` outlives the object.
  // Afterwards every call is `internal` once there was no memory for what the vault has taken: open it anew.
  static Result<std::unique_ptr<VaultDeviceRecord>> open(Vault& vault, RandomSource& random, RecordLimits limits = {});

  // That have an account, in order.
  std::vector<TaskId> tasks() const;

 private:
  struct KeptAccount {
    std::uint64_t number = 0;
    PrivacyAccount spent;
  };
  VaultDeviceRecord(Vault& vault, RecordLimits limits) : vault_(vault), limits_(limits) {}
  Status begin(RandomSource& random);
  Status usable() const;
  Status read_entries();
  Status read_accounts();
  bool take_entry(std::uint64_t number, ByteSpan content);
  bool take_account(std::uint64_t number, ByteSpan content);
  Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) override;
  Result<PrivacyAccount> account_of(const TaskId& task) override;
  Status keep(std::span<const Entry> entries, std::span<const Account> accounts) override;

  Vault& vault_;
  RecordLimits limits_;
  std::map<std::pair<Kind, Hash256>, Hash256> values_;
  std::array<std::deque<std::pair<std::uint64_t, Hash256>>, kKinds> names_;  // by kind, oldest first, with the number of the row
  std::uint64_t last_entry_ = 0;
  std::map<TaskId, KeptAccount> accounts_;
  std::uint64_t last_account_ = 0;
  bool is_behind_ = false;  // there was no memory for what the vault has taken
};

}  // namespace fedspend::client
