#pragma once
// The exact privacy profile of the Gaussian mechanism (Balle and Wang 2018, Theorem 8), by which other accountants are judged:
// delta(epsilon) = Phi(mu/2 - epsilon/mu) - exp(epsilon) Phi(-mu/2 - epsilon/mu), mu = sensitivity over standard deviation. T unsampled
// Gaussian mechanisms compose to mu = sqrt(T) / z exactly. To about 10 digits, rounded either way: a yardstick, not a guarantee to report. Stateless.

namespace fedspend {

// mu > 0, epsilon >= 0.
double analytic_gaussian_delta(double mu, double epsilon);
// 0 where delta is enough for epsilon = 0. 0 < delta < 1.
double analytic_gaussian_epsilon(double mu, double delta);

}  // namespace fedspend
