// The mechanism's parts on one core: Walsh-Hadamard against a copy of the same floats, a million samples of noise (from the system's
// generator, as a device draws them, and from a seeded ChaCha20), the generators alone, and the whole of a device's encoding.
// bytes_per_second counts 4 bytes a float, once, for transform and copy alike.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "common/crypto/random.h"
#include "common/numeric/rotation.h"
#include "common/numeric/walsh_hadamard.h"
#include "common/privacy/conditional_rounding.h"
#include "common/privacy/distributed_encoder.h"
#include "common/privacy/rounded_gaussian.h"

namespace fedspend {
namespace {

constexpr int kSamples = 1'000'000;

std::vector<float> values_of(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 97) / 4096;
  return values;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes));
}

void copy(benchmark::State& state) {
  const std::vector<float> from = values_of(static_cast<std::size_t>(state.range(0)));
  std::vector<float> to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size() * sizeof(float));
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, from.size() * sizeof(float));
}

void transform(benchmark::State& state) {
  std::vector<float> values = values_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    walsh_hadamard(values);
    benchmark::DoNotOptimize(values.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, values.size() * sizeof(float));
}

void rotation(benchmark::State& state) {
  std::vector<float> values = values_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    rotate(SessionId{}, values);
    benchmark::DoNotOptimize(values.data());
  }
  count_bytes(state, values.size() * sizeof(float));
}

template <class Random>
void generator(benchmark::State& state, Random random) {
  std::vector<std::uint8_t> bytes(1024);
  for (auto _ : state) {
    random.fill(bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  count_bytes(state, bytes.size());
}

// A million samples at sigma = range / 10.
template <class Random>
void discrete_gaussian(benchmark::State& state, Random random) {
  const auto tenths = static_cast<std::uint64_t>(state.range(0));
  const DiscreteGaussian sampler = DiscreteGaussian::create({tenths * tenths, 100}).value();
  for (auto _ : state) {
    RandomBits bits(random);
    std::int64_t sum = 0;
    for (int i = 0; i < kSamples; ++i) sum += sampler.sample(bits);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kSamples);
}

void rounded_gaussian(benchmark::State& state) {
  const RoundedGaussian sampler = RoundedGaussian::create({static_cast<std::uint64_t>(state.range(0)), 10}).value();
  SystemRandom random;
  for (auto _ : state) {
    RandomBits bits(random);
    std::int64_t sum = 0;
    for (int i = 0; i < kSamples; ++i) sum += sampler.sample(bits);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kSamples);
}

DistributedGaussian parameters_of(std::int64_t length) {
  return choose_distributed_gaussian({.clients = 1000, .length = static_cast<std::uint64_t>(length), .clip_norm_l2 = 1, .noise_multiplier = 1, .bits = 20, .honest_shares = 600}).value();
}

void rounding(benchmark::State& state) {
  const DistributedGaussian parameters = parameters_of(state.range(0));
  std::vector<float> values(parameters.dimension, 0.9F / std::sqrt(static_cast<float>(parameters.dimension)));
  std::vector<std::int32_t> rounded(values.size());
  SystemRandom random;
  RandomBits bits(random);
  for (auto _ : state) benchmark::DoNotOptimize(round_conditionally(values, parameters.scale, parameters.squared_norm_bound, bits, rounded));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
}

void encode(benchmark::State& state) {
  const DistributedEncoder encoder = DistributedEncoder::create(parameters_of(state.range(0))).value();
  const std::vector<float> update = values_of(static_cast<std::size_t>(state.range(0)));
  SystemRandom random;
  for (auto _ : state) {
    std::vector<float> fresh = update;
    benchmark::DoNotOptimize(encoder.encode(fresh, SessionId{}, random));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(update.size()));
}

void decode(benchmark::State& state) {
  const DistributedEncoder encoder = DistributedEncoder::create(parameters_of(state.range(0))).value();
  const RingVector sum(encoder.ring_size(), 20);
  for (auto _ : state) benchmark::DoNotOptimize(encoder.decode_mean(sum, SessionId{}, 1000));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(copy)->Arg(1 << 14)->Arg(1 << 17)->Arg(1 << 20);
BENCHMARK(transform)->Arg(1 << 14)->Arg(1 << 17)->Arg(1 << 20);
BENCHMARK(rotation)->Arg(1 << 20);
BENCHMARK_CAPTURE(generator, system, SystemRandom());
BENCHMARK_CAPTURE(generator, seeded, SeededRandom(1));
BENCHMARK_CAPTURE(discrete_gaussian, system, SystemRandom())->Arg(5)->Arg(10)->Arg(100)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(discrete_gaussian, seeded, SeededRandom(1))->Arg(10)->Arg(100)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(rounded_gaussian)->Arg(100)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(rounding)->Arg(1 << 20)->Unit(benchmark::kMillisecond);
BENCHMARK(encode)->Arg(19'717)->Arg(100'000)->Arg(1 << 20)->Unit(benchmark::kMillisecond);
BENCHMARK(decode)->Arg(100'000)->Arg(1 << 20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fedspend

BENCHMARK_MAIN();
