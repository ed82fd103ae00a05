// The network of unusual_activity_network.h, by torch.

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <string>

#include "models/torch/arena_tensors.h"
#include "models/torch/twins.h"
#include "models/unusual_activity/unusual_activity_network.h"

namespace fedspend::models {
namespace {

constexpr std::array<const char*, kUnusualParts> kPartNames = {"category", "amount", "merchant", "rhythm"};

class UnusualActivityNetworkTorch final : public UnusualActivityNetwork {
 public:
  explicit UnusualActivityNetworkTorch(const UnusualActivityLayout& layout) : layout_(layout), parameters_(layout) {}

  void forward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint32_t> which) override;
  float way(std::size_t i, std::size_t way) const override { return ways_.data_ptr<float>()[i * kUnusualWays + way]; }
  float surprise(std::size_t i) const override { return surprises_.data_ptr<float>()[i]; }
  double loss(std::size_t i, UnusualWay way) const override { return -static_cast<double>(log_p_.data_ptr<float>()[i * (kUnusualWays + 1) + way]); }
  void backward(const float*, std::span<const UnusualStep> steps, float* gradient) override;
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  const UnusualActivityLayout& layout_;
  ArenaTensors parameters_;
  std::vector<std::uint32_t> which_;
  at::Tensor ways_, surprises_;
  at::Tensor log_p_;  // of the ways, and of a row as it was
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
};

void UnusualActivityNetworkTorch::forward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint32_t> which) {
  parameters_.bind(arena);
  which_.assign(which.begin(), which.end());
  const auto rows = static_cast<std::int64_t>(which.size());
  ways_ = at::zeros({rows, static_cast<std::int64_t>(kUnusualWays)});
  std::vector<std::uint32_t> used;
  for (std::size_t part = 0; part < kUnusualParts; ++part) {
    const std::string name = kPartNames[part];
    std::vector<const float*> numerics;
    const at::Tensor category = at::empty({rows}, at::kLong);
    for (std::size_t i = 0; i < which.size(); ++i) {
      numerics.push_back(steps[which[i]].numeric[part].data());
      used.push_back(steps[which[i]].category[part]);
      category.data_ptr<std::int64_t>()[i] = used.back();
    }
    const at::Tensor numeric = stacked(numerics, kUnusualNumeric);
    const at::Tensor embedded = at::embedding(parameters_["category_embedding"], category);
    const at::Tensor hidden = at::tanh(at::mm(numeric, parameters_["hidden." + name + ".numeric"]) + at::mm(embedded, parameters_["hidden." + name + ".category"]));
    const std::string output = "output." + name;
    ways_ = ways_ + at::mm(hidden, parameters_[output + ".hidden"].t()) + at::mm(numeric, parameters_[output + ".numeric"].t()) + at::mm(embedded, parameters_[output + ".category"].t());
  }
  embedding_rows_ = rows_of(layout_.embedding(), std::move(used));
  surprises_ = at::logsumexp(ways_.detach(), 1);
  log_p_ = at::log_softmax(at::cat({ways_, at::zeros({rows, 1})}, 1), 1);
}

void UnusualActivityNetworkTorch::backward(const float*, std::span<const UnusualStep> steps, float* gradient) {
  const at::Tensor truth = at::empty({static_cast<std::int64_t>(which_.size())}, at::kLong);
  for (std::size_t i = 0; i < which_.size(); ++i) truth.data_ptr<std::int64_t>()[i] = steps[which_[i]].way;
  parameters_.backward(at::nll_loss(log_p_, truth, {}, at::Reduction::Sum), gradient);
}

}  // namespace

std::unique_ptr<UnusualActivityNetwork> make_unusual_activity_network_torch(const UnusualActivityLayout& layout) { return std::make_unique<UnusualActivityNetworkTorch>(layout); }

}  // namespace fedspend::models
