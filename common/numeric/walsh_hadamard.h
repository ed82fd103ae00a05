#pragma once
// The Walsh-Hadamard transform x -> H x / sqrt(d), d = x.size() a power of two, H[i][j] = (-1)^popcount(i & j). It is its own
// inverse and keeps the L2 norm, both up to float rounding. It spreads an update evenly over its coordinates before they are
// rounded to integers (Kairouz, Liu, Steinke 2021, section 4.1; Ailon and Chazelle 2006).
//
// The same bits on every device: each value is first multiplied by float(2^(-m/2)), d = 2^m, then the butterflies
//   (x[i], x[i + h]) -> (x[i] + x[i + h], x[i] - x[i + h])
// run for h = 1, 2, 4, ..., d/2 in this order. They are single IEEE additions and subtractions in float, so that blocking and vector
// width cannot change a result. (Processors that flush subnormals to zero would; the 64-bit ones do not unless they are told to.)
// The scaling comes first so that nothing overflows on the way: no intermediate value is above sqrt(d) times the largest input.
// Thread-safe (no state).

#include <span>

namespace fedspend {

// In place. values.size() is a power of two, at least 1 (a programmer's mistake otherwise).
void walsh_hadamard(std::span<float> values);

}  // namespace fedspend
