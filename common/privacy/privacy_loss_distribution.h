#pragma once
// The PLD accountant of the (sampled) Gaussian mechanism: epsilon from the distribution of the privacy loss itself, so with no loss but that of
// the grid. Every approximation errs upwards: the grid dominates (connect-the-dots), cut tails and the rounding of the Fourier
// transforms are added to delta, the rounding of losses to epsilon. Sources beside the two headers that this stands on,
// sampled_gaussian_loss.h and composed_loss.h: Koskela, Jalko, Honkela 2020; Gopi, Lee, Wutschitz 2021 for the error of rounding at random.
//
// Poisson sampling (rate below 1) takes the larger of both directions, remove and add. Steps at rate 1 are merged into one Gaussian, which
// is exact. For zero-out adjacency without sampling the two directions are one. 10,000 steps take about a tenth of a second, any number about the same. Stateless.

#include <cstdint>
#include <span>

#include "common/result.h"

namespace fedspend {

struct SampledGaussianSteps {
  double noise_multiplier = 0;  // of sensitivity 1; 1e-3 ... 1e9
  double sampling_rate = 1;     // 0 < q <= 1
  std::uint64_t steps = 1;      // 1 ... 1e9
};

// The true value lies in [value - error, value]. The error is proven, and pessimistic: mostly the chance deviations of rounding losses to
// the grid, which connect-the-dots makes cancel; beside the exact Gaussian the distance is a thousandth of it.
struct PldBound {
  double value = 0;
  double error = 0;
};

// For searching, and pessimistic as well: middle has a quarter of the points; coarse a sixteenth, by some 1e-4 of epsilon, or a
// tenth of it where the rate is 1e-4.
enum class PldGrid { fine, middle, coarse };

// invalid_argument for values out of range. 0 < delta < 1, epsilon >= 0. No steps: 0.
Result<PldBound> pld_epsilon(std::span<const SampledGaussianSteps> steps, double delta, PldGrid grid = PldGrid::fine);
Result<PldBound> pld_delta(std::span<const SampledGaussianSteps> steps, double epsilon);

}  // namespace fedspend
