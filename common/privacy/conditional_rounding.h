#pragma once
// Stochastic rounding of a scaled vector to integers, repeated until the integer vector is short enough: y = s x goes to floor(y) or
// floor(y) + 1, up with probability y - floor(y), each coordinate by itself, and the vector counts only if |rounded|^2 <= bound.
// Source: Kairouz, Liu, Steinke 2021, algorithm 1 (conditional randomised rounding).
//
// Why it is exact where privacy needs it: the sensitivity is that of the integer vector, and its norm is computed in integers.
// Rotation, scaling and rounding may be off by what they like; they decide how good the sum is, not how private. So the
// probability of rounding up may be cut to whole 2^-32 (at most 2^-32 too low: a bias of 2^-32 ring units a coordinate).
// The number of tries, like the time that one takes, depends on the update; see discrete_gaussian.h on timing.

#include <cstdint>
#include <span>

#include "common/crypto/random_bits.h"
#include "common/result.h"

namespace fedspend {

inline constexpr unsigned kRoundingTries = 100;
// Above the probability that an update of norm at most c is not within the bound in any of the tries: exp(-1/2)^100 = 1.93e-22
// for the bound with beta = exp(-1/2) (distributed_gaussian.h). The accountant adds it to delta for every participation.
inline constexpr double kRoundingFailureProbability = 1e-21;

// rounded.size() == values.size(); squared_norm_bound < 2^62; scale > 0 (a programmer's mistake otherwise). Gives the number of tries.
// `limit` after kRoundingTries, and at once for a value that is not finite or 2^31 ring units or more; `rounded` is then all zeros.
// |rounded|^2 <= squared_norm_bound holds in either case. Thread-safe (no state).
Result<unsigned> round_conditionally(std::span<const float> values, double scale, std::uint64_t squared_norm_bound, RandomBits& bits,
                                     std::span<std::int32_t> rounded);

}  // namespace fedspend
