#include "models/categoriser/categoriser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "models/categoriser/categoriser_features.h"
#include "models/categoriser/categoriser_layout.h"
#include "models/categoriser/categoriser_network.h"
#include "models/initial_weights.h"
#include "models/model_sizes.h"
#include "models/next_category/next_category_features.h"
#include "models/step_trainer.h"

namespace fedspend::models {
namespace {

// Of CategoriserGroup, in its order. They are keys of texts in apps: never rename.
constexpr std::array<std::string_view, kCategoriserGroups> kGroupNames = {"merchant_name", "amount", "timing", "own_merchant", "own_frequency", "sequence"};

// What an untrained model goes by: what the client's rows of this merchant were; less, of those whose name begins alike; and least, how often
// each category comes. The other weights of the output are zero: a table of the client's own, until training says more. A correction outweighs
// all of it (9 nats), and since few histories hold one, training hardly moves that.
constexpr std::array<float, kCategoriserPasts> kInitialTrust = {1.0f / kPastScale, 0.5f / kPastScale, 5.0f / kPastScale, 0.3f / kPastScale, 0.1f / kPastScale, 0.1f / kPastScale};
constexpr std::size_t kBias = 7;  // of the numeric features, the one that is 1

class Categoriser final : public StepTrainer<CategoriserLayout, CategoriserNetwork> {
 public:
  Categoriser(const CategoriserLayout& layout, MakeCategoriserNetwork network) : StepTrainer(layout, network), scan_{layout.sizes().categories, layout.sizes().gram_buckets} {}

  std::size_t output_count() const override { return categories() + 1; }
  bool sees_row() const override { return true; }

  void initialize(std::span<float> weights, std::uint64_t seed) const override;
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                      std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) override;
  Status predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) override;
  std::span<const std::string_view> feature_groups() const override { return kGroupNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> probabilities) override;

 private:

  CategoriserScan scan_;
  CategoriserSteps steps_, kept_step_;
};

void Categoriser::initialize(std::span<float> weights, std::uint64_t seed) const {
  draw_weights(weights, *this, seed, [](const LayoutEntry& entry) { return entry.name == "gram_embedding" ? 0.3 : 0.0; });
  for (const LayoutEntry& entry : layout_.entries())
    if (entry.name == "trust.numeric") std::ranges::copy(kInitialTrust, weights.begin() + static_cast<std::ptrdiff_t>(entry.offset + kBias * kCategoriserPasts));
}

Result<TrainingResult> Categoriser::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                                 std::span<float> update) {
  FEDSPEND_TRY(descent_.load(weights));
  steps_.clear();
  for (const std::span<const HistoryRow> history : histories)
    scan_.append(history, first_trained_row(history.size(), options.spec.max_rows), history.size(), history.size(), steps_);
  FEDSPEND_CHECK(steps_.steps.size() < 0xffffffff, "steps are counted in 32 bits");
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < steps_.steps.size(); ++i)
    if (steps_.steps[i].target >= 0) order.push_back(i);
  return descend(weights, steps_, std::move(order), "rows", options, update, [&](std::size_t i, std::size_t) { return network_->loss(i); });
}

Result<EvaluationResult> Categoriser::evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(descent_.load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  steps_.clear();
  scan_.append(history, first_scored, history.size(), counting == Counting::frozen ? first_scored : history.size(), steps_);
  run_through(steps_, steps_.steps.size(), [&](std::size_t step, std::size_t i) {
    const std::int32_t target = steps_.steps[step].target;
    if (target >= 0) result.add(network_->probabilities(i), static_cast<std::size_t>(target), network_->loss(i));
  });
  if (!std::isfinite(result.loss_sum)) return not_finite();
  return result;
}

Status Categoriser::predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(first <= history.size() && probabilities.size() == (history.size() - first) * output_count(), "output_count() floats a row");
  steps_.clear();
  scan_.append(history, first, history.size(), history.size(), steps_);
  std::ranges::fill(probabilities, 0.0f);
  bool sound = true;
  run_through(steps_, steps_.steps.size(), [&](std::size_t step, std::size_t i) {
    sound = sound && network_->is_sound(i);
    std::ranges::copy(network_->probabilities(i), probabilities.begin() + static_cast<std::ptrdiff_t>(step * output_count()));
  });
  if (!sound) return not_finite();
  return {};
}

Status Categoriser::predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> probabilities) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(probabilities.size() == kept_sets.size() * output_count(), "probabilities have output_count() floats a set");
  steps_.clear();
  if (history.empty()) {
    steps_.steps.emplace_back().numeric[kBias] = 1.0f;
  } else {
    scan_.append(history, history.size() - 1, history.size(), history.size(), steps_);
  }
  constexpr std::array<std::uint32_t, 1> kOne = {0};
  for (std::size_t set = 0; set < kept_sets.size(); ++set) {
    keep_groups(steps_.steps.front(), steps_, kept_sets[set], kept_step_);
    network_->forward(descent_.weights(), kept_step_, kOne);
    if (!network_->is_sound(0)) return not_finite();
    const std::span<float> to = probabilities.subspan(set * output_count(), output_count());
    std::ranges::copy(network_->probabilities(0), to.begin());
    to.back() = 0.0f;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Trainer>> make_categoriser(const ModelSpec& model, MakeCategoriserNetwork network) {
  FEDSPEND_ASSIGN(const CategoriserLayout layout, layout_of<CategoriserLayout>(model));
  return std::make_unique<Categoriser>(layout, network);
}

Result<std::unique_ptr<Trainer>> make_categoriser(const ModelSpec& model) {
  return make_categoriser(model, [](const CategoriserLayout& layout) -> std::unique_ptr<CategoriserNetwork> { return std::make_unique<LeanCategoriserNetwork>(layout); });
}

ModelSpec default_categoriser(std::span<const std::string> categories) {
  return drafted_model<CategoriserLayout>("categoriser", {{"embedding", 16}, {"gram_buckets", 4096}}, categories);
}

TrainingSpec default_categoriser_training() {
  return {.epochs = 1, .batch_size = 2, .learning_rate = 0.5, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 256};
}

}  // namespace fedspend::models
