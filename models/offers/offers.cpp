#include "models/offers/offers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "models/day_features.h"
#include "models/initial_weights.h"
#include "models/model_sizes.h"
#include "models/offers/offers_layout.h"
#include "models/offers/offers_network.h"
#include "models/step_trainer.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kMostTrainedDays = 72;   // of the grid, the newest: two years
constexpr std::size_t kMostScoredDays = 400;   // eleven years
// Of OfferGroup, in its order. They are keys of texts in apps: never rename.
constexpr std::array<std::string_view, kOfferGroups> kGroupNames = {"own_categories", "recent_categories", "activity"};

class Offers final : public StepTrainer<OffersLayout, OffersNetwork> {
 public:
  Offers(const OffersLayout& layout, MakeOffersNetwork network) : StepTrainer(layout, network) {}

  std::size_t output_count() const override { return categories() + 1; }
  Outputs outputs() const override { return Outputs::suggestions; }

  void initialize(std::span<float> weights, std::uint64_t seed) const override;
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                      std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) override;
  std::span<const std::string_view> feature_groups() const override { return kGroupNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> chances) override;

 private:
  std::vector<OfferStep> steps_;
};

// All that is new is as likely at first: what is on offer says nothing until training says more. The use that is read is drawn.
void Offers::initialize(std::span<float> weights, std::uint64_t seed) const {
  draw_weights(weights, *this, seed, [](const LayoutEntry& entry) { return entry.name.starts_with("output.") ? 0.0 : entry.name.starts_with("use.") ? 1.0 : 0.1; });
}

Result<TrainingResult> Offers::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                            std::span<float> update) {
  FEDSPEND_TRY(descent_.load(weights));
  steps_.clear();
  for (const std::span<const HistoryRow> history : histories) {
    const std::span<const HistoryRow> newest = history.subspan(first_trained_row(history.size(), options.spec.max_rows));
    append_offer_steps(newest, categories(), day_of(0) - 1'000'000, OfferSteps::newest, kMostTrainedDays, steps_);
  }
  return descend(weights, steps_, all_of(steps_.size()), "days", options, update,
                 [&](std::size_t i, std::size_t step) { return network_->loss(i, steps_[step].taken_up) / static_cast<double>(steps_[step].taken_up.size()); });
}

Result<EvaluationResult> Offers::evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(descent_.load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  steps_ = scored_offer_steps(history, categories(), first_scored, counting);
  run_through(steps_, steps_.size(), [&](std::size_t step, std::size_t i) {
    add_offer_score(steps_[step], network_->probabilities(i), result);
    result.loss_sum += network_->loss(i, steps_[step].taken_up);
  });
  if (!std::isfinite(result.loss_sum)) return not_finite();
  return result;
}

Status Offers::predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> chances) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(chances.size() == kept_sets.size() * output_count(), "outputs have output_count() floats a set");
  std::ranges::fill(chances, 0.0f);
  std::int64_t day = 0;
  for (const HistoryRow& row : history) day = std::max(day, day_of(row.time_s) + 1);
  const OfferStep whole = offer_step(history, categories(), day);
  steps_.clear();
  for (const std::uint32_t set : kept_sets) steps_.push_back(keep_groups(whole, set));
  bool sound = true;
  run_through(steps_, steps_.size(), [&](std::size_t step, std::size_t i) {
    sound = sound && network_->is_sound(i);
    std::ranges::copy(network_->probabilities(i), chances.begin() + static_cast<std::ptrdiff_t>(step * output_count()));
  });
  if (!sound) return not_finite();
  return {};
}

}  // namespace

std::vector<OfferStep> scored_offer_steps(std::span<const HistoryRow> history, std::size_t categories, std::size_t first_scored, Counting counting) {
  std::vector<OfferStep> steps;
  if (first_scored >= history.size()) return steps;
  append_offer_steps(history, categories, day_of(history[first_scored].time_s), OfferSteps::first, counting == Counting::frozen ? 1 : kMostScoredDays, steps);
  return steps;
}

void add_offer_score(const OfferStep& step, std::span<const float> scores, EvaluationResult& result) {
  std::vector<std::uint8_t> in_use(scores.size(), 0);
  for (const OfferUse& one : step.used) in_use[one.category] = 1;
  for (const std::uint32_t category : step.taken_up) {
    std::size_t above = 0;
    for (std::size_t c = 0; c < scores.size(); ++c)
      above += in_use[c] == 0 && (scores[c] > scores[category] || (scores[c] == scores[category] && c < category)) ? 1u : 0u;
    ++result.predictions;
    result.correct_top1 += above < kOffered ? 1u : 0u;
    result.correct_top3 += above < 2 * kOffered ? 1u : 0u;
  }
}

Result<std::unique_ptr<Trainer>> make_offers(const ModelSpec& model, MakeOffersNetwork network) {
  FEDSPEND_ASSIGN(const OffersLayout layout, layout_of<OffersLayout>(model));
  return std::make_unique<Offers>(layout, network);
}

Result<std::unique_ptr<Trainer>> make_offers(const ModelSpec& model) {
  return make_offers(model, [](const OffersLayout& layout) -> std::unique_ptr<OffersNetwork> { return std::make_unique<LeanOffersNetwork>(layout); });
}

ModelSpec default_offers(std::span<const std::string> categories) {
  return drafted_model<OffersLayout>("offers", {{"hidden", 48}}, categories);
}

TrainingSpec default_offers_training() {
  return {.epochs = 1, .batch_size = 4, .learning_rate = 0.2, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 0};
}

}  // namespace fedspend::models
