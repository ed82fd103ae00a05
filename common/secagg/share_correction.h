#pragma once
// Correcting wrong shares: the polynomial of degree below t that agrees with all but at most (m - t) / 2 of m shares. The same task
// and the same bound as Berlekamp and Welch's, whose name SECAGG.md uses, by Gao's algorithm: interpolate all shares, then stop
// Euclid's algorithm on that polynomial and prod (x - x_i) half-way; the remainder over its multiplier is the polynomial. It takes
// some m^2 steps where solving Berlekamp and Welch's linear equations takes m^3.
// Source: Gao, "A new algorithm for decoding Reed-Solomon codes", 2003, algorithm 1. Internal to common/secagg; thread-safe.

#include "common/secagg/shamir.h"

namespace fedspend {

// As ShareCombiner::correct, places.size() >= threshold; `inverses` up to the largest place.
Result<CorrectedSecret> correct_shares(std::span<const std::uint32_t> places, const ScalarRows& shares, std::uint32_t threshold,
                                       const SmallInverses& inverses);

}  // namespace fedspend
