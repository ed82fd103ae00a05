#pragma once
// What the values of a plan, each in its range, say against each other. Without TOML: the parser adds the line.
// Thread-safe: no state.

#include <cstdint>
#include <optional>
#include <string>

#include "common/protocol/plan.h"

namespace fedspend {

inline constexpr std::int64_t kMaxDevices = 1'000'000;  // of any number of devices or rows that a plan names

enum class PlanTable { federation, privacy, aggregation };
struct Contradiction {
  PlanTable table{};
  const char* key = "";  // of that table: a literal
  std::string what;
  std::string hint;  // what to do about it
};

// The first one, in the order federation, privacy, aggregation; nothing: the plan is consistent. Every value is in its range.
std::optional<Contradiction> find_contradiction(const Plan& plan);

}  // namespace fedspend
