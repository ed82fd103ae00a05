#pragma once
// log(erfc(x) / 2), the log of the chance of a normal deviate above sqrt(2) x, for every x, also where erfc underflows. Relative
// error below 16 units of rounding of the larger of 1 and x^2, for the accountants that bound their own errors by it. Stateless.

namespace fedspend {

double log_half_erfc(double x);

}  // namespace fedspend
