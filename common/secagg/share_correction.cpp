#include "common/secagg/share_correction.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/crypto/scalar_field.h"

namespace fedspend {
namespace {

using Row = std::span<const std::uint8_t, 32>;

// A polynomial over the scalars, in wiped memory; `size` counts coefficients up to the last that is not 0, so 0 has none.
class Polynomial {
 public:
  explicit Polynomial(std::size_t capacity) : rows_(capacity) {}

  std::size_t size() const { return size_; }
  Row operator[](std::size_t i) const { return rows_.expose(i); }
  std::span<std::uint8_t, 32> row(std::size_t i) { return rows_.expose_mutable(i); }
  void trim_from(std::size_t size) {
    size_ = size;
    while (size_ > 0 && scalar_field::is_zero(rows_.expose(size_ - 1))) --size_;
  }
  const std::uint8_t* data() const { return rows_.expose_all(); }

 private:
  ScalarRows rows_;
  std::size_t size_ = 0;
};

// out -= a * b
void subtract_product(std::span<std::uint8_t, 32> out, Row a, Row b, ScalarRows& scratch) {
  scalar_field::multiply(scratch.expose_mutable(0), a, b);
  scalar_field::subtract(out, out, scratch.expose(0));
}

// polynomial = polynomial * (x - root) + constant; its size grows by one.
void multiply_by_root(Polynomial& polynomial, std::size_t& size, std::uint32_t root, Row constant, ScalarRows& scratch) {
  const Scalar factor = Scalar::of(root);
  std::ranges::copy(polynomial[size - 1], polynomial.row(size).begin());
  for (std::size_t i = size - 1; i > 0; --i) {
    scalar_field::multiply(scratch.expose_mutable(0), polynomial[i], factor.bytes());
    scalar_field::subtract(polynomial.row(i), polynomial[i - 1], scratch.expose(0));
  }
  scalar_field::multiply(scratch.expose_mutable(0), polynomial[0], factor.bytes());
  scalar_field::subtract(polynomial.row(0), constant, scratch.expose(0));
  ++size;
}

// prod (x - x_i)
Polynomial vanishing(std::span<const std::uint32_t> places, ScalarRows& scratch) {
  Polynomial product(places.size() + 1);
  std::ranges::copy(Scalar::of(1).bytes(), product.row(0).begin());
  std::size_t size = 1;
  const Scalar zero;
  for (const std::uint32_t place : places) multiply_by_root(product, size, place, zero.bytes(), scratch);
  product.trim_from(size);
  return product;
}

// The polynomial of degree below m through all m shares, by Newton's divided differences.
Polynomial interpolated(std::span<const std::uint32_t> places, const ScalarRows& shares, const SmallInverses& inverses, ScalarRows& scratch) {
  const std::size_t count = places.size();
  ScalarRows differences(count);
  for (std::size_t i = 0; i < count; ++i) std::ranges::copy(shares.expose(i), differences.expose_mutable(i).begin());
  for (std::size_t level = 1; level < count; ++level) {
    for (std::size_t i = count - 1; i >= level; --i) {
      const auto row = differences.expose_mutable(i);
      scalar_field::subtract(row, row, differences.expose(i - 1));
      scalar_field::multiply(row, row, inverses.of(places[i] - places[i - level]).bytes());
    }
  }
  Polynomial polynomial(count + 1);  // multiply_by_root writes one row ahead
  std::ranges::copy(differences.expose(count - 1), polynomial.row(0).begin());
  std::size_t size = 1;
  for (std::size_t i = count - 1; i-- > 0;) multiply_by_root(polynomial, size, places[i], differences.expose(i), scratch);
  polynomial.trim_from(size);
  return polynomial;
}

// The quotient; `dividend` becomes the remainder. The divisor is not 0.
Polynomial divide(Polynomial& dividend, const Polynomial& divisor, ScalarRows& scratch) {
  if (dividend.size() < divisor.size()) return Polynomial(0);
  const std::size_t size = dividend.size() - divisor.size() + 1;
  Polynomial quotient(size);
  ScalarRows lead(1);
  scalar_field::invert(lead.expose_mutable(0), divisor[divisor.size() - 1]);
  for (std::size_t shift = size; shift-- > 0;) {
    scalar_field::multiply(quotient.row(shift), dividend[shift + divisor.size() - 1], lead.expose(0));
    for (std::size_t i = 0; i < divisor.size(); ++i) subtract_product(dividend.row(shift + i), quotient[shift], divisor[i], scratch);
  }
  quotient.trim_from(size);
  dividend.trim_from(divisor.size() - 1);
  return quotient;
}

// a -= b * c, into an a that has room for it.
void subtract_product(Polynomial& a, const Polynomial& b, const Polynomial& c, ScalarRows& scratch) {
  for (std::size_t i = 0; i < b.size(); ++i)
    for (std::size_t j = 0; j < c.size(); ++j) subtract_product(a.row(i + j), b[i], c[j], scratch);
  if (b.size() > 0 && c.size() > 0) a.trim_from(std::max(a.size(), b.size() + c.size() - 1));
}

auto too_many_wrong() { return fail(ErrorCode::refused, "secret sharing: more shares are wrong than can be corrected"); }

}  // namespace

Result<CorrectedSecret> correct_shares(std::span<const std::uint32_t> places, const ScalarRows& shares, std::uint32_t threshold,
                                       const SmallInverses& inverses) {
  const std::size_t count = places.size();
  ScalarRows scratch(1);
  // Euclid on (upper, lower); lower = multiplier * interpolated + (something) * vanishing throughout.
  Polynomial upper = vanishing(places, scratch);
  Polynomial lower = interpolated(places, shares, inverses, scratch);
  Polynomial upper_multiplier(count + 1);
  Polynomial multiplier(count + 1);
  std::ranges::copy(Scalar::of(1).bytes(), multiplier.row(0).begin());
  multiplier.trim_from(1);
  // Until the degree of the remainder is below (m + t) / 2; a remainder of degree d has d + 1 coefficients.
  while (lower.size() > 0 && 2 * (lower.size() - 1) >= count + threshold) {
    const Polynomial quotient = divide(upper, lower, scratch);
    std::swap(upper, lower);
    subtract_product(upper_multiplier, quotient, multiplier, scratch);
    std::swap(upper_multiplier, multiplier);
  }
  const Polynomial polynomial = divide(lower, multiplier, scratch);
  if (polynomial.size() > threshold) return too_many_wrong();

  // Where there is a polynomial of low degree as near as that, the division has left no remainder and this is it; whether it is that
  // near is counted, so that nothing rests on how it was found.
  CorrectedSecret corrected;
  ScalarRows value(1);
  for (std::size_t i = 0; i < count; ++i) {
    if (polynomial.size() > 0) scalar_field::polynomial_at(value.expose_mutable(0), polynomial.data(), polynomial.size(), places[i]);
    if (!std::ranges::equal(value.expose(0), shares.expose(i))) corrected.wrong.push_back(places[i]);
  }
  if (corrected.wrong.size() > (count - threshold) / 2) return too_many_wrong();
  if (polynomial.size() > 0) {
    scalar_field::polynomial_at(value.expose_mutable(0), polynomial.data(), polynomial.size(), 0);
    corrected.secret = value.get(0);
  }
  return corrected;
}

}  // namespace fedspend
