#pragma once
// Whether the device may work now: what only the host knows. Unknown counts as no. Plain values; thread-safe.

#include <cstdint>
#include <optional>
#include <string>

#include "common/result.h"

namespace fedspend::client {

// Each as the host sees it; nothing: it does not know.
struct Conditions {
  std::optional<bool> idle;                // the customer is not using the device
  std::optional<bool> charging;
  std::optional<bool> unmetered;           // the network costs nothing
  std::optional<double> battery_level;     // 0 ... 1
  std::optional<std::uint64_t> free_storage_bytes;
  std::optional<bool> thermals_ok;         // not throttled by heat
};

// What a device asks of them. The defaults ask everything.
struct ConditionRules {
  bool require_idle = true;
  bool require_charging = true;
  bool require_unmetered = true;
  bool require_thermals_ok = true;
  double min_battery_level = 0.3;                       // 0: not asked
  std::uint64_t min_free_storage_bytes = 20'000'000;    // 0: not asked
};

// refused, with the first that does not hold, in words.
Status check_conditions(const ConditionRules& rules, const Conditions& now);

}  // namespace fedspend::client
