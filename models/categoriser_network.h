#pragma once
// The network of the model categoriser, forward and backward written out over a batch of rows:
//   e_i = sum of the embeddings of the n-grams of the merchant's name / sqrt(their number)
//   x_i = [numeric features | e_i], of which one feature is 1
//   logits_i = W x_i + sum over kinds k of trust_k,i * past_k,i     trust_i = V x_i
//   p_i = softmax(logits_i)
// past_k,i are the counts of the client's own past (categoriser_features.h), and trust says how much each of them counts here.
// Holds scratch memory: one object per thread. Weights and gradients are arenas (categoriser_layout.h).

#include <cstdint>
#include <span>
#include <vector>

#include "models/categoriser_features.h"
#include "models/categoriser_layout.h"
#include "models/kernels.h"
#include "models/local_descent.h"

namespace fedspend::models {

class CategoriserNetwork {
 public:
  explicit CategoriserNetwork(const CategoriserLayout& layout);  // borrowed

  // Runs these steps and leaves their probabilities, in this order.
  void forward(const float* arena, const CategoriserSteps& steps, std::span<const std::uint32_t> which);
  std::span<const float> probabilities(std::size_t i) const;  // of which[i]
  bool is_sound(std::size_t i) const;  // false: the logits were not finite, and the probabilities mean nothing
  double loss(std::size_t i) const;    // -log p(target) of a step that has a target

  // After forward: the gradient of the sum of the losses of the steps that have a target. Overwrites the output block and adds to the rows of
  // the embeddings that the steps use: embedding_rows(). Overwrites the probabilities.
  void backward(const float* arena, const CategoriserSteps& steps, float* gradient);
  std::span<const LocalDescent::ArenaRow> embedding_rows() const { return embedding_rows_; }  // each once, of the last backward

 private:
  const CategoriserLayout& layout_;
  std::vector<std::uint32_t> which_;
  std::vector<float> log_sum_, target_logit_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
  std::vector<std::uint32_t> touched_in_;  // of each bucket, the last batch that used it
  std::uint32_t batch_ = 0;
  kernels::Buffer inputs_, output_, text_back_, d_text_;
};

}  // namespace fedspend::models
