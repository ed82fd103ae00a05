#pragma once
// What every lean trainer does with a batch's gradient: stochastic gradient descent with momentum, clipping by the L2 norm and FedProx's pull,
// over an arena whose embeddings lie first and of which only few rows move in a step. One object per thread.

#include <cstdint>
#include <span>

#include "models/arena_layout.h"
#include "models/kernels.h"
#include "models/trainer.h"

namespace fedspend::models {

class LocalDescent {
 public:
  // Of the arena, from `dense_offset` on every step moves everything; before it lie embeddings, of which a step names the rows. From
  // `head_offset` on lies the last layer. The layout is borrowed.
  LocalDescent(const ArenaLayout& layout, std::size_t dense_offset, std::size_t head_offset);

  // Some rows of an embedding in the arena, each once.
  struct ArenaRow {
    std::size_t offset, width;
  };

  // invalid_argument: another number of weights.
  Status load(std::span<const float> weights);
  const float* weights() const { return weights_.data(); }

  // After load().
  void begin(const TrainingOptions& options);
  // Between steps zero where the embeddings are; a batch adds there, and overwrites the rest.
  float* gradient() { return gradient_.data(); }
  // Down the mean of the gradients of `count` predictions, clipped; `rows`: what moved of the embeddings, whose gradient is zero afterwards.
  void step(double count, std::span<const ArenaRow> rows);
  // update = what training changed of `weights`. limit: it gives values that are not finite, and update is zero.
  Status finish(std::span<const float> weights, std::span<float> update) const;

 private:
  void step_over(std::size_t offset, std::size_t width, double scale);

  const ArenaLayout& layout_;
  std::size_t dense_offset_, head_offset_;
  TrainingSpec spec_;
  TrainedPart part_ = TrainedPart::everything;
  kernels::Buffer weights_;
  kernels::Buffer gradient_;
  kernels::Buffer velocity_, round_weights_;  // used with momentum, with FedProx
};

}  // namespace fedspend::models
