#pragma once
// The network of the model unusual_activity, forward and backward written out over a batch of steps. Of each of the four parts p
//   x_p = [numeric features, one of them 1 | embedding of the category]
//   h_p = tanh(W_p x_p)
// and for each way k of being unusual (UnusualWay)
//   l_k = sum over parts of (v_p,k h_p + d_p,k x_p)
// the log of the odds that the row is unusual in this way rather than as it was: a product over the parts of how much likelier each is. The surprise of a row
// is the log of the odds of any of them, log(sum of exp(l_k)): a row that is unusual in one way need not be so in another.
// Holds scratch memory: one object per thread. Weights and gradients are arenas (unusual_activity_layout.h).

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/kernels.h"
#include "models/local_descent.h"
#include "models/unusual_activity/unusual_activity_features.h"
#include "models/unusual_activity/unusual_activity_layout.h"

namespace fedspend::models {

// Nats: -log of the probability that the odds give to what it is.
double surprise_loss(float surprise, bool is_made_up);

class UnusualActivityNetwork {
 public:
  virtual ~UnusualActivityNetwork() = default;

  // Runs these steps and leaves their surprises, in this order.
  virtual void forward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint32_t> which) = 0;
  virtual float way(std::size_t i, std::size_t way) const = 0;  // of which[i], in nats
  virtual float surprise(std::size_t i) const = 0;
  virtual double loss(std::size_t i, UnusualWay way) const = 0;  // -log of the probability of what it is, of all ways and as it was

  // After forward: the gradient of the sum of the losses. Overwrites the dense blocks and adds to the rows of the embedding that the steps use:
  // embedding_rows().
  virtual void backward(const float* arena, std::span<const UnusualStep> steps, float* gradient) = 0;
  virtual std::span<const LocalDescent::ArenaRow> embedding_rows() const = 0;  // each once, of the last backward
};

class LeanUnusualActivityNetwork final : public UnusualActivityNetwork {
 public:
  explicit LeanUnusualActivityNetwork(const UnusualActivityLayout& layout);  // borrowed

  void forward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint32_t> which) override;
  float way(std::size_t i, std::size_t way) const override { return ways_[i][way]; }
  float surprise(std::size_t i) const override { return surprises_[i]; }
  double loss(std::size_t i, UnusualWay way) const override;
  void backward(const float* arena, std::span<const UnusualStep> steps, float* gradient) override;
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  const UnusualActivityLayout& layout_;
  std::vector<std::uint32_t> which_;
  std::vector<std::array<float, kUnusualWays>> ways_;
  std::vector<float> surprises_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
  std::array<kernels::Buffer, kUnusualParts> inputs_, hidden_;
  kernels::Buffer d_hidden_, d_embedding_, hidden_back_;
};

// The model's trainer over a network of another make: what models/torch trains it with. As make_trainer.
using MakeUnusualActivityNetwork = std::unique_ptr<UnusualActivityNetwork> (*)(const UnusualActivityLayout&);
Result<std::unique_ptr<Trainer>> make_unusual_activity(const ModelSpec& model, MakeUnusualActivityNetwork network);

}  // namespace fedspend::models
