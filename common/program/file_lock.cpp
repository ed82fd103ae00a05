#include "common/program/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace fedspend::program {

Result<FileLock> FileLock::take(const std::filesystem::path& path, const std::filesystem::path& what) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return fail(errno == ENOENT || errno == ENOTDIR ? ErrorCode::not_found : ErrorCode::invalid_argument, "cannot open " + path.string() + ": " + std::strerror(errno),
                "check the path and its permissions");
  FileLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return fail(ErrorCode::conflict, what.string() + " is in use by another process", "wait until the other process is done");
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace fedspend::program
