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

program::Option authority_key_option();
program::Option release_key_option();
program::Option population_option();
program::Option profiles_option(const char* what);

std::vector<program::Command> store_commands();

}  // namespace fedspend::client
