#pragma once
// The parameters of the model unusual_activity: their sizes, from plan.model.sizes, and their place (arena_layout.h). Immutable once made, thread-safe.

#include <array>
#include <cstddef>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/arena_layout.h"
#include "models/unusual_activity/unusual_activity_features.h"

namespace fedspend::models {

struct UnusualActivitySizes {
  std::size_t categories = 0;  // of the plan's vocabulary, "other" not counted
  std::size_t embedding = 4;   // of a category
  std::size_t hidden = 8;      // of each part

  // invalid_argument names the key that is missing, unknown or out of range.
  static Result<UnusualActivitySizes> from(const ModelSpec& model);
};

class UnusualActivityLayout : public ArenaLayout {
 public:
  using Sizes = UnusualActivitySizes;
  explicit UnusualActivityLayout(const UnusualActivitySizes& sizes);

  const UnusualActivitySizes& sizes() const { return sizes_; }
  // The embeddings lie first: the categories, other, none. Of a part `hidden` is read from [numeric | embedding (padded)], and each row of
  // `output`, one a way of being unusual, weighs [hidden (padded) | the same]. The outputs lie last.
  const Block& embedding() const { return embedding_; }
  const Block& hidden(std::size_t part) const { return hidden_[part]; }
  const Block& output(std::size_t part) const { return output_[part]; }
  std::size_t input_width() const;
  std::size_t hidden_width() const;  // padded

 private:
  UnusualActivitySizes sizes_;
  Block embedding_;
  std::array<Block, kUnusualParts> hidden_, output_;
};

}  // namespace fedspend::models
