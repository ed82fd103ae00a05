#pragma once
// The parameters of the model offers: their sizes, from plan.model.sizes, and their place (arena_layout.h). Immutable once made, thread-safe.

#include <cstddef>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/arena_layout.h"
#include "models/offers/offers_features.h"

namespace fedspend::models {

struct OffersSizes {
  std::size_t categories = 0;  // of the plan's vocabulary, "other" not counted
  std::size_t hidden = 48;

  // invalid_argument names the key that is missing, unknown or out of range.
  static Result<OffersSizes> from(const ModelSpec& model);
};

class OffersLayout : public ArenaLayout {
 public:
  using Sizes = OffersSizes;
  explicit OffersLayout(const OffersSizes& sizes);

  const OffersSizes& sizes() const { return sizes_; }
  // What the use of a category says lies first: rows 0 ... C-1 of its use ever, C ... 2C-1 of its use of late. `hidden` is read from the numeric features, and
  // `output` from [hidden (padded) | numeric], giving the categories (padded).
  const Block& use() const { return use_; }
  const Block& hidden() const { return hidden_; }
  const Block& output() const { return output_; }
  std::size_t hidden_width() const;  // padded
  std::size_t logits_width() const;  // padded

 private:
  OffersSizes sizes_;
  Block use_, hidden_, output_;
};

}  // namespace fedspend::models
