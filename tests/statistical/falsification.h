#pragma once
// Falsification of a privacy claim: a mechanism is run many times on two neighbouring inputs, and if some event tells the runs apart
// better than (epsilon, delta) allows, the claim is false. It can show that a mechanism is not private, never that it is.
//
// An attacker turns every run into one number, the score. The first half of the runs chooses the event (a threshold, a side of it, and
// which of the inputs it speaks for), the second half judges it, so that the choice costs no confidence. With p and q the probabilities
// of the event on the input it speaks for and on the other, (epsilon, delta) claims p <= e^epsilon q + delta, so epsilon is at least
// log((p - delta) / q). The bound takes p from below and q from above, each with half the error (Clopper and Pearson): for a claim that
// is true it exceeds the true epsilon with probability at most `error`, over the choice of the seed.
// Source of the method: Jagielski, Ullman, Oprea 2020 (2006.07709), section 3.

#include <cmath>
#include <numbers>
#include <vector>

#include "common/random_source.h"

namespace fedspend::tests {

struct Scores {
  std::vector<double> with;     // of runs in which the device sends its update
  std::vector<double> without;  // of runs in which it sends zero in its place
};

// Probability of a false alarm of each comparison; the tests of this folder make 10 on mechanisms that are as they should be.
inline constexpr double kFalseAlarm = 1e-6;

// At least 0; runs of both inputs, at least 100 of each.
double epsilon_lower_bound(const Scores& scores, double delta, double error = kFalseAlarm);

// A normal deviate in floating point (Box and Muller): for mechanisms that are broken on purpose, and for checks of the method.
inline double gaussian(RandomSource& random) {
  const auto uniform = [&] { return (static_cast<double>(random.next_u64() >> 11) + 0.5) * 0x1p-53; };
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace fedspend::tests
