#pragma once
// RDP of the Poisson-sampled Gaussian mechanism of sensitivity 1 (Mironov, Talwar, Zhang 2019, "Renyi Differential Privacy of the
// Sampled Gaussian Mechanism"): each participant is in the sum with chance q, independently. By their Theorem 5 one direction bounds
// both, for presence against absence. Only where sampling really is like that and stays hidden; devices that come as they please are not sampled.
//
// Whole orders: the finite sum of section 3.3, whose terms are all positive. Others: the series of erfc there, whose alternating tail is
// summed by the algorithm of Cohen, Rodriguez Villegas, Zagier 2000 (22 terms leave 3e-17 of the tail: they are moments of a positive
// measure on [0, 1], as the .cpp shows), plus a bound of its rounding; and never more than the chord between the two next whole orders, for the
// log of the moment is convex in the order. Absolute error of the series about 1e-14 / (alpha - 1), upwards. Stateless.

#include "common/privacy/rdp_curve.h"

namespace fedspend {

// z > 0, 0 <= q <= 1, 1 < order <= 1e6. Infinity where the value is beyond doubles.
double sampled_gaussian_rdp(double noise_multiplier, double sampling_rate, double order);
RdpCurve sampled_gaussian_rdp_curve(double noise_multiplier, double sampling_rate);

}  // namespace fedspend
