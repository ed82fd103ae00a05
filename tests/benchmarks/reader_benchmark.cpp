// Rows per second of the canonical reader on the purchase cards (../shared/data), files in the page cache, by the number of
// threads that tokenize; and of the tokenizer alone, which is libcsv and the checks around it. Wall time. Without the data: an error.
#include <benchmark/benchmark.h>

#include "simulations/data/canonical_reader.h"
#include "simulations/data/table_file.h"
#include "tests/paths.h"

namespace {

using namespace fedspend;

Result<simulations::DataDescription> purchase_cards() {
  return simulations::read_data_description(tests::source_dir() + "/simulations/data/purchase-cards.toml", tests::source_dir() + "/../shared/data");
}

void read_purchase_cards(benchmark::State& state) {
  const auto description = purchase_cards();
  if (!description) return state.SkipWithError(description.error().message.c_str());
  std::uint64_t rows = 0, bytes = 0;
  for (auto _ : state) {
    std::int64_t sum = 0;
    const auto read = simulations::read_transactions(
        *description,
        [&](const simulations::CanonicalRow& row) {
          sum += row.transaction.amount_minor;
          return Status();
        },
        {.threads = static_cast<unsigned>(state.range(0))});
    if (!read) return state.SkipWithError(read.error().message.c_str());
    benchmark::DoNotOptimize(sum);
    rows += read->rows;
    bytes += read->bytes;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(rows));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(read_purchase_cards)->ArgName("threads")->Arg(1)->Arg(2)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

class NoRows final : public models::CsvRowHandler {
 public:
  bool on_row(const models::CsvRow&) override {
    ++rows;
    return true;
  }
  std::int64_t rows = 0;
};

void tokenize_purchase_cards(benchmark::State& state) {
  const auto description = purchase_cards();
  const auto files = description ? simulations::find_transaction_files(*description) : fail(description.error());
  if (!files) return state.SkipWithError(files.error().message.c_str());
  NoRows handler;
  for (auto _ : state) {
    for (const auto& file : *files) {
      models::CsvTokenizer tokenizer({}, handler);
      tokenizer.select_columns({});
      if (const auto status = simulations::tokenize_file(file, tokenizer); !status) return state.SkipWithError(status.error().message.c_str());
    }
  }
  state.SetItemsProcessed(handler.rows);
}
BENCHMARK(tokenize_purchase_cards)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
