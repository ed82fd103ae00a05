#pragma once
// The parameters of a lean model as tensors over the arena that its trainer descends in, and their gradients over the trainer's own: nothing is copied, and
// autograd adds where the lean network would. So a twin is another network under the same trainer: features, order, clipping, descent and scoring are the
// lean trainer's. (The descent itself is held against torch's by next_category_torch, which brings its own.) No torch header is
// included here: its types are only named. One object per thread.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "models/arena_layout.h"
#include "models/local_descent.h"

namespace at {
class Tensor;
}

namespace fedspend::models {

class ArenaTensors {
 public:
  explicit ArenaTensors(const ArenaLayout& layout);  // borrowed
  ~ArenaTensors();
  ArenaTensors(const ArenaTensors&) = delete;
  ArenaTensors& operator=(const ArenaTensors&) = delete;

  // Before a forward pass; the arena is only read.
  void bind(const float* arena);
  const at::Tensor& operator[](std::string_view name) const;  // [rows, columns]

  // Of a scalar made of what was bound: overwrites the dense part of `gradient`, and adds to the embeddings'.
  void backward(const at::Tensor& loss, float* gradient);

 private:
  const ArenaLayout& layout_;
  const float* arena_ = nullptr;
  float* gradient_ = nullptr;
  struct Named;
  std::vector<Named> tensors_;
};

// The rows `which` of the block, each once.
std::vector<LocalDescent::ArenaRow> rows_of(const ArenaLayout::Block& block, std::vector<std::uint32_t> which);

// [rows.size(), columns], of these rows of `columns` floats each.
at::Tensor stacked(std::span<const float* const> rows, std::size_t columns);

}  // namespace fedspend::models
