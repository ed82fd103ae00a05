// The network of next_category_network.h, by torch, in the trainer that torch's networks have of their own (window_trainer.h).

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

#include <algorithm>
#include <string_view>

#include "common/check.h"
#include "models/next_category/next_category_layout.h"
#include "models/torch/torch_error.h"
#include "models/torch/twins.h"
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
    return {category_->weight, merchant_->weight, input_->weight, input_->bias, recurrent_->weight, output_->weight, output_->bias, trust_->weight, trust_->bias};
  }
  void load(std::span<const float> weights) override;
  void store(std::span<float> weights) override;
  bool takes_past() const override { return true; }
  std::size_t fixed_length() const override { return 0; }
  bool carries_state() const override { return true; }
  at::Tensor logits(const WindowBatch& batch, at::Tensor* state) override;

 private:
  at::Tensor run_gru(const at::Tensor& x, at::Tensor* state);
  at::Tensor part(std::string_view name);

  NextCategorySizes sizes_;
  std::unique_ptr<Trainer> lean_;  // its layout and its initial weights
  torch::nn::Embedding category_, merchant_;
  torch::nn::Linear input_, recurrent_, output_, trust_;  // the first two: reset, update, candidate
};

NextCategoryNetworkTorch::NextCategoryNetworkTorch(const NextCategorySizes& sizes, std::unique_ptr<Trainer> lean)
    : sizes_(sizes), lean_(std::move(lean)), category_(signed_of(sizes.categories + 2), signed_of(sizes.embedding)),
      merchant_(signed_of(sizes.merchant_buckets), signed_of(sizes.merchant_embedding)),
      input_(signed_of(sizes.inputs()), signed_of(3 * sizes.hidden)),
      recurrent_(torch::nn::LinearOptions(signed_of(sizes.hidden), signed_of(3 * sizes.hidden)).bias(false)),
      output_(signed_of(sizes.hidden + sizes.inputs()), signed_of(sizes.categories)),
      trust_(signed_of(sizes.hidden + sizes.inputs()), static_cast<std::int64_t>(kPastKinds)) {}

// The states [B, T, H] of the GRU over x [B, T, X], the reset gate after the product. In fewer calls of torch than torch::nn::GRU
// makes: at these sizes a call costs more than its arithmetic.
at::Tensor NextCategoryNetworkTorch::run_gru(const at::Tensor& x, at::Tensor* state) {
  const std::int64_t hidden = signed_of(sizes_.hidden);
  const std::vector<at::Tensor> parts = input_(x.transpose(0, 1).contiguous()).split_with_sizes({2 * hidden, hidden}, 2);
  const std::vector<at::Tensor> gates_in = parts[0].unbind(), candidate_in = parts[1].unbind();
  const at::Tensor back = recurrent_->weight.t();
  at::Tensor h = state != nullptr && state->defined() ? *state : torch::zeros({x.size(0), hidden});
  std::vector<at::Tensor> states;
  for (std::size_t t = 0; t < gates_in.size(); ++t) {
    const std::vector<at::Tensor> u = torch::mm(h, back).split_with_sizes({2 * hidden, hidden}, 1);
    const std::vector<at::Tensor> gates = torch::sigmoid(gates_in[t] + u[0]).chunk(2, 1);
    const at::Tensor candidate = torch::tanh(torch::addcmul(candidate_in[t], gates[0], u[1]));
    h = torch::lerp(candidate, h, gates[1]);
    states.push_back(h);
  }
  if (state != nullptr) *state = h;
  return torch::stack(states, 1);
}

at::Tensor NextCategoryNetworkTorch::logits(const WindowBatch& batch, at::Tensor* state) {
  const at::Tensor known = (batch.merchants > 0).unsqueeze(2).to(torch::kFloat);
  const at::Tensor x = torch::cat({category_(batch.categories), merchant_((batch.merchants - 1).clamp_min(0)) * known, batch.numeric}, 2);
  const at::Tensor combined = torch::cat({run_gru(x, state), x}, 2);
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
  if (name.starts_with("gru.input.")) return gate(input_->weight).t();
  if (name.starts_with("gru.bias.")) return gate(input_->bias);
  if (name.starts_with("gru.recurrent.")) return gate(recurrent_->weight).t();
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
