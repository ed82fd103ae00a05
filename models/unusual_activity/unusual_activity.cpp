#include "models/unusual_activity/unusual_activity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/day_features.h"
#include "models/local_descent.h"
#include "models/model_sizes.h"
#include "models/unusual_activity/alarm_threshold.h"
#include "models/unusual_activity/unusual_activity_layout.h"
#include "models/unusual_activity/unusual_activity_network.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kEvaluationChunk = 256;  // steps run at once
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

class UnusualActivity final : public Trainer {
 public:
  UnusualActivity(const UnusualActivitySizes& sizes, MakeUnusualActivityNetwork network) : layout_(sizes), network_(network(layout_)), descent_(layout_, layout_.hidden(0).offset, layout_.output(0).offset) {}

  std::size_t parameter_count() const override { return layout_.parameter_count(); }
  const std::vector<LayoutEntry>& layout() const override { return layout_.entries(); }
  std::size_t output_count() const override { return kUnusualWays + 1; }
  Outputs outputs() const override { return Outputs::surprises; }
  bool sees_row() const override { return true; }

  void initialize(std::span<float> weights, std::uint64_t seed) const override;
  Result<TrainingResult> train(std::span<const float> weights, std::span<const HistoryRow> history, const TrainingOptions& options, std::span<float> update) override {
    return train_pooled(weights, std::span(&history, 1), options, update);
  }
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                      std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) override;
  Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> surprises) override {
    constexpr std::array<std::uint32_t, 1> kAll = {(1u << kUnusualParts) - 1};
    return predict_kept(weights, history, kAll, surprises);
  }
  Status predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> surprises) override;
  std::span<const std::string_view> feature_groups() const override { return kPartNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> surprises) override;

 private:
  std::size_t categories() const { return layout_.sizes().categories; }
  template <class Visit>
  void run_through(std::span<const UnusualStep> steps, Visit visit);
  Status write(std::span<const UnusualStep> steps, std::span<float> surprises);

  UnusualActivityLayout layout_;
  std::unique_ptr<UnusualActivityNetwork> network_;
  LocalDescent descent_;
  std::vector<UnusualStep> steps_, made_up_;
};

void UnusualActivity::initialize(std::span<float> weights, std::uint64_t seed) const {
  FEDSPEND_CHECK(weights.size() == layout_.parameter_count(), "weights have parameter_count() floats");
  SeededRandom random(seed);
  std::ranges::fill(weights, 0.0f);
  for (const LayoutEntry& entry : layout_.entries()) {
    const bool embedding = entry.name == "category_embedding";
    if (embedding || entry.name.starts_with("hidden.")) {
      const double half_width = embedding ? 0.3 : 1 / std::sqrt(static_cast<double>(kUnusualNumeric + layout_.sizes().embedding));
      for (std::size_t i = 0; i < entry.shape[0] * entry.shape[1]; ++i)
        weights[entry.offset + i] = static_cast<float>((2 * (static_cast<double>(random.next_u64() >> 11) * 0x1p-53) - 1) * half_width);
    }
    for (const InitialWeight& initial : kInitialWeights)
      if (entry.name == "output." + std::string(kPartNames[initial.part]) + ".numeric") weights[entry.offset + initial.way * kUnusualNumeric + initial.feature] = initial.weight;
  }
}

Result<TrainingResult> UnusualActivity::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                                     std::span<float> update) {
  FEDSPEND_TRY(descent_.load(weights));
  steps_.clear();
  made_up_.clear();
  SeededRandom random(options.seed ^ kEvaluationSeed);  // another stream than the order's
  for (const std::span<const HistoryRow> history : histories) {
    const std::size_t first = options.spec.max_rows > 0 && history.size() > options.spec.max_rows ? history.size() - options.spec.max_rows : 0;
    append_unusual_steps(history, categories(), first, history.size(), steps_, &made_up_, &random);
  }
  steps_.insert(steps_.end(), made_up_.begin(), made_up_.end());
  FEDSPEND_CHECK(steps_.size() < 0xffffffff, "steps are counted in 32 bits");
  std::vector<std::uint32_t> order(steps_.size());
  std::iota(order.begin(), order.end(), 0u);
  return descent_.train(weights, std::move(order), "rows as they were or made unusual", options, update, [&](std::span<const std::uint32_t> batch) {
    network_->forward(descent_.weights(), steps_, batch);
    double loss = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) loss += network_->loss(i, steps_[batch[i]].way);
    network_->backward(descent_.weights(), steps_, descent_.gradient());
    return loss;
  }, [&] { return network_->embedding_rows(); });
}

// Visits all steps in order.
template <class Visit>
void UnusualActivity::run_through(std::span<const UnusualStep> steps, Visit visit) {
  std::vector<std::uint32_t> chunk(kEvaluationChunk);
  for (std::size_t begin = 0; begin < steps.size(); begin += kEvaluationChunk) {
    chunk.resize(std::min(kEvaluationChunk, steps.size() - begin));
    std::iota(chunk.begin(), chunk.end(), static_cast<std::uint32_t>(begin));
    network_->forward(descent_.weights(), steps, chunk);
    for (std::size_t i = 0; i < chunk.size(); ++i) visit(begin + i, i);
  }
}

Result<EvaluationResult> UnusualActivity::evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(descent_.load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  const std::size_t first = first_scored > kThresholdRows ? first_scored - kThresholdRows : 0;
  steps_.clear();
  append_unusual_steps(history.first(first_scored), categories(), first, first_scored, steps_, nullptr, nullptr);
  std::vector<float> past(steps_.size());
  run_through(steps_, [&](std::size_t step, std::size_t i) { past[step] = network_->surprise(i); });
  const std::int64_t days = first_scored == 0 ? 0 : day_of(history[first_scored - 1].time_s) - day_of(history[first].time_s) + 1;
  const std::optional<float> threshold = alarm_threshold(past, days, kAlarmsPerMonth);
  const UnusualPairs pairs = scored_unusual_pairs(history, categories(), first_scored, counting);
  std::vector<float> usual(pairs.usual.size());
  run_through(pairs.usual, [&](std::size_t step, std::size_t i) { usual[step] = network_->surprise(i); });
  run_through(pairs.made_up, [&](std::size_t step, std::size_t i) {
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
  run_through(steps, [&](std::size_t step, std::size_t i) {
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
  FEDSPEND_ASSIGN(const UnusualActivitySizes sizes, UnusualActivitySizes::from(model));
  FEDSPEND_TRY(check_parameter_count(model, UnusualActivityLayout(sizes).parameter_count()));
  return std::make_unique<UnusualActivity>(sizes, network);
}

Result<std::unique_ptr<Trainer>> make_unusual_activity(const ModelSpec& model) {
  return make_unusual_activity(model, [](const UnusualActivityLayout& layout) -> std::unique_ptr<UnusualActivityNetwork> { return std::make_unique<LeanUnusualActivityNetwork>(layout); });
}

ModelSpec default_unusual_activity(std::span<const std::string> categories) {
  ModelSpec model;
  model.name = "unusual_activity";
  model.initial_seed = 1;
  model.sizes = {{"embedding", 4}, {"hidden", 8}};
  model.categories.assign(categories.begin(), categories.end());
  if (const auto sizes = UnusualActivitySizes::from(model)) model.parameter_count = UnusualActivityLayout(*sizes).parameter_count();
  return model;
}

TrainingSpec default_unusual_activity_training() {
  return {.epochs = 1, .batch_size = 16, .learning_rate = 0.1, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 512};
}

}  // namespace fedspend::models
