#include "models/torch/arena_tensors.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/check.h"
#include "models/torch/window_trainer.h"

namespace fedspend::models {
namespace {

at::Tensor view_of(float* arena, const ArenaLayout::Place& place) {
  const auto rows = static_cast<std::int64_t>(place.rows), columns = static_cast<std::int64_t>(place.columns);
  return at::from_blob(arena + place.offset, {rows, columns}, {static_cast<std::int64_t>(place.stride), 1});
}

}  // namespace

struct ArenaTensors::Named {
  std::string_view name;
  at::Tensor tensor;
};

ArenaTensors::ArenaTensors(const ArenaLayout& layout) : layout_(layout) {}
ArenaTensors::~ArenaTensors() = default;

void ArenaTensors::bind(const float* arena) {
  prepare_torch_thread();
  if (arena == arena_) return;
  tensors_.clear();
  for (const LayoutEntry& entry : layout_.entries())
    tensors_.push_back({entry.name, view_of(const_cast<float*>(arena), layout_.place_of(entry.name)).set_requires_grad(true)});
  arena_ = arena;
  gradient_ = nullptr;
}

const at::Tensor& ArenaTensors::operator[](std::string_view name) const {
  const auto found = std::ranges::find(tensors_, name, &Named::name);
  FEDSPEND_CHECK(found != tensors_.end(), "a layout has an entry of this name");
  return found->tensor;
}

void ArenaTensors::backward(const at::Tensor& loss, float* gradient) {
  if (gradient != gradient_)
    for (auto& [name, tensor] : tensors_) tensor.mutable_grad() = view_of(gradient, layout_.place_of(name));
  gradient_ = gradient;
  std::fill(gradient + layout_.dense_offset(), gradient + layout_.arena_size(), 0.0f);
  loss.backward();
}

at::Tensor stacked(std::span<const float* const> rows, std::size_t columns) {
  const at::Tensor made = at::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns)});
  float* to = made.data_ptr<float>();
  for (const float* row : rows) to = std::copy_n(row, columns, to);
  return made;
}

std::vector<LocalDescent::ArenaRow> rows_of(const ArenaLayout::Block& block, std::vector<std::uint32_t> which) {
  std::ranges::sort(which);
  const auto repeated = std::ranges::unique(which);
  which.erase(repeated.begin(), repeated.end());
  std::vector<LocalDescent::ArenaRow> rows;
  for (const std::uint32_t row : which) rows.push_back({block.row(row), block.stride});
  return rows;
}

}  // namespace fedspend::models
