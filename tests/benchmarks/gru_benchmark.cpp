// The lean GRU on one thread: clients trained per second on the workload of DESIGN.md (embedding 16, hidden 32, 32 steps, batch 16,
// 200 sequences a client, one epoch) with the own past cut to one row and in full, and predictions per second. models/README.md
// states the figures.

#include <benchmark/benchmark.h>

#include "common/crypto/random.h"
#include "models/kernels.h"
#include "models/next_category.h"

namespace {

using namespace fedspend;
using namespace fedspend::models;

constexpr std::size_t kCategories = 20;

std::vector<HistoryRow> spending(std::size_t rows, std::size_t categories) {
  SeededRandom random(1);
  std::vector<HistoryRow> history;
  for (std::size_t i = 0; i < rows; ++i) {
    history.push_back({.time_s = static_cast<std::int64_t>(i) * 40'000,
                       .amount_minor = static_cast<std::int64_t>(random.below(10'000)),
                       .merchant_hash = 1 + random.below(500),
                       .category = static_cast<std::uint32_t>(random.below(1 + random.below(categories)))});
  }
  return history;
}

std::unique_ptr<Trainer> gru(std::size_t categories, std::int64_t sequence_length, std::int64_t past_rows) {
  const std::vector<std::string> names(categories, "a category");
  ModelSpec model = default_next_category(names);
  model.sizes["embedding"] = 16;
  model.sizes["hidden"] = 32;
  model.sizes["sequence_length"] = sequence_length;
  model.sizes["past_rows"] = past_rows;
  model.parameter_count = 0;
  return std::move(*make_trainer(model));
}

void train_clients(benchmark::State& state) {
  const auto trainer = gru(kCategories, 32, state.range(0));
  const std::vector<HistoryRow> history = spending(200 * 32, kCategories);
  std::vector<float> weights(trainer->parameter_count()), update(weights.size());
  trainer->initialize(weights, 1);
  TrainingOptions options;
  options.spec = {.epochs = 1, .batch_size = 16, .learning_rate = 0.1, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 0};
  for (auto _ : state) {
    if (!trainer->train(weights, history, options, update)) state.SkipWithError("training failed");
    benchmark::DoNotOptimize(update.data());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(std::string(active_isa()) + ", " + std::to_string(weights.size()) + " parameters, items are clients");
}
BENCHMARK(train_clients)->ArgName("past_rows")->Arg(1)->Arg(128)->Unit(benchmark::kMillisecond);

void evaluate_history(benchmark::State& state) {
  const auto trainer = gru(143, 16, 128);
  const std::vector<HistoryRow> history = spending(2048, 143);
  std::vector<float> weights(trainer->parameter_count());
  trainer->initialize(weights, 1);
  for (auto _ : state) {
    const auto result = trainer->evaluate(weights, history, 0, Counting::prequential);
    if (!result) state.SkipWithError("evaluation failed");
    benchmark::DoNotOptimize(result->loss_sum);
  }
  state.SetItemsProcessed(state.iterations() * 2048);
  state.SetLabel("143 categories, items are predictions");
}
BENCHMARK(evaluate_history)->Unit(benchmark::kMillisecond);

void predict_next(benchmark::State& state) {
  const auto trainer = gru(143, 16, 128);
  const std::vector<HistoryRow> history = spending(static_cast<std::size_t>(state.range(0)), 143);
  std::vector<float> weights(trainer->parameter_count()), probabilities(trainer->output_count());
  trainer->initialize(weights, 1);
  for (auto _ : state) {
    if (!trainer->predict(weights, history, probabilities)) state.SkipWithError("prediction failed");
    benchmark::DoNotOptimize(probabilities.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(predict_next)->ArgName("rows")->Arg(50)->Arg(500);

}  // namespace

BENCHMARK_MAIN();
