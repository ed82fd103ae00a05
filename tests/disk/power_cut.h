#pragma once
// The disk as a test wants it. In the program that links power_cut.cpp every write, truncation, renaming, removal and sync, SQLite's too,
// comes through here: counted, and the n-th can be where the process is killed, the power is cut (what was written to a file and not
// synced since is lost, all of it or some), or the disk is full from then on. For children that are forked; one thread.

#include <cstdint>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

namespace fedspend::disk {

enum class Fate {
  none,
  killed,          // at the n-th, which is not done
  killed_within,   // and of a write half of the bytes are there
  power_cut,       // and everything that was not synced is gone
  power_half_cut,  // and of that some writes are gone, others not; the n-th is torn
  full,            // from the n-th on nothing more can be written; removing and syncing go on
  no_room,         // the same, but what is there already can be written over
  fails_once,      // the n-th alone, with EIO, and is not done
};
void set_fate(Fate fate, std::uint64_t operation, std::uint64_t seed = 0);  // the count begins anew, from 1
std::uint64_t operations();
std::uint64_t syncs();
void reset_syncs();

// While it lives syncs are counted and not waited for: for tests that open a vault a thousand times and cut nothing off.
class NoWaiting {
 public:
  NoWaiting();
  ~NoWaiting();
  NoWaiting(const NoWaiting&) = delete;
  NoWaiting& operator=(const NoWaiting&) = delete;
};

inline constexpr int kCutOff = 77;  // what a child exits with whom fate has met

// The exit code of a child that runs `body`.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace fedspend::disk
