#include "models/categoriser/categoriser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/categoriser/categoriser_features.h"
#include "models/categoriser/categoriser_layout.h"
#include "models/categoriser/categoriser_network.h"
#include "models/local_descent.h"
#include "models/model_sizes.h"
#include "models/next_category/next_category_features.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kEvaluationChunk = 256;  // rows run at once
// Of CategoriserGroup, in its order. They are keys of texts in apps: never rename.
constexpr std::array<std::string_view, kCategoriserGroups> kGroupNames = {"merchant_name", "amount", "timing", "own_merchant", "own_frequency", "sequence"};

// What an untrained model goes by: what the client's rows of this merchant were; less, of those whose name begins alike; and least, how often
// each category comes. The other weights of the output are zero: a table of the client's own, until training says more. A correction outweighs
// all of it (9 nats), and since few histories hold one, training hardly moves that.
constexpr std::array<float, kCategoriserPasts> kInitialTrust = {1.0f / kPastScale, 0.5f / kPastScale, 5.0f / kPastScale, 0.3f / kPastScale, 0.1f / kPastScale, 0.1f / kPastScale};
constexpr std::size_t kBias = 7;  // of the numeric features, the one that is 1
constexpr double kEmbeddingHalfWidth = 0.3;

class Categoriser final : public Trainer {
 public:
  Categoriser(const CategoriserSizes& sizes, MakeCategoriserNetwork network)
      : layout_(sizes), scan_{sizes.categories, sizes.gram_buckets}, network_(network(layout_)), descent_(layout_, layout_.output().offset, layout_.output().offset) {}

  std::size_t parameter_count() const override { return layout_.parameter_count(); }
  const std::vector<LayoutEntry>& layout() const override { return layout_.entries(); }
  std::size_t output_count() const override { return layout_.sizes().categories + 1; }
  bool sees_row() const override { return true; }

  void initialize(std::span<float> weights, std::uint64_t seed) const override;
  Result<TrainingResult> train(std::span<const float> weights, std::span<const HistoryRow> history, const TrainingOptions& options, std::span<float> update) override {
    return train_pooled(weights, std::span(&history, 1), options, update);
  }
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                      std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) override;
  Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) override {
    constexpr std::array<std::uint32_t, 1> kAll = {(1u << kCategoriserGroups) - 1};
    return predict_kept(weights, history, kAll, probabilities);
  }
  Status predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) override;
  std::span<const std::string_view> feature_groups() const override { return kGroupNames; }
  Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets, std::span<float> probabilities) override;

 private:
  template <class Visit>
  void run_through(Visit visit);

  CategoriserLayout layout_;
  CategoriserScan scan_;
  std::unique_ptr<CategoriserNetwork> network_;
  LocalDescent descent_;
  CategoriserSteps steps_, kept_step_;
};

void Categoriser::initialize(std::span<float> weights, std::uint64_t seed) const {
  FEDSPEND_CHECK(weights.size() == layout_.parameter_count(), "weights have parameter_count() floats");
  SeededRandom random(seed);
  std::ranges::fill(weights, 0.0f);
  for (const LayoutEntry& entry : layout_.entries()) {
    if (entry.name == "gram_embedding") {
      for (std::size_t i = 0; i < entry.shape[0] * entry.shape[1]; ++i) {
        const double unit = static_cast<double>(random.next_u64() >> 11) * 0x1p-53;
        weights[entry.offset + i] = static_cast<float>((2 * unit - 1) * kEmbeddingHalfWidth);
      }
    } else if (entry.name == "trust.numeric") {
      std::ranges::copy(kInitialTrust, weights.begin() + static_cast<std::ptrdiff_t>(entry.offset + kBias * kCategoriserPasts));
    }
  }
}

Result<TrainingResult> Categoriser::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options,
                                                 std::span<float> update) {
  FEDSPEND_TRY(descent_.load(weights));
  const TrainingSpec& spec = options.spec;
  steps_.clear();
  for (const std::span<const HistoryRow> history : histories) {
    const std::size_t first = spec.max_rows > 0 && history.size() > spec.max_rows ? history.size() - spec.max_rows : 0;
    scan_.append(history, first, history.size(), history.size(), steps_);
  }
  FEDSPEND_CHECK(steps_.steps.size() < 0xffffffff, "steps are counted in 32 bits");
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < steps_.steps.size(); ++i)
    if (steps_.steps[i].target >= 0) order.push_back(i);
  return descent_.train(weights, std::move(order), "rows", options, update, [&](std::span<const std::uint32_t> batch) {
    network_->forward(descent_.weights(), steps_, batch);
    double loss = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) loss += network_->loss(i);
    network_->backward(descent_.weights(), steps_, descent_.gradient());
    return loss;
  }, [&] { return network_->embedding_rows(); });
}

// Visits all steps in order.
template <class Visit>
void Categoriser::run_through(Visit visit) {
  std::vector<std::uint32_t> chunk(kEvaluationChunk);
  for (std::size_t begin = 0; begin < steps_.steps.size(); begin += kEvaluationChunk) {
    chunk.resize(std::min(kEvaluationChunk, steps_.steps.size() - begin));
    std::iota(chunk.begin(), chunk.end(), static_cast<std::uint32_t>(begin));
    network_->forward(descent_.weights(), steps_, chunk);
    for (std::size_t i = 0; i < chunk.size(); ++i) visit(begin + i, i);
  }
}

Result<EvaluationResult> Categoriser::evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(descent_.load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  steps_.clear();
  scan_.append(history, first_scored, history.size(), counting == Counting::frozen ? first_scored : history.size(), steps_);
  run_through([&](std::size_t step, std::size_t i) {
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
  run_through([&](std::size_t step, std::size_t i) {
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
  FEDSPEND_ASSIGN(const CategoriserSizes sizes, CategoriserSizes::from(model));
  FEDSPEND_TRY(check_parameter_count(model, CategoriserLayout(sizes).parameter_count()));
  return std::make_unique<Categoriser>(sizes, network);
}

Result<std::unique_ptr<Trainer>> make_categoriser(const ModelSpec& model) {
  return make_categoriser(model, [](const CategoriserLayout& layout) -> std::unique_ptr<CategoriserNetwork> { return std::make_unique<LeanCategoriserNetwork>(layout); });
}

ModelSpec default_categoriser(std::span<const std::string> categories) {
  ModelSpec model;
  model.name = "categoriser";
  model.initial_seed = 1;
  model.sizes = {{"embedding", 16}, {"gram_buckets", 4096}};
  model.categories.assign(categories.begin(), categories.end());
  if (const auto sizes = CategoriserSizes::from(model)) model.parameter_count = CategoriserLayout(*sizes).parameter_count();
  return model;
}

TrainingSpec default_categoriser_training() {
  return {.epochs = 1, .batch_size = 2, .learning_rate = 0.5, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 256};
}

}  // namespace fedspend::models
