#include "coordinator/beacon_command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

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

// Nothing: it has not ended in time, though it has closed its output.
std::optional<int> wait_until(pid_t child, Clock::time_point deadline) {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) return std::nullopt;
    if (Clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// Starts it with its standard output in `to`; -1: it cannot be run.
pid_t start(const std::string& program, char* const arguments[], int to) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t child = -1;
  const int spawned = posix_spawnp(&child, program.c_str(), &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return spawned == 0 ? child : -1;
}

}  // namespace

Result<BeaconDraw> BeaconCommand::draw(const SessionId& assignment, const Hash256& roster_root) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorCode::unavailable, "the beacon: no pipe");
  Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  std::string aid = assignment.hex(), root = to_hex(roster_root);
  char* const arguments[] = {program_.data(), aid.data(), root.data(), nullptr};
  const auto deadline = Clock::now() + timeout_;
  const pid_t child = start(program_, arguments, to.get());
  if (child < 0) return fail(ErrorCode::unavailable, "the beacon: " + program_ + " cannot be run", "give --beacon-command a program that prints the beacon's signature");
  to.close();
  std::string output;
  std::optional<int> status;
  if (read_until(from.get(), deadline, output)) status = wait_until(child, deadline);
  if (!status) {
    kill(-child, SIGKILL);  // with what it has started
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
    return fail(ErrorCode::timeout, "the beacon: " + program_ + " has not answered in " + std::to_string(timeout_.count()) + " ms, or printed too much");
  }
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) return fail(ErrorCode::unavailable, "the beacon: " + program_ + " failed");
  while (!output.empty() && (output.back() == '\n' || output.back() == '\r' || output.back() == ' ')) output.pop_back();
  Signature signature{};
  if (!from_hex(output, signature)) return fail(ErrorCode::malformed, "the beacon: " + program_ + " printed something else than 128 hexadecimal digits");
  Result<BeaconDraw> draw = open_beacon(key_, assignment, roster_root, signature);
  if (!draw) return fail(draw.error().code, "the beacon: what " + program_ + " printed is not the signature of --beacon-key over this attempt and roster");
  return draw;
}

}  // namespace fedspend::coordinator
