#include "common/numeric/walsh_hadamard.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

std::vector<float> random_values(std::uint64_t seed, std::size_t count) {
  SeededRandom random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<double>(random.below(1U << 30)) - 0x1p29) * 0x1p-29F;
  return values;
}

// The header's definition, one butterfly after another.
std::vector<float> by_definition(std::vector<float> x) {
  const int m = std::countr_zero(x.size());
  const auto factor = static_cast<float>(std::pow(2.0L, -m / 2.0L));
  for (float& value : x) value *= factor;
  for (std::size_t h = 1; h < x.size(); h *= 2) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i / h % 2 == 1) continue;
      const float a = x[i], b = x[i + h];
      x[i] = a + b;
      x[i + h] = a - b;
    }
  }
  return x;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) return false;
  return a.size() == b.size();
}

TEST_CASE("every size gives the bits of the butterflies taken one after another") {
  for (unsigned m = 0; m <= 22; ++m) {
    CAPTURE(m);
    std::vector<float> values = random_values(m, std::size_t{1} << m);
    const std::vector<float> expected = by_definition(values);
    walsh_hadamard(values);
    CHECK(same_bits(values, expected));
  }
}

TEST_CASE("it is the matrix of signs (-1)^popcount(i & j) over sqrt(d)") {
  for (unsigned m = 0; m <= 8; ++m) {
    const std::size_t d = std::size_t{1} << m;
    const std::vector<float> before = random_values(100 + m, d);
    std::vector<float> after = before;
    walsh_hadamard(after);
    for (std::size_t i = 0; i < d; ++i) {
      double expected = 0;
      for (std::size_t j = 0; j < d; ++j) expected += std::popcount(i & j) % 2 == 0 ? before[j] : -before[j];
      CHECK(after[i] == doctest::Approx(expected / std::sqrt(static_cast<double>(d))).epsilon(1e-5));
    }
  }
}

TEST_CASE("twice is the identity and the norm stays, up to m roundings of a float") {
  for (unsigned m = 0; m <= 17; ++m) {
    CAPTURE(m);
    const std::vector<float> before = random_values(200 + m, std::size_t{1} << m);
    std::vector<float> values = before;
    double squares_before = 0, squares_after = 0, error = 0;
    walsh_hadamard(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      squares_before += double{before[i]} * before[i];
      squares_after += double{values[i]} * values[i];
    }
    const double roundings = (m + 1) * 0x1p-24;
    CHECK(std::abs(std::sqrt(squares_after / squares_before) - 1) <= roundings);
    walsh_hadamard(values);
    for (std::size_t i = 0; i < values.size(); ++i) error += (double{values[i]} - before[i]) * (double{values[i]} - before[i]);
    CHECK(std::sqrt(error / squares_before) <= 2 * roundings);
  }
}

// Whole numbers small enough that every sum is exact: sizes of an even m are then exact too.
TEST_CASE("a single one becomes a row of signs over sqrt(d), exactly") {
  for (const std::size_t d : {1UL, 4UL, 16UL, 4096UL, 16384UL, 1048576UL}) {
    for (const std::size_t at : {std::size_t{0}, d / 3, d - 1}) {
      std::vector<float> values(d);
      values[at] = 1;
      walsh_hadamard(values);
      const float size = 1 / std::sqrt(static_cast<float>(d));
      bool all = true;
      for (std::size_t i = 0; i < d; ++i) all = all && values[i] == (std::popcount(i & at) % 2 == 0 ? size : -size);
      CHECK(all);
    }
  }
}

TEST_CASE("large values do not overflow on the way") {
  std::vector<float> values(1 << 12, std::numeric_limits<float>::max() / 64);
  walsh_hadamard(values);
  CHECK(values[0] == std::numeric_limits<float>::max());
  CHECK(values[1] == 0);
}

// Fixed once with this code on x86-64, so that another processor or compiler that gives other bits is noticed.
TEST_CASE("the bits are the same on every device") {
  std::vector<float> values = random_values(7, 1 << 15);
  walsh_hadamard(values);
  Hasher hasher("test");
  for (const float value : values) hasher.u32(std::bit_cast<std::uint32_t>(value));
  CHECK(to_hex(hasher.finish()) == "0b017c9f78e9c509a0063fbafc5cf567d105ccc4445eccbcc9e523be90912952");
}

TEST_CASE("a size that is no power of two ends the process") {
  for (const std::size_t size : {0UL, 3UL, 17UL, 4095UL}) {
    CAPTURE(size);
    CHECK(tests::aborts([size] {
      std::vector<float> values(size);
      walsh_hadamard(values);
    }));
  }
}

}  // namespace
}  // namespace fedspend
