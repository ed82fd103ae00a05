#pragma once
// The durable record of a device: one SQLite file per profile (WAL, synchronous = FULL), mode 0600. What it holds and what it
// refuses: device_record.h, and client/README.md in plain words. One thread per object; a second process on the file is refused.
//
// A record that is not whole is not used: a device that forgot would give its answers twice. So every row carries a seal (a hash under
// the record's own key) that is checked when the file is opened, with SQLite's own check of its pages; a new file appears under its name only
// when it is complete, so that an empty one is damage. The seal is against damage, not against somebody who may write the file: who
// can do that can also take it away, and the device then begins a new one. Nor is damage found in a log (record.db-wal) that a killed
// process left: SQLite reads it up to the first frame whose checksum is wrong.

#include <filesystem>
#include <memory>

#include "client/device_record.h"

namespace fedspend::client {

inline constexpr const char* kDeviceRecordFile = "record.db";  // in the profile's folder

class SqliteDeviceRecord final : public DeviceRecord {
 public:
  // Makes the file where there is none, with a key from `random`. conflict: another process, or another object, holds it. malformed: it
  // is damaged, or another program's. The folder must be there.
  static Result<std::unique_ptr<SqliteDeviceRecord>> open(const std::filesystem::path& path, RandomSource& random, RecordLimits limits = {});
  ~SqliteDeviceRecord() override;

 private:
  struct Database;
  explicit SqliteDeviceRecord(std::unique_ptr<Database> database);
  Status check_entries();
  Status check_accounts();
  Status read_key();
  Status write(const Entry& entry);
  Status write(const Account& account);
  Hash256 seal_of(const Entry& entry, std::uint64_t number) const;
  Hash256 seal_of(const Account& account) const;
  Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) override;
  Result<PrivacyAccount> account_of(const TaskId& task) override;
  Status keep(std::span<const Entry> entries, std::span<const Account> accounts) override;

  std::unique_ptr<Database> database_;
  RecordLimits limits_;
};

}  // namespace fedspend::client
