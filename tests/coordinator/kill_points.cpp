#include "tests/coordinator/kill_points.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace fedspend::testing {
namespace {

std::atomic<bool> is_armed{false};
std::atomic<std::uint64_t> steps{0};
std::uint64_t fatal_step = 0;
Fault fault = Fault::dies_before;

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Whether the call fails instead of being made; dies where it is its turn. `half`: what is done before a death within the call.
template <class Half>
bool fails_here(const Half& half) {
  if (!is_armed) return false;
  const std::uint64_t step = ++steps;
  if (step < fatal_step || (step > fatal_step && fault != Fault::fails_on)) return false;
  if (fault == Fault::dies_within) half();
  if (fault == Fault::dies_before || fault == Fault::dies_within) die();
  errno = fault == Fault::fails ? EIO : ENOSPC;
  return true;
}
bool fails_here() {
  return fails_here([] {});
}

bool is_file(int descriptor) {
  struct stat status {};
  return is_armed && descriptor > 2 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

void arm(std::uint64_t step, Fault how) {
  fatal_step = step;
  fault = how;
  steps = 0;
  is_armed = true;
}
void disarm() { is_armed = false; }
std::uint64_t steps_since_armed() { return steps; }

}  // namespace fedspend::testing

namespace t = fedspend::testing;

#pragma GCC visibility push(default)  // hidden ones would not come before those of shared libraries
extern "C" {

ssize_t write(int descriptor, const void* data, size_t size) {
  if (t::is_file(descriptor) && t::fails_here([&] { syscall(SYS_write, descriptor, data, size / 2); })) return -1;
  return syscall(SYS_write, descriptor, data, size);
}
ssize_t writev(int descriptor, const iovec* parts, int count) {
  if (t::is_file(descriptor) && t::fails_here([&] { syscall(SYS_writev, descriptor, parts, count / 2); })) return -1;
  return syscall(SYS_writev, descriptor, parts, count);
}
ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t at) {
  if (t::is_file(descriptor) && t::fails_here([&] { syscall(SYS_pwrite64, descriptor, data, size / 2, at); })) return -1;
  return syscall(SYS_pwrite64, descriptor, data, size, at);
}
ssize_t pwrite(int descriptor, const void* data, size_t size, off_t at) { return pwrite64(descriptor, data, size, at); }
int fsync(int descriptor) { return t::is_armed && t::fails_here() ? -1 : static_cast<int>(syscall(SYS_fsync, descriptor)); }
int fdatasync(int descriptor) { return t::is_armed && t::fails_here() ? -1 : static_cast<int>(syscall(SYS_fdatasync, descriptor)); }
int ftruncate64(int descriptor, off64_t size) noexcept { return t::fails_here() ? -1 : static_cast<int>(syscall(SYS_ftruncate, descriptor, size)); }
int ftruncate(int descriptor, off_t size) noexcept { return ftruncate64(descriptor, size); }
int rename(const char* from, const char* to) noexcept { return t::fails_here() ? -1 : static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)); }
int unlink(const char* path) noexcept { return t::fails_here() ? -1 : static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0)); }

}  // extern "C"
#pragma GCC visibility pop
