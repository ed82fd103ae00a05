// The network of categoriser_network.h, by torch.

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "models/categoriser/categoriser_network.h"
#include "models/torch/arena_tensors.h"
#include "models/torch/twins.h"

namespace fedspend::models {
namespace {

constexpr std::int64_t kNoTarget = -100;

class CategoriserNetworkTorch final : public CategoriserNetwork {
 public:
  explicit CategoriserNetworkTorch(const CategoriserLayout& layout) : layout_(layout), parameters_(layout) {}

  void forward(const float* arena, const CategoriserSteps& steps, std::span<const std::uint32_t> which) override;
  std::span<const float> probabilities(std::size_t i) const override { return {probabilities_.data_ptr<float>() + i * categories(), categories()}; }
  bool is_sound(std::size_t i) const override { return std::ranges::all_of(probabilities(i), [](float p) { return std::isfinite(p); }); }
  double loss(std::size_t i) const override { return static_cast<double>(losses_.data_ptr<float>()[i]); }
  void backward(const float*, const CategoriserSteps&, float* gradient) override { parameters_.backward(losses_.sum(), gradient); }
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  std::size_t categories() const { return layout_.sizes().categories; }

  const CategoriserLayout& layout_;
  ArenaTensors parameters_;
  at::Tensor probabilities_, losses_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
};

void CategoriserNetworkTorch::forward(const float* arena, const CategoriserSteps& steps, std::span<const std::uint32_t> which) {
  parameters_.bind(arena);
  const auto rows = static_cast<std::int64_t>(which.size()), kinds = static_cast<std::int64_t>(kCategoriserPasts), width = static_cast<std::int64_t>(categories());
  std::vector<std::int64_t> grams, begins;
  std::vector<std::uint32_t> buckets;
  std::vector<const float*> numerics;
  const at::Tensor scale = at::empty({rows, 1}), past = at::zeros({rows, kinds, width}), targets = at::full({rows}, kNoTarget, at::kLong);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const CategoriserStep& step = steps.steps[which[i]];
    numerics.push_back(step.numeric.data());
    begins.push_back(static_cast<std::int64_t>(grams.size()));
    for (std::uint32_t g = step.gram_begin; g < step.gram_end; ++g) {
      grams.push_back(steps.grams[g]);
      buckets.push_back(steps.grams[g]);
    }
    scale.data_ptr<float>()[i] = 1 / std::sqrt(static_cast<float>(std::max<std::uint32_t>(1, step.gram_end - step.gram_begin)));
    float* of_step = past.data_ptr<float>() + i * kCategoriserPasts * categories();
    for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) of_step[steps.past[e].kind * categories() + steps.past[e].category] += steps.past[e].value;
    if (step.target >= 0) targets.data_ptr<std::int64_t>()[i] = step.target;
  }
  embedding_rows_ = rows_of(layout_.gram_embedding(), std::move(buckets));
  const at::Tensor numeric = stacked(numerics, kCategoriserNumeric);
  const at::Tensor indices = at::from_blob(grams.data(), {static_cast<std::int64_t>(grams.size())}, at::kLong), offsets = at::from_blob(begins.data(), {rows}, at::kLong);
  const at::Tensor text = std::get<0>(at::embedding_bag(parameters_["gram_embedding"], indices.clone(), offsets.clone())) * scale;
  const at::Tensor trust = at::mm(numeric, parameters_["trust.numeric"]) + at::mm(text, parameters_["trust.text"]);
  const at::Tensor logits = at::mm(numeric, parameters_["output.numeric"]) + at::mm(text, parameters_["output.text"]) + at::bmm(trust.unsqueeze(1), past).squeeze(1);
  const at::Tensor log_p = at::log_softmax(logits, 1);
  losses_ = at::nll_loss(log_p, targets, {}, at::Reduction::None, kNoTarget);
  probabilities_ = log_p.detach().exp();
}

}  // namespace

std::unique_ptr<CategoriserNetwork> make_categoriser_network_torch(const CategoriserLayout& layout) { return std::make_unique<CategoriserNetworkTorch>(layout); }

}  // namespace fedspend::models
