#pragma once
// What the lean trainers share whose network sees one step at a time (a row, a forecast, a day), and not a sequence: categoriser, spend_forecast,
// unusual_activity and offers. A model's own are its steps, what it scores, and its initial weights.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "models/local_descent.h"
#include "models/trainer.h"

namespace fedspend::models {

// Layout: an ArenaLayout. Network: forward(arena, steps, which), and for what it ran last backward(arena, steps, gradient) and embedding_rows(), the rows
// of the embeddings that this moved, each once.
template <class Layout, class Network>
class StepTrainer : public Trainer {
 public:
  std::size_t parameter_count() const final { return layout_.parameter_count(); }
  const std::vector<LayoutEntry>& layout() const final { return layout_.entries(); }
  Result<TrainingResult> train(std::span<const float> weights, std::span<const HistoryRow> history, const TrainingOptions& options, std::span<float> update) final {
    return train_pooled(weights, std::span(&history, 1), options, update);
  }
  Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> outputs) final {
    const std::array<std::uint32_t, 1> all = {(1u << feature_groups().size()) - 1};
    return predict_kept(weights, history, all, outputs);
  }

 protected:
  using MakeNetwork = std::unique_ptr<Network> (*)(const Layout&);
  StepTrainer(const Layout& layout, MakeNetwork network) : layout_(layout), network_(network(layout_)), descent_(layout_) {}

  std::size_t categories() const { return layout_.sizes().categories; }

  // The numbers of `count` steps, in order.
  static std::vector<std::uint32_t> all_of(std::size_t count) {
    FEDSPEND_CHECK(count < 0xffffffff, "steps are counted in 32 bits");
    std::vector<std::uint32_t> which(count);
    std::iota(which.begin(), which.end(), 0u);
    return which;
  }

  // LocalDescent::train over the steps of `order`; loss(i, step): of the step that ran as the i-th, in nats.
  template <class Steps, class Loss>
  Result<TrainingResult> descend(std::span<const float> weights, const Steps& steps, std::vector<std::uint32_t> order, std::string_view unit, const TrainingOptions& options,
                                 std::span<float> update, Loss loss) {
    const auto run = [&](std::span<const std::uint32_t> batch) {
      network_->forward(descent_.weights(), steps, batch);
      double sum = 0;
      for (std::size_t i = 0; i < batch.size(); ++i) sum += loss(i, batch[i]);
      network_->backward(descent_.weights(), steps, descent_.gradient());
      return sum;
    };
    return descent_.train(weights, std::move(order), unit, options, update, run, [&] { return network_->embedding_rows(); });
  }

  // Runs all steps in order and calls visit(step, i) for each, which ran as the i-th.
  template <class Steps, class Visit>
  void run_through(const Steps& steps, std::size_t count, Visit visit) {
    const std::vector<std::uint32_t> which = all_of(count);
    for (std::size_t begin = 0; begin < count; begin += kRunAtOnce) {
      const auto chunk = std::span(which).subspan(begin, std::min(kRunAtOnce, count - begin));
      network_->forward(descent_.weights(), steps, chunk);
      for (std::size_t i = 0; i < chunk.size(); ++i) visit(begin + i, i);
    }
  }

  Layout layout_;
  std::unique_ptr<Network> network_;
  LocalDescent descent_;

 private:
  static constexpr std::size_t kRunAtOnce = 256;
};

}  // namespace fedspend::models
