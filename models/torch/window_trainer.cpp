#include "models/torch/window_trainer.h"

#include <torch/nn/functional/loss.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "common/crypto/random.h"
#include "models/next_category/next_category_features.h"
#include "models/next_category/next_category_windows.h"
#include "models/torch/torch_error.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kCarriedChunk = 256;     // steps of an evaluation that carries its state
constexpr std::size_t kEvaluatedWindows = 16;  // at once, where every window starts anew
constexpr std::int64_t kNoTarget = -100;       // what cross_entropy ignores

std::int64_t signed_of(std::size_t n) { return static_cast<std::int64_t>(n); }

struct Batch {
  at::Tensor categories, merchants, numeric, past, targets;
  std::size_t length = 0, targets_there = 0;
  WindowBatch view() const { return {categories, merchants, numeric, past}; }
};

class WindowTrainer final : public Trainer {
 public:
  WindowTrainer(std::string name, std::unique_ptr<WindowNetwork> network, const WindowSizes& sizes)
      : name_(std::move(name)), network_(std::move(network)), sizes_(sizes), scan_(sizes.categories, sizes.merchant_buckets, sizes.past_rows) {
    share_one_tensor();
  }

  std::size_t parameter_count() const override { return network_->parameter_count(); }
  const std::vector<LayoutEntry>& layout() const override { return network_->layout(); }
  std::size_t output_count() const override { return sizes_.categories + 1; }
  void initialize(std::span<float> weights, std::uint64_t seed) const override { network_->initialize(weights, seed); }

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
  void share_one_tensor();
  Status load(std::span<const float> weights);
  Batch batch_of(std::span<const Window> windows) const;
  void fill_past(std::span<const Window> windows, Batch& batch) const;
  double step(std::span<const Window> windows, const TrainingSpec& spec, torch::optim::SGD& optimizer, std::size_t& examples);
  Result<TrainingResult> train_epochs(std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options);
  template <class Visit>
  void run_through(std::size_t first_scored, std::size_t end, Visit visit);

  std::string name_;
  std::unique_ptr<WindowNetwork> network_;
  WindowSizes sizes_;
  FeatureScan scan_;
  Steps steps_;
  at::Tensor flat_, gradient_;  // the network's parameters and their gradients are views of these
  at::Tensor begun_;            // the parameters that a training began with
};

void WindowTrainer::share_one_tensor() {
  const torch::NoGradGuard no_gradient;
  std::int64_t count = 0;
  std::vector<at::Tensor> parameters = network_->parameters();
  for (const at::Tensor& parameter : parameters) count += parameter.numel();
  FEDSPEND_CHECK(count == signed_of(network_->parameter_count()), "the parameters are those of the layout");
  flat_ = torch::empty({count});
  gradient_ = torch::zeros({count});
  std::int64_t offset = 0;
  for (at::Tensor& parameter : parameters) {
    const at::Tensor values = flat_.narrow(0, offset, parameter.numel()).view(parameter.sizes());
    values.copy_(parameter);
    parameter.set_data(values);
    parameter.mutable_grad() = gradient_.narrow(0, offset, parameter.numel()).view(parameter.sizes());
    offset += parameter.numel();
  }
  flat_.requires_grad_(true);
  flat_.mutable_grad() = gradient_;
}

Status WindowTrainer::load(std::span<const float> weights) {
  if (weights.size() != parameter_count()) {
    return fail(ErrorCode::invalid_argument, "the weights have " + std::to_string(weights.size()) + " values and the model " + std::to_string(parameter_count()),
                "use the weights of this plan's model");
  }
  prepare_torch_thread();
  network_->load(weights);
  return {};
}

Batch WindowTrainer::batch_of(std::span<const Window> windows) const {
  Batch batch;
  batch.length = network_->fixed_length();
  for (const Window& window : windows) batch.length = std::max<std::size_t>(batch.length, window.end - window.begin);
  const std::int64_t b = signed_of(windows.size()), t = signed_of(batch.length);
  batch.categories = torch::full({b, t}, signed_of(sizes_.categories + 1), torch::kLong);
  batch.merchants = torch::zeros({b, t}, torch::kLong);
  batch.numeric = torch::zeros({b, t, signed_of(kNumericFeatures)});
  batch.targets = torch::full({b * t}, kNoTarget, torch::kLong);
  auto *categories = batch.categories.data_ptr<std::int64_t>(), *merchants = batch.merchants.data_ptr<std::int64_t>();
  auto* targets = batch.targets.data_ptr<std::int64_t>();
  float* numeric = batch.numeric.data_ptr<float>();
  for (std::size_t w = 0; w < windows.size(); ++w) {
    for (std::size_t i = windows[w].begin; i < windows[w].end; ++i) {
      const Step& step = steps_.steps[i];
      const std::size_t row = w * batch.length + i - windows[w].begin;
      categories[row] = static_cast<std::int64_t>(step.category);
      merchants[row] = step.merchant + 1;
      std::copy(step.numeric.begin(), step.numeric.end(), numeric + row * kNumericFeatures);
      if (i < windows[w].scored_from || step.target < 0) continue;
      targets[row] = step.target;
      ++batch.targets_there;
    }
  }
  if (network_->takes_past()) fill_past(windows, batch);
  return batch;
}

void WindowTrainer::fill_past(std::span<const Window> windows, Batch& batch) const {
  batch.past = torch::zeros({signed_of(windows.size()), signed_of(batch.length), static_cast<std::int64_t>(kPastKinds), signed_of(sizes_.categories)});
  float* past = batch.past.data_ptr<float>();
  const std::size_t width = kPastKinds * sizes_.categories;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    for (std::size_t i = windows[w].begin; i < windows[w].end; ++i) {
      float* of_step = past + (w * batch.length + i - windows[w].begin) * width;
      for (std::uint32_t e = steps_.steps[i].past_begin; e < steps_.steps[i].past_end; ++e) {
        const PastEntry& entry = steps_.past[e];
        of_step[entry.kind * sizes_.categories + entry.category] = entry.value;
      }
    }
  }
}

double WindowTrainer::step(std::span<const Window> windows, const TrainingSpec& spec, torch::optim::SGD& optimizer, std::size_t& examples) {
  const Batch batch = batch_of(windows);
  if (batch.targets_there == 0) return 0;
  examples += batch.targets_there;
  const at::Tensor logits = network_->logits(batch.view(), nullptr);
  const at::Tensor loss = torch::nn::functional::cross_entropy(logits.reshape({-1, signed_of(sizes_.categories)}), batch.targets,
                                                               torch::nn::functional::CrossEntropyFuncOptions().ignore_index(kNoTarget));
  gradient_.zero_();
  loss.backward();
  const double loss_sum = loss.item<double>() * static_cast<double>(batch.targets_there);
  if (spec.gradient_clip_l2 > 0) {
    const double norm = gradient_.norm().item<double>();
    if (!std::isfinite(norm)) return loss_sum;  // no step is better than a step to nowhere
    if (norm > spec.gradient_clip_l2) gradient_.mul_(spec.gradient_clip_l2 / norm);
  }
  if (spec.proximal_mu > 0) {  // FedProx, mu / 2 |w - w_round|^2: after the clipping, as the lean trainer does (next_category.cpp says why)
    const torch::NoGradGuard no_gradient;
    gradient_.add_(flat_ - begun_, spec.proximal_mu);
  }
  optimizer.step();
  return loss_sum;
}

Result<TrainingResult> WindowTrainer::train_epochs(std::span<const std::span<const HistoryRow>> histories, const TrainingOptions& options) {
  const TrainingSpec& spec = options.spec;
  NextCategorySizes sizes;  // of which the windows need the length alone
  sizes.sequence_length = sizes_.sequence_length;
  std::vector<Window> windows = training_windows(sizes, histories, spec.max_rows), local;
  if (histories.size() == 1 && !windows.empty()) scan_.scan(histories.front(), windows.front().begin, histories.front().size(), steps_);
  torch::optim::SGD optimizer({flat_}, torch::optim::SGDOptions(spec.learning_rate).momentum(spec.momentum));
  if (spec.proximal_mu > 0) begun_ = flat_.detach().clone();
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
  return result;
}

Result<TrainingResult> WindowTrainer::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories,
                                                   const TrainingOptions& options, std::span<float> update) {
  FEDSPEND_CHECK(update.size() == parameter_count(), "an update has parameter_count() floats");
  if (options.spec.batch_size == 0) return fail(ErrorCode::invalid_argument, "training.batch_size is 0", "it counts windows, at least 1");
  if (options.part != TrainedPart::everything) return fail(ErrorCode::invalid_argument, "this trainer cannot train the head alone", "use the lean trainer of the model");
  const auto trained = guarded(ErrorCode::malformed, name_ + ": it failed in training", "see what `fedspend-sim preflight` says of the plan", [&]() -> Result<TrainingResult> {
    FEDSPEND_TRY(load(weights));
    FEDSPEND_ASSIGN(const TrainingResult result, train_epochs(histories, options));
    if (result.examples > 0) network_->store(update);
    return result;
  });
  if (!trained || trained->examples == 0) {
    std::fill(update.begin(), update.end(), 0.0f);
    return trained;
  }
  bool finite = true;
  for (std::size_t i = 0; i < update.size(); ++i) {
    update[i] -= weights[i];
    finite = finite && std::isfinite(update[i]);
  }
  if (finite) return trained;
  std::fill(update.begin(), update.end(), 0.0f);
  return fail(ErrorCode::limit, "training diverged", "lower training.learning_rate or set training.gradient_clip_l2");
}

// Visits the logits of the steps first_scored ... end - 1 in order. With its state carried on from the very first row, or in windows
// of the network's length of which all but the first score only their second half: every step has the longest past a window of half
// its length leaves.
template <class Visit>
void WindowTrainer::run_through(std::size_t first_scored, std::size_t end, Visit visit) {
  const torch::NoGradGuard no_gradient;
  const bool carries = network_->carries_state();
  const std::size_t length = carries ? kCarriedChunk : sizes_.sequence_length;
  const std::size_t scored_length = carries ? length : (length + 1) / 2;
  std::vector<Window> windows;
  for (std::size_t from = carries ? 0 : first_scored; from < end; from += scored_length) {
    const std::size_t to = std::min(from + scored_length, end);
    const std::size_t begin = carries ? from : to - std::min(to, length);
    windows.push_back({.begin = static_cast<std::uint32_t>(begin), .end = static_cast<std::uint32_t>(to), .scored_from = static_cast<std::uint32_t>(std::max(from, first_scored))});
  }
  at::Tensor state;
  const std::size_t at_once = carries ? 1 : kEvaluatedWindows;
  for (std::size_t w = 0; w < windows.size(); w += at_once) {
    const auto now = std::span(windows).subspan(w, std::min(at_once, windows.size() - w));
    const Batch batch = batch_of(now);
    const at::Tensor logits = network_->logits(batch.view(), carries ? &state : nullptr).contiguous();
    const float* values = logits.data_ptr<float>();
    for (std::size_t i = 0; i < now.size(); ++i) {
      for (std::size_t step = now[i].scored_from; step < now[i].end; ++step)
        visit(step, std::span(values + (i * batch.length + step - now[i].begin) * sizes_.categories, sizes_.categories));
    }
  }
}

double log_sum_of(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

Result<EvaluationResult> WindowTrainer::evaluate(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first_scored, Counting counting) {
  return guarded(ErrorCode::malformed, name_ + ": it failed in evaluation", "see what `fedspend-sim preflight` says of the plan", [&]() -> Result<EvaluationResult> {
    FEDSPEND_TRY(load(weights));
    EvaluationResult result;
    if (first_scored >= history.size()) return result;
    scan_.scan(history, first_scored, counting == Counting::frozen ? first_scored : history.size(), steps_);
    run_through(first_scored, history.size(), [&](std::size_t step, std::span<const float> logits) {
      if (steps_.steps[step].target < 0) return;
      const auto target = static_cast<std::size_t>(steps_.steps[step].target);
      std::size_t above = 0;  // ties go to the lower index
      for (std::size_t c = 0; c < logits.size(); ++c) above += logits[c] > logits[target] || (logits[c] == logits[target] && c < target) ? 1u : 0u;
      ++result.predictions;
      result.correct_top1 += above < 1 ? 1u : 0u;
      result.correct_top3 += above < 3 ? 1u : 0u;
      result.loss_sum += log_sum_of(logits) - static_cast<double>(logits[target]);
    });
    if (!std::isfinite(result.loss_sum)) return fail(ErrorCode::limit, name_ + ": it gives values that are not finite", "lower training.learning_rate or set training.gradient_clip_l2");
    return result;
  });
}

Status WindowTrainer::predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) {
  FEDSPEND_CHECK(probabilities.size() == output_count(), "probabilities have output_count() floats");
  return guarded(ErrorCode::malformed, name_ + ": it failed in a prediction", "see what `fedspend-sim preflight` says of the plan", [&]() -> Status {
    FEDSPEND_TRY(load(weights));
    scan_.scan(history, history.size(), history.size(), steps_);
    std::fill(probabilities.begin(), probabilities.end(), 0.0f);
    run_through(history.size(), history.size() + 1, [&](std::size_t, std::span<const float> logits) {
      const double log_sum = log_sum_of(logits);
      std::transform(logits.begin(), logits.end(), probabilities.begin(), [log_sum](float logit) { return static_cast<float>(std::exp(static_cast<double>(logit) - log_sum)); });
    });
    return {};
  });
}

}  // namespace

std::unique_ptr<Trainer> make_window_trainer(std::string name, std::unique_ptr<WindowNetwork> network, const WindowSizes& sizes) {
  return std::make_unique<WindowTrainer>(std::move(name), std::move(network), sizes);
}

void set_torch_threads(unsigned count) { at::set_num_threads(static_cast<int>(count)); }

void prepare_torch_thread() {
  thread_local const bool prepared = [] {
    at::get_num_threads();  // a thread takes the process' number at its first parallel region: here, and not over what follows
    set_torch_threads(1);   // at::parallel_for and OpenBLAS' OpenMP build both ask omp_get_max_threads, which is the thread's own
    return true;
  }();
  static_cast<void>(prepared);
}

}  // namespace fedspend::models
