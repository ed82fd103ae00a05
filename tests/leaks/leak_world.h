#pragma once
// A whole round with the very daemon, its database and its files, and the very sessions with their training on planted transactions.
// Between them a channel that keeps every byte. What must not leave a device is noted where it is born: transactions, updates, and
// every secret that a device draws.

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "tests/leaks/leak_detector.h"

namespace fedspend::testing {

struct LeakOptions {
  bool secure = true;
  std::string software = "fedspend";  // what devices call themselves; a leak on purpose
};

struct LeakOutcome {
  bool published = false;
  LeakDetector detector;             // what was planted and drawn
  std::vector<Bytes> frames;         // all that left the devices
  std::vector<Bytes> frames_down;    // all that went to them
  std::vector<std::pair<std::string, Bytes>> files;  // all that the coordinator has written, while it ran and at its end, and its log
};

LeakOutcome run_leak_world(const LeakOptions& options);

}  // namespace fedspend::testing
