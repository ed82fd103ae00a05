#pragma once
// Scalars of ristretto255 as values: Scalar is public (Lagrange coefficients), SecretScalar is not (r_i, b_i and their shares):
// move-only, wiped, never printed, opened by expose() alone. Both are always canonical, that is below the group order; parse()
// checks what comes from outside (case 9). Source: RFC 9496, section 4.4; SECAGG.md, "Facts about libsodium". Values are
// thread-safe as ints are.

#include <array>
#include <cstdint>
#include <utility>

#include "common/bytes.h"
#include "common/crypto/secret.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

class Scalar {
 public:
  Scalar() = default;  // 0
  static Scalar of(std::uint64_t value);
  // Exactly 32 bytes, canonical; malformed otherwise.
  static Result<Scalar> parse(ByteSpan bytes);

  const std::array<std::uint8_t, 32>& bytes() const { return bytes_; }
  bool operator==(const Scalar&) const = default;
  bool is_zero() const { return *this == Scalar(); }

  Scalar operator+(const Scalar& other) const;
  Scalar operator-(const Scalar& other) const;
  Scalar operator*(const Scalar& other) const;
  Scalar inverse() const;  // not of 0 (a programmer's mistake)
  Scalar times(std::span<const std::uint32_t> factors) const;

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

class SecretScalar {
 public:
  SecretScalar() = default;  // 0
  static SecretScalar random(RandomSource& random);  // uniform (to 2^-259) over what is not 0
  // Exactly 32 bytes, canonical; malformed otherwise. 0 is a scalar: shares may be 0.
  static Result<SecretScalar> parse(ByteSpan bytes);
  static SecretScalar of(const Scalar& value);

  std::span<const std::uint8_t, 32> expose() const { return bytes_.expose(); }
  bool is_zero() const;
  SecretScalar copy() const;                        // said in so many words, because secrets should not multiply
  SecretScalar operator*(const Scalar& factor) const;

 private:
  friend class ScalarRows;
  SecretBytes<32> bytes_;
};

// A fixed number of secret scalars in one piece of memory, 32 bytes each, wiped in the end: the coefficients of a polynomial, the
// shares of a dealing, the shares that arrived for a secret. Move-only.
class ScalarRows {
 public:
  explicit ScalarRows(std::size_t count) : bytes_(32 * count) {}  // zeros
  ~ScalarRows() { wipe(bytes_); }
  ScalarRows(ScalarRows&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  ScalarRows& operator=(ScalarRows&& other) noexcept;
  ScalarRows(const ScalarRows&) = delete;
  ScalarRows& operator=(const ScalarRows&) = delete;

  std::size_t size() const { return bytes_.size() / 32; }
  void set(std::size_t index, const SecretScalar& value);
  // Exactly 32 bytes, canonical; malformed otherwise, and the row is unchanged.
  Status parse(std::size_t index, ByteSpan bytes);
  SecretScalar get(std::size_t index) const;
  void shorten(std::size_t count);  // to its first rows; at most size() (a programmer's mistake otherwise)

  std::span<const std::uint8_t, 32> expose(std::size_t index) const;
  const std::uint8_t* expose_all() const { return bytes_.data(); }
  std::span<std::uint8_t, 32> expose_mutable(std::size_t index);  // the caller leaves a canonical scalar there

 private:
  Bytes bytes_;
};

}  // namespace fedspend
