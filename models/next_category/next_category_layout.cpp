#include "models/next_category/next_category_layout.h"

#include <array>
#include <utility>
#include <vector>

#include "models/kernels.h"
#include "models/model_sizes.h"

namespace fedspend::models {
namespace {

constexpr std::array kSizeRules = {SizeRule{"embedding", 1, 256}, SizeRule{"merchant_embedding", 1, 256},  SizeRule{"merchant_buckets", 1, 1 << 20},
                                   SizeRule{"hidden", 1, 1024},   SizeRule{"past_rows", 1, 4096},          SizeRule{"sequence_length", 1, 4096}};

}  // namespace

Result<NextCategorySizes> NextCategorySizes::from(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const std::vector<std::size_t> sizes, read_sizes(model, kSizeRules));
  return NextCategorySizes{.categories = model.categories.size(), .embedding = sizes[0], .merchant_embedding = sizes[1], .merchant_buckets = sizes[2],
                           .hidden = sizes[3], .sequence_length = sizes[5], .past_rows = sizes[4]};
}

std::size_t NextCategoryLayout::state_width() const { return kernels::padded(sizes_.hidden); }
std::size_t NextCategoryLayout::logits_width() const { return kernels::padded(sizes_.categories); }

NextCategoryLayout::NextCategoryLayout(const NextCategorySizes& sizes) : sizes_(sizes) {
  using kernels::padded;
  const std::size_t state = state_width(), logits = logits_width(), inputs = sizes.inputs(), hidden = sizes.hidden;
  category_embedding_ = block(Part::embedding, sizes.categories + 2, padded(sizes.embedding));
  merchant_embedding_ = block(Part::embedding, sizes.merchant_buckets, padded(sizes.merchant_embedding));
  input_ = block(Part::hidden, inputs + 1, 3 * state);
  recurrent_ = block(Part::hidden, state, 3 * state);
  output_ = block(Part::head, state + inputs + 1, logits + padded(kPastKinds));

  constexpr std::array kGates = {"reset", "update", "candidate"};
  place("category_embedding", {sizes.categories + 2, sizes.embedding}, category_embedding_.offset, category_embedding_.stride);
  place("merchant_embedding", {sizes.merchant_buckets, sizes.merchant_embedding}, merchant_embedding_.offset,
        merchant_embedding_.stride);
  for (std::size_t gate = 0; gate < 3; ++gate) place_inputs(std::string("gru.input.") + kGates[gate], hidden, gate_columns(input_, gate));
  for (std::size_t gate = 0; gate < 3; ++gate) {
    const Columns to = gate_columns(input_, gate);
    place(std::string("gru.bias.") + kGates[gate], {hidden}, to.offset + kNumericFeatures * to.stride, to.stride);
  }
  for (std::size_t gate = 0; gate < 3; ++gate) {
    const Columns to = gate_columns(recurrent_, gate);
    place(std::string("gru.recurrent.") + kGates[gate], {hidden, hidden}, to.offset, to.stride);
  }
  const std::size_t direct = output_.offset + state * output_.stride, bias = direct + kNumericFeatures * output_.stride;
  place("output.state", {hidden, sizes.categories}, output_.offset, output_.stride);
  place_inputs("output.direct", sizes.categories, {direct, output_.stride});
  place("output.bias", {sizes.categories}, bias, output_.stride);
  place("trust.state", {hidden, kPastKinds}, output_.offset + logits, output_.stride);
  place_inputs("trust.direct", kPastKinds, {direct + logits, output_.stride});
  place("trust.bias", {kPastKinds}, bias + logits, output_.stride);
}

// A matrix over the inputs, which travel as [category embedding | merchant embedding | numeric]: two stretches of the arena.
void NextCategoryLayout::place_inputs(std::string name, std::size_t columns, const Columns& to) {
  const std::size_t embedded = sizes_.embedding + sizes_.merchant_embedding;
  const std::array stretches = {Stretch{embedded, to.offset + (kNumericFeatures + 1) * to.stride, to.stride}, Stretch{kNumericFeatures, to.offset, to.stride}};
  place(std::move(name), {sizes_.inputs(), columns}, stretches);
}

NextCategoryLayout::Columns NextCategoryLayout::gate_columns(const Block& block, std::size_t gate) const {
  return {block.offset + gate * state_width(), block.stride};
}

}  // namespace fedspend::models
