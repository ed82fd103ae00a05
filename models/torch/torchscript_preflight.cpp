// What can be wrong with a TorchScript file although it loads: shapes, steps that look ahead, randomness, state. All of it is tried
// on invented batches; then one step of training on given rows.

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <numeric>

#include "common/crypto/random.h"
#include "models/next_category/next_category_features.h"
#include "models/torch/torch_error.h"
#include "models/torch/torchscript.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kDryWindows = 8;
constexpr float kSame = 1e-5f;  // relative: a product may sum in another order where the batch is another

struct Invented {
  at::Tensor categories, merchants, numeric, past;
  WindowBatch view() const { return {categories, merchants, numeric, past}; }
  Invented clone() const { return {categories.clone(), merchants.clone(), numeric.clone(), past.clone()}; }
};

// Everything that a batch can hold, the largest indices among it.
Invented invent(const TorchScriptSizes& sizes, std::size_t windows, RandomSource& random) {
  const auto b = static_cast<std::int64_t>(windows), t = static_cast<std::int64_t>(sizes.sequence_length);
  const auto kinds = static_cast<std::int64_t>(kPastKinds), c = static_cast<std::int64_t>(sizes.categories);
  Invented batch{torch::zeros({b, t}, torch::kLong), torch::zeros({b, t}, torch::kLong), torch::zeros({b, t, static_cast<std::int64_t>(kNumericFeatures)}), torch::zeros({b, t, kinds, c})};
  const auto fill = [&random]<class Value>(at::Tensor& tensor, Value*, std::uint64_t below, Value scale) {
    auto* values = tensor.data_ptr<Value>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<Value>(random.below(below)) * scale;
  };
  fill(batch.categories, static_cast<std::int64_t*>(nullptr), sizes.categories + 2, std::int64_t{1});
  fill(batch.merchants, static_cast<std::int64_t*>(nullptr), sizes.merchant_buckets + 1, std::int64_t{1});
  fill(batch.numeric, static_cast<float*>(nullptr), 1001, 1e-3f);
  fill(batch.past, static_cast<float*>(nullptr), 1001, 3e-4f);
  batch.categories.data_ptr<std::int64_t>()[0] = c + 1;
  batch.merchants.data_ptr<std::int64_t>()[0] = static_cast<std::int64_t>(sizes.merchant_buckets);
  return batch;
}

class Trial {
 public:
  Trial(const std::string& file, ScriptNetwork& network, const TorchScriptSizes& sizes) : file_(file), network_(network), sizes_(sizes) {}

  Status shapes() {
    for (const std::size_t windows : {1U, 3U}) {
      const at::Tensor logits = run(invent(sizes_, windows, random_));
      if (!torch::isfinite(logits).all().item<bool>()) return wrong("its forward gives values that are not finite", "look at the parameters in the file");
    }
    return {};
  }

  Status same_twice() {
    const Bytes before = network_.frozen_values();
    const Invented first = invent(sizes_, 3, random_);
    const at::Tensor once = run(first);
    run(invent(sizes_, 2, random_));
    if (!torch::equal(once, run(first)))
      return wrong("its forward gives something else the second time", "no randomness and no state: dropout is off here by itself, other random calls must go");
    if (network_.frozen_values() != before) return wrong("its forward changes a buffer", "what a model keeps must be a parameter; take LayerNorm instead of BatchNorm");
    return {};
  }

  // A step's categories are the targets of the step before: a model that looks ahead scores well and predicts nothing.
  Status looks_back_only() {
    const auto length = static_cast<std::int64_t>(sizes_.sequence_length);
    const Invented batch = invent(sizes_, 2, random_);
    const at::Tensor logits = run(batch);
    for (const std::int64_t from : {std::int64_t{1}, length / 2, length - 1}) {
      if (from < 1 || from >= length) continue;
      Invented changed = batch.clone();
      const Invented other = invent(sizes_, 2, random_);
      const auto tail = [&](at::Tensor& to, const at::Tensor& value) { to.slice(1, from).copy_(value.slice(1, from)); };
      tail(changed.categories, other.categories);
      tail(changed.merchants, other.merchants);
      tail(changed.numeric, other.numeric);
      tail(changed.past, other.past);
      if (!same(logits.slice(1, 0, from), run(changed).slice(1, 0, from)))
        return wrong("its forward looks ahead: what it gives for a step changes with later steps", "a step may use itself and earlier ones only: no bidirectional layer, and attention with a causal mask");
    }
    return {};
  }

  Status windows_apart() {
    const Invented batch = invent(sizes_, 3, random_);
    const at::Tensor logits = run(batch);
    const Invented other = invent(sizes_, 3, random_);
    for (const std::int64_t which : {0, 2}) {  // what is mixed may flow one way only
      Invented changed = batch.clone();
      changed.categories[which].copy_(other.categories[which]);
      changed.merchants[which].copy_(other.merchants[which]);
      changed.numeric[which].copy_(other.numeric[which]);
      changed.past[which].copy_(other.past[which]);
      const std::int64_t rest = which == 0 ? 1 : 0;
      if (!same(logits.slice(0, rest, rest + 2), run(changed).slice(0, rest, rest + 2)))
        return wrong("its forward mixes the windows of a batch", "the first axis is the batch: batch_first=True in recurrent layers, and no normalisation over the batch");
    }
    return {};
  }

 private:
  at::Tensor run(const Invented& batch) {
    const torch::NoGradGuard no_gradient;
    return network_.logits(batch.view(), nullptr).contiguous();
  }
  static bool same(const at::Tensor& a, const at::Tensor& b) { return torch::allclose(a, b, kSame, kSame); }
  Status wrong(const std::string& what, const char* hint) const { return fail(ErrorCode::malformed, file_ + ": " + what, hint); }

  const std::string& file_;
  ScriptNetwork& network_;
  const TorchScriptSizes& sizes_;
  SeededRandom random_{1};
};

Status dry_step(const ModelSpec& model, TrainingSpec training, Trainer& trainer, std::span<const HistoryRow> rows, TorchScriptReport& report) {
  const std::size_t most = kDryWindows * static_cast<std::size_t>(model.sizes.at("sequence_length"));
  training.epochs = 1;
  training.batch_size = kDryWindows;
  training.max_rows = 0;
  std::vector<float> weights(trainer.parameter_count()), update(weights.size());
  trainer.initialize(weights, 0);
  const auto begun = std::chrono::steady_clock::now();
  FEDSPEND_ASSIGN(const TrainingResult result, trainer.train(weights, rows.last(std::min(rows.size(), most)), {.spec = training}, update));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (result.examples == 0) return fail(ErrorCode::invalid_argument, "the rows of the dry step hold no category of the plan", "give data that the plan was made for");
  report.predictions = result.examples;
  report.loss = result.mean_loss;
  if (!std::isfinite(report.loss)) return fail(ErrorCode::malformed, model.file + ": the loss of a dry step is not finite", "look at the parameters in the file");
  double sum = 0;
  for (const LayoutEntry& entry : report.parameters) {
    const std::size_t count = std::accumulate(entry.shape.begin(), entry.shape.end(), std::size_t{1}, std::multiplies<>());
    const auto part = std::span(update).subspan(entry.offset, count);
    if (std::all_of(part.begin(), part.end(), [](float value) { return value == 0; })) report.without_gradient.push_back(entry.name);
    for (const float value : part) sum += static_cast<double>(value) * value;
  }
  report.update_norm_l2 = std::sqrt(sum);
  if (sum == 0) return fail(ErrorCode::malformed, model.file + ": a dry step changes no parameter", "the logits must depend on the parameters, without detach() and no_grad()");
  return {};
}

}  // namespace

Result<TorchScriptReport> preflight_torchscript(const ModelSpec& model, const TrainingSpec& training, ByteSpan file, std::span<const HistoryRow> rows) {
  FEDSPEND_ASSIGN(const TorchScriptSizes sizes, TorchScriptSizes::from(model));
  FEDSPEND_ASSIGN(std::unique_ptr<ScriptNetwork> network, load_script(model, sizes, file));
  TorchScriptReport report;
  report.parameters = network->layout();
  report.frozen = network->frozen();
  report.parameter_count = network->parameter_count();
  report.takes_past = network->takes_past();
  const Status tried = guarded(ErrorCode::malformed, model.file + ": its forward fails", "the contract is in models/torch/README.md", [&]() -> Status {
    Trial trial(model.file, *network, sizes);
    FEDSPEND_TRY(trial.shapes());
    FEDSPEND_TRY(trial.same_twice());
    FEDSPEND_TRY(trial.looks_back_only());
    return trial.windows_apart();
  });
  FEDSPEND_TRY(tried);
  const std::unique_ptr<Trainer> trainer = make_window_trainer(model.file, std::move(network), window_sizes(sizes));
  FEDSPEND_TRY(dry_step(model, training, *trainer, rows, report));
  return report;
}

}  // namespace fedspend::models
