#pragma once
// The sizes of a stock model as its plan gives them: every one of them named, within its range, and none besides. Pure.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::models {

struct SizeRule {
  std::string_view name;  // the key in [model.sizes]
  std::int64_t lowest, highest;
};

// The sizes in the order of the rules. invalid_argument names the key that is missing, unknown or out of range, or says that the categories
// are none, or more than the 65533 that features can number.
Result<std::vector<std::size_t>> read_sizes(const ModelSpec& model, std::span<const SizeRule> rules);

// invalid_argument if the plan says another count than its sizes give (0: it says none). Before anything of that size is allocated.
Status check_parameter_count(const ModelSpec& model, std::size_t count);

}  // namespace fedspend::models
