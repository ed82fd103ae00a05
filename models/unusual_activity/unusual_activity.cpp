#include "models/unusual_activity/unusual_activity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/day_features.h"
#include "models/initial_weights.h"
#include "models/model_sizes.h"
#include "models/step_trainer.h"
#include "models/unusual_activity/alarm_threshold.h"
#include "models/unusual_activity/unusual_activity_layout.h"
#include "models/unusual_activity/unusual_activity_network.h"

namespace fedspend::models {
namespace {

constexpr std::uint64_t kEvaluationSeed = 0x756e757375616c;
// Of UnusualPart, in its order. They are keys of texts in apps: never rename.
constexpr std::array<std::string_view, kUnusualParts> kPartNames = {"category", "amount", "merchant", "rhythm"};

// What an untrained model goes by: an amount far above its category's and its merchant's; the same charge again; and a category not used before or seldom
// at a merchant not met before, at an hour at which little was bought. unusual_activity_features.cpp says what the features are.
struct InitialWeight {
  std::size_t part, way, feature;
  float weight;
};
constexpr std::array kInitialWeights = {
    InitialWeight{kUnusualAmount, kWrongAmount, 2, 1.0f},     InitialWeight{kUnusualAmount, kWrongAmount, 4, 0.5f},     InitialWeight{kUnusualAmount, kWrongAmount, 15, -3.0f},
    InitialWeight{kUnusualRhythm, kChargedAgain, 4, 4.0f},    InitialWeight{kUnusualRhythm, kChargedAgain, 15, -3.0f},  InitialWeight{kUnusualCategory, kOutOfPlace, 2, -2.0f},
    InitialWeight{kUnusualCategory, kOutOfPlace, 1, 1.0f},    InitialWeight{kUnusualCategory, kOutOfPlace, 15, -3.0f}, InitialWeight{kUnusualMerchant, kOutOfPlace, 0, -2.0f},
    InitialWeight{kUnusualMerchant, kOutOfPlace, 15, 1.0f},   InitialWeight{kUnusualRhythm, kOutOfPlace, 5, -0.5f}};

class UnusualActivity final : public StepTrainer<UnusualActivityLayout, UnusualActivityNetwork> {
 public:
  UnusualActivity(const UnusualActivityLayout& layout, MakeUnusualActivityNetwork network) : StepTrainer(layout, network) {}

  std::size_t output_count() const override { return kUnusualWays + 1; }
  Outputs outputs() const override { return Outputs::surprises; }
  bool sees_row() const override { return true; }

  void initialize(std::span<float> weights, std::uint64_t seed) const override;
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                      std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) override;
  Status predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> surprises) override;
  std::span<const std::string_view> feature_groups() const override { return kPartNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> surprises) override;

 private:
  Status write(std::span<const UnusualStep> steps, std::span<float> surprises);

  std::vector<UnusualStep> steps_, made_up_;
};

void UnusualActivity::initialize(std::span<float> weights, std::uint64_t seed) const {
  draw_weights(weights, *this, seed, [&](const LayoutEntry& entry) {
    if (entry.name == "category_embedding") return 0.3;
    return entry.name.starts_with("hidden.") ? 1 / std::sqrt(static_cast<double>(kUnusualNumeric + layout_.sizes().embedding)) : 0.0;
  });
  for (const LayoutEntry& entry : layout_.entries())
    for (const InitialWeight& initial : kInitialWeights)
      if (entry.name == "output." + std::string(kPartNames[initial.part]) + ".numeric") weights[entry.offset + initial.way * kUnusualNumeric + initial.feature] = initial.weight;
}

Result<TrainingResult> UnusualActivity::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                                     std::span<float> update) {
  FEDSPEND_TRY(descent_.load(weights));
  steps_.clear();
  made_up_.clear();
  SeededRandom random(options.seed ^ kEvaluationSeed);  // another stream than the order's
  for (const std::span<const HistoryRow> history : histories) {
    append_unusual_steps(history, categories(), first_trained_row(history.size(), options.spec.max_rows), history.size(), steps_, &made_up_, &random);
  }
  steps_.insert(steps_.end(), made_up_.begin(), made_up_.end());
  return descend(weights, steps_, all_of(steps_.size()), "rows as they were or made unusual", options, update,
                 [&](std::size_t i, std::size_t step) { return network_->loss(i, steps_[step].way); });
}

Result<EvaluationResult> UnusualActivity::evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(descent_.load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  const std::size_t first = first_scored > kThresholdRows ? first_scored - kThresholdRows : 0;
  steps_.clear();
  append_unusual_steps(history.first(first_scored), categories(), first, first_scored, steps_, nullptr, nullptr);
  std::vector<float> past(steps_.size());
  run_through(steps_, steps_.size(), [&](std::size_t step, std::size_t i) { past[step] = network_->surprise(i); });
  const std::int64_t days = first_scored == 0 ? 0 : day_of(history[first_scored - 1].time_s) - day_of(history[first].time_s) + 1;
  const std::optional<float> threshold = alarm_threshold(past, days, kAlarmsPerMonth);
  const UnusualPairs pairs = scored_unusual_pairs(history, categories(), first_scored, counting);
  std::vector<float> usual(pairs.usual.size());
  run_through(pairs.usual, pairs.usual.size(), [&](std::size_t step, std::size_t i) { usual[step] = network_->surprise(i); });
  run_through(pairs.made_up, pairs.made_up.size(), [&](std::size_t step, std::size_t i) {
    const float surprise = network_->surprise(i);
    ++result.predictions;
    result.correct_top1 += surprise > usual[step] ? 1u : 0u;
    result.correct_top3 += threshold && surprise > *threshold ? 1u : 0u;
    result.loss_sum += (surprise_loss(usual[step], false) + surprise_loss(surprise, true)) / 2;
  });
  if (!std::isfinite(result.loss_sum)) return not_finite();
  return result;
}

Status UnusualActivity::write(std::span<const UnusualStep> steps, std::span<float> surprises) {
  FEDSPEND_CHECK(surprises.size() == steps.size() * output_count(), "output_count() floats a step");
  bool sound = true;
  run_through(steps, steps.size(), [&](std::size_t step, std::size_t i) {
    sound = sound && std::isfinite(network_->surprise(i));
    for (std::size_t way = 0; way < kUnusualWays; ++way) surprises[step * output_count() + way] = network_->way(i, way);
    surprises[step * output_count() + kUnusualWays] = network_->surprise(i);
  });
  if (!sound) return not_finite();
  return {};
}

Status UnusualActivity::predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> surprises) {
  FEDSPEND_TRY(descent_.load(weights));
  steps_.clear();
  append_unusual_steps(history, categories(), first, history.size(), steps_, nullptr, nullptr);
  return write(steps_, surprises);
}

Status UnusualActivity::predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> surprises) {
  FEDSPEND_TRY(descent_.load(weights));
  steps_.clear();
  if (history.empty()) steps_.push_back(empty_unusual_step(categories()));
  else append_unusual_steps(history, categories(), history.size() - 1, history.size(), steps_, nullptr, nullptr);
  std::vector<UnusualStep> kept;
  for (const std::uint32_t set : kept_sets) kept.push_back(keep_parts(steps_.front(), set, categories()));
  return write(kept, surprises);
}

}  // namespace

UnusualPairs scored_unusual_pairs(std::span<const HistoryRow> history, std::size_t categories, std::size_t first_scored, Counting counting) {
  UnusualPairs pairs;
  SeededRandom random(kEvaluationSeed);
  append_unusual_steps(history, categories, first_scored, counting == Counting::frozen ? first_scored : history.size(), pairs.usual, &pairs.made_up, &random);
  return pairs;
}

Result<std::unique_ptr<Trainer>> make_unusual_activity(const ModelSpec& model, MakeUnusualActivityNetwork network) {
  FEDSPEND_ASSIGN(const UnusualActivityLayout layout, layout_of<UnusualActivityLayout>(model));
  return std::make_unique<UnusualActivity>(layout, network);
}

Result<std::unique_ptr<Trainer>> make_unusual_activity(const ModelSpec& model) {
  return make_unusual_activity(model, [](const UnusualActivityLayout& layout) -> std::unique_ptr<UnusualActivityNetwork> { return std::make_unique<LeanUnusualActivityNetwork>(layout); });
}

ModelSpec default_unusual_activity(std::span<const std::string> categories) {
  return drafted_model<UnusualActivityLayout>("unusual_activity", {{"embedding", 4}, {"hidden", 8}}, categories);
}

TrainingSpec default_unusual_activity_training() {
  return {.epochs = 1, .batch_size = 16, .learning_rate = 0.1, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 512};
}

}  // namespace fedspend::models
