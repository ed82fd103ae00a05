#include "models/unusual_activity/unusual_activity_layout.h"

#include <string>
#include <vector>

#include "models/kernels.h"
#include "models/model_sizes.h"

namespace fedspend::models {
namespace {

constexpr std::array kSizeRules = {SizeRule{"embedding", 1, 64}, SizeRule{"hidden", 1, 256}};
constexpr std::array<const char*, kUnusualParts> kPartNames = {"category", "amount", "merchant", "rhythm"};
static_assert(kernels::padded(kUnusualNumeric) == kUnusualNumeric);

}  // namespace

Result<UnusualActivitySizes> UnusualActivitySizes::from(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const std::vector<std::size_t> sizes, read_sizes(model, kSizeRules));
  return UnusualActivitySizes{.categories = model.categories.size(), .embedding = sizes[0], .hidden = sizes[1]};
}

std::size_t UnusualActivityLayout::input_width() const { return kUnusualNumeric + kernels::padded(sizes_.embedding); }
std::size_t UnusualActivityLayout::hidden_width() const { return kernels::padded(sizes_.hidden); }

UnusualActivityLayout::UnusualActivityLayout(const UnusualActivitySizes& sizes) : sizes_(sizes) {
  embedding_ = block(Part::embedding, sizes.categories + 2, kernels::padded(sizes.embedding));
  for (Block& hidden : hidden_) hidden = block(Part::hidden, input_width(), hidden_width());
  for (Block& output : output_) output = block(Part::head, kUnusualWays, hidden_width() + input_width());

  place("category_embedding", {sizes.categories + 2, sizes.embedding}, embedding_.offset, embedding_.stride);
  for (std::size_t part = 0; part < kUnusualParts; ++part) {
    const std::string name = kPartNames[part];
    place("hidden." + name + ".numeric", {kUnusualNumeric, sizes.hidden}, hidden_[part].offset, hidden_[part].stride);
    place("hidden." + name + ".category", {sizes.embedding, sizes.hidden}, hidden_[part].row(kUnusualNumeric), hidden_[part].stride);
  }
  for (std::size_t part = 0; part < kUnusualParts; ++part) {
    const std::string name = kPartNames[part];
    const std::size_t offset = output_[part].offset;
    place("output." + name + ".hidden", {kUnusualWays, sizes.hidden}, offset, output_[part].stride);
    place("output." + name + ".numeric", {kUnusualWays, kUnusualNumeric}, offset + hidden_width(), output_[part].stride);
    place("output." + name + ".category", {kUnusualWays, sizes.embedding}, offset + hidden_width() + kUnusualNumeric, output_[part].stride);
  }
}

}  // namespace fedspend::models
