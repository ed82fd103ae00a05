#pragma once
// The network of the model unusual_activity, forward and backward written out over a batch of steps. Each of the four parts p is scored by itself,
//   x_p = [numeric features, one of them 1 | embedding of the category]
//   s_p = v_p tanh(W_p x_p) + d_p x_p
// and the surprise of a row is their sum: the log of the odds that it is one made unusual. So what each part adds is what it says, and adds up.
// Holds scratch memory: one object per thread. Weights and gradients are arenas (unusual_activity_layout.h).

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels.h"
#include "models/local_descent.h"
#include "models/unusual_activity_features.h"
#include "models/unusual_activity_layout.h"

namespace fedspend::models {

// Nats: -log of the probability that the odds give to what it is.
double surprise_loss(float surprise, bool is_made_up);

class UnusualActivityNetwork {
 public:
  explicit UnusualActivityNetwork(const UnusualActivityLayout& layout);  // borrowed

  // Runs these steps and leaves their surprises, in this order.
  void forward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint32_t> which);
  float part(std::size_t i, std::size_t part) const { return parts_[i][part]; }  // of which[i], in nats
  float surprise(std::size_t i) const { return parts_[i][0] + parts_[i][1] + parts_[i][2] + parts_[i][3]; }

  // After forward: the gradient of the sum of the losses, where of steps[i] made_up[i] says which it is. Overwrites the dense blocks and adds to the
  // rows of the embedding that the steps use: embedding_rows().
  void backward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint8_t> made_up, float* gradient);
  std::span<const LocalDescent::ArenaRow> embedding_rows() const { return embedding_rows_; }  // each once, of the last backward

 private:
  const UnusualActivityLayout& layout_;
  std::vector<std::uint32_t> which_;
  std::vector<std::array<float, kUnusualParts>> parts_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
  std::array<kernels::Buffer, kUnusualParts> inputs_, hidden_;
  kernels::Buffer d_hidden_, d_embedding_, hidden_back_;
};

}  // namespace fedspend::models
