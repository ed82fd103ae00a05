#pragma once
// The distinct pairs of category and merchant among the steps of a batch, numbered in the order they come in. Not thread-safe.

#include <cstdint>
#include <span>
#include <vector>

#include "models/next_category/next_category_features.h"

namespace fedspend::models {

class TokenTable {
 public:
  struct Token {
    std::uint32_t category = 0;
    std::int32_t merchant = -1;
    bool first_of_category = false, first_of_merchant = false;  // no earlier token has the same one
  };

  // Forgets everything and numbers the tokens of the steps `which`: of_step(i) is that of steps.steps[which[i]].
  void number(const Steps& steps, std::span<const std::uint32_t> which);
  std::span<const Token> tokens() const { return tokens_; }
  std::uint32_t of_step(std::size_t i) const { return of_step_[i]; }
  const std::uint32_t* of_steps() const { return of_step_.data(); }

 private:
  std::uint32_t find_or_add(std::uint64_t key, bool& added);

  std::vector<Token> tokens_;
  std::vector<std::uint32_t> of_step_;
  std::vector<std::uint64_t> keys_;      // open addressing; 0: free
  std::vector<std::uint32_t> numbers_;   // by the same index
};

}  // namespace fedspend::models
