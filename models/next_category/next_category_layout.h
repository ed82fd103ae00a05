#pragma once
// The parameters of the model next_category: their sizes, from plan.model.sizes, their place in the flat vector that travels, and
// in the arena that the kernels work on (the same numbers, rows padded by zeros). Immutable once made, thread-safe.

#include <cstddef>
#include <string>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/arena_layout.h"
#include "models/next_category/next_category_features.h"

namespace fedspend::models {

struct NextCategorySizes {
  std::size_t categories = 0;          // of the plan's vocabulary, "other" not counted
  std::size_t embedding = 24;          // of a category
  std::size_t merchant_embedding = 8;
  std::size_t merchant_buckets = 512;  // merchant_hash mod this
  std::size_t hidden = 32;             // units of the GRU
  std::size_t sequence_length = 16;    // predictions per training window
  std::size_t past_rows = 128;         // rows of the own past that are counted

  // invalid_argument names the key that is missing, unknown or out of range.
  static Result<NextCategorySizes> from(const ModelSpec& model);
  std::size_t inputs() const { return embedding + merchant_embedding + kNumericFeatures; }
};

class NextCategoryLayout : public ArenaLayout {
 public:
  using Sizes = NextCategorySizes;
  explicit NextCategoryLayout(const NextCategorySizes& sizes);

  const NextCategorySizes& sizes() const { return sizes_; }

  // The matrices in the arena. `input` is read from [numeric | 1 | category embedding | merchant embedding], `output` from [state
  // (padded) | the same] and gives [logits (padded) | trust (padded)]: the row of the 1 is a bias, and what depends on the category
  // and the merchant alone comes last. The embeddings lie before dense_offset(), everything else from there on.
  const Block& category_embedding() const { return category_embedding_; }
  const Block& merchant_embedding() const { return merchant_embedding_; }
  const Block& input() const { return input_; }
  const Block& recurrent() const { return recurrent_; }
  const Block& output() const { return output_; }
  std::size_t state_width() const;     // hidden, padded
  std::size_t logits_width() const;    // categories, padded
  std::size_t token_width() const { return 1 + sizes_.embedding + sizes_.merchant_embedding; }  // [1 | the embeddings]

 private:
  struct Columns {  // of a block
    std::size_t offset, stride;
  };
  void place_inputs(std::string name, std::size_t columns, const Columns& to);
  Columns gate_columns(const Block& block, std::size_t gate) const;

  NextCategorySizes sizes_;
  Block category_embedding_, merchant_embedding_, input_, recurrent_, output_;
};

}  // namespace fedspend::models
