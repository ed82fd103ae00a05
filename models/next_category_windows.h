#pragma once
// How the model next_category cuts a client's rows into training windows, and in which order it takes them. Shared by the lean
// trainer and its torch reference, so that both take the same steps. Thread-safe (no state).

#include <cstdint>
#include <vector>

#include "common/random_source.h"
#include "models/next_category_layout.h"

namespace fedspend::models {

// Steps begin ... end - 1 (next_category_features.h: step i predicts row i), run from a state of zeros.
struct Window {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t scored_from = 0;  // steps before it only bring the state up
};

// The rows first ... rows - 1 in windows of sequence_length.
std::vector<Window> training_windows(const NextCategorySizes& sizes, std::size_t first, std::size_t rows);

// Fisher and Yates: the order of an epoch. Consecutive windows of the result make a batch.
void shuffle(std::vector<Window>& windows, RandomSource& random);

}  // namespace fedspend::models
