#include "common/numeric/rotation.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/numeric/walsh_hadamard.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

SessionId session_of(std::uint8_t number) {
  SessionId id;
  id.bytes.fill(number);
  return id;
}

double squares(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return sum;
}

TEST_CASE("the rotated size is the next power of two") {
  CHECK(rotated_size(1) == 1);
  CHECK(rotated_size(2) == 2);
  CHECK(rotated_size(3) == 4);
  CHECK(rotated_size(6656) == 8192);
  CHECK(rotated_size(8192) == 8192);
  CHECK(rotated_size(8193) == 16384);
  CHECK(rotated_size(std::size_t{1} << 31) == std::size_t{1} << 31);
  CHECK(tests::aborts([] { rotated_size(0); }));
  CHECK(tests::aborts([] { rotated_size((std::size_t{1} << 31) + 1); }));
}

TEST_CASE("rotating back gives the vector again, up to float rounding, for every size") {
  for (unsigned m = 0; m <= 16; ++m) {
    CAPTURE(m);
    SeededRandom random(m);
    std::vector<float> values(std::size_t{1} << m);
    for (float& value : values) value = static_cast<float>(random.below(2001)) / 1000 - 1;
    const std::vector<float> before = values;
    rotate(session_of(1), values);
    CHECK(std::sqrt(squares(values)) == doctest::Approx(std::sqrt(squares(before))).epsilon((m + 1) * 0x1p-24));
    rotate_back(session_of(1), values);
    double error = 0;
    for (std::size_t i = 0; i < values.size(); ++i) error = std::max(error, std::abs(double{values[i]} - before[i]));
    CHECK(error <= (m + 2) * 0x1p-22);
  }
}

TEST_CASE("the signs are the bits of the session's stream, least significant first") {
  const SessionId session = session_of(9);
  for (const std::size_t d : {1UL, 2UL, 4UL, 8UL, 64UL, 8192UL, 16384UL, 32768UL}) {
    SeededRandom stream(Hasher("rotation").field(session.bytes).finish());
    std::vector<std::uint8_t> bytes((d + 7) / 8);
    stream.fill(bytes);
    std::vector<float> expected(d), values(d);
    for (std::size_t i = 0; i < d; ++i) {
      values[i] = static_cast<float>(i + 1);
      expected[i] = (bytes[i / 8] >> (i % 8) & 1) == 0 ? values[i] : -values[i];
    }
    walsh_hadamard(expected);
    rotate(session, values);
    CHECK(values == expected);
  }
}

// What the bound on a coordinate, and with it the number of bits, rests on. False alarm: for each coordinate at most
// 2 exp(-t^2 / 2) with t = 7 (Hoeffding), 4096 coordinates of 16 sessions: below 4e-6.
TEST_CASE("the worst updates, all in one coordinate or all alike, are spread evenly") {
  constexpr std::size_t kSize = 4096;
  for (std::uint8_t number = 0; number < 16; ++number) {
    std::vector<float> spike(kSize), flat(kSize, 1.0F / 64);
    spike[number * 100U] = 1;
    for (std::vector<float>* values : {&spike, &flat}) {
      rotate(session_of(number), *values);
      for (const float value : *values) CHECK(std::abs(value) <= 7.0F / 64);
    }
  }
}

TEST_CASE("another session has another rotation") {
  std::vector<float> a(256, 1), b(256, 1);
  rotate(session_of(1), a);
  rotate(session_of(2), b);
  CHECK(a != b);
}

TEST_CASE("a sum of rotated vectors is the rotated sum") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<float> a(512), b(512), sum(512);
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<float>(random.below(1000));
      b[i] = static_cast<float>(random.below(1000));
      sum[i] = a[i] + b[i];
    }
    rotate(session_of(3), a);
    rotate(session_of(3), b);
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    rotate_back(session_of(3), a);
    for (std::size_t i = 0; i < a.size(); ++i) RC_ASSERT(std::abs(a[i] - sum[i]) < 0.1F);
  }));
}

// Fixed once with this code on x86-64.
TEST_CASE("the rotation's bits are the same on every device") {
  std::vector<float> values(1 << 13);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 97) / 64 - 0.75F;
  rotate(session_of(5), values);
  Hasher hasher("test");
  for (const float value : values) hasher.u32(std::bit_cast<std::uint32_t>(value));
  CHECK(to_hex(hasher.finish()) == "72fe9af0fe8325d6e78c98e747464c0dd084e4732527aa6e0679ad4a7f7f18fe");
}

}  // namespace
}  // namespace fedspend
