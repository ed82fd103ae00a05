#pragma once
// Arithmetic modulo L = 2^252 + 27742317777372353535851937790883648493, the order of ristretto255, on 32-byte little-endian
// numbers below L, written into memory that the caller owns and, where it holds secrets, wipes. Typed values are in scalar.h.
// `out` may be the memory of an operand. Constant time in the values. Source: RFC 9496, section 4.4; libsodium
// crypto_core_ristretto255_scalar_*, for products, inverses and every reduction of more than one subtraction. The sums of many
// products, which Shamir sharing lives on, are added up as plain 512-bit integers and reduced by libsodium once for many terms
// instead of once for each; a sum or difference of two numbers is corrected by L at most once, and "below L" is the borrow of a
// subtraction. These are integer additions and
// multiplications of fixed length, no branch or index that depends on a value. Thread-safe (no state).

#include <cstdint>
#include <span>

namespace fedspend::scalar_field {

using In = std::span<const std::uint8_t, 32>;
using Out = std::span<std::uint8_t, 32>;

// The number is below L. libsodium reduces silently, so every scalar that comes from outside goes through here first.
bool is_canonical(In a);
bool is_zero(In a);

void add(Out out, In a, In b);
void subtract(Out out, In a, In b);
void multiply(Out out, In a, In b);
void invert(Out out, In a);  // a is not 0 (a programmer's mistake otherwise)
// out = a times the product of the factors; the factors are public.
void multiply_small(Out out, In a, std::span<const std::uint32_t> factors);
// 64 uniform bytes to a number within 2^-260 of uniform.
void reduce(Out out, std::span<const std::uint8_t, 64> wide);

// Rows of 32 bytes, one number each, `count` of them. out = sum of a[i] b[i].
void sum_of_products(Out out, const std::uint8_t* a, const std::uint8_t* b, std::size_t count);
// out = sum of coefficients[i] x^i by Horner's rule, count >= 1. x is public.
void polynomial_at(Out out, const std::uint8_t* coefficients, std::size_t count, std::uint32_t x);

}  // namespace fedspend::scalar_field
