#pragma once
// Zero-concentrated differential privacy (Bun and Steinke 2016): rho-zCDP is RDP of at most rho alpha at every order alpha > 1. Rhos add
// under adaptive composition (add_up). The conversion takes the best order of Canonne, Kamath, Steinke 2020, Proposition 12, which
// beats rho + 2 sqrt(rho log(1/delta)) of the original; every order is valid, so the search for the best one cannot understate.
// Results err upwards. Stateless.

namespace fedspend {

// 1 / (2 z^2) for sensitivity 1 and noise of standard deviation z > 0.
double gaussian_zcdp(double noise_multiplier);

struct ZcdpEpsilon {
  double epsilon = 0;  // at least 0
  double order = 0;    // 0 where none was needed
};
// rho >= 0, infinity included; 0 < delta < 1. A relative 1e-9 from the best order at most.
ZcdpEpsilon zcdp_epsilon(double rho, double delta);

// The smallest delta of that bound, at most 1; epsilon >= 0.
double zcdp_delta(double rho, double epsilon);

}  // namespace fedspend
