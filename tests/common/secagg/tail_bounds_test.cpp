#include "common/secagg/tail_bounds.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>
#include <string>

#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

std::uint32_t number(const tests::VectorRecord& record, std::string_view name) { return static_cast<std::uint32_t>(std::stoul(record.text(name))); }

// a - b in units of the last of the 63 bits that a vector holds; both near each other.
__extension__ using Wide = __int128;
Wide difference(const Scaled& bound, std::uint64_t mantissa, std::int64_t exponent) {
  const std::int64_t shift = bound.exponent - exponent;  // the bound has a bit more
  REQUIRE(std::abs(shift) <= 2);
  return Wide{static_cast<Wide>(bound.mantissa) * (shift >= 0 ? Wide{1} << shift : Wide{1})} - Wide{static_cast<Wide>(mantissa) * (shift >= 0 ? Wide{1} : Wide{1} << -shift)};
}

TEST_CASE("a bound is never below the exact tail, and above it by less than 1 in 10^12") {
  const auto records = tests::read_vectors("hypergeometric.txt");
  CHECK(records.size() == 21);
  for (const auto& record : records) {
    CAPTURE(record.text("population"));
    CAPTURE(record.text("drawn"));
    CAPTURE(record.text("least"));
    const Scaled bound = TailBounds(number(record, "population")).at_least(number(record, "least"), number(record, "marked"), number(record, "drawn"));
    const std::uint64_t mantissa = std::stoull(record.text("mantissa"));
    if (mantissa == 0) {
      CHECK(bound.mantissa == 0);
      continue;
    }
    const std::int64_t exponent = std::stoll(record.text("exponent"));
    CHECK(difference(bound, mantissa, exponent) >= 0);
    CHECK(difference(bound, mantissa, exponent) < 4'600'000);  // the mantissa is 2^62 = 4.6e18 at least
    CHECK(bound.log2() == doctest::Approx(std::log2(static_cast<double>(mantissa)) + static_cast<double>(exponent)));
  }
}

// Factorials up to 20! are exact, so here every rounding of the rest shows.
TEST_CASE("in small populations no bound is below the exact count of ways over all ways, by a single bit") {
  std::array<std::array<std::uint64_t, 21>, 21> binomial{};
  for (std::size_t n = 0; n <= 20; ++n)
    for (std::size_t k = 0; k <= n; ++k) binomial[n][k] = k == 0 || k == n ? 1 : binomial[n - 1][k - 1] + binomial[n - 1][k];
  for (std::uint32_t population = 1; population <= 20; ++population) {
    const TailBounds tails(population);
    for (std::uint32_t marked = 0; marked <= population; ++marked) {
      for (std::uint32_t drawn = 0; drawn <= population; ++drawn) {
        Wide ways = 0;
        for (std::uint32_t least = drawn; least > 0; --least) {
          if (least <= marked && drawn - least <= population - marked) ways += Wide{1} * binomial[marked][least] * binomial[population - marked][drawn - least];
          const Scaled bound = tails.at_least(least, marked, drawn);
          if (bound.mantissa == 0) {
            CHECK(ways == 0);
            continue;
          }
          REQUIRE(bound.exponent < 0);
          REQUIRE(bound.exponent > -96);
          const Wide scaled = Wide{1} * bound.mantissa * binomial[population][drawn];
          CHECK(scaled >= ways << -bound.exponent);
        }
      }
    }
  }
}

TEST_CASE("a certain event has the bound 1, an impossible one 0") {
  const TailBounds tails(100);
  const Scaled one = Scaled::of(1);
  for (const std::uint32_t marked : {0U, 1U, 99U, 100U}) {
    CHECK(tails.at_least(0, marked, 7).is_at_most(one));
    CHECK(one.is_at_most(tails.at_least(0, marked, 7)));
    CHECK(tails.at_least(101, marked, 100).mantissa == 0);
  }
  CHECK(tails.at_least(8, 100, 7).mantissa == 0);
  CHECK(one.is_at_most(tails.at_least(50, 50, 100)));   // all are drawn
  CHECK(tails.at_least(51, 50, 100).mantissa == 0);
  CHECK(tails.all(5, 6).mantissa == 0);
}

double value(const Scaled& scaled) { return std::ldexp(static_cast<double>(scaled.mantissa), static_cast<int>(scaled.exponent)); }

TEST_CASE("a bound is at most 1, and falls as more marked ones are asked for, but for its rounding") {
  CHECK(rc::check([] {
    const auto population = *rc::gen::inRange<std::uint32_t>(1, 300);
    const auto marked = *rc::gen::inRange<std::uint32_t>(0, population + 1);
    const auto drawn = *rc::gen::inRange<std::uint32_t>(0, population + 1);
    const TailBounds tails(population);
    double before = 1;
    for (std::uint32_t least = 0; least <= drawn + 1; ++least) {
      const double bound = value(tails.at_least(least, marked, drawn));
      RC_ASSERT(bound <= before * (1 + 1e-12));
      RC_ASSERT(bound <= 1);
      before = bound;
    }
  }));
}

TEST_CASE("scaled numbers multiply, divide, add and compare, rounding as they are told") {
  CHECK(rc::check([](std::uint64_t a, std::uint64_t b) {
    const Scaled x = Scaled::of(a);
    const Scaled y = Scaled::of(b);
    RC_ASSERT(value(x) == static_cast<double>(a));
    RC_ASSERT(x.is_at_most(y) == (a <= b));
    const auto near = [](const Scaled& scaled, double expected) { return std::abs(value(scaled) - expected) <= expected * 1e-15; };
    RC_ASSERT(near(add_up(x, y), static_cast<double>(a) + static_cast<double>(b)));
    RC_ASSERT(near(multiply(x, y, Rounding::up), static_cast<double>(a) * static_cast<double>(b)));
    RC_ASSERT(multiply(x, y, Rounding::down).is_at_most(multiply(x, y, Rounding::up)));
    if (b == 0) return;
    RC_ASSERT(near(divide(x, y, Rounding::up), static_cast<double>(a) / static_cast<double>(b)));
    // Rounded up, a quotient times its divisor is not below the dividend; rounded down, not above.
    RC_ASSERT(x.is_at_most(multiply(divide(x, y, Rounding::up), y, Rounding::up)));
    RC_ASSERT(multiply(divide(x, y, Rounding::down), y, Rounding::down).is_at_most(x));
  }));
  CHECK(Scaled::of(0).log2() < -1e300);
  CHECK(tests::aborts([] { divide(Scaled::of(1), Scaled::of(0), Rounding::up); }));
  CHECK(tests::aborts([] { TailBounds(0); }));
}

TEST_CASE("a small number is not lost in a sum: it rounds up") {
  Scaled tiny = Scaled::of(1);
  tiny.exponent -= 500;
  const Scaled sum = add_up(Scaled::of(1), tiny);
  CHECK_FALSE(sum.is_at_most(Scaled::of(1)));
  Scaled almost{.mantissa = ~std::uint64_t{0}, .exponent = 0};
  CHECK(value(add_up(almost, tiny)) == std::ldexp(1.0, 64));
}

}  // namespace
}  // namespace fedspend
