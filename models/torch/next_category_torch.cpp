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

  // Log probabilities [scored steps, categories] of the windows' scored steps, window after window, each from a state of zeros. All
  // windows run at once, side by side, the shorter ones padded at their end: a call of torch costs more than such a row's arithmetic.
  torch::Tensor forward(const Steps& steps, std::span<const Window> windows) {
    const Batch batch = batch_of(steps, windows);
    const torch::Tensor x = torch::cat({category(batch.categories), merchant(batch.merchants) * batch.known, batch.numeric}, 1);
    const auto across = signed_of(windows.size()), hidden = signed_of(sizes.hidden);
    const std::vector<torch::Tensor> parts = input(x).view({-1, across, 3 * hidden}).split_with_sizes({2 * hidden, hidden}, 2);
    const std::vector<torch::Tensor> gates_in = parts[0].unbind(), candidate_in = parts[1].unbind();
    const torch::Tensor back = recurrent->weight.t();
    torch::Tensor state = torch::zeros({across, hidden});
    std::vector<torch::Tensor> all;
    for (std::size_t t = 0; t < gates_in.size(); ++t) {
      const std::vector<torch::Tensor> u = torch::mm(state, back).split_with_sizes({2 * hidden, hidden}, 1);
      const std::vector<torch::Tensor> gates = torch::sigmoid(gates_in[t] + u[0]).chunk(2, 1);
      const torch::Tensor n = torch::tanh(torch::addcmul(candidate_in[t], gates[0], u[1]));
      state = torch::lerp(n, state, gates[1]);
      all.push_back(state);
    }
    const torch::Tensor states = torch::cat(all);
    const torch::Tensor combined = torch::cat({states.view({-1, hidden}), x}, 1).index_select(0, batch.scored);
    const torch::Tensor counted = trust(combined).view({-1}).index_select(0, batch.past_trust) * batch.past_value;
    const torch::Tensor logits = output(combined);
    return torch::log_softmax(logits.view({-1}).index_add(0, batch.past_logit, counted).view_as(logits), 1);
  }

  struct Batch {  // rows: time, then window
    torch::Tensor categories, merchants, known, numeric;
    torch::Tensor scored;                              // rows
    torch::Tensor past_trust, past_logit, past_value;  // what is multiplied with what, and where it goes, in the flat outputs
  };

  Batch batch_of(const Steps& steps, std::span<const Window> windows) const {
    std::uint32_t longest = 0;
    std::int64_t scored = 0, entries = 0;
    for (const Window& window : windows) {
      longest = std::max(longest, window.end - window.begin);
      const std::uint32_t from = std::max(window.begin, window.scored_from);
      scored += window.end - from;
      for (std::uint32_t i = from; i < window.end; ++i) entries += steps.steps[i].past_end - steps.steps[i].past_begin;
    }
    const std::size_t across = windows.size();
    const std::int64_t rows = signed_of(longest * across), numerics = signed_of(kNumericFeatures);
    Batch batch{torch::zeros({rows}, torch::kLong),    torch::zeros({rows}, torch::kLong),    torch::zeros({rows, 1}),
                torch::zeros({rows, numerics}),        torch::empty({scored}, torch::kLong),  torch::empty({entries}, torch::kLong),
                torch::empty({entries}, torch::kLong), torch::empty({entries})};
    auto *category_at = batch.categories.data_ptr<std::int64_t>(), *merchant_at = batch.merchants.data_ptr<std::int64_t>();
    auto *scored_at = batch.scored.data_ptr<std::int64_t>(), *trust_at = batch.past_trust.data_ptr<std::int64_t>();
    auto *known_at = batch.known.data_ptr<float>(), *numeric_at = batch.numeric.data_ptr<float>();
    auto* logit_at = batch.past_logit.data_ptr<std::int64_t>();
    auto* value_at = batch.past_value.data_ptr<float>();
    std::int64_t output_row = 0;
    for (std::size_t w = 0; w < across; ++w) {
      for (std::uint32_t i = windows[w].begin; i < windows[w].end; ++i) {
        const Step& step = steps.steps[i];
        const std::size_t row = (i - windows[w].begin) * across + w;
        category_at[row] = step.category;
        merchant_at[row] = std::max(step.merchant, 0);
        known_at[row] = step.merchant >= 0 ? 1.0f : 0.0f;
        std::copy(step.numeric.begin(), step.numeric.end(), numeric_at + row * kNumericFeatures);
        if (i < windows[w].scored_from) continue;
        *scored_at++ = signed_of(row);
        for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) {
          const PastEntry& entry = steps.past[e];
          *trust_at++ = output_row * static_cast<std::int64_t>(kPastKinds) + entry.kind;
          *logit_at++ = output_row * signed_of(sizes.categories) + entry.category;
          *value_at++ = entry.value;
        }
        ++output_row;
      }
    }
    return batch;
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
                               std::span<float> update) override {
    return train_pooled(weights, std::span(&history, 1), options, update);
  }
  Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories,
                                      const TrainingOptions& options, std::span<float> update) override;
  Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history,
                                    std::size_t first_scored, Counting counting) override;
  Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) override;

 private:
  Status load(std::span<const float> weights);
  double step(std::span<const Window> batch, const TrainingSpec& spec, torch::optim::SGD& optimizer, std::size_t& examples);
  void add_proximal_gradient(double mu);

  NextCategorySizes sizes_;
  std::unique_ptr<Trainer> lean_;  // its layout and its initial weights
  FeatureScan scan_;
  Steps steps_;
  Module module_;
  std::vector<torch::Tensor> round_weights_;  // the parameters as load() left them; for FedProx
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
  round_weights_.clear();
  for (const torch::Tensor& parameter : module_->parameters()) round_weights_.push_back(parameter.clone());
  return {};
}

// After the clipping, as the lean trainer does (next_category.cpp says why).
void NextCategoryTorch::add_proximal_gradient(double mu) {
  const torch::NoGradGuard no_gradient;
  const std::vector<torch::Tensor> parameters = module_->parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    torch::Tensor gradient = parameters[i].grad();
    gradient.add_(parameters[i] - round_weights_[i], mu);
  }
}

double NextCategoryTorch::step(std::span<const Window> batch, const TrainingSpec& spec, torch::optim::SGD& optimizer,
                               std::size_t& examples) {
  std::vector<std::int64_t> targets;  // of the scored steps; -1: none
  std::int64_t count = 0;
  for (const Window& window : batch) {
    for (std::uint32_t i = std::max(window.begin, window.scored_from); i < window.end; ++i) {
      targets.push_back(steps_.steps[i].target);
      count += targets.back() >= 0 ? 1 : 0;
    }
  }
  examples += static_cast<std::size_t>(count);
  if (count == 0) return 0;
  const torch::Tensor loss =
      torch::nll_loss(module_->forward(steps_, batch), torch::tensor(targets), {}, at::Reduction::Sum, /*ignore_index=*/-1);
  optimizer.zero_grad();
  (loss / count).backward();
  if (spec.gradient_clip_l2 > 0) torch::nn::utils::clip_grad_norm_(module_->parameters(), spec.gradient_clip_l2);
  if (spec.proximal_mu > 0) add_proximal_gradient(spec.proximal_mu);
  optimizer.step();
  return loss.item<double>();
}

Result<TrainingResult> NextCategoryTorch::train_pooled(std::span<const float> weights,
                                                       std::span<const std::span<const HistoryRow>> histories,
                                                       const TrainingOptions& options, std::span<float> update) {
  FEDSPEND_TRY(load(weights));
  FEDSPEND_CHECK(update.size() == parameter_count(), "an update has parameter_count() floats");
  const TrainingSpec& spec = options.spec;
  std::vector<Window> windows = training_windows(sizes_, histories, spec.max_rows), local;
  if (histories.size() == 1 && !windows.empty()) scan_.scan(histories.front(), windows.front().begin, histories.front().size(), steps_);
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
      std::span<const Window> batch = std::span(windows).subspan(begin, count);
      if (histories.size() > 1) batch = bring_up(batch, histories, scan_, steps_, local);
      loss += step(batch, spec, optimizer, examples);
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
  const Window window{.begin = 0, .end = static_cast<std::uint32_t>(history.size()), .scored_from = static_cast<std::uint32_t>(first_scored)};
  const torch::Tensor log_p = module_->forward(steps_, std::span(&window, 1));
  for (std::size_t i = first_scored; i < history.size(); ++i) {
    const std::int32_t target = steps_.steps[i].target;
    if (target < 0) continue;
    const torch::Tensor row = log_p[signed_of(i - first_scored)];
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
  const auto last = static_cast<std::uint32_t>(history.size());
  const Window window{.begin = 0, .end = last + 1, .scored_from = last};
  const torch::Tensor p = module_->forward(steps_, std::span(&window, 1))[0].exp().contiguous();
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

void set_torch_threads(int count) { at::set_num_threads(count); }

}  // namespace fedspend::models
