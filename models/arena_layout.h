#pragma once
// Where a model's parameters lie: in the flat vector that travels, in the order in which they are placed, and in the arena that the kernels
// work on (the same numbers, rows padded by zeros). Immutable once made, thread-safe.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/trainer.h"

namespace fedspend::models {

// A model derives its own from it.
class ArenaLayout {
 public:
  // A matrix in the arena.
  struct Block {
    std::size_t offset = 0, rows = 0, stride = 0;
    std::size_t row(std::size_t i) const { return offset + i * stride; }
  };

  std::size_t parameter_count() const { return parameter_count_; }
  std::size_t arena_size() const { return arena_size_; }
  const std::vector<LayoutEntry>& entries() const { return entries_; }
  std::size_t dense_offset() const { return dense_offset_; }  // of the arena, where the embeddings end, of which a batch reads a few rows
  std::size_t head_offset() const { return head_offset_; }    // of the arena, where the last layer begins

  // Where the rows of the entry of this name lie, which is placed in one stretch.
  struct Place {
    std::size_t rows, columns, offset, stride;
  };
  const Place& place_of(std::string_view name) const;

  void to_arena(std::span<const float> flat, float* arena) const;  // the padding of the arena must be zero and stays so
  void to_flat(const float* arena, std::span<float> flat) const;

 protected:
  // A block of the arena, behind those before it, whose parts are no later ones; a stretch of the flat vector (rows are the product of all
  // of the shape but the last), behind those before it, and where its rows lie in the arena.
  enum class Part { embedding, hidden, head };
  Block block(Part part, std::size_t rows, std::size_t stride);
  void place(std::string name, std::vector<std::size_t> shape, std::size_t arena_offset, std::size_t arena_stride);
  // One entry whose rows lie in several stretches of the arena, in this order.
  struct Stretch {
    std::size_t rows, arena_offset, arena_stride;
  };
  void place(std::string name, std::vector<std::size_t> shape, std::span<const Stretch> stretches);

 private:
  std::size_t arena_size_ = 0, dense_offset_ = 0, head_offset_ = 0;
  Part last_part_ = Part::embedding;
  std::size_t parameter_count_ = 0;
  std::vector<LayoutEntry> entries_;
  std::vector<Place> places_;  // in the flat vector's order
};

}  // namespace fedspend::models
