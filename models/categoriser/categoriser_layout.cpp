#include "models/categoriser/categoriser_layout.h"

#include <array>
#include <vector>

#include "models/kernels.h"
#include "models/model_sizes.h"

namespace fedspend::models {
namespace {

constexpr std::array kSizeRules = {SizeRule{"embedding", 1, 256}, SizeRule{"gram_buckets", 1, 1 << 20}};

}  // namespace

Result<CategoriserSizes> CategoriserSizes::from(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const std::vector<std::size_t> sizes, read_sizes(model, kSizeRules));
  return CategoriserSizes{.categories = model.categories.size(), .embedding = sizes[0], .gram_buckets = sizes[1]};
}

std::size_t CategoriserLayout::embedding_width() const { return kernels::padded(sizes_.embedding); }
std::size_t CategoriserLayout::input_width() const { return kernels::padded(kCategoriserNumeric) + embedding_width(); }
std::size_t CategoriserLayout::logits_width() const { return kernels::padded(sizes_.categories); }

CategoriserLayout::CategoriserLayout(const CategoriserSizes& sizes) : sizes_(sizes) {
  const std::size_t numeric = kernels::padded(kCategoriserNumeric), logits = logits_width();
  gram_embedding_ = block(Part::embedding, sizes.gram_buckets, embedding_width());
  output_ = block(Part::head, input_width(), logits + kernels::padded(kCategoriserPasts));

  place("gram_embedding", {sizes.gram_buckets, sizes.embedding}, gram_embedding_.offset, gram_embedding_.stride);
  place("output.numeric", {kCategoriserNumeric, sizes.categories}, output_.offset, output_.stride);
  place("output.text", {sizes.embedding, sizes.categories}, output_.row(numeric), output_.stride);
  place("trust.numeric", {kCategoriserNumeric, kCategoriserPasts}, output_.offset + logits, output_.stride);
  place("trust.text", {sizes.embedding, kCategoriserPasts}, output_.row(numeric) + logits, output_.stride);
}

}  // namespace fedspend::models
