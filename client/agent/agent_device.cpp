#include "client/agent/agent_device.h"

#include <algorithm>
#include <fstream>
#include <thread>
#include <system_error>

#include "common/program/files.h"
#include "common/program/program.h"
#include "common/program/runtime.h"

namespace fedspend::client {
namespace fs = std::filesystem;
namespace {

constexpr const char* kWithdrawal = "withdraw.request";

ErrorCode code_of(fedspend_status status) {
  switch (status) {
    case FEDSPEND_INVALID_ARGUMENT: return ErrorCode::invalid_argument;
    case FEDSPEND_MALFORMED: return ErrorCode::malformed;
    case FEDSPEND_NOT_FOUND: return ErrorCode::not_found;
    case FEDSPEND_IO: return ErrorCode::io;
    case FEDSPEND_UNAVAILABLE: return ErrorCode::unavailable;
    case FEDSPEND_UNAUTHORIZED: return ErrorCode::unauthorized;
    case FEDSPEND_REFUSED: return ErrorCode::refused;
    case FEDSPEND_TIMEOUT: return ErrorCode::timeout;
    case FEDSPEND_LIMIT: return ErrorCode::limit;
    case FEDSPEND_CONFLICT: return ErrorCode::conflict;
    default: return ErrorCode::internal;
  }
}

// FEDSPEND_YES, or FEDSPEND_NO where the machine has a battery, and none of them is being charged or full.
std::uint8_t is_charging() {
  bool has_battery = false;
  std::error_code ignored;
  for (fs::directory_iterator supply("/sys/class/power_supply", ignored), end; !ignored && supply != end; supply.increment(ignored)) {
    std::string type, status;
    std::getline(std::ifstream(supply->path() / "type") >> std::ws, type);
    if (type != "Battery") continue;
    has_battery = true;
    std::getline(std::ifstream(supply->path() / "status") >> std::ws, status);
    if (status == "Charging" || status == "Full") return FEDSPEND_YES;
  }
  return has_battery ? FEDSPEND_NO : FEDSPEND_YES;
}

}  // namespace

Error abi_error(fedspend_status status, const std::string& where) {
  char words[1024] = "";
  static_cast<void>(fedspend_last_error(words, sizeof(words), nullptr));
  const std::string_view text = words[0] == '\0' ? fedspend_status_name(status) : words;
  const std::size_t end = std::min(text.find("; "), text.size());  // what is to be done, if it is said
  return {code_of(status), where + ": " + std::string(text.substr(0, end)), std::string(text.substr(std::min(end + 2, text.size())))};
}

AgentDevice::AgentDevice(const AgentDeviceOptions& options) : folder_(options.folder), name_(options.folder.filename().string()), transactions_(options.transactions) {}

Status AgentDevice::wipe(const AgentDeviceOptions& options) {
  const std::string folder = options.folder.string(), cache = options.cache.string();
  fedspend_options given{};
  given.struct_size = sizeof(given);
  given.flags = FEDSPEND_KEY_IN_FILE;
  given.persistent_dir = folder.c_str();
  given.cache_dir = cache.empty() ? nullptr : cache.c_str();
  fedspend_host host{};
  host.struct_size = sizeof(host);
  if (const fedspend_status status = fedspend_wipe_directory(&given, &host); status != FEDSPEND_OK) return fail(abi_error(status, folder));
  return {};
}

AgentDevice::~AgentDevice() { fedspend_device_free(device_); }

Result<std::unique_ptr<AgentDevice>> AgentDevice::open(const AgentDeviceOptions& options) {
  std::unique_ptr<AgentDevice> made(new AgentDevice(options));
  const std::string folder = options.folder.string(), cache = options.cache.string();
  fedspend_options given{};
  given.struct_size = sizeof(given);
  // What branch hardware is idle for, and over which line it goes, is its operator's to say: by when and where the agent runs.
  given.flags = FEDSPEND_KEY_IN_FILE | FEDSPEND_WITHOUT_IDLE | FEDSPEND_WITHOUT_UNMETERED | FEDSPEND_WITHOUT_BATTERY | FEDSPEND_WITHOUT_THERMALS;
  if (options.starts_now) given.flags |= FEDSPEND_FORGET_PAUSE;
  given.persistent_dir = folder.c_str();
  given.cache_dir = cache.empty() ? nullptr : cache.c_str();
  given.population = options.population.c_str();
  given.policy_toml = options.policy_toml.empty() ? nullptr : options.policy_toml.c_str();
  given.coordinator = options.coordinator.empty() ? nullptr : options.coordinator.c_str();
  std::ranges::copy(options.coordinator_key, given.coordinator_key);
  std::ranges::copy(options.release_key, given.release_key);
  std::ranges::copy(options.authority_key, given.authority_key);
  given.connect_timeout_ms = options.connect_timeout_ms;
  given.transient_backoff_ms = options.transient_backoff_ms;
  given.permanent_backoff_ms = options.permanent_backoff_ms;

  fedspend_host host{};
  host.struct_size = sizeof(host);
  host.user = made.get();
  host.conditions = [](void* user, fedspend_conditions* now) {
    std::error_code error;
    const fs::space_info space = fs::space(static_cast<AgentDevice*>(user)->folder_, error);
    now->charging = is_charging();
    now->free_storage_bytes = error ? 0 : space.available;
  };
  host.log = [](void* user, std::int32_t level, const char* text) {
    program::log(level == FEDSPEND_LOG_WARNING ? program::LogLevel::warning : program::LogLevel::debug, "device", {{"client", static_cast<AgentDevice*>(user)->name_}, {"text", text}});
  };
  host.phase = [](void* user, std::int32_t phase) {
    if (phase == FEDSPEND_PHASE_TRAINING) ++static_cast<AgentDevice*>(user)->trainings_;
  };
  if (options.transactions != nullptr) {
    host.examples = [](void* user, fedspend_sink* sink) -> fedspend_status {
      for (const models::Transaction& row : *static_cast<AgentDevice*>(user)->transactions_) {
        fedspend_transaction one{};
        one.struct_size = sizeof(one);
        one.direction = row.direction == models::Direction::credit ? FEDSPEND_CREDIT : FEDSPEND_DEBIT;
        one.time_s = row.time_s;
        one.amount_minor = row.amount_minor;
        one.category = row.category.c_str();
        one.merchant = row.merchant.c_str();
        one.currency = row.currency.c_str();
        if (const fedspend_status added = fedspend_sink_add(sink, &one); added != FEDSPEND_OK) return added;
      }
      return FEDSPEND_OK;
    };
  }
  if (const fedspend_status status = fedspend_device_create(&given, &host, &made->device_); status != FEDSPEND_OK) return fail(abi_error(status, folder));
  made->take_withdrawals();
  return made;
}

Status AgentDevice::done(fedspend_status status) const {
  if (status == FEDSPEND_OK) return {};
  return fail(abi_error(status, folder_.string()));
}

Result<std::string> AgentDevice::text(const TextFunction& function) const {
  std::string buffer;
  std::size_t needed = 0;
  for (;;) {
    const fedspend_status status = function(buffer.empty() ? nullptr : buffer.data(), buffer.size(), &needed);
    if (status == FEDSPEND_OK) break;
    if (status != FEDSPEND_BUFFER_TOO_SMALL) return fail(abi_error(status, folder_.string()));
    buffer.resize(needed);
  }
  buffer.resize(needed - 1);
  return buffer;
}

void AgentDevice::take_withdrawals() const {
  const fs::path request = folder_ / kWithdrawal;
  std::error_code ignored;
  if (!fs::exists(request, ignored)) return;
  std::string purpose;
  std::getline(std::ifstream(request), purpose);
  const Status withdrawn = done(fedspend_consent_withdraw(device_, purpose.c_str()));
  program::log(withdrawn ? program::LogLevel::info : program::LogLevel::warning, "withdrawal", {{"client", name_}, {"purpose", purpose}, {"result", withdrawn ? "withdrawn" : withdrawn.error().message}});
  // One that cannot be kept has counted in this process, and is to be asked for again.
  fs::remove(request, ignored);
}

Result<bool> request_withdrawal(const fs::path& folder, const std::string& purpose, Millis patience) {
  const fs::path request = folder / kWithdrawal;
  FEDSPEND_TRY(program::write_file_atomically(request, as_bytes(purpose + "\n"), 0600));
  constexpr Millis step{20};
  std::error_code ignored;
  for (Millis waited{0}; waited < patience; waited += step) {
    std::this_thread::sleep_for(step);
    if (!fs::exists(request, ignored)) return true;
  }
  return false;
}

Result<fedspend_run_report> AgentDevice::run_once() const {
  fedspend_run_report report{};
  report.struct_size = sizeof(report);
  FEDSPEND_TRY(done(fedspend_run_once(device_, &report)));
  return report;
}

}  // namespace fedspend::client
