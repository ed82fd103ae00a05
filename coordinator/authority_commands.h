#pragma once
// The commands of fedspend-admin that have to do with devices: authority, token, enrol, revoke, devices. What they do is in
// authority.h and enrol_devices.h; here are options, files and what a person reads.

#include <vector>

#include "common/program/program.h"

namespace fedspend::coordinator {

std::vector<program::Command> authority_commands();

}  // namespace fedspend::coordinator
