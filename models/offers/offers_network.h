#pragma once
// The network of the model offers, forward and backward written out over a batch of steps:
//   h      = tanh(W x + sum over categories c used of (ever_c a_c + lately_c b_c) / sqrt(number of them))       x: numeric features, one of them 1
//   logits = V h + D x, of the categories that are not used, whose softmax is the output; those used have 0
// Trained on the mean over the categories taken up of -log p. Holds scratch memory: one object per thread. Weights and gradients are arenas (offers_layout.h).

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/kernels.h"
#include "models/local_descent.h"
#include "models/offers/offers_features.h"
#include "models/offers/offers_layout.h"

namespace fedspend::models {

class OffersNetwork {
 public:
  virtual ~OffersNetwork() = default;

  // Runs these steps and leaves their probabilities, in this order; of a client that has used everything, zeros.
  virtual void forward(const float* arena, std::span<const OfferStep> steps, std::span<const std::uint32_t> which) = 0;
  virtual std::span<const float> probabilities(std::size_t i) const = 0;  // of which[i]
  virtual bool is_sound(std::size_t i) const = 0;  // false: they are not finite
  virtual double loss(std::size_t i, std::span<const std::uint32_t> taken_up) const = 0;  // nats, the sum over them

  // After forward: the gradient of the sum over the steps of the mean loss of what was taken up. Overwrites the dense blocks and adds to the rows of the
  // use that the steps have: embedding_rows().
  virtual void backward(const float* arena, std::span<const OfferStep> steps, float* gradient) = 0;
  virtual std::span<const LocalDescent::ArenaRow> embedding_rows() const = 0;  // each once, of the last backward
};

class LeanOffersNetwork final : public OffersNetwork {
 public:
  explicit LeanOffersNetwork(const OffersLayout& layout);  // borrowed

  void forward(const float* arena, std::span<const OfferStep> steps, std::span<const std::uint32_t> which) override;
  std::span<const float> probabilities(std::size_t i) const override { return std::span(output_.data() + i * layout_.logits_width(), layout_.sizes().categories); }
  bool is_sound(std::size_t i) const override;
  double loss(std::size_t i, std::span<const std::uint32_t> taken_up) const override;
  void backward(const float* arena, std::span<const OfferStep> steps, float* gradient) override;
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  const OffersLayout& layout_;
  std::vector<std::uint32_t> which_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
  std::vector<std::uint32_t> touched_in_;  // of each category, the last batch that used it
  std::uint32_t batch_ = 0;
  std::vector<float> log_sum_;
  kernels::Buffer inputs_;  // a row [hidden | numeric], of which the products see the parts
  kernels::Buffer hidden_, output_, logits_, d_hidden_, output_back_;
};

// The model's trainer over a network of another make: what models/torch trains it with. As make_trainer.
using MakeOffersNetwork = std::unique_ptr<OffersNetwork> (*)(const OffersLayout&);
Result<std::unique_ptr<Trainer>> make_offers(const ModelSpec& model, MakeOffersNetwork network);

}  // namespace fedspend::models
