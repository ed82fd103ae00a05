#pragma once
// Figures of privacy for people: in a few decimal digits, and never rounded to the side that promises more than is true. What bounds a
// loss (epsilon, delta, rho, wraps) is rounded up, what brings the protection (a noise multiplier) down. Read back, a text is not on
// the wrong side of the value it was made of. Thread-safe (no state).

#include <string>

namespace fedspend {

// Of at most so many significant digits, 1 to 15. "infinity" where nothing bounds it, "0" for what is not positive.
std::string bound_text(double value, int digits = 4);
std::string least_text(double value, int digits = 4);

}  // namespace fedspend
