#pragma once
// How the model next_category cuts a client's rows into training windows, and in which order it takes them. Shared by the lean
// trainer and its torch reference, so that both take the same steps. Thread-safe (no state).

#include <cstdint>
#include <span>
#include <vector>

#include "common/random_source.h"
#include "models/history.h"
#include "models/next_category/next_category_features.h"
#include "models/next_category/next_category_layout.h"

namespace fedspend::models {

// Steps begin ... end - 1 (next_category_features.h: step i predicts row i), run from a state of zeros.
struct Window {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t scored_from = 0;  // steps before it only bring the state up
  std::uint32_t history = 0;      // of several that are trained on together
};

// The newest max_rows rows (0: all) of every history in windows of sequence_length, history after history.
std::vector<Window> training_windows(const NextCategorySizes& sizes, std::span<const std::span<const HistoryRow>> histories,
                                     std::size_t max_rows);

// The windows of a batch out of several histories: makes `steps` theirs alone, and `local` the same windows within `steps`, which is
// what is returned. So the number of histories costs no memory; a single one is better scanned once.
std::span<const Window> bring_up(std::span<const Window> batch, std::span<const std::span<const HistoryRow>> histories,
                                 FeatureScan& scan, Steps& steps, std::vector<Window>& local);

// Fisher and Yates: the order of an epoch. Consecutive windows of the result make a batch.
void shuffle(std::vector<Window>& windows, RandomSource& random);

}  // namespace fedspend::models
