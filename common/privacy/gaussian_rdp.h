#pragma once
// RDP of the Gaussian mechanism of sensitivity 1: alpha / (2 z^2) at every order (Mironov 2017, Proposition 7). With the cap of P
// participations that devices enforce, P of them compose. Errs upwards. Stateless.

#include <cstdint>

#include "common/privacy/rdp_curve.h"

namespace fedspend {

// z > 0; infinity for a z so small that the value is beyond doubles.
double gaussian_rdp(double noise_multiplier, double order);
RdpCurve gaussian_rdp_curve(double noise_multiplier);

// The best of all orders, not only of those of the curve: never above rdp_epsilon(curve.times(steps), delta) by more than rounding.
RdpEpsilon gaussian_rdp_epsilon(double noise_multiplier, std::uint64_t steps, double delta);

}  // namespace fedspend
