#include "simulations/commands/parts_per_million.h"

#include <cmath>

namespace fedspend::simulations {

Result<std::uint32_t> parts_per_million(const program::Arguments& arguments, const std::string& name) {
  FEDSPEND_ASSIGN(const double fraction, arguments.number(name, 0, 0.999999));
  const double parts = std::round(fraction * 1e6);
  if (std::abs(parts - fraction * 1e6) > 1e-6)
    return fail(ErrorCode::invalid_argument, "--" + name + " has more than six decimals", "the protocol counts in parts per million");
  return static_cast<std::uint32_t>(parts);
}

}  // namespace fedspend::simulations
