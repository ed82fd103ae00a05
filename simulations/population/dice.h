#pragma once
// The chance of the synthetic population, in integers alone, so that a seed gives the same bytes on every machine: a ChaCha20 stream
// (common/crypto/random.h) read as 32-bit words; quantile tables instead of logarithms and roots. One object per thread.
// below() maps a word by multiplication (Lemire, "Fast random integer generation in an interval", 2019) without his rejection: the bias
// is at most bound / 2^32, of no account for an invented population. Nothing here is for secrets.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/bytes.h"
#include "common/crypto/random.h"

namespace fedspend::simulations {

class Dice {
 public:
  // The stream H(label, seed, client): two labels of one client are independent.
  Dice(std::string_view label, std::uint64_t seed, std::uint64_t client);

  std::uint32_t word() {
    if (used_ == block_.size()) refill();
    const std::uint32_t value = std::uint32_t{block_[used_]} | std::uint32_t{block_[used_ + 1]} << 8 | std::uint32_t{block_[used_ + 2]} << 16 | std::uint32_t{block_[used_ + 3]} << 24;
    used_ += 4;
    return value;
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>((std::uint64_t{word()} * bound) >> 32); }  // [0, bound)
  bool chance(std::uint32_t in_thousand) { return below(1000) < in_thousand; }
  std::int64_t between(std::int64_t low, std::int64_t high) { return low + below(static_cast<std::uint32_t>(high - low + 1)); }
  template <class Table>
  const auto& one_of(const Table& table) {
    return table[below(static_cast<std::uint32_t>(std::size(table)))];
  }
  // Index i with a chance in proportion to weights[i]; their sum is above 0.
  template <class Table>
  std::size_t weighted(const Table& weights) {
    std::uint32_t sum = 0;
    for (const auto weight : weights) sum += weight;
    std::uint32_t left = below(sum);
    std::size_t i = 0;
    while (left >= weights[i]) left -= weights[i++];
    return i;
  }

  // Log-normal about 1: in thousandths, spread_percent the deviation of the natural logarithm in hundredths (0 ... 150).
  std::int64_t spread(unsigned spread_percent);
  // Exponential about 1, in thousandths: the gaps of events that know nothing of each other.
  std::int64_t gap();

 private:
  void refill();
  SeededRandom random_;
  std::array<std::uint8_t, 1024> block_{};
  std::size_t used_ = 1024;
};

// value * thousandths / 1000, rounded to the nearest; not negative.
constexpr std::int64_t scaled(std::int64_t value, std::int64_t thousandths) { return (value * thousandths + 500) / 1000; }

// 64 bits of a fixed function of what is named (splitmix64 of Steele, Lea and Flood): for what is the same for everybody, such as which
// shops a town has. Not a hash against an adversary.
constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0) {
  std::uint64_t value = 0x9e3779b97f4a7c15;
  for (const std::uint64_t part : {a, b, c}) {
    value += part + 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    value ^= value >> 31;
  }
  return value;
}

}  // namespace fedspend::simulations
