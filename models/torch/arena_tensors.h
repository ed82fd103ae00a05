#pragma once
// The parameters of a lean model as tensors over the arena that its trainer descends in, and their gradients over the trainer's own: nothing is copied, and
// autograd adds where the lean network would. So a twin is another network under the same trainer: features, order, clipping, descent and scoring are the
// lean trainer's. (The descent itself is held against torch's by next_category_torch, which brings its own.) Of torch only ATen is included. One object per
// thread.

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "models/arena_layout.h"
#include "models/local_descent.h"

namespace fedspend::models {

class ArenaTensors {
 public:
  // `layout` is borrowed. From `dense_offset` on every batch has a gradient for everything; before it lie embeddings.
  ArenaTensors(const ArenaLayout& layout, std::size_t dense_offset) : layout_(layout), dense_offset_(dense_offset) {}

  // Before a forward pass; the arena is only read.
  void bind(const float* arena);
  const at::Tensor& operator[](std::string_view name) const;  // [rows, columns]

  // Of a scalar made of what was bound: overwrites the dense part of `gradient`, and adds to the embeddings'.
  void backward(const at::Tensor& loss, float* gradient);

 private:
  const ArenaLayout& layout_;
  std::size_t dense_offset_;
  const float* arena_ = nullptr;
  float* gradient_ = nullptr;
  std::vector<std::pair<std::string_view, at::Tensor>> tensors_;
};

// The rows `which` of the block, each once.
std::vector<LocalDescent::ArenaRow> rows_of(const ArenaLayout::Block& block, std::vector<std::uint32_t> which);

// [rows, columns], of what `row` gives for each: a span of `columns` floats.
template <class Row>
at::Tensor stacked(std::size_t rows, std::size_t columns, Row row) {
  at::Tensor made = at::empty({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)});
  float* to = made.data_ptr<float>();
  for (std::size_t i = 0; i < rows; ++i) {
    const auto values = row(i);
    std::copy(values.begin(), values.end(), to + i * columns);
  }
  return made;
}

}  // namespace fedspend::models
