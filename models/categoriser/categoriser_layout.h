#pragma once
// The parameters of the model categoriser: their sizes, from plan.model.sizes, and their place (arena_layout.h). Immutable once made, thread-safe.

#include <cstddef>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/arena_layout.h"
#include "models/categoriser/categoriser_features.h"

namespace fedspend::models {

struct CategoriserSizes {
  std::size_t categories = 0;      // of the plan's vocabulary, "other" not counted
  std::size_t embedding = 16;      // of an n-gram
  std::size_t gram_buckets = 4096; // hash mod this

  // invalid_argument names the key that is missing, unknown or out of range.
  static Result<CategoriserSizes> from(const ModelSpec& model);
};

class CategoriserLayout : public ArenaLayout {
 public:
  using Sizes = CategoriserSizes;
  explicit CategoriserLayout(const CategoriserSizes& sizes);

  const CategoriserSizes& sizes() const { return sizes_; }
  // The embeddings lie first. `output` is read from [numeric (padded) | embedding (padded)] and gives [logits (padded) | trust (padded)].
  const Block& gram_embedding() const { return gram_embedding_; }
  const Block& output() const { return output_; }
  std::size_t embedding_width() const;  // padded
  std::size_t input_width() const;
  std::size_t logits_width() const;     // categories, padded

 private:
  CategoriserSizes sizes_;
  Block gram_embedding_, output_;
};

}  // namespace fedspend::models
