#include "models/next_category/next_category_tokens.h"

#include <algorithm>
#include <bit>

namespace fedspend::models {
namespace {

// Three kinds of key share the table; none of them is 0.
std::uint64_t pair_key(const Step& step) {
  return std::uint64_t{1} << 62 | std::uint64_t{step.category} << 32 | static_cast<std::uint32_t>(step.merchant + 1);
}
std::uint64_t category_key(std::uint32_t category) { return std::uint64_t{2} << 62 | category; }
std::uint64_t merchant_key(std::int32_t merchant) { return std::uint64_t{3} << 62 | static_cast<std::uint32_t>(merchant + 1); }

}  // namespace

std::uint32_t TokenTable::find_or_add(std::uint64_t key, bool& added) {
  const std::size_t mask = keys_.size() - 1;
  std::size_t at = (key * 0x9e3779b97f4a7c15u >> 32) & mask;  // Fibonacci hashing
  while (keys_[at] != 0 && keys_[at] != key) at = (at + 1) & mask;
  added = keys_[at] == 0;
  if (added) {
    keys_[at] = key;
    numbers_[at] = static_cast<std::uint32_t>(tokens_.size());
  }
  return numbers_[at];
}

void TokenTable::number(const Steps& steps, std::span<const std::uint32_t> which) {
  tokens_.clear();
  of_step_.resize(which.size());
  keys_.assign(std::bit_ceil(6 * which.size() + 1), 0);  // three keys a step at most, half full at most
  numbers_.resize(keys_.size());
  for (std::size_t i = 0; i < which.size(); ++i) {
    const Step& step = steps.steps[which[i]];
    bool added = false;
    of_step_[i] = find_or_add(pair_key(step), added);
    if (!added) continue;
    Token token{.category = step.category, .merchant = step.merchant};
    find_or_add(category_key(step.category), token.first_of_category);
    find_or_add(merchant_key(step.merchant), token.first_of_merchant);
    tokens_.push_back(token);
  }
}

}  // namespace fedspend::models
