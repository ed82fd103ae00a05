// Synthetic customers a second, a year each, in memory: the whole life as compact rows and as transactions, its attributes alone, and the text that `synth` writes. Wall time.
#include <benchmark/benchmark.h>

#include "models/transactions/transaction_csv.h"
#include "simulations/population/synthetic.h"

namespace {

using namespace fedspend;

void live_a_year_compact(benchmark::State& state) {
  std::uint64_t client = 0;
  for (auto _ : state) benchmark::DoNotOptimize(simulations::synthetic_client({.seed = 1, .clients = 1, .months = 12}, client++));
  state.SetItemsProcessed(static_cast<std::int64_t>(client));
}
BENCHMARK(live_a_year_compact)->Unit(benchmark::kMicrosecond);

void live_a_year(benchmark::State& state) {
  std::uint64_t client = 0, rows = 0;
  for (auto _ : state) {
    const auto history = simulations::synthetic_history({.seed = 1, .clients = 1, .months = 12}, client++);
    rows += history.size();
    benchmark::DoNotOptimize(history.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(client));
  state.counters["rows_a_client"] = static_cast<double>(rows) / static_cast<double>(client);
}
BENCHMARK(live_a_year)->Unit(benchmark::kMicrosecond);

void attributes_alone(benchmark::State& state) {
  std::uint64_t client = 0;
  for (auto _ : state) benchmark::DoNotOptimize(simulations::synthetic_attributes({.seed = 1}, client++));
  state.SetItemsProcessed(static_cast<std::int64_t>(client));
}
BENCHMARK(attributes_alone)->Unit(benchmark::kMicrosecond);

void write_as_csv(benchmark::State& state) {
  const auto history = simulations::synthetic_history({.seed = 1, .clients = 1, .months = 12}, 1);
  for (auto _ : state) {
    std::string text;
    for (const auto& transaction : history) models::append_transaction_csv(transaction, text);
    benchmark::DoNotOptimize(text.data());
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["rows"] = static_cast<double>(history.size());
}
BENCHMARK(write_as_csv)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
