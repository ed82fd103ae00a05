#include "coordinator/beacon_command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>

extern char** environ;

namespace fedspend::coordinator {
namespace {

constexpr std::size_t kMaxOutputBytes = 256;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

 private:
  int value_;
};

using Clock = std::chrono::steady_clock;

// All that comes until the end of the output; false: not in time, or too much.
bool read_until(int descriptor, Clock::time_point deadline, std::string& out) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || out.size() > kMaxOutputBytes) return false;
    pollfd waiting{descriptor, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(left)) < 0 && errno != EINTR) return false;
    if (waiting.revents == 0) continue;
    char bytes[256];
    const ssize_t count = ::read(descriptor, bytes, sizeof bytes);
    if (count == 0) return true;
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) out.append(bytes, static_cast<std::size_t>(count));
  }
}

}  // namespace

Result<Hash256> BeaconCommand::draw(const Hash256& roster_root) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorCode::unavailable, "the beacon: no pipe");
  Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  std::string root = to_hex(roster_root);
  char* const arguments[] = {program_.data(), root.data(), nullptr};
  pid_t child = -1;
  const int spawned = posix_spawnp(&child, program_.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) return fail(ErrorCode::unavailable, "the beacon: " + program_ + " cannot be run", "give --beacon-command a program that prints 64 hexadecimal digits");
  to.close();
  std::string output;
  const bool ended = read_until(from.get(), Clock::now() + timeout_, output);
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!ended) return fail(ErrorCode::timeout, "the beacon: " + program_ + " has not answered in " + std::to_string(timeout_.count()) + " ms, or printed too much");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return fail(ErrorCode::unavailable, "the beacon: " + program_ + " failed");
  while (!output.empty() && (output.back() == '\n' || output.back() == '\r' || output.back() == ' ')) output.pop_back();
  Hash256 beacon{};
  if (!from_hex(output, beacon)) return fail(ErrorCode::malformed, "the beacon: " + program_ + " printed something else than 64 hexadecimal digits");
  return beacon;
}

}  // namespace fedspend::coordinator
