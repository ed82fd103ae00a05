#pragma once
// A folder for what a device keeps that goes when the test ends, and the names that the tests record.

#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "client/vault_device_record.h"
#include "client/vault_store.h"
#include "common/crypto/random.h"
#include "tests/client/temporary_folder.h"

namespace fedspend::client {

// A vault with what it borrows, and a record in it.
struct OpenRecord {
  std::unique_ptr<SystemRandom> random = std::make_unique<SystemRandom>();
  std::unique_ptr<FileSeedProtector> protector;
  std::unique_ptr<VaultStore> vault;
  std::unique_ptr<VaultDeviceRecord> record;

  OpenRecord() = default;
  OpenRecord(OpenRecord&&) = default;
  OpenRecord& operator=(OpenRecord&& other) noexcept {
    record = std::move(other.record);  // in this order: a record borrows its vault, and that its protector
    vault = std::move(other.vault);
    protector = std::move(other.protector);
    random = std::move(other.random);
    return *this;
  }
  DeviceRecord& operator*() const { return *record; }
  DeviceRecord* operator->() const { return record.get(); }
};

class RecordFolder {
 public:
  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path file() const { return path() / kVaultFile; }
  std::filesystem::path seed_file() const { return file().string() + ".seed"; }
  std::filesystem::path key_file() const { return path() / kStoreKeyFile; }
  // The vault alone.
  Result<OpenRecord> open_vault(VaultStoreOptions options = {}) const {
    OpenRecord opened;
    opened.protector = std::make_unique<FileSeedProtector>(key_file(), *opened.random);
    FEDSPEND_ASSIGN(opened.vault, VaultStore::open(file(), *opened.protector, *opened.random, options));
    return opened;
  }
  Result<OpenRecord> open(RecordLimits limits = {}) const {
    FEDSPEND_ASSIGN(OpenRecord opened, open_vault());
    FEDSPEND_ASSIGN(opened.record, VaultDeviceRecord::open(*opened.vault, *opened.random, limits));
    return opened;
  }

 private:
  TemporaryFolder folder_;
};

inline SessionId session_of(std::uint64_t number) { return SessionId{Hasher("test-session").u64(number).finish()}; }
inline Hash256 hash_of(std::uint64_t number) { return Hasher("test-hash").u64(number).finish(); }
inline TaskId task_of(std::uint8_t number) {
  TaskId task;
  task.bytes.fill(number);
  return task;
}

// Nothing but a cap.
inline ParticipationLimits capped(std::uint32_t max_participations) {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  return {.of_task = {.max_participations = max_participations, .max_epsilon = unlimited, .delta = 1e-6}, .max_epsilon_in_all = unlimited, .delta_in_all = 1e-6};
}

}  // namespace fedspend::client
