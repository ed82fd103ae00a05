#pragma once
// The commands of fedspend-device beside `run`, and what they share with it. Any thread.

#include <filesystem>
#include <vector>

#include "client/agent/agent_device.h"
#include "client/agent/profile.h"
#include "common/program/program.h"

namespace fedspend::client {

// What a command opens the devices of --profiles with.
struct Opening {
  std::vector<std::filesystem::path> folders;
  AgentDeviceOptions options;  // of all; `cache` is the one that holds theirs
};
Result<Opening> opening_of(const program::Arguments& arguments);
AgentDeviceOptions options_of(const Opening& opening, const std::filesystem::path& folder);
Status check_has_store(const std::filesystem::path& folder);

using Devices = std::vector<std::unique_ptr<AgentDevice>>;
// `must_be_there`: a store is not made, but must be there.
Result<Devices> open_devices(const Opening& opening, bool must_be_there);

program::Option authority_key_option();
program::Option release_key_option();
program::Option population_option();
program::Option profiles_option(const char* what);
inline constexpr const char* kStores = "the clients: one folder each, with the store that `keys` made";

std::vector<program::Command> store_commands();
std::vector<program::Command> customer_commands();  // what the customer is shown, and says

}  // namespace fedspend::client
