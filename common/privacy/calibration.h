#pragma once
// The least noise for a budget: the smallest noise multiplier at which an accountant's epsilon is at most the one wanted. For any
// accountant: epsilon as a function of the noise multiplier, falling. What is returned has been asked for and found within the budget;
// it is written in 7 significant digits, rounded up, and at most a part 2e-6 above the smallest, but where it is said otherwise. Stateless.

#include <functional>
#include <span>

#include "common/result.h"

namespace fedspend {

inline constexpr double kLeastNoiseMultiplier = 1e-3;
inline constexpr double kMostNoiseMultiplier = 1e6;

struct Calibration {
  double noise_multiplier = 0;
  double epsilon = 0;  // what it costs: at most what was wanted
};

using EpsilonOf = std::function<Result<double>(double noise_multiplier)>;

// An error for one noise multiplier counts as "not enough noise" there (the distributed mechanism refuses shares that are too narrow); if no
// noise is enough, the last error is returned, or refused with the epsilon of the largest. epsilon > 0. Calls it 10 to 60 times.
Result<Calibration> smallest_noise_multiplier(const EpsilonOf& epsilon_of, double epsilon);

// The same for an accountant that is slow, the last, by others that are quicker and nearly as good, the quickest first: that one is searched, and
// each one after it asked two or three times. What is returned has the word of the last, and is at most a part 2e-5 above the smallest. Where the quicker
// ones are no help the last is searched. At least one.
Result<Calibration> smallest_noise_multiplier(std::span<const EpsilonOf> from_quick_to_exact, double epsilon);

}  // namespace fedspend
