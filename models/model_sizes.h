#pragma once
// The sizes of a stock model as its plan gives them: every one of them named, within its range, and none besides. Pure.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

// Where the parameters of a plan's model lie, by its sizes: an ArenaLayout. invalid_argument: as above.
template <class Layout>
Result<Layout> layout_of(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const auto sizes, Layout::Sizes::from(model));
  Layout layout(sizes);
  FEDSPEND_TRY(check_parameter_count(model, layout.parameter_count()));
  return layout;
}

// For a plan that is drafted; with as many parameters as the sizes give, or 0 where they are none of a model.
template <class Layout>
ModelSpec drafted_model(std::string name, std::map<std::string, std::int64_t> sizes, std::span<const std::string> categories) {
  ModelSpec model;
  model.name = std::move(name);
  model.initial_seed = 1;
  model.sizes = std::move(sizes);
  model.categories.assign(categories.begin(), categories.end());
  if (const auto layout = layout_of<Layout>(model)) model.parameter_count = layout->parameter_count();
  return model;
}

}  // namespace fedspend::models
