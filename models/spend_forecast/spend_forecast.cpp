#include "models/spend_forecast/spend_forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "models/day_features.h"
#include "models/initial_weights.h"
#include "models/model_sizes.h"
#include "models/spend_forecast/spend_forecast_layout.h"
#include "models/spend_forecast/spend_forecast_network.h"
#include "models/step_trainer.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kMostTrainedDays = 18;   // of the grid, the newest: two years
constexpr std::size_t kMostScoredDays = 400;   // eleven years
// Of SpendGroup, in its order. They are keys of texts in apps: never rename.
constexpr std::array<std::string_view, kSpendGroups> kGroupNames = {"own_range", "own_recent", "own_year", "own_rhythm", "category", "all_spending"};
constexpr std::size_t kOne = 15;  // of the numeric features, the one that is 1

class SpendForecast final : public StepTrainer<SpendForecastLayout, SpendForecastNetwork> {
 public:
  SpendForecast(const SpendForecastLayout& layout, MakeSpendForecastNetwork network) : StepTrainer(layout, network) {}

  std::size_t output_count() const override { return 3 * (categories() + 1); }
  Outputs outputs() const override { return Outputs::spend_quantiles; }

  void initialize(std::span<float> weights, std::uint64_t seed) const override;
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                      std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) override;
  std::span<const std::string_view> feature_groups() const override { return kGroupNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> spends) override;

 private:
  std::vector<SpendStep> steps_;
};

// At the client's own quantiles: of all that is read from the features only the bricks' own 1 is there. What comes before them is drawn, and
// counts for nothing until training says what for.
void SpendForecast::initialize(std::span<float> weights, std::uint64_t seed) const {
  draw_weights(weights, *this, seed, [&](const LayoutEntry& entry) {
    if (entry.name == "series_embedding") return 0.3;
    return entry.name.starts_with("hidden.") ? 1 / std::sqrt(static_cast<double>(kSpendNumeric + layout_.sizes().embedding)) : 0.0;
  });
  for (const LayoutEntry& entry : layout_.entries())
    for (std::size_t j = 0; j < 3 && entry.name == "output.numeric"; ++j) weights[entry.offset + kOne * kSpendOutputs + j * kSpendBricks + j] = 1.0f;  // kBrickLow, kBrickToMiddle, kBrickToHigh
}

Result<TrainingResult> SpendForecast::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                                   std::span<float> update) {
  FEDSPEND_TRY(descent_.load(weights));
  steps_.clear();
  for (const std::span<const HistoryRow> history : histories) {
    const SpendCalendar calendar(history.subspan(first_trained_row(history.size(), options.spec.max_rows)), categories());
    append_spend_steps(calendar, categories(), calendar.first_day(), GridDays::newest, kMostTrainedDays, steps_);
  }
  return descend(weights, steps_, all_of(steps_.size()), "forecasts", options, update, [&](std::size_t i, std::size_t step) { return pinball_loss(network_->quantiles(i), steps_[step].target); });
}

Result<EvaluationResult> SpendForecast::evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(descent_.load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  steps_ = scored_spend_steps(history, categories(), first_scored, counting);
  run_through(steps_, steps_.size(), [&](std::size_t step, std::size_t i) { add_spend_score(steps_[step], network_->quantiles(i), result); });
  if (!std::isfinite(result.loss_sum)) return not_finite();
  return result;
}

Status SpendForecast::predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> spends) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(spends.size() == kept_sets.size() * output_count(), "outputs have output_count() floats a set");
  std::ranges::fill(spends, 0.0f);
  if (history.empty()) return {};
  const SpendCalendar calendar(history, categories());
  const std::int64_t day = calendar.last_day() + 1;
  std::vector<SpendStep> whole;
  for (std::size_t series = 0; series <= categories(); ++series)
    if (calendar.times(series, calendar.first_day(), day) > 0) whole.push_back(spend_step(calendar, categories(), series, day));
  bool sound = true;
  for (std::size_t set = 0; set < kept_sets.size(); ++set) {
    steps_.clear();
    for (const SpendStep& step : whole) steps_.push_back(keep_groups(step, kept_sets[set]));
    run_through(steps_, steps_.size(), [&](std::size_t step, std::size_t i) {
      sound = sound && network_->is_sound(i);
      const std::span<float> to = spends.subspan(set * output_count() + 3 * steps_[step].series, 3);
      for (std::size_t j = 0; j < 3; ++j) to[j] = static_cast<float>(static_cast<double>(network_->quantiles(i)[j]) * steps_[step].level);
    });
  }
  if (!sound) return not_finite();
  return {};
}

}  // namespace

std::vector<SpendStep> scored_spend_steps(std::span<const HistoryRow> history, std::size_t categories, std::size_t first_scored, Counting counting) {
  std::vector<SpendStep> steps;
  if (first_scored >= history.size()) return steps;
  append_spend_steps(SpendCalendar(history, categories), categories, day_of(history[first_scored].time_s), GridDays::first, counting == Counting::frozen ? 1 : kMostScoredDays, steps);
  return steps;
}

void add_spend_score(const SpendStep& step, std::span<const float, 3> quantiles, EvaluationResult& result) {
  const std::array<float, 3> smoothed = {step.smoothed, step.smoothed, step.smoothed};
  ++result.predictions;
  result.correct_top1 += step.target >= quantiles[0] ? 1u : 0u;
  result.correct_top3 += step.target >= quantiles[0] && step.target <= quantiles[2] ? 1u : 0u;
  result.loss_sum += pinball_loss(quantiles, step.target);
  result.reference_loss_sum += pinball_loss(smoothed, step.target);
}

Result<std::unique_ptr<Trainer>> make_spend_forecast(const ModelSpec& model, MakeSpendForecastNetwork network) {
  FEDSPEND_ASSIGN(const SpendForecastLayout layout, layout_of<SpendForecastLayout>(model));
  return std::make_unique<SpendForecast>(layout, network);
}

Result<std::unique_ptr<Trainer>> make_spend_forecast(const ModelSpec& model) {
  return make_spend_forecast(model, [](const SpendForecastLayout& layout) -> std::unique_ptr<SpendForecastNetwork> { return std::make_unique<LeanSpendForecastNetwork>(layout); });
}

ModelSpec default_spend_forecast(std::span<const std::string> categories) {
  return drafted_model<SpendForecastLayout>("spend_forecast", {{"embedding", 2}, {"hidden", 8}}, categories);
}

TrainingSpec default_spend_forecast_training() {
  return {.epochs = 1, .batch_size = 32, .learning_rate = 0.005, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 0};
}

}  // namespace fedspend::models
