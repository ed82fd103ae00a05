#pragma once
// The commands of fedspend-admin of who runs an external beacon: beacon-keygen, beacon-sign. What they do is in beacon_signer.h.

#include <vector>

#include "common/program/program.h"

namespace fedspend::coordinator {

std::vector<program::Command> beacon_commands();

}  // namespace fedspend::coordinator
