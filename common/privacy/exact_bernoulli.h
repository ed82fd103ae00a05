#pragma once
// Coins whose probability of true is exactly n/d or exactly exp(-n/d), from fair bits and integers alone. What the exact samplers
// of noise are built from. Source: Canonne, Kamath, Steinke 2020 (2004.00010), algorithm 1.
//
// Every coin stops with probability 1; it needs few bits on average, and the number it takes depends on the outcome, so that these
// functions do not run in constant time. Thread-safe (no state but the bits').

#include <cstdint>

#include "common/crypto/random_bits.h"

namespace fedspend {

__extension__ using Wide = unsigned __int128;

// True with probability n/d. n <= d, 1 <= d < 2^63.
//
// A uniform number (u + f) / 2^16, u the sixteen bits at hand and f the fraction that the bits to come make up, lies below n/d
// exactly when f < (2^16 n - u d) / d: decided at once if the right side is at least 1 or at most 0, and otherwise the same
// question again, with a numerator between 0 and d. No product is above 2^79.
inline bool bernoulli(std::uint64_t n, std::uint64_t d, RandomBits& bits) {
  for (;;) {
    const Wide drawn = Wide{bits.take(16)} * d;
    const Wide wanted = Wide{n} << 16;
    if (drawn >= wanted) return false;
    const Wide rest = wanted - drawn;
    if (rest >= d) return true;
    n = static_cast<std::uint64_t>(rest);
  }
}

// True with probability exp(-n/d), n <= d, 1 <= d < 2^63: of the first K with a false coin of probability (n/d)/K, whether K is odd.
// That coin is one of n/d and one of 1/K, so that no product K d can overflow. K stays small: it passes k with probability at
// most 1/k!, and a source that made it pass 1,000 would be broken, with n = d and zeros for ever.
bool bernoulli_exp_fraction(std::uint64_t n, std::uint64_t d, RandomBits& bits);

// True with probability exp(-1).
bool bernoulli_exp_one(RandomBits& bits);

// True with probability exp(-n/d) for any n. 1 <= d < 2^63.
bool bernoulli_exp(Wide n, std::uint64_t d, RandomBits& bits);

}  // namespace fedspend
