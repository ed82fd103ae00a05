#include "models/next_category/next_category.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/initial_weights.h"
#include "models/kernels.h"
#include "models/local_descent.h"
#include "models/model_sizes.h"
#include "models/next_category/next_category_features.h"
#include "models/next_category/next_category_layout.h"
#include "models/next_category/next_category_network.h"
#include "models/next_category/next_category_windows.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kEvaluationChunk = 256;  // steps run at once with the state carried on
// Of FeatureGroup, in its order. They are keys of texts in apps: never rename.
constexpr std::array<std::string_view, kFeatureGroups> kGroupNames = {"last_category", "merchant", "amount", "timing",
                                                                      "sequence", "own_frequency", "own_followers"};

class NextCategory final : public Trainer {
 public:
  explicit NextCategory(const NextCategoryLayout& layout)
      : layout_(layout), scan_(layout.sizes().categories, layout.sizes().merchant_buckets, layout.sizes().past_rows), network_(layout_), descent_(layout_) {}

  std::size_t parameter_count() const override { return layout_.parameter_count(); }
  const std::vector<LayoutEntry>& layout() const override { return layout_.entries(); }
  std::size_t output_count() const override { return layout_.sizes().categories + 1; }

  void initialize(std::span<float> weights, std::uint64_t seed) const override;
  Result<TrainingResult> train(std::span<const float> weights, std::span<const HistoryRow> history, const TrainingOptions& options,
                               std::span<float> update) override {
    return train_pooled(weights, std::span(&history, 1), options, update);
  }
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories,
                                      const TrainingOptions& options, std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history,
                                    std::size_t first_scored, Counting counting) override;
  Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) override;
  Status predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) override;
  std::span<const std::string_view> feature_groups() const override { return kGroupNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets,
                      std::span<float> probabilities) override;

 private:
  double step(std::span<const Window> batch, std::size_t& examples);
  template <class Visit>
  void run_through(std::size_t first_scored, std::size_t end, kernels::Buffer& state, Visit visit);

  NextCategoryLayout layout_;
  FeatureScan scan_;
  NextCategoryNetwork network_;
  Steps steps_;
  Steps kept_step_;
  LocalDescent descent_;
};

// What an untrained model goes by: equal shares in the four counts that are tables of the client's own (its frequencies, and what
// followed), each with both smoothings. With the other weights of the output at zero its prediction is their geometric mean, a logarithmic opinion pool
// (Genest and Zidek 1986, "Combining probability distributions: a critique and an annotated bibliography"): for every population about as good as the client's own
// counts, and federated training goes on from there. How soon categories come again, the fast fades, is for training to find.
constexpr std::array kInitiallyTrusted = {kPastSlow, kPastAfterCategory, kPastAfterTwo, kPastAfterMerchant};
constexpr float kInitialTrust = 1 / (kPastScale * static_cast<float>(2 * kInitiallyTrusted.size()));

// Weights start uniform in +- this, those of the output at zero.
double initial_half_width(std::string_view name, const NextCategorySizes& sizes) {
  if (name == "category_embedding") return 0.3;
  if (name == "merchant_embedding") return 0.1;
  if (name.starts_with("gru.input.")) return std::sqrt(3.0 / static_cast<double>(sizes.inputs()));
  if (name.starts_with("gru.recurrent.")) return 0.7 * std::sqrt(3.0 / static_cast<double>(sizes.hidden));
  return 0;
}

void NextCategory::initialize(std::span<float> weights, std::uint64_t seed) const {
  draw_weights(weights, *this, seed, [&](const LayoutEntry& entry) { return initial_half_width(entry.name, layout_.sizes()); });
  for (const LayoutEntry& entry : layout_.entries())
    for (const PastKind kind : kInitiallyTrusted)
      if (entry.name == "trust.bias") weights[entry.offset + kind] = weights[entry.offset + kind + kPastCounts] = kInitialTrust;
}

double NextCategory::step(std::span<const Window> batch, std::size_t& examples) {
  network_.forward(descent_.weights(), steps_, batch, nullptr);
  std::size_t count = 0;
  double loss = 0;
  for (std::size_t i = 0; i < network_.scored(); ++i) {
    if (steps_.steps[network_.scored_step(i)].target < 0) continue;
    loss += network_.loss(steps_, i);
    ++count;
  }
  examples += count;
  if (count == 0) return 0;
  network_.backward(descent_.weights(), steps_, descent_.gradient());
  descent_.step(static_cast<double>(count), network_.embedding_rows());
  return loss;
}

Result<TrainingResult> NextCategory::train_pooled(std::span<const float> weights,
                                                  std::span<const std::span<const HistoryRow>> histories,
                                                  const TrainingOptions& options, std::span<float> update) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(update.size() == parameter_count(), "an update has parameter_count() floats");
  const TrainingSpec& spec = options.spec;
  if (spec.batch_size == 0) return fail(ErrorCode::invalid_argument, "training.batch_size is 0", "it counts windows, at least 1");
  std::vector<Window> windows = training_windows(layout_.sizes(), histories, spec.max_rows), local;
  if (histories.size() == 1 && !windows.empty()) scan_.scan(histories.front(), windows.front().begin, histories.front().size(), steps_);
  descent_.begin(options);
  SeededRandom random(options.seed);
  TrainingResult result;
  for (std::uint32_t epoch = 0; epoch < spec.epochs; ++epoch) {
    shuffle(windows, random);
    double loss = 0;
    std::size_t examples = 0;
    for (std::size_t begin = 0; begin < windows.size(); begin += spec.batch_size) {
      if (options.stop.stop_requested()) return fail(ErrorCode::refused, "training was stopped");
      const std::size_t count = std::min<std::size_t>(spec.batch_size, windows.size() - begin);
      std::span<const Window> batch = std::span(windows).subspan(begin, count);
      if (histories.size() > 1) batch = bring_up(batch, histories, scan_, steps_, local);
      loss += step(batch, examples);
    }
    result.examples += examples;
    result.mean_loss = examples == 0 ? 0 : loss / static_cast<double>(examples);
  }
  if (result.examples == 0) {
    std::fill(update.begin(), update.end(), 0.0f);
    return result;
  }
  FEDSPEND_TRY(descent_.finish(weights, update));
  return result;
}

// Visits the scored steps first_scored ... end - 1 in order, the state, zeros at first, carried on from the very first row.
template <class Visit>
void NextCategory::run_through(std::size_t first_scored, std::size_t end, kernels::Buffer& state, Visit visit) {
  state.resize_zero(layout_.state_width());
  for (std::size_t begin = 0; begin < end; begin += kEvaluationChunk) {
    const Window window{.begin = static_cast<std::uint32_t>(begin),
                        .end = static_cast<std::uint32_t>(std::min(begin + kEvaluationChunk, end)),
                        .scored_from = static_cast<std::uint32_t>(first_scored)};
    network_.forward(descent_.weights(), steps_, std::span(&window, 1), state.data());
    for (std::size_t i = 0; i < network_.scored(); ++i) visit(i);
  }
}

Result<EvaluationResult> NextCategory::evaluate(std::span<const float> weights, std::span<const HistoryRow> history,
                                                std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(descent_.load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  scan_.scan(history, first_scored, counting == Counting::frozen ? first_scored : history.size(), steps_);
  kernels::Buffer state;
  run_through(first_scored, history.size(), state, [&](std::size_t i) {
    const std::int32_t target = steps_.steps[network_.scored_step(i)].target;
    if (target >= 0) result.add(network_.probabilities(i), static_cast<std::size_t>(target), network_.loss(steps_, i));
  });
  if (!std::isfinite(result.loss_sum)) return not_finite();
  return result;
}

Status NextCategory::predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(probabilities.size() == output_count(), "probabilities have output_count() floats");
  scan_.scan(history, history.size(), history.size(), steps_);
  std::fill(probabilities.begin(), probabilities.end(), 0.0f);
  kernels::Buffer state;
  bool sound = true;
  run_through(history.size(), history.size() + 1, state, [&](std::size_t i) {
    const std::span<const float> p = network_.probabilities(i);
    std::copy(p.begin(), p.end(), probabilities.begin());
    sound = network_.is_sound(i);
  });
  if (!sound) return not_finite();
  return {};
}

Status NextCategory::predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(first <= history.size() && probabilities.size() == (history.size() - first) * output_count(), "output_count() floats a row");
  scan_.scan(history, first, history.size(), steps_);
  std::fill(probabilities.begin(), probabilities.end(), 0.0f);
  kernels::Buffer state;
  bool sound = true;
  run_through(first, history.size(), state, [&](std::size_t i) {
    sound = sound && network_.is_sound(i);
    const std::span<const float> p = network_.probabilities(i);
    std::copy(p.begin(), p.end(), probabilities.begin() + static_cast<std::ptrdiff_t>((network_.scored_step(i) - first) * output_count()));
  });
  if (!sound) return not_finite();
  return {};
}

// The rows are run through once; then each set is one step from the state before the last, or from zeros.
Status NextCategory::predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets,
                                  std::span<float> probabilities) {
  FEDSPEND_TRY(descent_.load(weights));
  FEDSPEND_CHECK(probabilities.size() == kept_sets.size() * output_count(), "probabilities have output_count() floats a set");
  const std::size_t last = history.size();
  scan_.scan(history, last, last, steps_);
  kernels::Buffer before, state(layout_.state_width());
  run_through(last, last, before, [](std::size_t) {});
  const Window window{.begin = 0, .end = 1, .scored_from = 0};
  for (std::size_t set = 0; set < kept_sets.size(); ++set) {
    if ((kept_sets[set] >> kGroupSequence & 1u) != 0) std::copy_n(before.data(), layout_.state_width(), state.data());
    else state.resize_zero(layout_.state_width());
    keep_groups(steps_.steps[last], steps_.past, kept_sets[set], layout_.sizes().categories, kept_step_);
    network_.forward(descent_.weights(), kept_step_, std::span(&window, 1), state.data());
    const std::span<float> to = probabilities.subspan(set * output_count(), output_count());
    if (!network_.is_sound(0)) return not_finite();
    const std::span<const float> p = network_.probabilities(0);
    std::copy(p.begin(), p.end(), to.begin());
    to.back() = 0.0f;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Trainer>> make_next_category(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const NextCategoryLayout layout, layout_of<NextCategoryLayout>(model));
  return std::make_unique<NextCategory>(layout);
}

ModelSpec default_next_category(std::span<const std::string> categories) {
  return drafted_model<NextCategoryLayout>("next_category", {{"embedding", 24}, {"merchant_embedding", 8}, {"merchant_buckets", 512}, {"hidden", 32}, {"past_rows", 128}, {"sequence_length", 16}}, categories);
}

TrainingSpec default_next_category_training() {
  return {.epochs = 1, .batch_size = 2, .learning_rate = 0.5, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 256};
}

}  // namespace fedspend::models
