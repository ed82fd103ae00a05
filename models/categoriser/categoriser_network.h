#pragma once
// The network of the model categoriser, forward and backward written out over a batch of rows:
//   e_i = sum of the embeddings of the n-grams of the merchant's name / sqrt(their number)
//   x_i = [numeric features | e_i], of which one feature is 1
//   logits_i = W x_i + sum over kinds k of trust_k,i * past_k,i     trust_i = V x_i
//   p_i = softmax(logits_i)
// past_k,i are the counts of the client's own past (categoriser_features.h), and trust says how much each of them counts here.
// Holds scratch memory: one object per thread. Weights and gradients are arenas (categoriser_layout.h).

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/categoriser/categoriser_features.h"
#include "models/categoriser/categoriser_layout.h"
#include "models/kernels.h"
#include "models/local_descent.h"

namespace fedspend::models {

class CategoriserNetwork {
 public:
  virtual ~CategoriserNetwork() = default;

  // Runs these steps and leaves their probabilities, in this order.
  virtual void forward(const float* arena, const CategoriserSteps& steps, std::span<const std::uint32_t> which) = 0;
  virtual std::span<const float> probabilities(std::size_t i) const = 0;  // of which[i]
  virtual bool is_sound(std::size_t i) const = 0;  // false: the logits were not finite, and the probabilities mean nothing
  virtual double loss(std::size_t i) const = 0;  // -log p(target) of a step that has a target

  // After forward: the gradient of the sum of the losses of the steps that have a target. Overwrites the output block and adds to the rows of
  // the embeddings that the steps use: embedding_rows(). Overwrites the probabilities.
  virtual void backward(const float* arena, const CategoriserSteps& steps, float* gradient) = 0;
  virtual std::span<const LocalDescent::ArenaRow> embedding_rows() const = 0;  // each once, of the last backward
};

class LeanCategoriserNetwork final : public CategoriserNetwork {
 public:
  explicit LeanCategoriserNetwork(const CategoriserLayout& layout);  // borrowed

  void forward(const float* arena, const CategoriserSteps& steps, std::span<const std::uint32_t> which) override;
  std::span<const float> probabilities(std::size_t i) const override;
  bool is_sound(std::size_t i) const override;
  double loss(std::size_t i) const override;
  void backward(const float* arena, const CategoriserSteps& steps, float* gradient) override;
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  const CategoriserLayout& layout_;
  std::vector<std::uint32_t> which_;
  std::vector<float> log_sum_, target_logit_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
  std::vector<std::uint32_t> touched_in_;  // of each bucket, the last batch that used it
  std::uint32_t batch_ = 0;
  kernels::Buffer inputs_, output_, text_back_, d_text_;
};

// The model's trainer over a network of another make: what models/torch trains it with. As make_trainer.
using MakeCategoriserNetwork = std::unique_ptr<CategoriserNetwork> (*)(const CategoriserLayout&);
Result<std::unique_ptr<Trainer>> make_categoriser(const ModelSpec& model, MakeCategoriserNetwork network);

}  // namespace fedspend::models
