#pragma once
// Composition of discretised privacy losses by Fourier transform, in a window about the epsilon that is asked for.
//
// The masses are tilted first: p(x) exp(t x) / M, whose composition is the tilted composition. With t near the best order less 1 the window
// then holds the bulk of the tilted distribution, and what rounding does is small beside delta itself, however small that is; untilted,
// 10,000 steps would leave an error of 1e-10 in delta. (Tilting: Esscher 1932; for privacy losses: Alghamdi et al. 2023, "The saddle-point
// method in differential privacy".)
// Nothing is lost on the upper side: what the transform wraps round adds to masses in the window, what lies above the window is
// bounded by Chernoff and added, and so is the rounding of both transforms, coefficient by coefficient. Stateless.

#include <cstdint>
#include <span>
#include <vector>

#include "common/privacy/sampled_gaussian_loss.h"

namespace fedspend {

struct LossPart {
  DiscreteLoss loss;        // all parts of a composition have one step
  std::uint64_t steps = 1;  // so many of it
};

struct LossWindow {
  double tilt = 0;          // above 0
  std::int64_t first = 0;   // its lowest grid point
  std::size_t size = 0;     // a power of 2, at least 8
};

// Where the tilted composition lies, for choosing the window.
double tilted_mean(std::span<const LossPart> parts, double tilt);

// delta at grid points, falling: (first + i) * step. Between two of them it is linear in exp(epsilon).
struct DeltaTable {
  double step = 0;
  std::int64_t first = 0;
  std::vector<double> upper;  // never below the delta of the composed grids; may exceed 1
  std::vector<double> lower;  // never above it
};

// One part, once: no transform needed.
DeltaTable delta_table(const DiscreteLoss& loss);
DeltaTable delta_table(std::span<const LossPart> parts, const LossWindow& window);

}  // namespace fedspend
