#pragma once
// The network of the model spend_forecast, forward and backward written out over a batch of steps:
//   x_i = [numeric features, one of them 1 | embedding of the series]
//   h_i = tanh(W x_i)
//   o_i = V h_i + D x_i                      three times as many as there are bricks
//   z_i,j = sum over bricks k of o_i,j,k brick_i,k
//   low = max(0, z_1), middle = low + max(0, z_2), high = middle + max(0, z_3)
// so that quantiles cannot cross. A low under a hundredth of the level, and under half of the client's own low, is given as 0: nothing at all is often spent, and a low that hovers above 0 would
// miss that by a hair. Where z is 0 or below, a gradient that would raise it passes whole, and one that would lower it ends there:
// a quantile that has met the one below comes off again, and does not drift where nothing shows it.
// Holds scratch memory: one object per thread. Weights and gradients are arenas (spend_forecast_layout.h).

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/kernels.h"
#include "models/local_descent.h"
#include "models/spend_forecast/spend_forecast_features.h"
#include "models/spend_forecast/spend_forecast_layout.h"

namespace fedspend::models {

inline constexpr std::array<float, 3> kScoredPoints = {0.1f, 0.5f, 0.9f};
// Trained a little farther out: days to come stray more than the days trained on did, and bands trained for 80% of those hold 74% of these. The
// scored loss is less for it, too (models/README.md).
inline constexpr std::array<float, 3> kTrainedPoints = {0.08f, 0.5f, 0.92f};
// Of these quantiles, mean over the three; all in the same unit.
double pinball_loss(std::span<const float, 3> quantiles, float target, const std::array<float, 3>& points = kScoredPoints);

class SpendForecastNetwork {
 public:
  virtual ~SpendForecastNetwork() = default;

  // Runs these steps and leaves their quantiles, in levels, in this order; of a step that is not trained its own.
  virtual void forward(const float* arena, std::span<const SpendStep> steps, std::span<const std::uint32_t> which) = 0;
  virtual std::span<const float, 3> quantiles(std::size_t i) const = 0;  // of which[i]
  virtual bool is_sound(std::size_t i) const = 0;  // false: they are not finite

  // After forward: the gradient of the sum of the pinball losses at kTrainedPoints; every step has a target and is trained. Overwrites the dense blocks and adds to
  // the rows of the embedding that the steps use: embedding_rows().
  virtual void backward(const float* arena, std::span<const SpendStep> steps, float* gradient) = 0;
  virtual std::span<const LocalDescent::ArenaRow> embedding_rows() const = 0;  // each once, of the last backward
};

class LeanSpendForecastNetwork final : public SpendForecastNetwork {
 public:
  explicit LeanSpendForecastNetwork(const SpendForecastLayout& layout);  // borrowed

  void forward(const float* arena, std::span<const SpendStep> steps, std::span<const std::uint32_t> which) override;
  std::span<const float, 3> quantiles(std::size_t i) const override { return std::span<const float, 3>(quantiles_[i]); }
  bool is_sound(std::size_t i) const override;
  void backward(const float* arena, std::span<const SpendStep> steps, float* gradient) override;
  std::span<const LocalDescent::ArenaRow> embedding_rows() const override { return embedding_rows_; }

 private:
  const SpendForecastLayout& layout_;
  std::vector<std::uint32_t> which_;
  std::vector<std::array<float, 3>> quantiles_, z_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
  kernels::Buffer inputs_;  // a row [hidden | numeric | embedding], of which the products see the parts
  kernels::Buffer hidden_, output_, d_hidden_, d_embedding_, output_back_, hidden_back_;
};

// The model's trainer over a network of another make: what models/torch trains it with. As make_trainer.
using MakeSpendForecastNetwork = std::unique_ptr<SpendForecastNetwork> (*)(const SpendForecastLayout&);
Result<std::unique_ptr<Trainer>> make_spend_forecast(const ModelSpec& model, MakeSpendForecastNetwork network);

}  // namespace fedspend::models
