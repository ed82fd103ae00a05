// How fast ring vectors are added, packed and unpacked, and updates encoded and decoded, against memcpy of the same values in
// the same run. bytes_per_second counts 4 bytes a value for all of them (the copy: each byte once), so the lines compare.

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "common/crypto/random.h"
#include "common/numeric/quantizer.h"
#include "common/numeric/ring_vector.h"

namespace fedspend {
namespace {

constexpr std::size_t kCount = 100'000;

RingVector random_vector(unsigned bits) {
  SeededRandom random(bits);
  RingVector vector(kCount, bits);
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  for (std::uint32_t& value : vector.mutable_values()) value = static_cast<std::uint32_t>(random.next_u64() & mask);
  return vector;
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(kCount * sizeof(std::uint32_t)));
}

void copy(benchmark::State& state) {
  const RingVector from = random_vector(32);
  std::vector<std::uint32_t> to(kCount);
  for (auto _ : state) {
    std::memcpy(to.data(), from.values().data(), kCount * sizeof(std::uint32_t));
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

// What a fresh vector costs, which pack and unpack also pay.
void copy_to_fresh_memory(benchmark::State& state) {
  const RingVector from = random_vector(32);
  for (auto _ : state) {
    std::vector<std::uint32_t> to(from.values().begin(), from.values().end());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void add(benchmark::State& state) {
  const auto bits = static_cast<unsigned>(state.range(0));
  RingVector sum = random_vector(bits);
  const RingVector other = random_vector(bits);
  for (auto _ : state) {
    sum.add(other);
    benchmark::DoNotOptimize(sum.mutable_values().data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void pack(benchmark::State& state) {
  const RingVector vector = random_vector(static_cast<unsigned>(state.range(0)));
  for (auto _ : state) {
    const Bytes packed = vector.pack();
    benchmark::DoNotOptimize(packed.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void unpack(benchmark::State& state) {
  const auto bits = static_cast<unsigned>(state.range(0));
  const Bytes packed = random_vector(bits).pack();
  for (auto _ : state) {
    const auto vector = RingVector::unpack(packed, kCount, bits);
    benchmark::DoNotOptimize(vector->values().data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void encode(benchmark::State& state) {
  const auto quantizer = Quantizer::create({.clip_norm_l2 = 1, .bits = 20, .max_clients = 100});
  const std::vector<float> update(kCount, 0.003F);
  for (auto _ : state) {
    const auto encoded = quantizer->encode(update);
    benchmark::DoNotOptimize(encoded->values().data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void decode(benchmark::State& state) {
  const auto quantizer = Quantizer::create({.clip_norm_l2 = 1, .bits = 20, .max_clients = 100});
  const RingVector sum = random_vector(20);
  for (auto _ : state) {
    const std::vector<float> mean = quantizer->decode_mean(sum, 100);
    benchmark::DoNotOptimize(mean.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void widths(benchmark::internal::Benchmark* benchmark) {
  for (const int bits : {8, 13, 16, 18, 20, 24, 32}) benchmark->Arg(bits);
}

BENCHMARK(copy);
BENCHMARK(copy_to_fresh_memory);
BENCHMARK(add)->Apply(widths);
BENCHMARK(pack)->Apply(widths);
BENCHMARK(unpack)->Apply(widths);
BENCHMARK(encode);
BENCHMARK(decode);

}  // namespace
}  // namespace fedspend

BENCHMARK_MAIN();
