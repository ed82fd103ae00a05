#include "models/spend_forecast/spend_forecast_layout.h"

#include <array>
#include <vector>

#include "models/kernels.h"
#include "models/model_sizes.h"

namespace fedspend::models {
namespace {

constexpr std::array kSizeRules = {SizeRule{"embedding", 1, 64}, SizeRule{"hidden", 1, 256}};
constexpr std::size_t kNumericWidth = kernels::padded(kSpendNumeric);

}  // namespace

Result<SpendForecastSizes> SpendForecastSizes::from(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const std::vector<std::size_t> sizes, read_sizes(model, kSizeRules));
  return SpendForecastSizes{.categories = model.categories.size(), .embedding = sizes[0], .hidden = sizes[1]};
}

std::size_t SpendForecastLayout::input_width() const { return kNumericWidth + kernels::padded(sizes_.embedding); }
std::size_t SpendForecastLayout::hidden_width() const { return kernels::padded(sizes_.hidden); }

SpendForecastLayout::SpendForecastLayout(const SpendForecastSizes& sizes) : sizes_(sizes) {
  embedding_ = block(Part::embedding, sizes.categories + 1, kernels::padded(sizes.embedding));
  hidden_ = block(Part::hidden, input_width(), hidden_width());
  output_ = block(Part::head, hidden_width() + input_width(), kernels::padded(kSpendOutputs));

  place("series_embedding", {sizes.categories + 1, sizes.embedding}, embedding_.offset, embedding_.stride);
  place("hidden.numeric", {kSpendNumeric, sizes.hidden}, hidden_.offset, hidden_.stride);
  place("hidden.series", {sizes.embedding, sizes.hidden}, hidden_.row(kNumericWidth), hidden_.stride);
  place("output.hidden", {sizes.hidden, kSpendOutputs}, output_.offset, output_.stride);
  place("output.numeric", {kSpendNumeric, kSpendOutputs}, output_.row(hidden_width()), output_.stride);
  place("output.series", {sizes.embedding, kSpendOutputs}, output_.row(hidden_width() + kNumericWidth), output_.stride);
}

}  // namespace fedspend::models
