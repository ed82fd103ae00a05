#pragma once
// What a model is scored by, as sums that add up over clients. What the hits and the loss are is the model's: its Measure (stock_models.h)
// says it in words. A value.

#include <cstddef>
#include <cstdint>
#include <span>

namespace fedspend::models {

struct EvaluationResult {
  std::uint64_t predictions = 0;
  std::uint64_t correct_top1 = 0;
  std::uint64_t correct_top3 = 0;
  double loss_sum = 0;
  double reference_loss_sum = 0;  // above 0 where a model is held against the loss of something simple on the same predictions

  // One more prediction of a category: ties of probabilities go to the lower index.
  void add(std::span<const float> probabilities, std::size_t target, double loss) {
    std::size_t above = 0;
    for (std::size_t c = 0; c < probabilities.size(); ++c)
      above += probabilities[c] > probabilities[target] || (probabilities[c] == probabilities[target] && c < target) ? 1u : 0u;
    ++predictions;
    correct_top1 += above < 1 ? 1u : 0u;
    correct_top3 += above < 3 ? 1u : 0u;
    loss_sum += loss;
  }
  EvaluationResult& operator+=(const EvaluationResult& other) {
    predictions += other.predictions;
    correct_top1 += other.correct_top1;
    correct_top3 += other.correct_top3;
    loss_sum += other.loss_sum;
    reference_loss_sum += other.reference_loss_sum;
    return *this;
  }

  // The share that models of one name are compared by, more is better: what is saved of the reference's loss where there is one (below 0:
  // nothing is), and otherwise the share of hits. 0 without predictions.
  double headline() const {
    if (reference_loss_sum > 0) return 1 - loss_sum / reference_loss_sum;
    return share(correct_top1);
  }
  double second() const { return share(correct_top3); }
  double loss() const { return predictions == 0 ? 0 : loss_sum / static_cast<double>(predictions); }

 private:
  double share(std::uint64_t hits) const { return predictions == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(predictions); }
};

}  // namespace fedspend::models
