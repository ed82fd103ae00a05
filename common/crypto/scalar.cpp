#include "common/crypto/scalar.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/crypto/random.h"
#include "common/crypto/scalar_field.h"

namespace fedspend {
namespace {

Status check_scalar(ByteSpan bytes) {
  initialize_crypto();
  if (bytes.size() != 32) return fail(ErrorCode::malformed, "scalar: " + std::to_string(bytes.size()) + " bytes, 32 expected");
  if (!scalar_field::is_canonical(bytes.first<32>())) return fail(ErrorCode::malformed, "scalar: not below the order of the group");
  return {};
}

}  // namespace

Scalar Scalar::of(std::uint64_t value) {
  Scalar scalar;
  store_u64(scalar.bytes_, value);
  return scalar;
}

Result<Scalar> Scalar::parse(ByteSpan bytes) {
  FEDSPEND_TRY(check_scalar(bytes));
  Scalar scalar;
  std::ranges::copy(bytes, scalar.bytes_.begin());
  return scalar;
}

Scalar Scalar::operator+(const Scalar& other) const {
  Scalar sum;
  scalar_field::add(sum.bytes_, bytes_, other.bytes_);
  return sum;
}

Scalar Scalar::operator-(const Scalar& other) const {
  Scalar difference;
  scalar_field::subtract(difference.bytes_, bytes_, other.bytes_);
  return difference;
}

Scalar Scalar::operator*(const Scalar& other) const {
  Scalar product;
  scalar_field::multiply(product.bytes_, bytes_, other.bytes_);
  return product;
}

Scalar Scalar::inverse() const {
  Scalar inverse;
  scalar_field::invert(inverse.bytes_, bytes_);
  return inverse;
}

Scalar Scalar::times(std::span<const std::uint32_t> factors) const {
  Scalar product;
  scalar_field::multiply_small(product.bytes_, bytes_, factors);
  return product;
}

SecretScalar SecretScalar::random(RandomSource& random) {
  initialize_crypto();
  SecretScalar scalar;
  SecretBytes<64> wide;
  do {
    random.fill(wide.expose_mutable());
    scalar_field::reduce(scalar.bytes_.expose_mutable(), wide.expose());
  } while (scalar.is_zero());
  return scalar;
}

Result<SecretScalar> SecretScalar::parse(ByteSpan bytes) {
  FEDSPEND_TRY(check_scalar(bytes));
  SecretScalar scalar;
  std::ranges::copy(bytes, scalar.bytes_.expose_mutable().begin());
  return scalar;
}

SecretScalar SecretScalar::of(const Scalar& value) {
  SecretScalar scalar;
  std::ranges::copy(value.bytes(), scalar.bytes_.expose_mutable().begin());
  return scalar;
}

bool SecretScalar::is_zero() const { return scalar_field::is_zero(bytes_.expose()); }

SecretScalar SecretScalar::copy() const {
  SecretScalar same;
  std::ranges::copy(bytes_.expose(), same.bytes_.expose_mutable().begin());
  return same;
}

SecretScalar SecretScalar::operator*(const Scalar& factor) const {
  SecretScalar product;
  scalar_field::multiply(product.bytes_.expose_mutable(), bytes_.expose(), factor.bytes());
  return product;
}

ScalarRows& ScalarRows::operator=(ScalarRows&& other) noexcept {
  if (this != &other) {
    wipe(bytes_);
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
  }
  return *this;
}

void ScalarRows::set(std::size_t index, const SecretScalar& value) { std::ranges::copy(value.expose(), expose_mutable(index).begin()); }

Status ScalarRows::parse(std::size_t index, ByteSpan bytes) {
  FEDSPEND_TRY(check_scalar(bytes));
  std::ranges::copy(bytes, expose_mutable(index).begin());
  return {};
}

SecretScalar ScalarRows::get(std::size_t index) const {
  SecretScalar value;
  std::ranges::copy(expose(index), value.bytes_.expose_mutable().begin());
  return value;
}

void ScalarRows::shorten(std::size_t count) {
  FEDSPEND_CHECK(count <= size(), "rows that are there");
  wipe(MutableByteSpan(bytes_).subspan(32 * count));
  bytes_.resize(32 * count);
}

std::span<const std::uint8_t, 32> ScalarRows::expose(std::size_t index) const {
  FEDSPEND_CHECK(index < size(), "a row that is there");
  return std::span<const std::uint8_t, 32>(bytes_.data() + 32 * index, 32);
}

std::span<std::uint8_t, 32> ScalarRows::expose_mutable(std::size_t index) {
  FEDSPEND_CHECK(index < size(), "a row that is there");
  return std::span<std::uint8_t, 32>(bytes_.data() + 32 * index, 32);
}

}  // namespace fedspend
