#include "models/offers/offers_layout.h"

#include <array>
#include <vector>

#include "models/kernels.h"
#include "models/model_sizes.h"

namespace fedspend::models {
namespace {

constexpr std::array kSizeRules = {SizeRule{"hidden", 1, 256}};
static_assert(kernels::padded(kOfferNumeric) == kOfferNumeric);

}  // namespace

Result<OffersSizes> OffersSizes::from(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const std::vector<std::size_t> sizes, read_sizes(model, kSizeRules));
  return OffersSizes{.categories = model.categories.size(), .hidden = sizes[0]};
}

std::size_t OffersLayout::hidden_width() const { return kernels::padded(sizes_.hidden); }
std::size_t OffersLayout::logits_width() const { return kernels::padded(sizes_.categories); }

OffersLayout::OffersLayout(const OffersSizes& sizes) : sizes_(sizes) {
  use_ = block(Part::embedding, 2 * sizes.categories, hidden_width());
  hidden_ = block(Part::hidden, kOfferNumeric, hidden_width());
  output_ = block(Part::head, hidden_width() + kOfferNumeric, logits_width());

  place("use.ever", {sizes.categories, sizes.hidden}, use_.offset, use_.stride);
  place("use.lately", {sizes.categories, sizes.hidden}, use_.row(sizes.categories), use_.stride);
  place("hidden.numeric", {kOfferNumeric, sizes.hidden}, hidden_.offset, hidden_.stride);
  place("output.hidden", {sizes.hidden, sizes.categories}, output_.offset, output_.stride);
  place("output.numeric", {kOfferNumeric, sizes.categories}, output_.row(hidden_width()), output_.stride);
}

}  // namespace fedspend::models
