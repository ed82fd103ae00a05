#include "tests/paths.h"
#include "tests/processes/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include "common/check.h"
#include "tests/common/program/capture.h"

extern char** environ;

namespace fedspend::test {
namespace {

std::vector<std::string> environment_of(const ProcessOptions& options) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::strncmp(*variable, "FEDSPEND_", 9) != 0) variables.emplace_back(*variable);
  for (const auto& [name, value] : options.environment) variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In the child, between fork and exec: system calls alone.
void redirect(int descriptor, const char* path) {
  const int opened = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(127);
  ::close(opened);
}

}  // namespace

std::filesystem::path program_path(const std::string& name) { return std::filesystem::path(tests::bin_dir()) / name; }

Process::Process(const ProcessOptions& options) {
  std::vector<std::string> command = options.command;
  std::vector<std::string> environment = environment_of(options);
  const std::vector<char*> arguments = pointers_to(command);
  const std::vector<char*> variables = pointers_to(environment);
  const std::string out = options.out.empty() ? "/dev/null" : options.out.string();
  const std::string err = options.err.empty() ? "/dev/null" : options.err.string();
  const std::string folder = options.folder.string();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  FEDSPEND_CHECK(pid_ >= 0, "a process for the test");
  if (pid_ > 0) {
    ::setpgid(pid_, pid_);  // here too: whoever comes first
    return;
  }
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
  if (::getppid() != parent) ::_exit(127);
  if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(127);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0) ::_exit(127);
  redirect(STDOUT_FILENO, out.c_str());
  redirect(STDERR_FILENO, err.c_str());
  ::execvpe(arguments[0], arguments.data(), variables.data());
  ::_exit(127);
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), code_(std::exchange(other.code_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    code_ = std::exchange(other.code_, std::nullopt);
  }
  return *this;
}

Process::~Process() { kill(); }

bool Process::reap(int flags) {
  if (pid_ < 0 || code_) return true;
  int status = 0;
  pid_t done = -1;
  do {
    done = ::waitpid(pid_, &status, flags);
  } while (done < 0 && errno == EINTR);
  if (done == 0) return false;
  code_ = done == pid_ && WIFEXITED(status) ? WEXITSTATUS(status) : 128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return true;
}

std::optional<int> Process::wait(Millis limit) {
  if (!eventually(limit, [&] { return reap(WNOHANG); })) return std::nullopt;
  return code_;
}

bool Process::running() { return !reap(WNOHANG); }

void Process::send(int signal) {
  if (running()) ::kill(pid_, signal);
}

void Process::kill() {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);  // its own group: what it started, too
  reap(0);
}

Outcome run_to_end(std::vector<std::string> command, Millis limit, const std::filesystem::path& in,
                   const std::vector<std::pair<std::string, std::string>>& environment) {
  const TemporaryFolder output;
  Process process({.command = std::move(command), .out = output / "out", .err = output / "err", .folder = in, .environment = environment});
  Outcome outcome;
  outcome.code = process.wait(limit * kPatience).value_or(-1);
  process.kill();
  outcome.out = content_of(output / "out");
  outcome.err = content_of(output / "err");
  return outcome;
}

void sleep_for(Millis time) { std::this_thread::sleep_for(time); }

Millis steady_now() { return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch()); }

}  // namespace fedspend::test
