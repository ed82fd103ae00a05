// Whole rounds of secure aggregation in one process (simulations/secagg/secure_round.h): what a client and the server pay, beside the
// floor that libsodium's ChaCha20 alone sets for the same masks on the same threads in the same run. One iteration is one round.
//   build/release/bin/benchmark_secure_round
// Arguments: clients, values, dropped per cent, tolerated per cent, corrupt per cent. Values of 16 bits, semi-malicious server, all cores.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <thread>

#include "common/crypto/random.h"
#include "simulations/secagg/secure_round.h"

namespace fedspend::simulations {
namespace {

void round_in_one_process(benchmark::State& state) {
  const SecureRoundOptions options{.clients = static_cast<std::uint32_t>(state.range(0)),
                                   .dimension = static_cast<std::uint64_t>(state.range(1)),
                                   .dropout_ppm = static_cast<std::uint32_t>(state.range(2) * 10'000),
                                   .tolerated_ppm = static_cast<std::uint32_t>(state.range(3) * 10'000),
                                   .corrupt_ppm = static_cast<std::uint32_t>(state.range(4) * 10'000)};
  ThreadExecutor executor(std::max(std::thread::hardware_concurrency(), 1U));
  for (auto _ : state) {
    const Result<SecureRoundCosts> costs = run_secure_round(options, executor);
    if (!costs) {
      state.SkipWithError(costs.error().message.c_str());
      return;
    }
    state.counters = {{"degree", costs->degree},
                      {"threshold", costs->threshold},
                      {"client_ms", costs->client_ms},
                      {"client_mask_floor_ms", costs->client_mask_floor_ms},
                      {"quorum_check_ms", costs->quorum_check_ms},
                      {"server_ms", costs->server_ms},
                      {"mask_floor_ms", costs->mask_floor_ms},
                      {"over_floor", costs->server_ms / costs->mask_floor_ms},
                      {"arrival_ms", costs->server_arrival_ms},
                      {"bytes_up", costs->bytes_up_per_client},
                      {"bytes_down", costs->bytes_down_per_client},
                      {"expansion", costs->expansion},
                      {"peak_MiB", static_cast<double>(costs->peak_memory_bytes) / 1048576}};
  }
}

BENCHMARK(round_in_one_process)
    ->Args({1'000, 100'000, 0, 5, 5})
    ->Args({1'000, 100'000, 10, 10, 10})
    ->Args({1'000, 100'000, 30, 33, 5})
    ->Args({5'000, 10'000, 10, 10, 10})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace fedspend::simulations

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
