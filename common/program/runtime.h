#pragma once
// The process around the machines: clocks, signals, descriptor limit, log, progress.

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "common/clock.h"
#include "common/result.h"

namespace fedspend::program {

class SteadyClock final : public Clock {
 public:
  Millis now() const override;
};

// The wall clock: seconds since 1970-01-01 00:00 UTC. For certificates and tokens alone; everything else runs on the steady clock.
std::uint64_t unix_time_s();

// SIGINT and SIGTERM ask for a clean end: the flag is set, the loop looks. A second signal ends the process at once.
const std::atomic<bool>& stop_requested();
void install_stop_signals();

// Raises RLIMIT_NOFILE to its hard limit; fails with a hint if `needed` is still above it.
Status require_descriptors(std::uint64_t needed);

// The most memory that this process has held at once (VmHWM).
std::uint64_t peak_memory_bytes();

// Log lines on standard error: plain on a terminal, JSON lines elsewhere (spdlog). Never a secret or a spending value.
enum class LogLevel { debug, info, warning, error };
void set_log_level(LogLevel level);
Status set_log_level(std::string_view name);  // debug, info, warning or error; invalid_argument otherwise
void log(LogLevel level, std::string_view event, std::initializer_list<std::pair<std::string_view, std::string>> fields = {});

// A progress display on standard error: a bar with rate and time left on a terminal, a line every few seconds elsewhere.
class Progress {
 public:
  Progress(std::string label, std::uint64_t total, bool enabled);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(std::uint64_t done, const std::string& note = {});
  void finish();

 private:
  void show(bool last);

  std::string label_;
  std::uint64_t total_;  // 0: not known
  std::uint64_t done_ = 0;
  std::string note_;
  bool enabled_;
  bool terminal_;
  bool finished_ = false;
  Millis started_;
  Millis last_shown_;
};

}  // namespace fedspend::program
