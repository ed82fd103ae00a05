#pragma once
// --seeds 1,2,3, of the commands that repeat a run. Pure.

#include <cstdint>
#include <vector>

#include "common/program/program.h"

namespace fedspend::simulations {

program::Option seeds_option();
// At least one, none twice; invalid_argument otherwise.
Result<std::vector<std::uint64_t>> seeds_of(const program::Arguments& arguments);

}  // namespace fedspend::simulations
