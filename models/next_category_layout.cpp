#include "models/next_category_layout.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

#include "common/check.h"
#include "models/kernels.h"

namespace fedspend::models {
namespace {

struct SizeRule {
  const char* name;
  std::size_t NextCategorySizes::*member;
  std::int64_t lowest, highest;
};

constexpr std::array kSizeRules = {
    SizeRule{"embedding", &NextCategorySizes::embedding, 1, 256},
    SizeRule{"merchant_embedding", &NextCategorySizes::merchant_embedding, 1, 256},
    SizeRule{"merchant_buckets", &NextCategorySizes::merchant_buckets, 1, 1 << 20},
    SizeRule{"hidden", &NextCategorySizes::hidden, 1, 1024},
    SizeRule{"sequence_length", &NextCategorySizes::sequence_length, 1, 4096},
    SizeRule{"past_rows", &NextCategorySizes::past_rows, 1, 4096},
};

}  // namespace

Result<NextCategorySizes> NextCategorySizes::from(const ModelSpec& model) {
  NextCategorySizes sizes;
  if (model.categories.empty() || model.categories.size() >= 0xfffe) {
    return fail(ErrorCode::invalid_argument, "model.categories has " + std::to_string(model.categories.size()) + " entries",
                "next_category needs 1 to 65533 categories");
  }
  sizes.categories = model.categories.size();
  for (const auto& [name, value] : model.sizes) {
    const auto rule = std::find_if(kSizeRules.begin(), kSizeRules.end(), [&key = name](const SizeRule& r) { return key == r.name; });
    if (rule == kSizeRules.end()) {
      return fail(ErrorCode::invalid_argument, "model.sizes." + name + " is not a size of next_category",
                  "it has embedding, merchant_embedding, merchant_buckets, hidden, past_rows and sequence_length");
    }
    if (value < rule->lowest || value > rule->highest) {
      return fail(ErrorCode::invalid_argument, "model.sizes." + name + " is " + std::to_string(value),
                  "it must lie from " + std::to_string(rule->lowest) + " to " + std::to_string(rule->highest));
    }
    sizes.*(rule->member) = static_cast<std::size_t>(value);
  }
  for (const SizeRule& rule : kSizeRules) {
    if (!model.sizes.contains(rule.name)) {
      return fail(ErrorCode::invalid_argument, std::string("model.sizes.") + rule.name + " is missing",
                  "next_category needs every size in the plan, so that all devices train the same model");
    }
  }
  return sizes;
}

std::size_t NextCategoryLayout::state_width() const { return kernels::padded(sizes_.hidden); }
std::size_t NextCategoryLayout::logits_width() const { return kernels::padded(sizes_.categories); }

NextCategoryLayout::NextCategoryLayout(const NextCategorySizes& sizes) : sizes_(sizes) {
  using kernels::padded;
  const std::size_t state = state_width(), logits = logits_width(), inputs = sizes.inputs(), hidden = sizes.hidden;
  const auto block = [this](std::size_t rows, std::size_t stride) {
    const Block made{arena_size_, rows, stride};
    arena_size_ += rows * stride;
    return made;
  };
  category_embedding_ = block(sizes.categories + 2, padded(sizes.embedding));
  merchant_embedding_ = block(sizes.merchant_buckets, padded(sizes.merchant_embedding));
  input_ = block(inputs + 1, 3 * state);
  recurrent_ = block(state, 3 * state);
  output_ = block(state + inputs + 1, logits + padded(kPastKinds));

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

void NextCategoryLayout::place(std::string name, std::vector<std::size_t> shape, std::size_t arena_offset,
                               std::size_t arena_stride) {
  const std::size_t columns = shape.back();
  const std::size_t rows = shape.size() == 1 ? 1 : shape.front();
  entries_.push_back({std::move(name), std::move(shape), parameter_count_});
  places_.push_back({rows, columns, arena_offset, arena_stride});
  parameter_count_ += rows * columns;
}

// A matrix over the inputs, which travel as [category embedding | merchant embedding | numeric]: two stretches of the arena.
void NextCategoryLayout::place_inputs(std::string name, std::size_t columns, const Columns& to) {
  const std::size_t embedded = sizes_.embedding + sizes_.merchant_embedding;
  entries_.push_back({std::move(name), {sizes_.inputs(), columns}, parameter_count_});
  places_.push_back({embedded, columns, to.offset + (kNumericFeatures + 1) * to.stride, to.stride});
  places_.push_back({kNumericFeatures, columns, to.offset, to.stride});
  parameter_count_ += sizes_.inputs() * columns;
}

NextCategoryLayout::Columns NextCategoryLayout::gate_columns(const Block& block, std::size_t gate) const {
  return {block.offset + gate * state_width(), block.stride};
}

void NextCategoryLayout::to_arena(std::span<const float> flat, float* arena) const {
  FEDSPEND_CHECK(flat.size() == parameter_count_, "the flat vector has parameter_count() floats");
  const float* from = flat.data();
  for (const Place& p : places_) {
    for (std::size_t row = 0; row < p.rows; ++row, from += p.columns) {
      std::copy_n(from, p.columns, arena + p.offset + row * p.stride);
    }
  }
}

void NextCategoryLayout::to_flat(const float* arena, std::span<float> flat) const {
  FEDSPEND_CHECK(flat.size() == parameter_count_, "the flat vector has parameter_count() floats");
  float* to = flat.data();
  for (const Place& p : places_) {
    for (std::size_t row = 0; row < p.rows; ++row, to += p.columns) {
      std::copy_n(arena + p.offset + row * p.stride, p.columns, to);
    }
  }
}

}  // namespace fedspend::models
