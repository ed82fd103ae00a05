// The network of offers_network.h, by torch.

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "models/offers/offers_network.h"
#include "models/torch/arena_tensors.h"
#include "models/torch/twins.h"

namespace fedspend::models {
namespace {

constexpr float kImpossible = -1e30f;  // a logit of what is not on offer

class OffersNetworkTorch final : public OffersNetwork {
 public:
  explicit OffersNetworkTorch(const OffersLayout& layout) : layout_(layout), parameters_(layout) {}

  void forward(const float* arena, std::span<const OfferStep> steps, std::span<const std::uint32_t> which) override;
  std::span<const float> probabilities(std::size_t i) const override { return row_of(probabilities_, i); }
  bool is_sound(std::size_t i) const override { return std::ranges::all_of(row_of(logits_, i), [](float logit) { return std::isfinite(logit); }); }
  double loss(std::size_t i, std::span<const std::uint32_t> taken_up) const override {
    double sum = 0;
    for (const std::uint32_t category : taken_up) sum -= static_cast<double>(row_of(log_p_, i)[category]);
    return sum;
  }
  void backward(const float*, std::span<const OfferStep>, float* gradient) override { parameters_.backward(-(log_p_ * shares_).sum(), gradient); }
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  std::size_t categories() const { return layout_.sizes().categories; }
  std::span<const float> row_of(const at::Tensor& of, std::size_t i) const { return {of.data_ptr<float>() + i * categories(), categories()}; }

  const OffersLayout& layout_;
  ArenaTensors parameters_;
  at::Tensor logits_, log_p_, probabilities_;
  at::Tensor shares_;  // of what was taken up, in a step's loss
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
};

void OffersNetworkTorch::forward(const float* arena, std::span<const OfferStep> steps, std::span<const std::uint32_t> which) {
  parameters_.bind(arena);
  const auto rows = static_cast<std::int64_t>(which.size()), width = static_cast<std::int64_t>(categories());
  const at::Tensor ever = at::zeros({rows, width}), lately = at::zeros({rows, width}), in_use = at::zeros({rows, width}, at::kBool);
  shares_ = at::zeros({rows, width});
  std::vector<std::uint32_t> used;
  std::vector<const float*> numerics;
  for (std::size_t i = 0; i < which.size(); ++i) {
    const OfferStep& step = steps[which[i]];
    numerics.push_back(step.numeric.data());
    const float scale = 1 / std::sqrt(static_cast<float>(std::max<std::size_t>(step.used.size(), 1)));
    for (const OfferUse& one : step.used) {
      const std::size_t at = i * categories() + one.category;
      ever.data_ptr<float>()[at] = scale * one.ever;
      lately.data_ptr<float>()[at] = scale * one.lately;
      in_use.data_ptr<bool>()[at] = true;
      used.push_back(one.category);
      used.push_back(static_cast<std::uint32_t>(categories()) + one.category);
    }
    for (const std::uint32_t category : step.taken_up) shares_.data_ptr<float>()[i * categories() + category] = 1 / static_cast<float>(step.taken_up.size());
  }
  embedding_rows_ = rows_of(layout_.use(), std::move(used));
  const at::Tensor numeric = stacked(numerics, kOfferNumeric);
  const at::Tensor hidden = at::tanh(at::mm(numeric, parameters_["hidden.numeric"]) + at::mm(ever, parameters_["use.ever"]) + at::mm(lately, parameters_["use.lately"]));
  logits_ = at::masked_fill(at::mm(hidden, parameters_["output.hidden"]) + at::mm(numeric, parameters_["output.numeric"]), in_use, kImpossible);
  log_p_ = at::log_softmax(logits_, 1);
  probabilities_ = at::masked_fill(log_p_.detach().exp(), in_use, 0.0f);
}

}  // namespace

std::unique_ptr<OffersNetwork> make_offers_network_torch(const OffersLayout& layout) { return std::make_unique<OffersNetworkTorch>(layout); }

}  // namespace fedspend::models
