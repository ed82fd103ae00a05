#include "common/program/runtime.h"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include <nlohmann/json.hpp>

#include "tests/common/program/capture.h"

using namespace fedspend;
using namespace fedspend::program;
using fedspend::test::Redirection;
using fedspend::test::TemporaryFolder;

namespace {

// Logging asks once whether standard error is a terminal: in a child of its own, it is a file.
template <class Function>
std::string errors_of(Function function) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    const Redirection err(STDERR_FILENO, folder / "err");
    function();
    std::fflush(nullptr);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  return test::content_of(folder / "err");
}

}  // namespace

TEST_CASE("a log line outside of a terminal is one JSON object, escaped") {
  const std::string text = errors_of([] {
    log(LogLevel::debug, "not shown");
    log(LogLevel::warning, "round \"closed\"\n", {{"peer", "a\"b\\c\x01\xff"}, {"count", "3"}});
  });
  REQUIRE(std::count(text.begin(), text.end(), '\n') == 1);
  const auto json = nlohmann::json::parse(text);
  CHECK(json["level"] == "warning");
  CHECK(json["event"] == "round \"closed\"\n");
  CHECK(json["count"] == "3");
  CHECK(json["peer"].get<std::string>().starts_with("a\"b\\c\x01"));
  CHECK(json["time"].get<std::string>().ends_with("Z"));
}

TEST_CASE("the log level decides what is shown") {
  const auto lines = [](LogLevel level) {
    const std::string text = errors_of([level] {
      set_log_level(level);
      for (const LogLevel each : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) log(each, "event");
    });
    return std::count(text.begin(), text.end(), '\n');
  };
  CHECK(lines(LogLevel::debug) == 4);
  CHECK(lines(LogLevel::info) == 3);
  CHECK(lines(LogLevel::error) == 1);
}

TEST_CASE("progress outside of a terminal is plain lines, the last one always") {
  const std::string text = errors_of([] {
    Progress progress("training", 10, true);
    for (std::uint64_t done = 1; done <= 10; ++done) progress.update(done, "accuracy .5");
  });
  CHECK(text.starts_with("training 10/10"));
  CHECK(text.ends_with("accuracy .5\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find('\r') == std::string::npos);
  CHECK(errors_of([] { Progress("training", 10, false).update(3); }).empty());
}

TEST_CASE("the first signal asks, the second ends the process") {
  const pid_t child = ::fork();
  if (child == 0) {
    install_stop_signals();
    if (stop_requested()) ::_exit(1);
    ::raise(SIGTERM);
    if (!stop_requested()) ::_exit(2);
    ::raise(SIGINT);
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGINT);
}

TEST_CASE("the limit of open files is raised as far as it goes") {
  struct rlimit before {};
  ::getrlimit(RLIMIT_NOFILE, &before);
  REQUIRE(require_descriptors(16));
  struct rlimit after {};
  ::getrlimit(RLIMIT_NOFILE, &after);
  CHECK(after.rlim_cur == after.rlim_max);
  if (before.rlim_max != RLIM_INFINITY) {
    const Status status = require_descriptors(before.rlim_max + 1);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == ErrorCode::limit);
    CHECK_FALSE(status.error().hint.empty());
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("the steady clock never goes back") {
  const SteadyClock clock;
  const Millis first = clock.now();
  CHECK(clock.now() >= first);
}
