// What an insight costs on the device: a prediction and its explanation of 2^7 and 2^8 sets, of the drafted model; and an adaptation. And a forecast of spend:
// alone, with its reasons of 2^6 sets, and an epoch of training. And whether the newest row is unusual: the model's prediction, and the whole insight.

#include <benchmark/benchmark.h>

#include "client/forecast_insight.h"
#include "client/insights.h"
#include "client/unusual_insight.h"
#include "common/crypto/random.h"
#include "models/next_category/next_category.h"
#include "models/spend_forecast/spend_forecast.h"
#include "models/unusual_activity/unusual_activity.h"
#include "tests/models/toy_history.h"

namespace fedspend::client {
namespace {

constexpr std::size_t kCategories = 40;

struct Bench {
  std::vector<std::string> names;
  std::unique_ptr<models::Trainer> trainer;
  std::vector<float> weights;
  std::vector<models::HistoryRow> history;
  MemoryVault vault;
  std::unique_ptr<Consents> consents = Consents::open(vault).value();

  explicit Bench(std::size_t rows, ModelSpec (*model)(std::span<const std::string>) = models::default_next_category) : history(models::random_history(rows, kCategories, 1)) {
    for (std::size_t i = 0; i < kCategories; ++i) names.push_back("category " + std::to_string(i));
    trainer = models::make_trainer(model(names)).value();
    weights.resize(trainer->parameter_count());
    trainer->initialize(weights, 1);
    (void)consents->give(kPurposePersonalInsights, {.version = "1"}, 1);
    for (std::size_t i = 0; i < rows; ++i) history[i].category = static_cast<std::uint32_t>(i % 7);
  }
};

void predict(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)));
  std::vector<float> p(bench.trainer->output_count());
  for (auto _ : state) benchmark::DoNotOptimize(bench.trainer->predict(bench.weights, bench.history, p));
}
void predict_and_explain(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(category_insight(*bench.consents, *bench.trainer, bench.weights, {}, bench.history));
}
void predict_and_explain_personal(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)));
  models::PersonalFit fit;
  const auto model = models::PersonalModel::adapt(*bench.trainer, bench.weights, bench.history, {}, fit).value();
  for (auto _ : state) benchmark::DoNotOptimize(category_insight(*bench.consents, *bench.trainer, bench.weights, model, bench.history));
}
void adapt(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)));
  models::PersonalFit fit;
  for (auto _ : state) benchmark::DoNotOptimize(models::PersonalModel::adapt(*bench.trainer, bench.weights, bench.history, {}, fit));
}

void forecast(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)), models::default_spend_forecast);
  std::vector<float> spends(bench.trainer->output_count());
  for (auto _ : state) benchmark::DoNotOptimize(bench.trainer->predict(bench.weights, bench.history, spends));
}
void forecast_and_explain(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)), models::default_spend_forecast);
  const std::int64_t now_s = bench.history.back().time_s;
  for (auto _ : state) benchmark::DoNotOptimize(forecast_insight(*bench.consents, *bench.trainer, bench.weights, bench.history, bench.names, now_s));
}
void forecast_epoch(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)), models::default_spend_forecast);
  std::vector<float> update(bench.weights.size());
  const models::TrainingOptions options{.spec = models::default_spend_forecast_training()};
  for (auto _ : state) benchmark::DoNotOptimize(bench.trainer->train(bench.weights, bench.history, options, update));
}
void unusual(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)), models::default_unusual_activity);
  std::vector<float> surprises(bench.trainer->output_count());
  for (auto _ : state) benchmark::DoNotOptimize(bench.trainer->predict(bench.weights, bench.history, surprises));
}
void unusual_and_explain(benchmark::State& state) {
  Bench bench(static_cast<std::size_t>(state.range(0)), models::default_unusual_activity);
  for (auto _ : state) benchmark::DoNotOptimize(unusual_insight(*bench.consents, *bench.trainer, bench.weights, bench.history));
}

BENCHMARK(predict)->Arg(100)->Arg(1'024)->Unit(benchmark::kMillisecond);
BENCHMARK(predict_and_explain)->Arg(100)->Arg(1'024)->Arg(50'000)->Unit(benchmark::kMillisecond);
BENCHMARK(predict_and_explain_personal)->Arg(100)->Arg(1'024)->Unit(benchmark::kMillisecond);
BENCHMARK(adapt)->Arg(100)->Arg(1'024)->Unit(benchmark::kMillisecond);
BENCHMARK(forecast)->Arg(100)->Arg(1'024)->Arg(40'000)->Unit(benchmark::kMillisecond);
BENCHMARK(forecast_and_explain)->Arg(100)->Arg(1'024)->Arg(40'000)->Unit(benchmark::kMillisecond);
BENCHMARK(forecast_epoch)->Arg(100)->Arg(1'024)->Arg(40'000)->Unit(benchmark::kMillisecond);
BENCHMARK(unusual)->Arg(100)->Arg(1'024)->Arg(40'000)->Unit(benchmark::kMillisecond);
BENCHMARK(unusual_and_explain)->Arg(100)->Arg(1'024)->Arg(40'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fedspend::client

BENCHMARK_MAIN();
