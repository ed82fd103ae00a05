// What 10,000 rounds cost by each accountant, and the parts of which the answers are made.

#include <array>

#include <benchmark/benchmark.h>

#include "common/privacy/calibration.h"
#include "common/privacy/discrete_gaussian_rdp.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/privacy_loss_distribution.h"
#include "common/privacy/sampled_gaussian_rdp.h"
#include "common/privacy/zcdp.h"

namespace fedspend {
namespace {

constexpr std::uint64_t kRounds = 10'000;
constexpr double kDelta = 1e-6, kRate = 0.01;

void zcdp(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(zcdp_epsilon(kRounds * gaussian_zcdp(100), kDelta));
}
void rdp_gaussian(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(rdp_epsilon(gaussian_rdp_curve(100).times(kRounds), kDelta));
}
void rdp_sampled(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(rdp_epsilon(sampled_gaussian_rdp_curve(1, kRate).times(kRounds), kDelta));
}
// A ledger adds one round after the other.
void rdp_ledger(benchmark::State& state) {
  const RdpCurve round = sampled_gaussian_rdp_curve(1, kRate);
  for (auto _ : state) {
    RdpCurve spent;
    for (std::uint64_t i = 0; i < kRounds; ++i) spent += round;
    benchmark::DoNotOptimize(rdp_epsilon(spent, kDelta));
  }
}
void rdp_discrete(benchmark::State& state) {
  const DiscreteGaussianSum sum{.clients = 1000, .dimension = 1 << 17, .sensitivity_l2 = 1e4, .share_variance = 1e8, .honest_clients = 451};
  for (auto _ : state) benchmark::DoNotOptimize(rdp_epsilon(discrete_gaussian_rdp_curve(sum).times(kRounds), kDelta));
}
void pld_gaussian(benchmark::State& state) {
  const SampledGaussianSteps steps{.noise_multiplier = 100, .sampling_rate = 1, .steps = kRounds};
  for (auto _ : state) benchmark::DoNotOptimize(pld_epsilon({&steps, 1}, kDelta));
}
void pld_sampled(benchmark::State& state) {
  const SampledGaussianSteps steps{.noise_multiplier = 1, .sampling_rate = kRate, .steps = kRounds};
  for (auto _ : state) benchmark::DoNotOptimize(pld_epsilon({&steps, 1}, kDelta));
}
void calibrate_rdp_sampled(benchmark::State& state) {
  const auto epsilon_of = [](double z) -> Result<double> { return rdp_epsilon(sampled_gaussian_rdp_curve(z, kRate).times(kRounds), kDelta).epsilon; };
  for (auto _ : state) benchmark::DoNotOptimize(smallest_noise_multiplier(epsilon_of, 4));
}
void calibrate_pld_sampled(benchmark::State& state) {
  const auto epsilon_on = [](PldGrid grid) -> EpsilonOf {
    return [grid](double z) -> Result<double> {
      const SampledGaussianSteps steps{.noise_multiplier = z, .sampling_rate = kRate, .steps = kRounds};
      FEDSPEND_ASSIGN(const PldBound bound, pld_epsilon({&steps, 1}, kDelta, grid));
      return bound.value;
    };
  };
  const std::array accountants{epsilon_on(PldGrid::coarse), epsilon_on(PldGrid::middle), epsilon_on(PldGrid::fine)};
  for (auto _ : state) benchmark::DoNotOptimize(smallest_noise_multiplier(accountants, 4));
}

BENCHMARK(zcdp)->Unit(benchmark::kMillisecond);
BENCHMARK(rdp_gaussian)->Unit(benchmark::kMillisecond);
BENCHMARK(rdp_sampled)->Unit(benchmark::kMillisecond);
BENCHMARK(rdp_ledger)->Unit(benchmark::kMillisecond);
BENCHMARK(rdp_discrete)->Unit(benchmark::kMillisecond);
BENCHMARK(pld_gaussian)->Unit(benchmark::kMillisecond);
BENCHMARK(pld_sampled)->Unit(benchmark::kMillisecond);
BENCHMARK(calibrate_rdp_sampled)->Unit(benchmark::kMillisecond);
BENCHMARK(calibrate_pld_sampled)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace fedspend

BENCHMARK_MAIN();
