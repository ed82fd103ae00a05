#pragma once
// What every lean trainer does with a batch's gradient: stochastic gradient descent with momentum, clipping by the L2 norm and FedProx's pull,
// over an arena whose embeddings lie first and of which only few rows move in a step. One object per thread.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/arena_layout.h"
#include "models/kernels.h"
#include "models/trainer.h"

namespace fedspend::models {

class LocalDescent {
 public:
  // The layout is borrowed. From its dense_offset() on every step moves everything; of the embeddings before it a step names the rows.
  explicit LocalDescent(const ArenaLayout& layout);

  // Some rows of an embedding in the arena, each once.
  struct ArenaRow {
    std::size_t offset, width;
  };

  // invalid_argument: another number of weights.
  Status load(std::span<const float> weights);
  const float* weights() const { return weights_.data(); }

  // After load().
  void begin(const TrainingOptions& options);
  // Between steps zero where the embeddings are; a batch adds there, and overwrites the rest.
  float* gradient() { return gradient_.data(); }
  // Down the mean of the gradients of `count` predictions, clipped; `rows`: what moved of the embeddings, whose gradient is zero afterwards.
  void step(double count, std::span<const ArenaRow> rows);
  // A whole training after load(): so many epochs over `order`, each shuffled from the seed, in batches of which `run` does both passes and returns
  // the sum of the losses; `moved` gives the rows of the embeddings that it moved. Nothing to train on: an update of zeros.
  // invalid_argument: batches of 0 (`unit`: what they count); refused: stopped; limit: as finish().
  template <class Run, class Moved>
  Result<TrainingResult> train(std::span<const float> weights, std::vector<std::uint32_t> order, std::string_view unit, const TrainingOptions& options, std::span<float> update, Run run, Moved moved);

  // update = what training changed of `weights`. limit: it gives values that are not finite, and update is zero.
  Status finish(std::span<const float> weights, std::span<float> update) const;

 private:
  void step_over(std::size_t offset, std::size_t width, double scale);

  const ArenaLayout& layout_;
  TrainingSpec spec_;
  TrainedPart part_ = TrainedPart::everything;
  kernels::Buffer weights_;
  kernels::Buffer gradient_;
  kernels::Buffer velocity_, round_weights_;  // used with momentum, with FedProx
};

// limit: what a trainer says where these weights give values that are not finite.
tl::unexpected<Error> not_finite();

template <class Run, class Moved>
Result<TrainingResult> LocalDescent::train(std::span<const float> weights, std::vector<std::uint32_t> order, std::string_view unit, const TrainingOptions& options, std::span<float> update,
                                           Run run, Moved moved) {
  FEDSPEND_CHECK(update.size() == layout_.parameter_count(), "an update has parameter_count() floats");
  const TrainingSpec& spec = options.spec;
  if (spec.batch_size == 0) return fail(ErrorCode::invalid_argument, "training.batch_size is 0", "it counts " + std::string(unit) + ", at least 1");
  begin(options);
  SeededRandom random(options.seed);
  TrainingResult result;
  for (std::uint32_t epoch = 0; epoch < spec.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    double loss = 0;
    for (std::size_t first = 0; first < order.size(); first += spec.batch_size) {
      if (options.stop.stop_requested()) return fail(ErrorCode::refused, "training was stopped");
      const std::span<const std::uint32_t> batch = std::span(order).subspan(first, std::min<std::size_t>(spec.batch_size, order.size() - first));
      loss += run(batch);
      step(static_cast<double>(batch.size()), moved());
    }
    result.examples += order.size();
    result.mean_loss = order.empty() ? 0 : loss / static_cast<double>(order.size());
  }
  if (result.examples == 0) {
    std::fill(update.begin(), update.end(), 0.0f);
    return result;
  }
  FEDSPEND_TRY(finish(weights, update));
  return result;
}

}  // namespace fedspend::models
