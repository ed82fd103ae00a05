#include "common/crypto/scalar_field.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/bytes.h"
#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend::scalar_field {
namespace {

static_assert(crypto_core_ristretto255_SCALARBYTES == 32 && crypto_core_ristretto255_NONREDUCEDSCALARBYTES == 64);

__extension__ using Product = unsigned __int128;
using Limb = std::uint64_t;
constexpr std::size_t kLimbs = 4;  // of a number below L
constexpr unsigned kBits = 253;    // of such a number

Limb load_limb(const std::uint8_t* bytes) {
  if constexpr (std::endian::native == std::endian::little) {
    Limb limb;
    std::memcpy(&limb, bytes, sizeof limb);
    return limb;
  }
  return load_u64(ByteSpan(bytes, 8));
}

void store_limb(std::uint8_t* bytes, Limb limb) {
  if constexpr (std::endian::native == std::endian::little) std::memcpy(bytes, &limb, sizeof limb);
  else store_u64(MutableByteSpan(bytes, 8), limb);
}

using Limbs = std::array<Limb, kLimbs>;

constexpr Limbs kOrder{0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};  // L

Limbs load_limbs(In a) {
  Limbs limbs;
  for (std::size_t i = 0; i < kLimbs; ++i) limbs[i] = load_limb(a.data() + 8 * i);
  return limbs;
}

void store_limbs(Out out, Limbs& limbs) {  // and wipes them
  for (std::size_t i = 0; i < kLimbs; ++i) store_limb(out.data() + 8 * i, limbs[i]);
  sodium_memzero(limbs.data(), sizeof limbs);
}

// a -= b modulo 2^256; 1 if it went below 0.
Limb subtract_limbs(Limbs& a, const Limbs& b) {
  Limb borrow = 0;
  for (std::size_t i = 0; i < kLimbs; ++i) {
    const Product limb = Product{a[i]} - b[i] - borrow;
    a[i] = static_cast<Limb>(limb);
    borrow = static_cast<Limb>(limb >> 64) & 1;
  }
  return borrow;
}

// a += L modulo 2^256 if `borrow` is 1, a += 0 if it is 0, by the same instructions.
void put_back_order(Limbs& a, Limb borrow) {
  const Limb all_or_none = 0 - borrow;
  Limb carry = 0;
  for (std::size_t i = 0; i < kLimbs; ++i) {
    const Product limb = Product{a[i]} + (kOrder[i] & all_or_none) + carry;
    a[i] = static_cast<Limb>(limb);
    carry = static_cast<Limb>(limb >> 64);
  }
}

// A non-negative integer of at most 512 bits, 64 a limb, wiped in the end. Who adds to it keeps it below 2^(64 Size).
template <std::size_t Size>
class Wide {
 public:
  Wide() = default;
  ~Wide() { sodium_memzero(limbs_.data(), sizeof limbs_); }
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;

  void set(const std::uint8_t* number) {
    limbs_.fill(0);
    for (std::size_t i = 0; i < kLimbs; ++i) limbs_[i] = load_limb(number + 8 * i);
  }
  // this = this * factor + number
  void multiply_add(Limb factor, const std::uint8_t* number) {
    Limb carry = 0;
    for (std::size_t i = 0; i < Size; ++i) {
      const Limb addend = i < kLimbs ? load_limb(number + 8 * i) : 0;
      const Product sum = Product{limbs_[i]} * factor + addend + carry;
      limbs_[i] = static_cast<Limb>(sum);
      carry = static_cast<Limb>(sum >> 64);
    }
  }
  void multiply(Limb factor) {
    Limb carry = 0;
    for (Limb& limb : limbs_) {
      const Product sum = Product{limb} * factor + carry;
      limb = static_cast<Limb>(sum);
      carry = static_cast<Limb>(sum >> 64);
    }
  }
  // this += a b
  void add_product(const std::uint8_t* a, const std::uint8_t* b) {
    std::array<Limb, kLimbs> row;
    for (std::size_t j = 0; j < kLimbs; ++j) row[j] = load_limb(b + 8 * j);
    Limb top = 0;  // what the rows before have carried into limb i + 4
    for (std::size_t i = 0; i < kLimbs; ++i) {
      const Limb factor = load_limb(a + 8 * i);
      Limb carry = 0;
      for (std::size_t j = 0; j < kLimbs; ++j) {
        const Product sum = Product{factor} * row[j] + limbs_[i + j] + carry;
        limbs_[i + j] = static_cast<Limb>(sum);
        carry = static_cast<Limb>(sum >> 64);
      }
      const Product sum = Product{limbs_[i + kLimbs]} + carry + top;
      limbs_[i + kLimbs] = static_cast<Limb>(sum);
      top = static_cast<Limb>(sum >> 64);
    }
  }
  void reduce_into(Out out) {
    std::array<std::uint8_t, 64> bytes{};
    for (std::size_t i = 0; i < Size; ++i) store_limb(bytes.data() + 8 * i, limbs_[i]);
    crypto_core_ristretto255_scalar_reduce(out.data(), bytes.data());
    sodium_memzero(bytes.data(), bytes.size());
  }

 private:
  static_assert(Size >= kLimbs && Size <= 8);
  std::array<Limb, Size> limbs_{};
};

}  // namespace

bool is_canonical(In a) {
  // libsodium 1.0.18 has no such check. Its sum with 0, which it reduces, would do, at twenty times the time: hundreds of thousands of
  // shares come in for one sum.
  Limbs difference = load_limbs(a);
  const Limb is_below = subtract_limbs(difference, kOrder);
  sodium_memzero(difference.data(), sizeof difference);
  return is_below == 1;
}

bool is_zero(In a) { return sodium_is_zero(a.data(), a.size()) == 1; }

void add(Out out, In a, In b) {
  Limbs sum;
  Limb carry = 0;
  for (std::size_t i = 0; i < kLimbs; ++i) {
    const Product limb = Product{load_limb(a.data() + 8 * i)} + load_limb(b.data() + 8 * i) + carry;
    sum[i] = static_cast<Limb>(limb);
    carry = static_cast<Limb>(limb >> 64);
  }
  // Below 2 L: take L off, and put it back where that was too much.
  put_back_order(sum, subtract_limbs(sum, kOrder));
  store_limbs(out, sum);
}

void subtract(Out out, In a, In b) {
  Limbs difference = load_limbs(a);
  put_back_order(difference, subtract_limbs(difference, load_limbs(b)));
  store_limbs(out, difference);
}

void multiply(Out out, In a, In b) { crypto_core_ristretto255_scalar_mul(out.data(), a.data(), b.data()); }
void invert(Out out, In a) {
  FEDSPEND_CHECK(crypto_core_ristretto255_scalar_invert(out.data(), a.data()) == 0, "the inverse of a number that is not 0");
}
void reduce(Out out, std::span<const std::uint8_t, 64> wide) { crypto_core_ristretto255_scalar_reduce(out.data(), wide.data()); }

void multiply_small(Out out, In a, std::span<const std::uint32_t> factors) {
  Wide<8> wide;
  wide.set(a.data());
  // Factors are gathered into words below 2^64; four words fit on top of 253 bits.
  constexpr unsigned kWords = (512 - kBits) / 64;
  unsigned words = 0;
  Limb word = 1;
  const auto flush = [&] {
    if (words == kWords) {
      wide.reduce_into(out);
      wide.set(out.data());
      words = 0;
    }
    wide.multiply(word);
    ++words;
    word = 1;
  };
  for (const std::uint32_t factor : factors) {
    if (std::bit_width(word) + std::bit_width(factor) > 64) flush();
    word *= factor;
  }
  flush();
  wide.reduce_into(out);
}

void sum_of_products(Out out, const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  // L^2 < 2^505: 126 products and a number below L stay below 2^512.
  constexpr std::size_t kProducts = 126;
  Wide<8> wide;
  std::array<std::uint8_t, 32> part;
  for (std::size_t done = 0; done < count;) {
    const std::size_t end = std::min(count, done + kProducts);
    for (; done < end; ++done) wide.add_product(a + 32 * done, b + 32 * done);
    if (done == count) break;
    wide.reduce_into(part);
    wide.set(part.data());
  }
  sodium_memzero(part.data(), part.size());
  wide.reduce_into(out);
}

void polynomial_at(Out out, const std::uint8_t* coefficients, std::size_t count, std::uint32_t x) {
  FEDSPEND_CHECK(count >= 1, "a polynomial has a coefficient");
  // After s steps from a number below L, Horner's sum is below 2 L x^s < 2^(254 + s bits of x).
  constexpr unsigned kWideBits = 384;
  const unsigned bits = std::max(1U, static_cast<unsigned>(std::bit_width(x)));
  const std::size_t steps = (kWideBits - kBits - 1) / bits;
  Wide<kWideBits / 64> wide;
  std::array<std::uint8_t, 32> part;
  wide.set(coefficients + 32 * (count - 1));
  for (std::size_t left = count - 1; left > 0;) {
    const std::size_t end = left > steps ? left - steps : 0;
    for (; left > end; --left) wide.multiply_add(x, coefficients + 32 * (left - 1));
    wide.reduce_into(part);
    wide.set(part.data());
  }
  sodium_memzero(part.data(), part.size());
  wide.reduce_into(out);
}

}  // namespace fedspend::scalar_field
