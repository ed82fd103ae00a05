#include "common/crypto/scalar_field.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <sodium.h>

#include <algorithm>
#include <vector>

#include "common/crypto/random.h"
#include "common/crypto/scalar.h"
#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

// The sums that are added up as wide integers, against the same by libsodium's operations one at a time.
namespace fedspend {
namespace {

// L - 1, the largest: where a sum would overflow, it overflows here.
Scalar largest() { return Scalar() - Scalar::of(1); }

Bytes rows_of(const std::vector<Scalar>& scalars) {
  Bytes rows;
  for (const Scalar& scalar : scalars) rows.insert(rows.end(), scalar.bytes().begin(), scalar.bytes().end());
  return rows;
}

std::vector<Scalar> random_scalars(RandomSource& random, std::size_t count) {
  std::vector<Scalar> scalars;
  for (std::size_t i = 0; i < count; ++i) scalars.push_back(random.below(8) == 0 ? largest() : *Scalar::parse(SecretScalar::random(random).expose()));
  return scalars;
}

Scalar sum(const std::vector<Scalar>& a, const std::vector<Scalar>& b) {
  std::array<std::uint8_t, 32> out;
  const Bytes rows_a = rows_of(a);
  const Bytes rows_b = rows_of(b);
  scalar_field::sum_of_products(out, rows_a.data(), rows_b.data(), a.size());
  return *Scalar::parse(out);
}

Scalar at(const std::vector<Scalar>& coefficients, std::uint32_t x) {
  std::array<std::uint8_t, 32> out;
  scalar_field::polynomial_at(out, rows_of(coefficients).data(), coefficients.size(), x);
  return *Scalar::parse(out);
}

Scalar at_one_by_one(const std::vector<Scalar>& coefficients, std::uint32_t x) {
  Scalar value;
  for (std::size_t i = coefficients.size(); i-- > 0;) value = value * Scalar::of(x) + coefficients[i];
  return value;
}

// Against libsodium's own, at both ends and at random.
TEST_CASE("sums and differences of two are libsodium's, also into the memory of an operand") {
  SeededRandom random(1);
  std::vector<Scalar> numbers{Scalar(), Scalar::of(1), Scalar::of(2), largest(), largest() - Scalar::of(1), Scalar::of(~std::uint64_t{0})};
  for (const Scalar& scalar : random_scalars(random, 40)) numbers.push_back(scalar);
  for (const Scalar& a : numbers) {
    for (const Scalar& b : numbers) {
      std::array<std::uint8_t, 32> expected;
      std::array<std::uint8_t, 32> got = a.bytes();
      crypto_core_ristretto255_scalar_add(expected.data(), a.bytes().data(), b.bytes().data());
      scalar_field::add(got, got, b.bytes());
      CHECK(got == expected);
      got = b.bytes();
      crypto_core_ristretto255_scalar_sub(expected.data(), a.bytes().data(), b.bytes().data());
      scalar_field::subtract(got, a.bytes(), got);
      CHECK(got == expected);
    }
  }
}

TEST_CASE("a sum of products is the sum one by one") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const std::size_t count = *rc::gen::inRange<std::size_t>(0, 300);
    const auto a = random_scalars(random, count);
    const auto b = random_scalars(random, count);
    Scalar expected;
    for (std::size_t i = 0; i < count; ++i) expected = expected + a[i] * b[i];
    RC_ASSERT(sum(a, b) == expected);
  }));
}

TEST_CASE("a sum of the largest products does not overflow, at every count around a reduction") {
  for (const std::size_t count : {std::size_t{125}, std::size_t{126}, std::size_t{127}, std::size_t{252}, std::size_t{253}, std::size_t{1000}}) {
    CAPTURE(count);
    // (L - 1)^2 = 1 modulo L.
    CHECK(sum(std::vector<Scalar>(count, largest()), std::vector<Scalar>(count, largest())) == Scalar::of(count));
  }
}

TEST_CASE("a polynomial at x is Horner's rule one step at a time") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const auto coefficients = random_scalars(random, *rc::gen::inRange<std::size_t>(1, 200));
    const auto x = *rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 1200), rc::gen::arbitrary<std::uint32_t>());
    RC_ASSERT(at(coefficients, x) == at_one_by_one(coefficients, x));
  }));
}

TEST_CASE("a polynomial of the largest coefficients does not overflow at the largest x of any number of bits") {
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{131}, std::size_t{132}, std::size_t{300}}) {
    const std::vector<Scalar> coefficients(count, largest());
    for (unsigned bits = 0; bits <= 32; ++bits) {
      CAPTURE(count);
      CAPTURE(bits);
      const auto x = static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
      CHECK(at(coefficients, x) == at_one_by_one(coefficients, x));
    }
  }
  CHECK(tests::aborts([] {
    std::array<std::uint8_t, 32> out;
    scalar_field::polynomial_at(out, nullptr, 0, 1);
  }));
}

TEST_CASE("64 uniform bytes reduce to their number modulo the order") {
  // 2^256 by repeated doubling against the reduction of the number itself.
  std::array<std::uint8_t, 64> wide{};
  wide[32] = 1;
  std::array<std::uint8_t, 32> out;
  scalar_field::reduce(out, wide);
  Scalar expected = Scalar::of(1);
  for (int i = 0; i < 256; ++i) expected = expected + expected;
  CHECK(*Scalar::parse(out) == expected);
}

}  // namespace
}  // namespace fedspend
