#pragma once
// Test equipment: a real process of one of the programs. Started with its output in files, waited for with a deadline, and gone
// (with what it started itself) when the object goes. One thread.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"

namespace fedspend::test {

// What limits and deadlines are multiplied with: under the thread sanitizer everything takes several times as long.
#ifdef __SANITIZE_THREAD__
inline constexpr std::int64_t kPatience = 5;
#else
inline constexpr std::int64_t kPatience = 1;
#endif

// Of this build.
std::filesystem::path program_path(const std::string& name);

struct ProcessOptions {
  std::vector<std::string> command;                              // program and arguments
  std::filesystem::path out;                                     // standard output goes there; empty: /dev/null
  std::filesystem::path err;                                     // the same for standard error
  std::filesystem::path folder;                                  // where it runs; empty: where the test runs
  std::vector<std::pair<std::string, std::string>> environment;  // beside the test's own, which loses its FEDSPEND_* variables
};

class Process {
 public:
  explicit Process(const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // SIGKILL, and reaped

  // The exit code, or 128 + the number of the signal that ended it; nothing: it still runs after `limit`.
  std::optional<int> wait(Millis limit);
  bool running();
  pid_t id() const { return pid_; }
  void send(int signal);
  void kill();  // SIGKILL, and reaped

 private:
  bool reap(int flags);

  pid_t pid_ = -1;
  std::optional<int> code_;
};

struct Outcome {
  int code = -1;  // -1: it did not end in time and was killed
  std::string out;
  std::string err;
};

// Runs a command to its end, in the folder `in`; `limit` is multiplied with kPatience.
Outcome run_to_end(std::vector<std::string> command, Millis limit = Millis(60'000), const std::filesystem::path& in = {},
                   const std::vector<std::pair<std::string, std::string>>& environment = {});

// Whether `condition` comes true within `limit`; looked at every few milliseconds.
template <class Condition>
bool eventually(Millis limit, Condition condition);

void sleep_for(Millis time);
Millis steady_now();

template <class Condition>
bool eventually(Millis limit, Condition condition) {
  const Millis end = steady_now() + limit;
  while (!condition()) {
    if (steady_now() >= end) return false;
    sleep_for(Millis(5));
  }
  return true;
}

}  // namespace fedspend::test
