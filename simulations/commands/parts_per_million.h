#pragma once
// Fractions of clients on the command line: parameters count in whole parts per million, so that every device computes the same.

#include <cstdint>
#include <string>

#include "common/program/program.h"

namespace fedspend::simulations {

// From 0 to 0.999999, six decimals at most; otherwise invalid_argument.
Result<std::uint32_t> parts_per_million(const program::Arguments& arguments, const std::string& name);

}  // namespace fedspend::simulations
