#pragma once
// Membership inference by a threshold: from a score of each candidate, higher for those who are more like members, how well any threshold tells
// members from others. The area under the curve is P[a member scores above a non-member], ties half (Mann and Whitney); the rate of
// true positives at a low rate of false ones is what an attacker gets who must not be wrong (Carlini et al. 2022, 2112.03570). Pure.

#include <span>

namespace fedspend::simulations {

// Both sides have scores, all of them finite (a programmer's mistake otherwise).
double area_under_curve(std::span<const double> members, std::span<const double> others);
// The largest share of the members above a threshold that at most this share of the others is above. With fewer others than its inverse,
// none of them may be.
double true_positive_rate(std::span<const double> members, std::span<const double> others, double false_positive_rate);

}  // namespace fedspend::simulations
