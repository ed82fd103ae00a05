#pragma once
// RDP of a sum of discrete Gaussian shares, PRIVACY.md "Accounting": Kairouz, Liu, Steinke 2021 (2102.06387), Proposition 14 with Corollary 12
// for the distance tau between such a sum and one discrete Gaussian. Integer vectors of d coordinates with L2 sensitivity Delta2 in ring units; of
// the noise, what surely is in a released sum: sigma^2 = n_h times the variance parameter of one share. Taking the sum modulo 2^b, undoing the
// rotation and scaling are post-processing. Pass a variance that is at most the sampler's, the inflated Delta2, and the roster size n.
// Errs upwards. Stateless.

#include <cstdint>

#include "common/privacy/distributed_gaussian.h"
#include "common/privacy/rdp_curve.h"
#include "common/result.h"

namespace fedspend {

struct DiscreteGaussianSum {
  std::uint64_t clients = 0;         // n, the roster, at least 1
  std::uint64_t dimension = 0;       // d after padding, at least 1
  double sensitivity_l2 = 0;         // Delta2, above 0
  double share_variance = 0;         // sigma_share^2, the parameter of each share's discrete Gaussian; at least 1/4
  double honest_clients = 0;         // n_h, whose shares surely are in the sum; 1 ... n
};

// The sum that a round with these parameters releases, as the accountant may take it: variance rounded down, sensitivity up.
DiscreteGaussianSum released_sum(const DistributedGaussian& mechanism);

// invalid_argument, naming the field and its range.
Status check(const DiscreteGaussianSum& sum);

// tau = 10 sum_{j=1}^{n-1} exp(-2 pi^2 sigma_share^2 j / (j+1)): above 0 also where doubles underflow. Clients up to a million or so: a term each.
double discrete_gaussian_tau(std::uint64_t clients, double share_variance);

// One release. The order is above 1. RDP(order) is the least of three bounds; the last two are proportional to the order.
double discrete_gaussian_rdp(const DiscreteGaussianSum& sum, double order);
RdpCurve discrete_gaussian_rdp_curve(const DiscreteGaussianSum& sum);

// rho of the zCDP that the same proposition proves: half the lesser of the two bounds that are proportional to the order.
double discrete_gaussian_zcdp(const DiscreteGaussianSum& sum);

}  // namespace fedspend
