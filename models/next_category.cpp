#include "models/next_category.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string_view>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/kernels.h"
#include "models/next_category_features.h"
#include "models/next_category_layout.h"
#include "models/next_category_network.h"
#include "models/next_category_windows.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kEvaluationChunk = 256;  // steps run at once with the state carried on
// Of FeatureGroup, in its order. They are keys of texts in apps: never rename.
constexpr std::array<std::string_view, kFeatureGroups> kGroupNames = {"last_category", "merchant", "amount", "timing",
                                                                      "sequence", "own_frequency", "own_followers"};

class NextCategory final : public Trainer {
 public:
  explicit NextCategory(const NextCategorySizes& sizes)
      : layout_(sizes), scan_(sizes.categories, sizes.merchant_buckets, sizes.past_rows), network_(layout_) {
    weights_.resize_zero(layout_.arena_size());
    gradient_.resize_zero(layout_.arena_size());
  }

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
  std::span<const std::string_view> feature_groups() const override { return kGroupNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets,
                      std::span<float> probabilities) override;

 private:
  Status check_size(std::size_t size) const;
  double step(std::span<const Window> batch, const TrainingSpec& spec, std::size_t& examples);
  void take_step(const TrainingSpec& spec, double count);
  template <class Visit>
  void run_through(std::size_t first_scored, std::size_t end, kernels::Buffer& state, Visit visit);

  NextCategoryLayout layout_;
  FeatureScan scan_;
  NextCategoryNetwork network_;
  Steps steps_;
  Steps kept_step_;
  kernels::Buffer weights_;
  kernels::Buffer gradient_;                   // between steps zero where the embeddings are
  kernels::Buffer velocity_, round_weights_;   // used with momentum, with FedProx
};

float uniform(RandomSource& random, double half_width) {
  const double unit = static_cast<double>(random.next_u64() >> 11) * 0x1p-53;
  return static_cast<float>((2 * unit - 1) * half_width);
}

Status NextCategory::check_size(std::size_t size) const {
  if (size == layout_.parameter_count()) return {};
  return fail(ErrorCode::invalid_argument,
              "the weights have " + std::to_string(size) + " values and the model " + std::to_string(layout_.parameter_count()),
              "use the weights of this plan's model");
}

// What an untrained model goes by: equal shares in the four counts that are tables of the client's own (its frequencies, and what
// followed). With the other weights of the output at zero its prediction is their geometric mean, a logarithmic opinion pool
// (Genest and Zidek 1986, "Combining probability distributions: a critique and an annotated bibliography"): for every population about as good as the client's own
// counts, and federated training goes on from there. How soon categories come again, the fast fades, is for training to find.
constexpr std::array kInitiallyTrusted = {kPastSlow, kPastAfterCategory, kPastAfterTwo, kPastAfterMerchant};
constexpr float kInitialTrust = 1 / (kPastScale * static_cast<float>(kInitiallyTrusted.size()));

// Weights start uniform in +- this, those of the output at zero.
double initial_half_width(std::string_view name, const NextCategorySizes& sizes) {
  if (name == "category_embedding") return 0.3;
  if (name == "merchant_embedding") return 0.1;
  if (name.starts_with("gru.input.")) return std::sqrt(3.0 / static_cast<double>(sizes.inputs()));
  if (name.starts_with("gru.recurrent.")) return 0.7 * std::sqrt(3.0 / static_cast<double>(sizes.hidden));
  return 0;
}

void NextCategory::initialize(std::span<float> weights, std::uint64_t seed) const {
  FEDSPEND_CHECK(weights.size() == layout_.parameter_count(), "weights have parameter_count() floats");
  SeededRandom random(seed);
  const auto& sizes = layout_.sizes();
  std::fill(weights.begin(), weights.end(), 0.0f);
  for (const LayoutEntry& entry : layout_.entries()) {
    const double half_width = initial_half_width(entry.name, sizes);
    std::size_t count = 1;
    for (const std::size_t n : entry.shape) count *= n;
    for (std::size_t i = 0; i < count && half_width > 0; ++i) weights[entry.offset + i] = uniform(random, half_width);
    if (entry.name == "trust.bias") {
      for (const PastKind kind : kInitiallyTrusted) weights[entry.offset + kind] = kInitialTrust;
    }
  }
}

double NextCategory::step(std::span<const Window> batch, const TrainingSpec& spec, std::size_t& examples) {
  network_.forward(weights_.data(), steps_, batch, nullptr);
  std::size_t count = 0;
  double loss = 0;
  for (std::size_t i = 0; i < network_.scored(); ++i) {
    if (steps_.steps[network_.scored_step(i)].target < 0) continue;
    loss += network_.loss(steps_, i);
    ++count;
  }
  examples += count;
  if (count == 0) return 0;
  network_.backward(weights_.data(), steps_, gradient_.data());
  take_step(spec, static_cast<double>(count));
  for (const auto& row : network_.embedding_rows()) std::fill_n(gradient_.data() + row.offset, row.width, 0.0f);
  return loss;
}

// Down the mean of the gradients of `count` predictions, clipped. The pull of FedProx (Li et al. 2020, "Federated optimization in
// heterogeneous networks", eq. 2) is added after the clipping: the clip norm bounds what the data do, and the pull stays whole, so
// that without momentum |w - w_round| never exceeds clip / mu as long as learning_rate mu <= 1.
void NextCategory::take_step(const TrainingSpec& spec, double count) {
  const std::size_t dense = layout_.dense_offset();
  double scale = 1 / count;
  if (spec.gradient_clip_l2 > 0) {
    double squares = kernels::sum_of_squares(gradient_.data() + dense, layout_.arena_size() - dense);
    for (const auto& row : network_.embedding_rows()) squares += kernels::sum_of_squares(gradient_.data() + row.offset, row.width);
    const double norm = std::sqrt(squares) / count;
    if (!std::isfinite(norm)) return;  // no step is better than a step to nowhere
    if (norm > spec.gradient_clip_l2) scale *= spec.gradient_clip_l2 / norm;
  }
  const auto step_over = [&](std::size_t offset, std::size_t width) {
    kernels::gradient_step({.count = width, .weights = weights_.data() + offset, .gradient = gradient_.data() + offset,
                            .velocity = spec.momentum != 0 ? velocity_.data() + offset : nullptr,
                            .round_weights = spec.proximal_mu != 0 ? round_weights_.data() + offset : nullptr,
                            .learning_rate = static_cast<float>(spec.learning_rate), .momentum = static_cast<float>(spec.momentum),
                            .scale = static_cast<float>(scale), .proximal_mu = static_cast<float>(spec.proximal_mu)});
  };
  if (spec.momentum != 0 || spec.proximal_mu != 0) {
    step_over(0, layout_.arena_size());
    return;
  }
  step_over(dense, layout_.arena_size() - dense);  // and of the embeddings only the rows that moved
  for (const auto& row : network_.embedding_rows()) step_over(row.offset, row.width);
}

Result<TrainingResult> NextCategory::train_pooled(std::span<const float> weights,
                                                  std::span<const std::span<const HistoryRow>> histories,
                                                  const TrainingOptions& options, std::span<float> update) {
  FEDSPEND_TRY(check_size(weights.size()));
  FEDSPEND_TRY(check_size(update.size()));
  const TrainingSpec& spec = options.spec;
  if (spec.batch_size == 0) return fail(ErrorCode::invalid_argument, "training.batch_size is 0", "it counts windows, at least 1");
  std::vector<Window> windows = training_windows(layout_.sizes(), histories, spec.max_rows), local;
  if (histories.size() == 1 && !windows.empty()) scan_.scan(histories.front(), windows.front().begin, histories.front().size(), steps_);
  layout_.to_arena(weights, weights_.data());
  if (spec.momentum != 0) velocity_.resize_zero(layout_.arena_size());
  if (spec.proximal_mu != 0) {
    round_weights_.reserve(layout_.arena_size());
    std::copy_n(weights_.data(), layout_.arena_size(), round_weights_.data());
  }
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
      loss += step(batch, spec, examples);
    }
    result.examples += examples;
    result.mean_loss = examples == 0 ? 0 : loss / static_cast<double>(examples);
  }
  if (result.examples == 0) {
    std::fill(update.begin(), update.end(), 0.0f);
    return result;
  }
  layout_.to_flat(weights_.data(), update);
  std::uint32_t not_finite = 0;  // without a branch, so that this runs in vectors
  for (std::size_t i = 0; i < update.size(); ++i) {
    update[i] -= weights[i];
    not_finite |= (std::bit_cast<std::uint32_t>(update[i]) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
  }
  if (not_finite == 0) return result;
  std::fill(update.begin(), update.end(), 0.0f);
  return fail(ErrorCode::limit, "training diverged", "lower training.learning_rate or set training.gradient_clip_l2");
}

// Visits the scored steps first_scored ... end - 1 in order, the state, zeros at first, carried on from the very first row.
template <class Visit>
void NextCategory::run_through(std::size_t first_scored, std::size_t end, kernels::Buffer& state, Visit visit) {
  state.resize_zero(layout_.state_width());
  for (std::size_t begin = 0; begin < end; begin += kEvaluationChunk) {
    const Window window{.begin = static_cast<std::uint32_t>(begin),
                        .end = static_cast<std::uint32_t>(std::min(begin + kEvaluationChunk, end)),
                        .scored_from = static_cast<std::uint32_t>(first_scored)};
    network_.forward(weights_.data(), steps_, std::span(&window, 1), state.data());
    for (std::size_t i = 0; i < network_.scored(); ++i) visit(i);
  }
}

Result<EvaluationResult> NextCategory::evaluate(std::span<const float> weights, std::span<const HistoryRow> history,
                                                std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(check_size(weights.size()));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  layout_.to_arena(weights, weights_.data());
  scan_.scan(history, first_scored, counting == Counting::frozen ? first_scored : history.size(), steps_);
  kernels::Buffer state;
  run_through(first_scored, history.size(), state, [&](std::size_t i) {
    const std::int32_t target = steps_.steps[network_.scored_step(i)].target;
    if (target < 0) return;
    const std::span<const float> p = network_.probabilities(i);
    std::size_t above = 0;  // ties go to the lower index
    for (std::size_t c = 0; c < p.size(); ++c) {
      const auto t = static_cast<std::size_t>(target);
      above += p[c] > p[t] || (p[c] == p[t] && c < t) ? 1u : 0u;
    }
    ++result.predictions;
    result.correct_top1 += above < 1 ? 1u : 0u;
    result.correct_top3 += above < 3 ? 1u : 0u;
    result.loss_sum += network_.loss(steps_, i);
  });
  if (!std::isfinite(result.loss_sum)) return fail(ErrorCode::limit, "the model gives values that are not finite", "its weights are not those of a training that went well: lower training.learning_rate or server.learning_rate");
  return result;
}

Status NextCategory::predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) {
  FEDSPEND_TRY(check_size(weights.size()));
  FEDSPEND_CHECK(probabilities.size() == output_count(), "probabilities have output_count() floats");
  layout_.to_arena(weights, weights_.data());
  scan_.scan(history, history.size(), history.size(), steps_);
  std::fill(probabilities.begin(), probabilities.end(), 0.0f);
  kernels::Buffer state;
  run_through(history.size(), history.size() + 1, state, [&](std::size_t i) {
    const std::span<const float> p = network_.probabilities(i);
    std::copy(p.begin(), p.end(), probabilities.begin());
  });
  return {};
}

// The rows are run through once; then each set is one step from the state before the last, or from zeros.
Status NextCategory::predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets,
                                  std::span<float> probabilities) {
  FEDSPEND_TRY(check_size(weights.size()));
  FEDSPEND_CHECK(probabilities.size() == kept_sets.size() * output_count(), "probabilities have output_count() floats a set");
  const std::size_t last = history.size();
  layout_.to_arena(weights, weights_.data());
  scan_.scan(history, last, last, steps_);
  kernels::Buffer before, state(layout_.state_width());
  run_through(last, last, before, [](std::size_t) {});
  const Window window{.begin = 0, .end = 1, .scored_from = 0};
  for (std::size_t set = 0; set < kept_sets.size(); ++set) {
    if ((kept_sets[set] >> kGroupSequence & 1u) != 0) std::copy_n(before.data(), layout_.state_width(), state.data());
    else state.resize_zero(layout_.state_width());
    keep_groups(steps_.steps[last], steps_.past, kept_sets[set], layout_.sizes().categories, kept_step_);
    network_.forward(weights_.data(), kept_step_, std::span(&window, 1), state.data());
    const std::span<float> to = probabilities.subspan(set * output_count(), output_count());
    const std::span<const float> p = network_.probabilities(0);
    std::copy(p.begin(), p.end(), to.begin());
    to.back() = 0.0f;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Trainer>> make_next_category(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const NextCategorySizes sizes, NextCategorySizes::from(model));
  // Before anything of that size is allocated: the sizes may come from somebody else's plan.
  const std::size_t count = NextCategoryLayout(sizes).parameter_count();
  if (model.parameter_count != 0 && model.parameter_count != count) {
    return fail(ErrorCode::invalid_argument,
                "model.parameter_count is " + std::to_string(model.parameter_count) + ", but a model of these sizes has " + std::to_string(count),
                "write the count that the sizes give, or mend the sizes");
  }
  return std::make_unique<NextCategory>(sizes);
}

ModelSpec default_next_category(std::span<const std::string> categories) {
  ModelSpec model;
  model.name = "next_category";
  model.initial_seed = 1;
  model.sizes = {{"embedding", 24}, {"merchant_embedding", 8}, {"merchant_buckets", 512},
                 {"hidden", 32},    {"past_rows", 128},        {"sequence_length", 16}};
  model.categories.assign(categories.begin(), categories.end());
  if (const auto sizes = NextCategorySizes::from(model)) model.parameter_count = NextCategoryLayout(*sizes).parameter_count();
  return model;
}

TrainingSpec default_next_category_training() {
  return {.epochs = 1, .batch_size = 2, .learning_rate = 0.5, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 256};
}

}  // namespace fedspend::models
