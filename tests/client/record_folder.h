#pragma once
// A folder for a device's record that goes when the test ends, and the names that the tests record.

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>

#include <unistd.h>

#include <doctest/doctest.h>

#include "client/device_store.h"
#include "common/crypto/random.h"

namespace fedspend::client {

class RecordFolder {
 public:
  RecordFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "fedspend-record-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~RecordFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  RecordFolder(const RecordFolder&) = delete;
  RecordFolder& operator=(const RecordFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file() const { return path_ / kDeviceRecordFile; }
  Result<std::unique_ptr<SqliteDeviceRecord>> open(RecordLimits limits = {}) const {
    SystemRandom random;
    return SqliteDeviceRecord::open(file(), random, limits);
  }

 private:
  std::filesystem::path path_;
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
