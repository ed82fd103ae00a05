#pragma once
// The least noise for a budget: the smallest noise multiplier at which an accountant's epsilon is at most the one wanted. For any
// accountant: epsilon as a function of the noise multiplier, falling. What is returned has been asked for and found within the budget;
// it is written in 7 significant digits, rounded up, and at most a part 2e-6 above the smallest. Stateless.

#include <functional>

#include "common/result.h"

namespace fedspend {

inline constexpr double kLeastNoiseMultiplier = 1e-3;
inline constexpr double kMostNoiseMultiplier = 1e6;

struct Calibration {
  double noise_multiplier = 0;
  double epsilon = 0;  // what it costs: at most what was wanted
};

// An error for one noise multiplier counts as "not enough noise" there (the distributed mechanism refuses shares that are too narrow); if no
// noise is enough, the last error is returned, or refused with the epsilon of the largest. epsilon > 0. Calls it 10 to 60 times.
Result<Calibration> smallest_noise_multiplier(const std::function<Result<double>(double noise_multiplier)>& epsilon_of, double epsilon);

// The same, and as near the smallest, for an accountant that is slow, by another that is quick and nearly as good: the quick one is searched,
// the slow one asked two or three times, and what is returned has its word. Where the quick one is no help the slow one is searched.
Result<Calibration> smallest_noise_multiplier(const std::function<Result<double>(double noise_multiplier)>& quick, const std::function<Result<double>(double noise_multiplier)>& exact, double epsilon);

}  // namespace fedspend
