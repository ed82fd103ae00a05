#pragma once
// Every call with which this program changes a file is a step, and a test says at which of them the process dies or the call fails.
// kill_points.cpp defines write, pwrite, fsync, ftruncate, rename, unlink and their like for the whole test program, SQLite and the C++ library
// included (a program's own symbols come before those of shared libraries), and passes each on to the kernel. Pipes, sockets and the
// standard streams are no steps. A kill is a SIGKILL: the kernel has what was written before; a power cut is not tried.
// Meant for forked children, which die of it. Thread-safe, once armed.

#include <cstdint>

namespace fedspend::testing {

enum class Fault {
  dies_before,  // the call
  dies_within,  // half of the bytes of a write are written; else as dies_before
  fails,        // the call, this once, with EIO; nothing is done
  fails_on,     // this call and all after it: ENOSPC
};

// The step that is first is 1. A number beyond the last step: only counted.
void arm(std::uint64_t step, Fault fault);
void disarm();
std::uint64_t steps_since_armed();

}  // namespace fedspend::testing
