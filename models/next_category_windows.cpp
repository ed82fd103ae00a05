#include "models/next_category_windows.h"

#include <algorithm>

#include "common/check.h"

namespace fedspend::models {

std::vector<Window> training_windows(const NextCategorySizes& sizes, std::size_t first, std::size_t rows) {
  FEDSPEND_CHECK(rows < 0xffffffff, "steps are counted in 32 bits");
  std::vector<Window> windows;
  for (std::size_t begin = first; begin < rows; begin += sizes.sequence_length) {
    windows.push_back({.begin = static_cast<std::uint32_t>(begin),
                       .end = static_cast<std::uint32_t>(std::min(begin + sizes.sequence_length, rows)),
                       .scored_from = static_cast<std::uint32_t>(begin)});
  }
  return windows;
}

void shuffle(std::vector<Window>& windows, RandomSource& random) {
  for (std::size_t i = windows.size(); i > 1; --i) std::swap(windows[i - 1], windows[random.below(i)]);
}

}  // namespace fedspend::models
