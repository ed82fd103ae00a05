#include "models/next_category/next_category_windows.h"

#include <algorithm>

#include "common/check.h"

namespace fedspend::models {

std::vector<Window> training_windows(const NextCategorySizes& sizes, std::span<const std::span<const HistoryRow>> histories,
                                     std::size_t max_rows) {
  std::vector<Window> windows;
  for (std::size_t history = 0; history < histories.size(); ++history) {
    const std::size_t rows = histories[history].size();
    FEDSPEND_CHECK(rows < 0xffffffff && history < 0xffffffff, "steps and histories are counted in 32 bits");
    for (std::size_t begin = first_trained_row(rows, max_rows); begin < rows; begin += sizes.sequence_length) {
      windows.push_back({.begin = static_cast<std::uint32_t>(begin),
                         .end = static_cast<std::uint32_t>(std::min(begin + sizes.sequence_length, rows)),
                         .scored_from = static_cast<std::uint32_t>(begin),
                         .history = static_cast<std::uint32_t>(history)});
    }
  }
  return windows;
}

std::span<const Window> bring_up(std::span<const Window> batch, std::span<const std::span<const HistoryRow>> histories,
                                 FeatureScan& scan, Steps& steps, std::vector<Window>& local) {
  steps.clear();
  local.clear();
  for (const Window& window : batch) {
    const auto begin = static_cast<std::uint32_t>(steps.steps.size());
    scan.append_window(histories[window.history], window.begin, window.end, steps);
    local.push_back({.begin = begin,
                     .end = begin + (window.end - window.begin),
                     .scored_from = begin + (window.scored_from - window.begin),
                     .history = window.history});
  }
  return local;
}

void shuffle(std::vector<Window>& windows, RandomSource& random) {
  for (std::size_t i = windows.size(); i > 1; --i) std::swap(windows[i - 1], windows[random.below(i)]);
}

}  // namespace fedspend::models
