#include "models/torch/next_category_torch.h"

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/utils.h>

#include <algorithm>
#include <string_view>

#include "common/check.h"
#include "models/next_category_layout.h"
#include "models/torch/torch_error.h"
#include "models/torch/window_trainer.h"

namespace fedspend::models {
namespace {

std::int64_t signed_of(std::size_t n) { return static_cast<std::int64_t>(n); }

class NextCategoryNetworkTorch final : public WindowNetwork {
 public:
  NextCategoryNetworkTorch(const NextCategorySizes& sizes, std::unique_ptr<Trainer> lean);

  const std::vector<LayoutEntry>& layout() const override { return lean_->layout(); }
  std::size_t parameter_count() const override { return lean_->parameter_count(); }
  void initialize(std::span<float> weights, std::uint64_t seed) const override { lean_->initialize(weights, seed); }
  std::vector<at::Tensor> parameters() override {
    return {category_->weight, merchant_->weight, weight_input(), weight_recurrent(), bias_input(), output_->weight, output_->bias, trust_->weight, trust_->bias};
  }
  void load(std::span<const float> weights) override;
  void store(std::span<float> weights) override;
  bool takes_past() const override { return true; }
  std::size_t fixed_length() const override { return 0; }
  bool carries_state() const override { return true; }
  at::Tensor logits(const WindowBatch& batch, at::Tensor* state) override;

 private:
  at::Tensor weight_input() { return gru_->named_parameters()["weight_ih_l0"]; }
  at::Tensor weight_recurrent() { return gru_->named_parameters()["weight_hh_l0"]; }
  at::Tensor bias_input() { return gru_->named_parameters()["bias_ih_l0"]; }
  at::Tensor part(std::string_view name);

  NextCategorySizes sizes_;
  std::unique_ptr<Trainer> lean_;  // its layout and its initial weights
  torch::nn::Embedding category_, merchant_;
  torch::nn::GRU gru_;  // torch's has the reset gate after the product, as the layout has
  torch::nn::Linear output_, trust_;
};

NextCategoryNetworkTorch::NextCategoryNetworkTorch(const NextCategorySizes& sizes, std::unique_ptr<Trainer> lean)
    : sizes_(sizes), lean_(std::move(lean)), category_(signed_of(sizes.categories + 2), signed_of(sizes.embedding)),
      merchant_(signed_of(sizes.merchant_buckets), signed_of(sizes.merchant_embedding)),
      gru_(torch::nn::GRUOptions(signed_of(sizes.inputs()), signed_of(sizes.hidden)).batch_first(true)),
      output_(signed_of(sizes.hidden + sizes.inputs()), signed_of(sizes.categories)),
      trust_(signed_of(sizes.hidden + sizes.inputs()), static_cast<std::int64_t>(kPastKinds)) {
  // torch's second bias is no parameter here: zero, and not trained.
  const torch::NoGradGuard no_gradient;
  at::Tensor second = gru_->named_parameters()["bias_hh_l0"];
  second.zero_();
  second.set_requires_grad(false);
}

at::Tensor NextCategoryNetworkTorch::logits(const WindowBatch& batch, at::Tensor* state) {
  const at::Tensor known = (batch.merchants > 0).unsqueeze(2).to(torch::kFloat);
  const at::Tensor x = torch::cat({category_(batch.categories), merchant_((batch.merchants - 1).clamp_min(0)) * known, batch.numeric}, 2);
  const auto [states, last] = gru_->forward(x, state == nullptr ? at::Tensor() : *state);
  if (state != nullptr) *state = last;
  const at::Tensor combined = torch::cat({states, x}, 2);
  const auto kinds = static_cast<std::int64_t>(kPastKinds), categories = signed_of(sizes_.categories);
  const at::Tensor counted = torch::bmm(trust_(combined).view({-1, 1, kinds}), batch.past.view({-1, kinds, categories}));
  return output_(combined) + counted.view({x.size(0), x.size(1), categories});
}

// The part of a parameter that a layout entry names, with the entry's shape: a view.
at::Tensor NextCategoryNetworkTorch::part(std::string_view name) {
  const std::int64_t hidden = signed_of(sizes_.hidden);
  const auto gate = [&](const at::Tensor& of) {
    const std::int64_t which = name.ends_with(".reset") ? 0 : name.ends_with(".update") ? 1 : 2;
    return of.slice(0, which * hidden, (which + 1) * hidden);
  };
  if (name == "category_embedding") return category_->weight;
  if (name == "merchant_embedding") return merchant_->weight;
  if (name.starts_with("gru.input.")) return gate(weight_input()).t();
  if (name.starts_with("gru.bias.")) return gate(bias_input());
  if (name.starts_with("gru.recurrent.")) return gate(weight_recurrent()).t();
  const bool logits = name.starts_with("output.");
  FEDSPEND_CHECK(logits || name.starts_with("trust."), "every layout entry has its place");
  auto& layer = logits ? output_ : trust_;
  if (name.ends_with(".bias")) return layer->bias;
  return name.ends_with(".state") ? layer->weight.slice(1, 0, hidden).t() : layer->weight.slice(1, hidden).t();
}

void NextCategoryNetworkTorch::load(std::span<const float> weights) {
  const torch::NoGradGuard no_gradient;
  for (const LayoutEntry& entry : layout()) {
    at::Tensor to = part(entry.name);
    const at::Tensor values = torch::empty(to.sizes());
    std::copy_n(weights.data() + entry.offset, values.numel(), values.data_ptr<float>());
    to.copy_(values);
  }
}

void NextCategoryNetworkTorch::store(std::span<float> weights) {
  const torch::NoGradGuard no_gradient;
  for (const LayoutEntry& entry : layout()) {
    const at::Tensor values = part(entry.name).contiguous();
    std::copy_n(values.data_ptr<float>(), values.numel(), weights.data() + entry.offset);
  }
}

}  // namespace

Result<std::unique_ptr<Trainer>> make_next_category_torch(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const NextCategorySizes sizes, NextCategorySizes::from(model));
  FEDSPEND_ASSIGN(std::unique_ptr<Trainer> lean, make_trainer(model));
  return guarded(ErrorCode::internal, "torch could not make the model", "", [&]() -> Result<std::unique_ptr<Trainer>> {
    prepare_torch_thread();
    return make_window_trainer(model.name, std::make_unique<NextCategoryNetworkTorch>(sizes, std::move(lean)),
                               {.categories = sizes.categories, .merchant_buckets = sizes.merchant_buckets, .past_rows = sizes.past_rows, .sequence_length = sizes.sequence_length});
  });
}

}  // namespace fedspend::models
