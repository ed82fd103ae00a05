#include "models/arena_layout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/check.h"

namespace fedspend::models {

ArenaLayout::Block ArenaLayout::block(Part part, std::size_t rows, std::size_t stride) {
  FEDSPEND_CHECK(part >= last_part_, "embeddings lie first, and the last layer last");
  last_part_ = part;
  const Block made{arena_size_, rows, stride};
  arena_size_ += rows * stride;
  if (part == Part::embedding) dense_offset_ = arena_size_;
  if (part != Part::head) head_offset_ = arena_size_;
  return made;
}

void ArenaLayout::place(std::string name, std::vector<std::size_t> shape, std::size_t arena_offset, std::size_t arena_stride) {
  const std::size_t rows = shape.size() == 1 ? 1 : shape.front();
  const std::array whole{Stretch{rows, arena_offset, arena_stride}};
  place(std::move(name), std::move(shape), whole);
}

void ArenaLayout::place(std::string name, std::vector<std::size_t> shape, std::span<const Stretch> stretches) {
  const std::size_t columns = shape.back();
  entries_.push_back({std::move(name), std::move(shape), parameter_count_});
  for (const Stretch& stretch : stretches) {
    places_.push_back({stretch.rows, columns, stretch.arena_offset, stretch.arena_stride});
    parameter_count_ += stretch.rows * columns;
  }
}

const ArenaLayout::Place& ArenaLayout::place_of(std::string_view name) const {
  const auto entry = std::ranges::find(entries_, name, &LayoutEntry::name);
  FEDSPEND_CHECK(entry != entries_.end(), "a layout has an entry of this name");
  std::size_t flat = 0;
  const auto place = std::ranges::find_if(places_, [&](const Place& each) { return std::exchange(flat, flat + each.rows * each.columns) == entry->offset; });
  FEDSPEND_CHECK(place->rows * place->columns == (entry + 1 == entries_.end() ? parameter_count_ : (entry + 1)->offset) - entry->offset, "it lies in one stretch");
  return *place;
}

void ArenaLayout::to_arena(std::span<const float> flat, float* arena) const {
  FEDSPEND_CHECK(flat.size() == parameter_count_, "the flat vector has parameter_count() floats");
  const float* from = flat.data();
  for (const Place& p : places_)
    for (std::size_t row = 0; row < p.rows; ++row, from += p.columns) std::copy_n(from, p.columns, arena + p.offset + row * p.stride);
}

void ArenaLayout::to_flat(const float* arena, std::span<float> flat) const {
  FEDSPEND_CHECK(flat.size() == parameter_count_, "the flat vector has parameter_count() floats");
  float* to = flat.data();
  for (const Place& p : places_)
    for (std::size_t row = 0; row < p.rows; ++row, to += p.columns) std::copy_n(arena + p.offset + row * p.stride, p.columns, to);
}

}  // namespace fedspend::models
