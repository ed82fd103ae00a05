#pragma once
// One process at a time: an advisory lock on a file of its own, which is made if need be and stays. It goes with the object, and with the
// process however that ends. One thread per object.

#include <filesystem>
#include <utility>

#include "common/result.h"

namespace fedspend::program {

class FileLock {
 public:
  // conflict: another process has it; `what` is said to be in use.
  static Result<FileLock> take(const std::filesystem::path& path, const std::filesystem::path& what);
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace fedspend::program
