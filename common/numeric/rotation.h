#pragma once
// The random rotation R x = H D x / sqrt(d) of a session: pad to d = 2^m >= length with zeros, flip signs by D, Walsh-Hadamard. It
// makes every coordinate of an update of norm c about c / sqrt(d), whatever the update, so that few bits hold it and a sum
// rarely wraps. Source: Kairouz, Liu, Steinke 2021, section 4.1.
//
// D is public and the same for every device of a session: its stream is SeededRandom (common/crypto/random.h) with the key
// H("rotation", session id), and coordinate i changes its sign when bit i mod 8 (from the least significant) of byte floor(i / 8)
// is 1. The coordinator cannot choose D after it has seen updates, because the session id is fixed before they are sent; that
// D is random matters to the error alone, never to privacy.
//
// The same bits on every device (walsh_hadamard.h). |R x| = |x| up to a relative m 2^-24: whoever needs a bound clips again after the
// rotation, or checks the integers it is rounded to (common/privacy/conditional_rounding.h). Thread-safe (no state).

#include <cstddef>
#include <span>

#include "common/ids.h"

namespace fedspend {

// d: the smallest power of two that is at least `length`. 1 <= length <= 2^31.
std::size_t rotated_size(std::size_t length);

// In place. values.size() is a power of two; what lies past an update's own length is zero before, and anything after.
void rotate(const SessionId& session, std::span<float> values);
// The inverse D H / sqrt(d), in place.
void rotate_back(const SessionId& session, std::span<float> values);

}  // namespace fedspend
