#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/program/runtime.h"

namespace fedspend::program {
namespace {

constexpr Millis kTerminalInterval{100};
constexpr Millis kLineInterval{5000};
constexpr std::size_t kBarCells = 24;

bool draws_bars() {
  const char* const kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

std::size_t terminal_columns() {
  struct winsize size {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<unsigned long>(std::max(0.0, seconds) + 0.5);
  char text[48];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lu:%02lu", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return text;
}

std::string rate_text(double per_second) {
  char text[48];
  std::snprintf(text, sizeof text, per_second >= 100 ? "%.0f/s" : "%.2g/s", per_second);
  return text;
}

}  // namespace

Progress::Progress(std::string label, std::uint64_t total, bool enabled)
    : label_(std::move(label)), total_(total), enabled_(enabled), terminal_(draws_bars()), started_(SteadyClock().now()), last_shown_(started_) {}

Progress::~Progress() { finish(); }

void Progress::update(std::uint64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  if (!enabled_ || finished_) return;
  const Millis now = SteadyClock().now();
  if (now - last_shown_ < (terminal_ ? kTerminalInterval : kLineInterval)) return;
  last_shown_ = now;
  show(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (enabled_) show(true);
}

void Progress::show(bool last) {
  const double seconds = static_cast<double>((SteadyClock().now() - started_).count()) / 1000.0;
  std::string line = label_ + " ";
  if (total_ > 0) {
    const double part = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    if (terminal_) {
      const auto filled = static_cast<std::size_t>(part * static_cast<double>(kBarCells));
      line += "[" + std::string(filled, '#') + std::string(kBarCells - filled, '.') + "] ";
    }
    line += std::to_string(done_) + "/" + std::to_string(total_);
  } else {
    line += std::to_string(done_);
  }
  if (done_ > 0 && seconds > 0) {
    const double per_second = static_cast<double>(done_) / seconds;
    line += ", " + rate_text(per_second);
    if (!last && total_ > done_) line += ", " + duration_text(static_cast<double>(total_ - done_) / per_second) + " left";
  }
  if (last) line += ", took " + duration_text(seconds);
  if (!note_.empty()) line += ", " + note_;
  if (terminal_) {
    line.resize(std::min(line.size(), terminal_columns() - 1));
    std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), last ? "\n" : "");
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace fedspend::program
