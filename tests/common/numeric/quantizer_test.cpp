#include "common/numeric/quantizer.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

Quantizer quantizer_of(double clip, unsigned bits, std::uint64_t clients) {
  auto quantizer = Quantizer::create({.clip_norm_l2 = clip, .bits = bits, .max_clients = clients});
  REQUIRE(quantizer.has_value());
  return *quantizer;
}

// A vector of the given norm in a random direction.
std::vector<float> update_of_norm(RandomSource& random, std::size_t count, double norm) {
  std::vector<double> direction(count);
  double squares = 0;
  for (double& value : direction) {
    value = static_cast<double>(random.below(2'000'001)) / 1e6 - 1;
    squares += value * value;
  }
  std::vector<float> update(count);
  if (squares > 0)
    for (std::size_t i = 0; i < count; ++i) update[i] = static_cast<float>(direction[i] / std::sqrt(squares) * norm);
  return update;
}

TEST_CASE("parameters whose sum could wrap are refused, and those just below are not") {
  for (unsigned bits = 2; bits <= 32; ++bits) {
    const std::uint64_t most = (std::uint64_t{1} << (bits - 1)) - 1;
    CAPTURE(bits);
    CHECK(Quantizer::create({.clip_norm_l2 = 1, .bits = bits, .max_clients = most}).has_value());
    const auto refused = Quantizer::create({.clip_norm_l2 = 1, .bits = bits, .max_clients = most + 1});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::invalid_argument);
    CHECK_FALSE(refused.error().hint.empty());
  }
}

TEST_CASE("options out of their range are refused") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto refused = [](double clip, unsigned bits, std::uint64_t clients) {
    const auto quantizer = Quantizer::create({.clip_norm_l2 = clip, .bits = bits, .max_clients = clients});
    return !quantizer.has_value() && quantizer.error().code == ErrorCode::invalid_argument;
  };
  CHECK(refused(1, 0, 1));
  CHECK(refused(1, 1, 1));
  CHECK(refused(1, 33, 1));
  CHECK(refused(1, 20, 0));
  CHECK(refused(0, 20, 1));
  CHECK(refused(-1, 20, 1));
  CHECK(refused(infinity, 20, 1));
  CHECK(refused(std::numeric_limits<double>::quiet_NaN(), 20, 1));
  CHECK(refused(std::numeric_limits<double>::denorm_min(), 20, 1));
  CHECK_FALSE(refused(1, 20, 1));
}

TEST_CASE("a sum of the largest updates does not wrap, at any width and with any number of clients") {
  CHECK(rc::check([] {
    const unsigned bits = *rc::gen::inRange(2U, 33U);
    const std::uint64_t most = (std::uint64_t{1} << (bits - 1)) - 1;
    const std::uint64_t clients = *rc::gen::inRange<std::uint64_t>(1, most + 1);
    const float clip = *rc::gen::elementOf(std::vector<float>{1e-6F, 0.1F, 1, 3.3F, 1e6F});
    const Quantizer quantizer = quantizer_of(double{clip}, bits, clients);
    for (const float value : {clip, -clip, clip * (1 + 0x1p-21F), -clip * (1 + 0x1p-21F)}) {
      const auto encoded = quantizer.encode(std::vector<float>{value});
      RC_ASSERT(encoded.has_value());
      const std::int64_t sum = std::int64_t{encoded->centred(0)} * static_cast<std::int64_t>(clients);
      RC_ASSERT(std::abs(sum) <= static_cast<std::int64_t>(most));
      RC_ASSERT((sum > 0) == (value > 0));
    }
  }));
  // 7 / 4 = 1.75 rounds to 2, and four of those are 8 = -8 mod 16: m must be 1 here.
  RingVector sum(1, 4);
  const Quantizer quantizer = quantizer_of(1, 4, 4);
  for (int i = 0; i < 4; ++i) sum.add(quantizer.encode(std::vector<float>{1}).value());
  CHECK(sum.centred(0) == 4);
  CHECK(quantizer.decode_mean(sum, 4) == std::vector<float>{1});
}

TEST_CASE("a coordinate above the clip norm but within its tolerance counts as the clip norm") {
  for (unsigned bits = 2; bits <= 32; ++bits) {
    CAPTURE(bits);
    const auto most = static_cast<std::int32_t>((std::uint32_t{1} << (bits - 1)) - 1);
    const Quantizer quantizer = quantizer_of(1, bits, 1);
    CHECK(quantizer.encode(std::vector<float>{1 + 0x1p-21F}).value().centred(0) == most);
    CHECK(quantizer.encode(std::vector<float>{-1 - 0x1p-21F}).value().centred(0) == -most);
  }
}

TEST_CASE("rounding is to nearest with ties to even") {
  const Quantizer quantizer = quantizer_of(127, 8, 1);
  REQUIRE(quantizer.scale() == 1);
  const std::vector<float> update{0.5F, 1.5F, 2.5F, 3.5F, -0.5F, -1.5F, -2.5F, 0.49999997F, 0.50000006F, -0.0F, 30.25F, -40.75F};
  const RingVector encoded = quantizer.encode(update).value();
  const std::vector<int> expected{0, 2, 2, 4, 0, -2, -2, 0, 1, 0, 30, -41};
  for (std::size_t i = 0; i < update.size(); ++i) {
    CAPTURE(i);
    CHECK(encoded.centred(i) == expected[i]);
  }
  CHECK(encoded.values()[6] == 254);
}

TEST_CASE("the mean of n decoded updates is within half a step of the true mean") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const std::size_t clients = *rc::gen::inRange<std::size_t>(1, 40);
    const std::size_t count = *rc::gen::inRange<std::size_t>(1, 60);
    const unsigned bits = *rc::gen::inRange(8U, 33U);
    const double clip = *rc::gen::elementOf(std::vector<double>{0.01, 1, 7.5, 1000});
    const Quantizer quantizer = quantizer_of(clip, bits, clients);
    RingVector sum(count, bits);
    std::vector<double> mean(count);
    for (std::size_t client = 0; client < clients; ++client) {
      const auto update = update_of_norm(random, count, clip * static_cast<double>(random.below(1001)) / 1000);
      const auto encoded = quantizer.encode(update);
      RC_ASSERT(encoded.has_value());
      sum.add(*encoded);
      for (std::size_t i = 0; i < count; ++i) mean[i] += double{update[i]} / static_cast<double>(clients);
    }
    const std::vector<float> decoded = quantizer.decode_mean(sum, clients);
    // Half a step; the tolerance of the norm for a coordinate between c and c (1 + 1e-6); and the rounding of the result.
    const double bound = 0.5 / quantizer.scale() + clip * 2e-6 / static_cast<double>(clients);
    for (std::size_t i = 0; i < count; ++i) RC_ASSERT(std::abs(double{decoded[i]} - mean[i]) <= bound + std::abs(mean[i]) * 0x1p-23);
  }));
}

TEST_CASE("the divisor is the caller's: a fixed denominator, not the number of vectors in the sum") {
  const Quantizer quantizer = quantizer_of(127, 16, 10);
  RingVector sum(1, 16);
  for (int i = 0; i < 3; ++i) sum.add(quantizer.encode(std::vector<float>{100}).value());
  CHECK(std::abs(quantizer.decode_mean(sum, 10)[0] - 30) < 0.5 / quantizer.scale());
  CHECK(tests::aborts([&] { quantizer.decode_mean(sum, 0); }));
  CHECK(tests::aborts([&] { quantizer.decode_mean(RingVector(1, 15), 1); }));
}

TEST_CASE("NaN and infinity are refused wherever they stand") {
  const Quantizer quantizer = quantizer_of(1, 20, 10);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    for (std::size_t at = 0; at < 19; ++at) {
      std::vector<float> update(19, 0.01F);
      update[at] = bad;
      const auto encoded = quantizer.encode(update);
      REQUIRE_FALSE(encoded.has_value());
      CHECK(encoded.error().code == ErrorCode::invalid_argument);
    }
  }
}

TEST_CASE("a norm above the clip norm is refused, one within the tolerance is not") {
  const Quantizer quantizer = quantizer_of(5, 20, 10);
  CHECK(quantizer.encode(std::vector<float>{3, 4}).has_value());
  CHECK(quantizer.encode(std::vector<float>{3, 4.000002F}).has_value());
  const auto refused = quantizer.encode(std::vector<float>{3, 4.00001F});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::invalid_argument);
  CHECK(refused.error().message.find_first_of("0123456789") == std::string::npos);  // no value of an update in a message
  CHECK_FALSE(quantizer.encode(std::vector<float>{std::numeric_limits<float>::max()}).has_value());
}

TEST_CASE("an empty update and a zero update are vectors like any other") {
  const Quantizer quantizer = quantizer_of(1, 20, 10);
  CHECK(quantizer.encode({}).value().size() == 0);
  const RingVector zeros = quantizer.encode(std::vector<float>(9)).value();
  for (const std::uint32_t value : zeros.values()) CHECK(value == 0);
  CHECK(quantizer.decode_mean(zeros, 3) == std::vector<float>(9));
}

}  // namespace
}  // namespace fedspend
