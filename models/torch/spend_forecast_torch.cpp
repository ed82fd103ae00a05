// The network of spend_forecast_network.h, by torch.

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "models/spend_forecast/spend_forecast_network.h"
#include "models/torch/arena_tensors.h"
#include "models/torch/twins.h"

namespace fedspend::models {
namespace {

constexpr float kLeastLow = 0.01f;

class SpendForecastNetworkTorch final : public SpendForecastNetwork {
 public:
  explicit SpendForecastNetworkTorch(const SpendForecastLayout& layout) : layout_(layout), parameters_(layout) {}

  void forward(const float* arena, std::span<const SpendStep> steps, std::span<const std::uint32_t> which) override;
  std::span<const float, 3> quantiles(std::size_t i) const override { return std::span<const float, 3>(given_[i]); }
  bool is_sound(std::size_t i) const override { return std::ranges::all_of(given_[i], [](float value) { return std::isfinite(value); }); }
  void backward(const float* arena, std::span<const SpendStep> steps, float* gradient) override;
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  const SpendForecastLayout& layout_;
  ArenaTensors parameters_;
  std::vector<std::uint32_t> which_;
  at::Tensor quantiles_;
  std::vector<std::array<float, 3>> given_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
};

void SpendForecastNetworkTorch::forward(const float* arena, std::span<const SpendStep> steps, std::span<const std::uint32_t> which) {
  parameters_.bind(arena);
  which_.assign(which.begin(), which.end());
  const auto rows = static_cast<std::int64_t>(which.size()), bricks = static_cast<std::int64_t>(kSpendBricks);
  const at::Tensor series = at::empty({rows}, at::kLong), knows = at::empty({rows, 1}), least = at::zeros({rows, 3});
  std::vector<std::uint32_t> known;
  std::vector<const float*> numerics, bricks_of;
  for (std::size_t i = 0; i < which.size(); ++i) {
    const SpendStep& step = steps[which[i]];
    numerics.push_back(step.numeric.data());
    bricks_of.push_back(step.bricks.data());
    series.data_ptr<std::int64_t>()[i] = step.series;
    knows.data_ptr<float>()[i] = step.knows_category ? 1.0f : 0.0f;
    least.data_ptr<float>()[3 * i] = step.own[0] > 0 ? std::min(kLeastLow, step.own[0] / 2) : kLeastLow;
    if (step.knows_category) known.push_back(step.series);
  }
  embedding_rows_ = rows_of(layout_.embedding(), std::move(known));
  const at::Tensor numeric = stacked(numerics, kSpendNumeric);
  const at::Tensor brick = stacked(bricks_of, kSpendBricks);
  const at::Tensor embedded = at::embedding(parameters_["series_embedding"], series) * knows;
  const at::Tensor hidden = at::tanh(at::mm(numeric, parameters_["hidden.numeric"]) + at::mm(embedded, parameters_["hidden.series"]));
  const at::Tensor output = at::mm(hidden, parameters_["output.hidden"]) + at::mm(numeric, parameters_["output.numeric"]) + at::mm(embedded, parameters_["output.series"]);
  const at::Tensor z = (output.view({rows, 3, bricks}) * brick.unsqueeze(1)).sum(2);
  // What is below 0 (the low: below the least that is given) counts as 0, and its gradient passes as if it did not; but none that would lower it further.
  const at::Tensor below = at::lt(z.detach(), 0);
  if (z.requires_grad()) z.register_hook([below](const at::Tensor& gradient) { return at::where(below, gradient.clamp_max(0), gradient); });
  const at::Tensor laid = z + (at::masked_fill(z.detach(), at::lt(z.detach(), least), 0.0f) - z.detach());
  quantiles_ = at::cumsum(laid, 1);
  given_.resize(which.size());
  for (std::size_t i = 0; i < which.size(); ++i) {
    std::copy_n(quantiles_.data_ptr<float>() + 3 * i, 3, given_[i].begin());
    if (!steps[which[i]].trained) given_[i] = steps[which[i]].own;
  }
}

void SpendForecastNetworkTorch::backward(const float*, std::span<const SpendStep> steps, float* gradient) {
  const at::Tensor target = at::empty({static_cast<std::int64_t>(which_.size()), 1}), points = at::empty({1, 3});
  for (std::size_t i = 0; i < which_.size(); ++i) target.data_ptr<float>()[i] = steps[which_[i]].target;
  std::ranges::copy(kTrainedPoints, points.data_ptr<float>());
  const at::Tensor above = target - quantiles_;
  parameters_.backward((points * at::relu(above) + (1 - points) * at::relu(-above)).sum() / 3, gradient);
}

}  // namespace

std::unique_ptr<SpendForecastNetwork> make_spend_forecast_network_torch(const SpendForecastLayout& layout) { return std::make_unique<SpendForecastNetworkTorch>(layout); }

}  // namespace fedspend::models
