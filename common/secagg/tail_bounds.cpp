#include "common/secagg/tail_bounds.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "common/check.h"

namespace fedspend {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr Wide kMantissaEnd = Wide{1} << 64;

// wide * 2^exponent with a mantissa of 64 bits; `inexact`: a part below the last bit of `wide` was dropped before.
Scaled normalised(Wide wide, std::int64_t exponent, bool inexact, Rounding rounding) {
  if (wide == 0) return {};
  const auto high = static_cast<std::uint64_t>(wide >> 64);
  const int bits = high != 0 ? 128 - std::countl_zero(high) : 64 - std::countl_zero(static_cast<std::uint64_t>(wide));
  if (bits <= 64) {
    // A dropped part cannot be put into the last bit once that is shifted up; callers drop nothing from numbers this short.
    FEDSPEND_CHECK(!inexact || bits == 64, "a quotient of 64 bits at least");
    wide <<= 64 - bits;
    exponent -= 64 - bits;
  } else {
    const int shift = bits - 64;
    inexact = inexact || (wide & ((Wide{1} << shift) - 1)) != 0;
    wide >>= shift;
    exponent += shift;
  }
  if (inexact && rounding == Rounding::up && ++wide == kMantissaEnd) {
    wide >>= 1;
    ++exponent;
  }
  return {static_cast<std::uint64_t>(wide), exponent};
}

}  // namespace

Scaled Scaled::of(std::uint64_t value) { return normalised(value, 0, false, Rounding::up); }

bool Scaled::is_at_most(const Scaled& other) const {
  if (mantissa == 0 || other.mantissa == 0) return mantissa == 0;
  return exponent != other.exponent ? exponent < other.exponent : mantissa <= other.mantissa;
}

double Scaled::log2() const {
  if (mantissa == 0) return -std::numeric_limits<double>::infinity();
  return std::log2(static_cast<double>(mantissa)) + static_cast<double>(exponent);
}

Scaled multiply(const Scaled& a, const Scaled& b, Rounding rounding) {
  return normalised(Wide{a.mantissa} * b.mantissa, a.exponent + b.exponent, false, rounding);
}

Scaled divide(const Scaled& a, const Scaled& b, Rounding rounding) {
  FEDSPEND_CHECK(b.mantissa != 0, "a divisor that is not 0");
  // Both mantissas have 64 bits, so the quotient of a 2^64 by b has 64 or 65.
  const Wide dividend = Wide{a.mantissa} << 64;
  return normalised(dividend / b.mantissa, a.exponent - b.exponent - 64, dividend % b.mantissa != 0, rounding);
}

Scaled add_up(const Scaled& a, const Scaled& b) {
  if (a.mantissa == 0 || b.mantissa == 0) return a.mantissa == 0 ? b : a;
  const Scaled& large = a.exponent >= b.exponent ? a : b;
  const Scaled& small = a.exponent >= b.exponent ? b : a;
  const std::int64_t shift = large.exponent - small.exponent;
  const std::uint64_t part = shift < 64 ? small.mantissa >> shift : 0;
  const bool inexact = shift >= 64 || part << shift != small.mantissa;
  return normalised(Wide{large.mantissa} + part, large.exponent, inexact, Rounding::up);
}

TailBounds::TailBounds(std::uint32_t population) : population_(population) {
  FEDSPEND_CHECK(population >= 1 && population <= kMaxPopulation, "a population of 1 to 100,000");
  factorial_up_.reserve(std::size_t{population} + 1);
  factorial_down_.reserve(std::size_t{population} + 1);
  factorial_up_.push_back(Scaled::of(1));
  factorial_down_.push_back(Scaled::of(1));
  for (std::uint32_t i = 1; i <= population; ++i) {
    factorial_up_.push_back(multiply(factorial_up_.back(), Scaled::of(i), Rounding::up));
    factorial_down_.push_back(multiply(factorial_down_.back(), Scaled::of(i), Rounding::down));
  }
}

// K! (N-K)! k! (N-k)! / (x! (K-x)! (k-x)! (N-K-k+x)! N!)
Scaled TailBounds::point(std::uint32_t exactly, std::uint32_t marked, std::uint32_t drawn) const {
  const auto times = [](const Scaled& value, const Scaled& factor) { return multiply(value, factor, Rounding::up); };
  const auto over = [](const Scaled& value, const Scaled& divisor) { return divide(value, divisor, Rounding::up); };
  Scaled value = over(factorial_up_[marked], factorial_down_[exactly]);
  value = over(value, factorial_down_[marked - exactly]);
  value = over(times(value, factorial_up_[drawn]), factorial_down_[drawn - exactly]);
  value = over(times(value, factorial_up_[population_ - marked]), factorial_down_[population_ - marked - (drawn - exactly)]);
  return over(times(value, factorial_up_[population_ - drawn]), factorial_down_[population_]);
}

Scaled TailBounds::at_least(std::uint32_t least, std::uint32_t marked, std::uint32_t drawn) const {
  const Scaled sum = sum_from(least, marked, drawn);
  const Scaled one = Scaled::of(1);
  return sum.is_at_most(one) ? sum : one;
}

Scaled TailBounds::sum_from(std::uint32_t least, std::uint32_t marked, std::uint32_t drawn) const {
  FEDSPEND_CHECK(marked <= population_ && drawn <= population_, "no more than the population");
  const std::uint32_t most = std::min(marked, drawn);
  const std::uint32_t fewest = drawn > population_ - marked ? drawn - (population_ - marked) : 0;
  if (least > most) return {};
  if (least <= fewest) return Scaled::of(1);
  Scaled term = point(least, marked, drawn);
  Scaled sum = term;
  for (std::uint32_t x = least; x < most; ++x) {
    // P[x + 1] / P[x]
    const std::uint64_t up = std::uint64_t{marked - x} * (drawn - x);
    const std::uint64_t down = std::uint64_t{x + 1} * (population_ - marked - drawn + x + 1);
    if (up < down && term.exponent + 17 + 70 < sum.exponent) {
      // From here on the terms fall, and there are fewer than 2^17 of them: their sum is below the last bits of `sum`.
      return add_up(sum, multiply(term, Scaled::of(most - x), Rounding::up));
    }
    term = divide(multiply(term, Scaled::of(up), Rounding::up), Scaled::of(down), Rounding::up);
    sum = add_up(sum, term);
  }
  return sum;
}

}  // namespace fedspend
