#pragma once
// The instruction sets that this processor and this build have, by the names pin_isa takes. For tests; leaves "best" pinned.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "models/kernels.h"

namespace fedspend::models {

inline std::vector<std::string> instruction_sets() {
  std::vector<std::string> found;
  for (const char* name : {"AVX3_ZEN4", "AVX3_DL", "AVX3", "AVX2", "SSE4", "SSSE3", "SSE2", "NEON", "SVE", "SVE2", "EMU128", "SCALAR"}) {
    if (pin_isa(name)) found.emplace_back(name);
  }
  CHECK(pin_isa("best"));
  CHECK(!found.empty());
  return found;
}

}  // namespace fedspend::models
