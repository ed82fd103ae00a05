#include "models/torch/torch_error.h"

#include <string_view>

#include "common/protocol/plain_text.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kMaxReasonBytes = 200;

// The line that says the reason: of a script's failure the last that begins with the name of an exception, otherwise the first.
std::string_view reason_line(std::string_view text) {
  std::string_view first, named;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) continue;
    if (first.empty()) first = line;
    const std::size_t colon = line.find(": ");
    const std::string_view name = line.substr(0, colon);
    if (colon != std::string_view::npos && name.find(' ') == std::string_view::npos && name.ends_with("Error")) named = line;
  }
  return named.empty() ? first : named;
}

}  // namespace

std::string reason_of(const std::exception& error) {
  const std::string_view line = reason_line(error.what());
  // An exception thrown inside libtorch begins with where it was found; "Exception raised from" is its backtrace.
  std::string reason(line.substr(0, line.find("Exception raised from")));
  if (reason.size() > kMaxReasonBytes) reason.resize(kMaxReasonBytes);
  while (!reason.empty() && !is_plain_text(reason)) reason.pop_back();
  return reason.empty() ? "libtorch gives no reason that can be shown" : reason;
}

}  // namespace fedspend::models
