#include "models/model_sizes.h"

#include <algorithm>
#include <string>

namespace fedspend::models {
namespace {

std::string names_of(std::span<const SizeRule> rules) {
  std::string names;
  for (std::size_t i = 0; i < rules.size(); ++i) names.append(i == 0 ? "" : i + 1 == rules.size() ? " and " : ", ").append(rules[i].name);
  return names;
}

}  // namespace

Result<std::vector<std::size_t>> read_sizes(const ModelSpec& model, std::span<const SizeRule> rules) {
  if (model.categories.empty() || model.categories.size() >= 0xfffe) {
    return fail(ErrorCode::invalid_argument, "model.categories has " + std::to_string(model.categories.size()) + " entries",
                model.name + " needs 1 to 65533 categories");
  }
  for (const auto& [name, value] : model.sizes) {
    const auto rule = std::ranges::find(rules, std::string_view(name), &SizeRule::name);
    if (rule == rules.end()) return fail(ErrorCode::invalid_argument, "model.sizes." + name + " is not a size of " + model.name, "it has " + names_of(rules));
    if (value < rule->lowest || value > rule->highest) {
      return fail(ErrorCode::invalid_argument, "model.sizes." + name + " is " + std::to_string(value),
                  "it must lie from " + std::to_string(rule->lowest) + " to " + std::to_string(rule->highest));
    }
  }
  std::vector<std::size_t> sizes;
  for (const SizeRule& rule : rules) {
    const auto size = model.sizes.find(std::string(rule.name));
    if (size == model.sizes.end()) {
      return fail(ErrorCode::invalid_argument, "model.sizes." + std::string(rule.name) + " is missing",
                  model.name + " needs every size in the plan, so that all devices train the same model");
    }
    sizes.push_back(static_cast<std::size_t>(size->second));
  }
  return sizes;
}

Status check_parameter_count(const ModelSpec& model, std::size_t count) {
  if (model.parameter_count == 0 || model.parameter_count == count) return {};
  return fail(ErrorCode::invalid_argument,
              "model.parameter_count is " + std::to_string(model.parameter_count) + ", but a model of these sizes has " + std::to_string(count),
              "write the count that the sizes give, or mend the sizes");
}

}  // namespace fedspend::models
