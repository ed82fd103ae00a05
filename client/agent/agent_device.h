#pragma once
// One device of an agent process, on the C ABI (fedspend/client.h) like any other host's: this file, agent.h and agent_main.cpp know nothing of what
// is behind it. The host's part is that of branch hardware: on mains or at least charging, wired, watched by its operator.
//
// Thread rule: as the ABI's; one object may be used by the thread that runs it, while any other cancels it.

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fedspend/client.h>

#include "common/clock.h"
#include "common/result.h"
#include "models/history.h"

namespace fedspend::client {

// Keys are 32 bytes, all zero where nothing is pinned: then nothing that would need one is accepted.
struct AgentDeviceOptions {
  std::filesystem::path folder;  // of the store
  std::string population;
  std::string policy_toml;       // empty: everything is refused
  std::filesystem::path cache;   // empty: none
  std::string coordinator;       // empty: this device does not run
  std::array<std::uint8_t, 32> coordinator_key{}, release_key{}, authority_key{};
  std::uint32_t connect_timeout_ms = 0, transient_backoff_ms = 0, permanent_backoff_ms = 0;  // 0: the ABI's defaults
  bool starts_now = false;       // whatever pause an earlier process was asked for
  // In place of those in the store, which is asked where this is null. Oldest first. Outlives the device.
  const std::vector<models::Transaction>* transactions = nullptr;
};

class AgentDevice {
 public:
  // Errors name the folder.
  static Result<std::unique_ptr<AgentDevice>> open(const AgentDeviceOptions& options);
  // Also of a store that cannot be opened.
  static Status wipe(const AgentDeviceOptions& options);
  ~AgentDevice();
  AgentDevice(const AgentDevice&) = delete;
  AgentDevice& operator=(const AgentDevice&) = delete;

  const std::string& name() const { return name_; }  // the folder's
  const std::filesystem::path& folder() const { return folder_; }
  std::uint64_t trainings() const { return trainings_.load(); }
  fedspend_device* handle() const { return device_; }

  // What a function of the ABI says, as a Result, with the folder's name.
  Status done(fedspend_status status) const;
  using TextFunction = std::function<fedspend_status(char* buffer, std::size_t capacity, std::size_t* needed)>;
  Result<std::string> text(const TextFunction& function) const;  // again, where it grew between the two calls

  Result<fedspend_run_report> run_once() const;

  // Only one process can have a store open. So who withdraws a consent while an agent runs leaves the purpose in the folder (request_withdrawal), and
  // the agent looks for it: take_withdrawals() withdraws and removes the request, any thread.
  void take_withdrawals() const;

 private:
  explicit AgentDevice(const AgentDeviceOptions& options);

  std::filesystem::path folder_;
  std::string name_;
  const std::vector<models::Transaction>* transactions_;
  std::atomic<std::uint64_t> trainings_ = 0;
  fedspend_device* device_ = nullptr;
};

// True once the agent that has the store open has done it; false: not within `patience`, and the request stays there for the next that opens the store.
Result<bool> request_withdrawal(const std::filesystem::path& folder, const std::string& purpose, Millis patience);

// Of the calling thread's last error; `where` before it.
Error abi_error(fedspend_status status, const std::string& where);

}  // namespace fedspend::client
