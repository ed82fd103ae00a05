#pragma once
// Membership inference by a threshold: from a score of each candidate, higher for those who are more like members, how well any threshold tells
// members from others. The area under the curve is P[a member scores above a non-member], ties half (Mann and Whitney); the rate of
// true positives at a low rate of false ones is what an attacker gets who must not be wrong (Carlini et al. 2022, 2112.03570).
// Intervals are two-sided, 95%, for other candidates of the same kind. Pure.

#include <cstddef>
#include <span>

namespace fedspend::simulations {

struct Estimate {
  double value = 0, low = 0, high = 1;
};

// Both sides have scores, all of them finite (a programmer's mistake otherwise).
// The interval is method 5 of Newcombe 2006, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2":
// approximate, and an interval also where every pair is in order.
Estimate area_under_curve(std::span<const double> members, std::span<const double> others);
// The largest share of the members above a threshold that at most this share of the others is above. With fewer others than its inverse,
// none of them may be. The interval (Clopper and Pearson) is of members above this very threshold: the others that it was set by vary, too.
Estimate true_positive_rate(std::span<const double> members, std::span<const double> others, double false_positive_rate);

}  // namespace fedspend::simulations
