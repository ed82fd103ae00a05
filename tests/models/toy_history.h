#pragma once
// Small histories for the tests of the models: repeatable, messy enough to reach every feature.

#include <cstdint>
#include <string>
#include <vector>

#include "common/crypto/random.h"
#include "common/protocol/plan.h"
#include "models/history.h"

namespace fedspend::models {

inline std::vector<HistoryRow> random_history(std::size_t rows, std::size_t categories, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<HistoryRow> history;
  std::int64_t day = 16'000;
  for (std::size_t i = 0; i < rows; ++i) {
    day += static_cast<std::int64_t>(random.below(4));
    history.push_back({.time_s = day * 86'400,
                       .amount_minor = static_cast<std::int64_t>(random.below(20'000)),
                       .merchant_hash = random.below(5),  // 0: none given
                       .category = static_cast<std::uint32_t>(random.below(categories + 1)),  // the last one is "other"
                       .direction = random.below(8) == 0 ? Direction::credit : Direction::debit});
  }
  return history;
}

inline ModelSpec small_model(std::size_t categories) {
  ModelSpec model;
  model.name = "next_category";
  model.sizes = {{"embedding", 3}, {"merchant_embedding", 2}, {"merchant_buckets", 4},
                 {"hidden", 5},    {"sequence_length", 7},    {"past_rows", 9}};
  for (std::size_t i = 0; i < categories; ++i) model.categories.push_back(std::string("category ").append(std::to_string(i)));
  return model;
}

}  // namespace fedspend::models
