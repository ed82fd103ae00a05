#include "models/torch/next_category_torch.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/next_category.h"
#include "models/next_category_features.h"
#include "models/next_category_layout.h"
#include "models/next_category_windows.h"

namespace fedspend::models {
namespace {

std::int64_t signed_of(std::size_t n) { return static_cast<std::int64_t>(n); }

struct ModuleImpl : torch::nn::Module {
  explicit ModuleImpl(const NextCategorySizes& s) : sizes(s) {
    const auto inputs = signed_of(s.inputs()), hidden = signed_of(s.hidden), categories = signed_of(s.categories);
    category = register_module("category", torch::nn::Embedding(categories + 2, signed_of(s.embedding)));
    merchant = register_module("merchant", torch::nn::Embedding(signed_of(s.merchant_buckets), signed_of(s.merchant_embedding)));
    input = register_module("input", torch::nn::Linear(inputs, 3 * hidden));
    recurrent = register_module("recurrent", torch::nn::Linear(torch::nn::LinearOptions(hidden, 3 * hidden).bias(false)));
    output = register_module("output", torch::nn::Linear(hidden + inputs, categories));
    trust = register_module("trust", torch::nn::Linear(hidden + inputs, static_cast<std::int64_t>(kPastKinds)));
  }

  // Log probabilities [end - begin, categories] of the steps begin ... end - 1, from a state of zeros.
  torch::Tensor forward(const Steps& steps, std::size_t begin, std::size_t end) {
    const torch::Tensor x = inputs_of(steps, begin, end);
    const torch::Tensor from_input = input(x);
    const auto hidden = signed_of(sizes.hidden);
    torch::Tensor state = torch::zeros({hidden});
    std::vector<torch::Tensor> states;
    for (std::int64_t t = 0; t < x.size(0); ++t) {
      const auto i = from_input[t].chunk(3);
      const auto u = recurrent(state).chunk(3);
      const torch::Tensor r = torch::sigmoid(i[0] + u[0]), z = torch::sigmoid(i[1] + u[1]), n = torch::tanh(i[2] + r * u[2]);
      state = (1 - z) * n + z * state;
      states.push_back(state);
    }
    const torch::Tensor combined = torch::cat({torch::stack(states), x}, 1);
    const torch::Tensor counted = torch::bmm(trust(combined).unsqueeze(1), past_of(steps, begin, end)).squeeze(1);
    return torch::log_softmax(output(combined) + counted, 1);
  }

  torch::Tensor inputs_of(const Steps& steps, std::size_t begin, std::size_t end) {
    const auto count = signed_of(end - begin);
    torch::Tensor categories = torch::zeros({count}, torch::kLong), merchants = torch::zeros({count}, torch::kLong);
    torch::Tensor known = torch::zeros({count, 1}), numeric = torch::zeros({count, static_cast<std::int64_t>(kNumericFeatures)});
    for (std::int64_t t = 0; t < count; ++t) {
      const Step& step = steps.steps[begin + static_cast<std::size_t>(t)];
      categories[t] = static_cast<std::int64_t>(step.category);
      merchants[t] = static_cast<std::int64_t>(std::max(step.merchant, 0));
      known[t][0] = step.merchant >= 0 ? 1.0f : 0.0f;
      std::copy(step.numeric.begin(), step.numeric.end(), numeric[t].data_ptr<float>());
    }
    return torch::cat({category(categories), merchant(merchants) * known, numeric}, 1);
  }

  torch::Tensor past_of(const Steps& steps, std::size_t begin, std::size_t end) const {
    torch::Tensor past = torch::zeros({signed_of(end - begin), static_cast<std::int64_t>(kPastKinds), signed_of(sizes.categories)});
    auto values = past.accessor<float, 3>();
    for (std::size_t i = begin; i < end; ++i) {
      for (std::uint32_t e = steps.steps[i].past_begin; e < steps.steps[i].past_end; ++e) {
        const PastEntry& entry = steps.past[e];
        values[signed_of(i - begin)][entry.kind][entry.category] = entry.value;
      }
    }
    return past;
  }

  // The part of a parameter that a layout entry names, with the entry's shape: a view.
  torch::Tensor part(std::string_view name) {
    const auto hidden = signed_of(sizes.hidden);
    const auto gate = [&](const torch::Tensor& of) {
      const std::int64_t which = name.ends_with(".reset") ? 0 : name.ends_with(".update") ? 1 : 2;
      return of.slice(0, which * hidden, (which + 1) * hidden);
    };
    if (name == "category_embedding") return category->weight;
    if (name == "merchant_embedding") return merchant->weight;
    if (name.starts_with("gru.input.")) return gate(input->weight).t();
    if (name.starts_with("gru.bias.")) return gate(input->bias);
    if (name.starts_with("gru.recurrent.")) return gate(recurrent->weight).t();
    const bool logits = name.starts_with("output.");
    FEDSPEND_CHECK(logits || name.starts_with("trust."), "every layout entry has its place");
    auto& layer = logits ? output : trust;
    if (name.ends_with(".bias")) return layer->bias;
    return name.ends_with(".state") ? layer->weight.slice(1, 0, hidden).t() : layer->weight.slice(1, hidden).t();
  }

  NextCategorySizes sizes;
  torch::nn::Embedding category{nullptr}, merchant{nullptr};
  torch::nn::Linear input{nullptr}, recurrent{nullptr}, output{nullptr}, trust{nullptr};
};
TORCH_MODULE(Module);

class NextCategoryTorch final : public Trainer {
 public:
  NextCategoryTorch(const NextCategorySizes& sizes, std::unique_ptr<Trainer> lean)
      : sizes_(sizes), lean_(std::move(lean)), scan_(sizes.categories, sizes.merchant_buckets, sizes.past_rows), module_(sizes) {}

  std::size_t parameter_count() const override { return lean_->parameter_count(); }
  const std::vector<LayoutEntry>& layout() const override { return lean_->layout(); }
  std::size_t output_count() const override { return lean_->output_count(); }
  void initialize(std::span<float> weights, std::uint64_t seed) const override { lean_->initialize(weights, seed); }

  Result<TrainingResult> train(std::span<const float> weights, std::span<const HistoryRow> history, const TrainingOptions& options,
                               std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history,
                                    std::size_t first_scored, Counting counting) override;
  Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) override;

 private:
  Status load(std::span<const float> weights);
  double step(std::span<const Window> batch, const TrainingSpec& spec, torch::optim::SGD& optimizer, std::size_t& examples);

  NextCategorySizes sizes_;
  std::unique_ptr<Trainer> lean_;  // its layout and its initial weights
  FeatureScan scan_;
  Steps steps_;
  Module module_;
};

Status NextCategoryTorch::load(std::span<const float> weights) {
  if (weights.size() != parameter_count()) {
    return fail(ErrorCode::invalid_argument, "the weights have " + std::to_string(weights.size()) + " values and the model " +
                                                 std::to_string(parameter_count()), "use the weights of this plan's model");
  }
  const torch::NoGradGuard no_gradient;
  for (const LayoutEntry& entry : layout()) {
    torch::Tensor part = module_->part(entry.name);
    const torch::Tensor values = torch::empty(part.sizes());
    std::copy_n(weights.data() + entry.offset, values.numel(), values.data_ptr<float>());
    part.copy_(values);
  }
  return {};
}

double NextCategoryTorch::step(std::span<const Window> batch, const TrainingSpec& spec, torch::optim::SGD& optimizer,
                               std::size_t& examples) {
  torch::Tensor loss = torch::zeros({});
  std::int64_t count = 0;
  for (const Window& window : batch) {
    const torch::Tensor log_p = module_->forward(steps_, window.begin, window.end);
    for (std::uint32_t i = window.scored_from; i < window.end; ++i) {
      const std::int32_t target = steps_.steps[i].target;
      if (target < 0) continue;
      loss = loss - log_p[static_cast<std::int64_t>(i - window.begin)][target];
      ++count;
    }
  }
  examples += static_cast<std::size_t>(count);
  if (count == 0) return 0;
  optimizer.zero_grad();
  (loss / count).backward();
  if (spec.gradient_clip_l2 > 0) torch::nn::utils::clip_grad_norm_(module_->parameters(), spec.gradient_clip_l2);
  optimizer.step();
  return loss.item<double>();
}

Result<TrainingResult> NextCategoryTorch::train(std::span<const float> weights, std::span<const HistoryRow> history,
                                                const TrainingOptions& options, std::span<float> update) {
  FEDSPEND_TRY(load(weights));
  FEDSPEND_CHECK(update.size() == parameter_count(), "an update has parameter_count() floats");
  const TrainingSpec& spec = options.spec;
  const std::size_t first = spec.max_rows > 0 && history.size() > spec.max_rows ? history.size() - spec.max_rows : 0;
  scan_.scan(history, first, history.size(), steps_);
  std::vector<Window> windows = training_windows(sizes_, first, history.size());
  torch::optim::SGD optimizer(module_->parameters(), torch::optim::SGDOptions(spec.learning_rate).momentum(spec.momentum));
  SeededRandom random(options.seed);
  TrainingResult result;
  for (std::uint32_t epoch = 0; epoch < spec.epochs; ++epoch) {
    shuffle(windows, random);
    double loss = 0;
    std::size_t examples = 0;
    for (std::size_t begin = 0; begin < windows.size(); begin += spec.batch_size) {
      if (options.stop.stop_requested()) return fail(ErrorCode::refused, "training was stopped");
      const std::size_t count = std::min<std::size_t>(spec.batch_size, windows.size() - begin);
      loss += step(std::span(windows).subspan(begin, count), spec, optimizer, examples);
    }
    result.examples += examples;
    result.mean_loss = examples == 0 ? 0 : loss / static_cast<double>(examples);
  }
  const torch::NoGradGuard no_gradient;
  for (const LayoutEntry& entry : layout()) {
    const torch::Tensor values = module_->part(entry.name).contiguous();
    std::copy_n(values.data_ptr<float>(), values.numel(), update.data() + entry.offset);
  }
  for (std::size_t i = 0; i < update.size(); ++i) update[i] -= weights[i];
  return result;
}

Result<EvaluationResult> NextCategoryTorch::evaluate(std::span<const float> weights, std::span<const HistoryRow> history,
                                                     std::size_t first_scored, Counting counting) {
  FEDSPEND_TRY(load(weights));
  EvaluationResult result;
  if (first_scored >= history.size()) return result;
  const torch::NoGradGuard no_gradient;
  scan_.scan(history, first_scored, counting == Counting::frozen ? first_scored : history.size(), steps_);
  const torch::Tensor log_p = module_->forward(steps_, 0, history.size());
  for (std::size_t i = first_scored; i < history.size(); ++i) {
    const std::int32_t target = steps_.steps[i].target;
    if (target < 0) continue;
    const torch::Tensor row = log_p[signed_of(i)];
    const auto above = (row > row[target]).sum().item<std::int64_t>();
    ++result.predictions;
    result.correct_top1 += above < 1 ? 1u : 0u;
    result.correct_top3 += above < 3 ? 1u : 0u;
    result.loss_sum -= row[target].item<double>();
  }
  return result;
}

Status NextCategoryTorch::predict(std::span<const float> weights, std::span<const HistoryRow> history,
                                  std::span<float> probabilities) {
  FEDSPEND_TRY(load(weights));
  FEDSPEND_CHECK(probabilities.size() == output_count(), "probabilities have output_count() floats");
  const torch::NoGradGuard no_gradient;
  scan_.scan(history, history.size(), history.size(), steps_);
  const torch::Tensor p = module_->forward(steps_, 0, history.size() + 1)[signed_of(history.size())].exp().contiguous();
  std::fill(probabilities.begin(), probabilities.end(), 0.0f);
  std::copy_n(p.data_ptr<float>(), p.numel(), probabilities.data());
  return {};
}

}  // namespace

Result<std::unique_ptr<Trainer>> make_next_category_torch(const ModelSpec& model) {
  FEDSPEND_ASSIGN(const NextCategorySizes sizes, NextCategorySizes::from(model));
  FEDSPEND_ASSIGN(std::unique_ptr<Trainer> lean, make_trainer(model));
  try {
    return std::make_unique<NextCategoryTorch>(sizes, std::move(lean));
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, std::string("torch could not make the model: ").append(error.what()));
  }
}

}  // namespace fedspend::models
