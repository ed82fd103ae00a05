#pragma once
// The parameters of the model spend_forecast: their sizes, from plan.model.sizes, and their place (arena_layout.h). Immutable once made, thread-safe.

#include <cstddef>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/arena_layout.h"
#include "models/spend_forecast/spend_forecast_features.h"

namespace fedspend::models {

struct SpendForecastSizes {
  std::size_t categories = 0;  // of the plan's vocabulary, "other" not counted
  std::size_t embedding = 2;   // of a series
  std::size_t hidden = 8;

  // invalid_argument names the key that is missing, unknown or out of range.
  static Result<SpendForecastSizes> from(const ModelSpec& model);
};

inline constexpr std::size_t kSpendOutputs = 3 * kSpendBricks;

class SpendForecastLayout : public ArenaLayout {
 public:
  using Sizes = SpendForecastSizes;
  explicit SpendForecastLayout(const SpendForecastSizes& sizes);

  const SpendForecastSizes& sizes() const { return sizes_; }
  // The embeddings lie first, one row a category and one for the total. `hidden` is read from [numeric (padded) | embedding (padded)], and `output`
  // from [hidden (padded) | the same], giving kSpendOutputs (padded).
  const Block& embedding() const { return embedding_; }
  const Block& hidden() const { return hidden_; }
  const Block& output() const { return output_; }
  std::size_t input_width() const;
  std::size_t hidden_width() const;  // padded

 private:
  SpendForecastSizes sizes_;
  Block embedding_, hidden_, output_;
};

}  // namespace fedspend::models
