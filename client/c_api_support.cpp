// Names, errors and texts of the C ABI.

#include "client/c_api_support.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <map>

#include "client/shown_text.h"
#include "common/protocol/plain_text.h"

namespace fedspend::client::c_api {
namespace {

thread_local std::string last_error;
constexpr std::size_t kMostErrorBytes = 2'048;
constexpr std::size_t kBeingFreed = ~(~std::size_t{0} >> 1);  // the top bit of a count

// How many calls each handle has, with kBeingFreed once it is. Never taken away: calls may come while the process ends.
struct Handles {
  std::mutex mutex;
  std::condition_variable ended;
  std::map<fedspend_device*, std::size_t> calls;
};
Handles& handles() {
  static auto* const all = new Handles;
  return *all;
}

}  // namespace

fedspend_status status_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument: return FEDSPEND_INVALID_ARGUMENT;
    case ErrorCode::malformed: return FEDSPEND_MALFORMED;
    case ErrorCode::not_found: return FEDSPEND_NOT_FOUND;
    case ErrorCode::io: return FEDSPEND_IO;
    case ErrorCode::unavailable: return FEDSPEND_UNAVAILABLE;
    case ErrorCode::unauthorized: return FEDSPEND_UNAUTHORIZED;
    case ErrorCode::refused: return FEDSPEND_REFUSED;
    case ErrorCode::timeout: return FEDSPEND_TIMEOUT;
    case ErrorCode::limit: return FEDSPEND_LIMIT;
    case ErrorCode::conflict: return FEDSPEND_CONFLICT;
    case ErrorCode::internal: return FEDSPEND_INTERNAL;
  }
  return FEDSPEND_INTERNAL;
}

ErrorCode code_of(fedspend_status status) noexcept {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code)
    if (status_of(static_cast<ErrorCode>(code)) == status) return static_cast<ErrorCode>(code);
  return ErrorCode::internal;
}

void forget_error() noexcept { last_error.clear(); }

fedspend_status failed(fedspend_status status, std::string_view words) noexcept {
  try {
    last_error = shown_text(words, kMostErrorBytes);
  } catch (...) {
    last_error.clear();
  }
  return status;
}

fedspend_status failed(const Error& error) noexcept {
  const fedspend_status status = failed(status_of(error.code), error.message);
  try {
    if (!error.hint.empty()) last_error += shown_text("; " + error.hint, kMostErrorBytes);
  } catch (...) {
  }
  return status;
}

Result<std::string> text_of(const char* given, const char* name, bool optional) {
  if (given != nullptr && !is_utf8(given)) return fail(ErrorCode::invalid_argument, std::string(name) + " is not UTF-8");
  if (given != nullptr) return std::string(given);
  if (optional) return std::string();
  return fail(ErrorCode::invalid_argument, std::string(name) + " is NULL");
}

namespace {

fedspend_status copy_text(std::string_view text, char* buffer, std::size_t capacity, std::size_t* needed) noexcept {
  if (buffer == nullptr && capacity != 0) return failed(FEDSPEND_INVALID_ARGUMENT, "buffer is NULL, and capacity is not 0");
  if (buffer == nullptr && needed == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "buffer and needed are NULL");
  if (needed != nullptr) *needed = text.size() + 1;
  if (capacity <= text.size()) {
    if (capacity > 0) buffer[0] = '\0';
    return FEDSPEND_BUFFER_TOO_SMALL;
  }
  std::copy(text.begin(), text.end(), buffer);
  buffer[text.size()] = '\0';
  return FEDSPEND_OK;
}

}  // namespace

fedspend_status give_text(std::string_view text, char* buffer, std::size_t capacity, std::size_t* needed) noexcept {
  const fedspend_status status = copy_text(text, buffer, capacity, needed);
  if (status != FEDSPEND_BUFFER_TOO_SMALL) return status;
  char words[96];
  std::snprintf(words, sizeof words, "the buffer has %zu bytes, and the text needs %zu", capacity, text.size() + 1);
  return failed(status, words);
}

void DeviceUse::begin(fedspend_device* device) {
  const std::lock_guard lock(handles().mutex);
  handles().calls.emplace(device, 0);
}

DeviceUse::DeviceUse(fedspend_device* device) : device_(device) {
  const std::lock_guard lock(handles().mutex);
  const auto found = handles().calls.find(device);
  if (found == handles().calls.end() || (found->second & kBeingFreed) != 0) device_ = nullptr;
  else ++found->second;
}

DeviceUse::~DeviceUse() {
  if (device_ == nullptr) return;
  const std::lock_guard lock(handles().mutex);
  --handles().calls.at(device_);
  handles().ended.notify_all();
}

bool DeviceUse::end(fedspend_device* device) noexcept {
  std::unique_lock lock(handles().mutex);
  const auto found = handles().calls.find(device);
  if (found == handles().calls.end() || (found->second & kBeingFreed) != 0) return false;
  found->second |= kBeingFreed;
  device->engine->close();
  handles().ended.wait(lock, [&] { return found->second == kBeingFreed; });
  handles().calls.erase(found);
  return true;
}

fedspend_status give(const Result<std::string>& text, char* buffer, std::size_t capacity, std::size_t* needed) {
  return text ? give_text(*text, buffer, capacity, needed) : failed(text.error());
}

fedspend_status give(const Result<Json>& json, char* buffer, std::size_t capacity, std::size_t* needed) {
  return json ? give_text(json->text(), buffer, capacity, needed) : failed(json.error());
}

void put_words(std::string_view words, std::span<char> field) {
  const std::string shown = shown_text(words, field.size() - 1);
  std::copy(shown.begin(), shown.end(), field.begin());
  field[shown.size()] = '\0';
}

}  // namespace fedspend::client::c_api

using namespace fedspend::client::c_api;

extern "C" {

std::uint32_t fedspend_version(void) { return FEDSPEND_CLIENT_VERSION; }
const char* fedspend_version_text(void) { return FEDSPEND_VERSION; }
std::size_t fedspend_key_bytes(void) { return FEDSPEND_KEY_BYTES; }
std::size_t fedspend_signature_bytes(void) { return FEDSPEND_SIGNATURE_BYTES; }
std::size_t fedspend_max_wrapped_seed_bytes(void) { return FEDSPEND_MAX_WRAPPED_SEED_BYTES; }

const char* fedspend_status_name(fedspend_status status) {
  constexpr const char* kNames[] = {"ok", "invalid-argument", "malformed", "not-found", "io", "unavailable", "unauthorized", "refused", "timeout", "limit", "conflict", "internal", "buffer-too-small"};
  return status >= 0 && static_cast<std::size_t>(status) < std::size(kNames) ? kNames[status] : "unknown";
}

const char* fedspend_run_name(std::int32_t outcome) {
  if (outcome < FEDSPEND_RUN_CONTRIBUTED || outcome > FEDSPEND_RUN_TURNED_AWAY) return "unknown";
  return to_string(static_cast<fedspend::client::RunOutcome>(outcome)).data();  // of literals
}

const char* fedspend_phase_name(std::int32_t phase) {
  constexpr const char* kNames[] = {"idle", "checked-in", "training", "aggregating", "reporting"};
  return phase >= 0 && static_cast<std::size_t>(phase) < std::size(kNames) ? kNames[phase] : "unknown";
}

// Without words of its own: they would take the place of those that are asked for.
fedspend_status fedspend_last_error(char* buffer, std::size_t capacity, std::size_t* needed) { return copy_text(last_error, buffer, capacity, needed); }

fedspend_status fedspend_parse_key(const char* text, std::uint8_t key[32]) {
  return guarded([&]() -> fedspend_status {
    if (text == nullptr || key == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "text or key is NULL");
    const fedspend::Result<std::string> line = text_of(text, "text");
    if (!line) return failed(line.error());
    std::string_view digits(*line);
    while (!digits.empty() && (digits.back() == '\n' || digits.back() == '\r' || digits.back() == ' ')) digits.remove_suffix(1);
    const std::size_t space = digits.rfind(' ');
    if (space != std::string_view::npos) {
      if (!digits.starts_with("fedspend-") || digits.substr(0, space).find("-public-v1") == std::string_view::npos) return failed(FEDSPEND_MALFORMED, "not a public key's line");
      digits.remove_prefix(space + 1);
    }
    std::array<std::uint8_t, 32> bytes{};
    if (const fedspend::Status parsed = fedspend::from_hex(digits, bytes); !parsed) return failed(FEDSPEND_MALFORMED, "a key has 64 hexadecimal digits");
    std::copy(bytes.begin(), bytes.end(), key);
    return FEDSPEND_OK;
  });
}
}
