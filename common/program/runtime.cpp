#include "common/program/runtime.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>

#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/check.h"

namespace fedspend::program {
namespace {

std::atomic<bool> stop_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the flag is set in a signal handler");

void on_stop_signal(int signal) {
  if (!stop_flag.exchange(true)) return;
  // The second one: end as if nobody had been listening.
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "error";
}

bool log_to_terminal() {
  static const bool terminal = ::isatty(STDERR_FILENO) == 1;
  return terminal;
}

// spdlog brings the lock, the levels and the plain form; JSON is made by a JSON library, since spdlog's patterns do not escape.
spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> made = [] {
    auto fresh = std::make_shared<spdlog::logger>("fedspend", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    // On a terminal: first clears a progress bar that may stand in this line.
    fresh->set_pattern(log_to_terminal() ? "\r\033[K%H:%M:%S %l %v" : "%v");
    fresh->set_level(spdlog::level::info);
    fresh->set_error_handler([](const std::string&) {});  // a log that cannot be written must not end the work
    return fresh;
  }();
  return *made;
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis = std::chrono::duration_cast<Millis>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char with_millis[40];
  std::snprintf(with_millis, sizeof with_millis, "%s.%03dZ", text, static_cast<int>(millis));
  return with_millis;
}

// A peer's text must not move the cursor or begin a line of its own.
std::string printable(std::string_view text) {
  std::string clean(text);
  std::replace_if(clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return clean;
}

}  // namespace

Millis SteadyClock::now() const {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch());
}

std::uint64_t unix_time_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(now).count()));
}

const std::atomic<bool>& stop_requested() { return stop_flag; }

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a wait ends, so that the loop looks at the flag
  for (const int signal : {SIGINT, SIGTERM}) FEDSPEND_CHECK(::sigaction(signal, &action, nullptr) == 0, "a handler for a signal that exists");
}

Status require_descriptors(std::uint64_t needed) {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail(ErrorCode::io, std::string("cannot read the limit of open files: ") + std::strerror(errno));
  if (limit.rlim_cur < limit.rlim_max) {
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= needed) return {};
  return fail(ErrorCode::limit, "at most " + std::to_string(limit.rlim_cur) + " files may be open, " + std::to_string(needed) + " are needed",
              "raise it (ulimit -Hn, or LimitNOFILE= in the unit file), or serve fewer connections");
}

std::uint64_t peak_memory_bytes() {
  struct rusage usage {};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_maxrss) * 1024 : 0;
}

void set_log_level(LogLevel level) { logger().set_level(spdlog_level(level)); }

Status set_log_level(std::string_view name) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    if (name != name_of(level)) continue;
    set_log_level(level);
    return {};
  }
  return fail(ErrorCode::invalid_argument, "--log-level " + std::string(name) + " is not a level", "give debug, info, warning or error");
}

void log(LogLevel level, std::string_view event, std::initializer_list<std::pair<std::string_view, std::string>> fields) {
  if (!logger().should_log(spdlog_level(level))) return;
  std::string line;
  if (log_to_terminal()) {
    line = printable(event);
    for (const auto& [key, value] : fields) line += " " + std::string(key) + "=" + printable(value);
  } else {
    nlohmann::ordered_json json;
    json["time"] = utc_now();
    json["level"] = std::string(name_of(level));
    json["event"] = std::string(event);
    for (const auto& [key, value] : fields) json[std::string(key)] = value;
    line = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  logger().log(spdlog_level(level), "{}", line);
}

}  // namespace fedspend::program
