// What a device keeps on disk: transactions ingested per second (10,000 in batches of 100, each batch durable when it returns), opening with
// 20,000 transactions (the vault alone; with the record, which a check-in needs; and all of it), and writing of the record. Wall time, syncs
// included, in the system's folder for temporary files.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "client/transaction_store.h"
#include "client/vault_device_record.h"
#include "client/vault_store.h"
#include "common/crypto/random.h"

namespace {

using namespace fedspend;
using namespace fedspend::client;

constexpr std::int64_t kNow = 1'700'000'000;

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "fedspend-benchmark-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::vector<IngestedTransaction> transactions(int from, int count) {
  std::vector<IngestedTransaction> made;
  for (int i = from; i < from + count; ++i)
    made.push_back({.id = "transaction-" + std::to_string(1'000'000 + i),
                    .transaction = {.time_s = kNow - 30'000 * 1'000 + 1'000 * i, .amount_minor = 100 + i, .category = "groceries", .merchant = "A shop, Main Street " + std::to_string(i % 300), .currency = "DKK"}});
  return made;
}

Result<std::unique_ptr<VaultStore>> open(const Folder& folder, SeedProtector& protector, RandomSource& random) { return VaultStore::open(folder.path / kVaultFile, protector, random); }

void ingest(benchmark::State& state) {
  const int count = 10'000, batch = static_cast<int>(state.range(0));
  std::vector<std::vector<IngestedTransaction>> batches;
  for (int from = 0; from < count; from += batch) batches.push_back(transactions(from, batch));
  for (auto _ : state) {
    state.PauseTiming();
    {
      const Folder folder;
      SystemRandom random;
      FileSeedProtector protector(folder.path / kStoreKeyFile, random);
      const auto vault = open(folder, protector, random);
      const auto store = TransactionStore::open(**vault, {});
      state.ResumeTiming();
      for (const auto& each : batches)
        if (!(*store)->ingest(each, kNow)) return state.SkipWithError("not ingested");
      state.PauseTiming();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(ingest)->ArgName("batch")->Arg(100)->Arg(1'000)->UseRealTime()->Unit(benchmark::kMillisecond);

enum class Opened { vault, record, transactions };

void open_with_20000(benchmark::State& state) {
  const Folder folder;
  SystemRandom random;
  FileSeedProtector protector(folder.path / kStoreKeyFile, random);
  {
    const auto vault = open(folder, protector, random);
    const auto store = TransactionStore::open(**vault, {});
    const auto record = VaultDeviceRecord::open(**vault, random);
    if (!(*store)->ingest(transactions(0, 20'000), kNow)) return state.SkipWithError("not ingested");
    for (std::uint64_t i = 0; i < 200; ++i)
      if (!(*record)->record_answered(TaskId{}, RoundId{i}, SessionId{Hasher("benchmark").u64(i).finish()})) return state.SkipWithError("not recorded");
  }
  const auto what = static_cast<Opened>(state.range(0));
  for (auto _ : state) {
    auto vault = open(folder, protector, random);
    if (!vault) return state.SkipWithError("not opened");
    if (what != Opened::vault && !VaultDeviceRecord::open(**vault, random)) return state.SkipWithError("no record");
    if (what == Opened::transactions && !TransactionStore::open(**vault, {})) return state.SkipWithError("no transactions");
    state.PauseTiming();
    vault = fail(ErrorCode::internal, "closed");
    state.ResumeTiming();
  }
  state.counters["file_bytes"] = static_cast<double>(std::filesystem::file_size(folder.path / kVaultFile));
}
BENCHMARK(open_with_20000)->ArgName("vault_record_transactions")->DenseRange(0, 2)->UseRealTime()->Unit(benchmark::kMillisecond);

void write_record(benchmark::State& state) {
  const Folder folder;
  SystemRandom random;
  FileSeedProtector protector(folder.path / kStoreKeyFile, random);
  const auto vault = open(folder, protector, random);
  const auto record = VaultDeviceRecord::open(**vault, random);
  std::uint64_t next = 0;
  for (auto _ : state) {
    if (!(*record)->record_answered(TaskId{}, RoundId{1}, SessionId{Hasher("benchmark").u64(next++).finish()})) return state.SkipWithError("not recorded");
  }
}
BENCHMARK(write_record)->UseRealTime()->Unit(benchmark::kMillisecond);

// The same number of bytes, synced: what the disk alone costs.
void sync_alone(benchmark::State& state) {
  const Folder folder;
  const int descriptor = ::open((folder.path / "file").c_str(), O_RDWR | O_CREAT, 0600);
  const Bytes page(3 * 4'120);
  off_t at = 0;
  for (auto _ : state) {
    if (pwrite(descriptor, page.data(), page.size(), at) < 0 || fdatasync(descriptor) != 0) return state.SkipWithError("not written");
    at = (at + static_cast<off_t>(page.size())) % (4 << 20);
  }
  close(descriptor);
}
BENCHMARK(sync_alone)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
