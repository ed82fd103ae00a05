#pragma once
// The parameters of the model next_category: their sizes, from plan.model.sizes, their place in the flat vector that travels, and
// in the arena that the kernels work on (the same numbers, rows padded by zeros). Immutable once made, thread-safe.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/next_category_features.h"
#include "models/trainer.h"

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

class NextCategoryLayout {
 public:
  explicit NextCategoryLayout(const NextCategorySizes& sizes);

  const NextCategorySizes& sizes() const { return sizes_; }
  std::size_t parameter_count() const { return parameter_count_; }
  const std::vector<LayoutEntry>& entries() const { return entries_; }

  // A matrix in the arena. `input` is read from [numeric | 1 | category embedding | merchant embedding], `output` from [state
  // (padded) | the same] and gives [logits (padded) | trust (padded)]: the row of the 1 is a bias, and what depends on the category
  // and the merchant alone comes last. The embeddings lie before dense_offset(), everything else from there on.
  struct Block {
    std::size_t offset = 0, rows = 0, stride = 0;
  };
  const Block& category_embedding() const { return category_embedding_; }
  const Block& merchant_embedding() const { return merchant_embedding_; }
  const Block& input() const { return input_; }
  const Block& recurrent() const { return recurrent_; }
  const Block& output() const { return output_; }
  std::size_t dense_offset() const { return input_.offset; }
  std::size_t arena_size() const { return arena_size_; }
  std::size_t state_width() const;     // hidden, padded
  std::size_t logits_width() const;    // categories, padded
  std::size_t token_width() const { return 1 + sizes_.embedding + sizes_.merchant_embedding; }  // [1 | the embeddings]

  void to_arena(std::span<const float> flat, float* arena) const;  // the padding of the arena must be zero and stays so
  void to_flat(const float* arena, std::span<float> flat) const;

 private:
  struct Place {
    std::size_t rows, columns, offset, stride;  // of a stretch of the flat vector in the arena; in the flat vector's order
  };
  struct Columns {  // of a block
    std::size_t offset, stride;
  };
  void place(std::string name, std::vector<std::size_t> shape, std::size_t arena_offset, std::size_t arena_stride);
  void place_inputs(std::string name, std::size_t columns, const Columns& to);
  Columns gate_columns(const Block& block, std::size_t gate) const;

  NextCategorySizes sizes_;
  Block category_embedding_, merchant_embedding_, input_, recurrent_, output_;
  std::size_t arena_size_ = 0;
  std::size_t parameter_count_ = 0;
  std::vector<LayoutEntry> entries_;
  std::vector<Place> places_;
};

}  // namespace fedspend::models
