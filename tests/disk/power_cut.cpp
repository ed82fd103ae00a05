#include "tests/disk/power_cut.h"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace fedspend::disk {
namespace {

struct Undo {  // of a write that no sync has followed
  int descriptor = -1;
  dev_t device{};
  ino_t inode{};
  off_t size_before = 0;
  off_t at = 0;
  std::vector<char> before;
};

Fate fate = Fate::none;
std::uint64_t fatal_operation = 0;
std::uint64_t count = 0;
std::uint64_t sync_count = 0;
std::uint64_t dice = 0;
int not_waiting = 0;
std::vector<Undo> unsynced;

bool loses_power() { return fate == Fate::power_cut || fate == Fate::power_half_cut; }

bool coin() {  // splitmix64, of Steele, Lea and Flood (2014)
  std::uint64_t z = (dice += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return ((z ^ (z >> 31)) & 1) != 0;
}

long raw_write_at(int descriptor, const void* data, std::size_t size, off_t at) { return syscall(SYS_pwrite64, descriptor, data, size, at); }

void note(int descriptor, off_t at, std::size_t size) {
  struct stat status {};
  if (!loses_power() || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return;
  Undo undo{fcntl(descriptor, F_DUPFD_CLOEXEC, 500), status.st_dev, status.st_ino, status.st_size, at, std::vector<char>(size)};
  const ssize_t got = pread(descriptor, undo.before.data(), size, at);
  undo.before.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  unsynced.push_back(std::move(undo));
}

[[noreturn]] void end() {
  // Backwards; where writes are lost one by one a file keeps its length, with what was there before or zeros.
  while (!unsynced.empty()) {
    const Undo& undo = unsynced.back();
    if (fate == Fate::power_cut) {
      (void)raw_write_at(undo.descriptor, undo.before.data(), undo.before.size(), undo.at);
      (void)syscall(SYS_ftruncate, undo.descriptor, undo.size_before);
    } else if (coin()) {
      (void)raw_write_at(undo.descriptor, undo.before.data(), undo.before.size(), undo.at);
    }
    unsynced.pop_back();
  }
  _exit(kCutOff);
}

// Whether the caller may go on; errno says why not.
bool allowed(bool writes) {
  ++count;
  if (fate == Fate::none || count < fatal_operation) return true;
  if (fate == Fate::fails_once) {
    errno = EIO;
    return count > fatal_operation;
  }
  errno = ENOSPC;
  if (fate == Fate::full || fate == Fate::no_room) return !writes;
  end();
}

int synced(int descriptor, long call) {
  if (!allowed(false)) return -1;
  ++sync_count;
  struct stat status {};
  if (loses_power() && fstat(descriptor, &status) == 0) {
    for (auto undo = unsynced.begin(); undo != unsynced.end();) {
      if (undo->device != status.st_dev || undo->inode != status.st_ino) {
        ++undo;
        continue;
      }
      syscall(SYS_close, undo->descriptor);
      undo = unsynced.erase(undo);
    }
  }
  // Nobody cuts the power of this machine; a child that is to be cut off need not wait for its disk.
  return fate == Fate::none && not_waiting == 0 ? static_cast<int>(syscall(call, descriptor)) : 0;
}

bool is_torn() { return (fate == Fate::power_half_cut || fate == Fate::killed_within) && count + 1 == fatal_operation; }

ssize_t write_at(int descriptor, const void* data, std::size_t size, off_t at) {
  note(descriptor, at, size);
  // Torn: its first half is on the disk.
  if (is_torn()) (void)raw_write_at(descriptor, data, size / 2, at);
  struct stat status {};
  const bool in_place = fate == Fate::no_room && fstat(descriptor, &status) == 0 && at + static_cast<off_t>(size) <= status.st_size;
  if (!allowed(!in_place)) return -1;
  return raw_write_at(descriptor, data, size, at);
}

}  // namespace

void set_fate(Fate given, std::uint64_t operation, std::uint64_t seed) {
  fate = given;
  fatal_operation = operation;
  dice = seed;
  count = 0;
}
NoWaiting::NoWaiting() { ++not_waiting; }
NoWaiting::~NoWaiting() { --not_waiting; }
std::uint64_t operations() { return count; }
std::uint64_t syncs() { return sync_count; }
void reset_syncs() { sync_count = 0; }

}  // namespace fedspend::disk

namespace disk = fedspend::disk;

extern "C" {
#define VISIBLE __attribute__((visibility("default")))
VISIBLE int fsync(int descriptor) { return disk::synced(descriptor, SYS_fsync); }
VISIBLE int fdatasync(int descriptor) { return disk::synced(descriptor, SYS_fdatasync); }
VISIBLE ssize_t pwrite64(int descriptor, const void* data, std::size_t size, off64_t at) { return disk::write_at(descriptor, data, size, at); }
VISIBLE ssize_t pwrite(int descriptor, const void* data, std::size_t size, off_t at) { return disk::write_at(descriptor, data, size, at); }
VISIBLE ssize_t write(int descriptor, const void* data, std::size_t size) {
  struct stat status {};
  if (disk::fate == disk::Fate::none || descriptor <= 2 || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return syscall(SYS_write, descriptor, data, size);
  const off_t at = lseek(descriptor, 0, SEEK_CUR);
  disk::note(descriptor, at, size);
  if (disk::is_torn()) (void)disk::raw_write_at(descriptor, data, size / 2, at);
  if (!disk::allowed(true)) return -1;
  return syscall(SYS_write, descriptor, data, size);
}
VISIBLE ssize_t writev(int descriptor, const iovec* parts, int parts_count) {
  if (disk::fate == disk::Fate::none) return syscall(SYS_writev, descriptor, parts, parts_count);
  ssize_t written = 0;
  for (int i = 0; i < parts_count; ++i) {
    const ssize_t part = write(descriptor, parts[i].iov_base, parts[i].iov_len);
    if (part < 0) return written > 0 ? written : part;
    written += part;
  }
  return written;
}
VISIBLE int ftruncate64(int descriptor, off64_t size) {
  struct stat status {};
  if (disk::loses_power() && fstat(descriptor, &status) == 0 && status.st_size > size) disk::note(descriptor, size, static_cast<std::size_t>(status.st_size - size));
  if (!disk::allowed(false)) return -1;
  return static_cast<int>(syscall(SYS_ftruncate, descriptor, size));
}
VISIBLE int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }
VISIBLE int unlink(const char* path) noexcept {
  if (!disk::allowed(false)) return -1;
  return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
VISIBLE int rename(const char* from, const char* to) noexcept {
  if (!disk::allowed(false)) return -1;
  return static_cast<int>(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}
VISIBLE int link(const char* from, const char* to) noexcept {
  if (!disk::allowed(true)) return -1;
  return static_cast<int>(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
#undef VISIBLE
}
