#pragma once
// The least value of a function of one variable that first falls and then rises: a coarse look at equal distances, then golden
// sections about the lowest point. Used where every point gives a valid bound, so that a poor minimum is loose and never wrong.

#include <cmath>
#include <utility>

namespace fedspend {

struct Minimum {
  double at = 0;
  double value = 0;
};

// Looks at `points` (at least 2) places from low to high, then 48 more.
template <class Function>
Minimum minimum_of(Function function, double low, double high, int points) {
  Minimum best{low, function(low)};
  const double step = (high - low) / (points - 1);
  for (int i = 1; i < points; ++i) {
    const double at = low + step * i, value = function(at);
    if (value < best.value) best = {at, value};
  }
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  double left = best.at - step, right = best.at + step;
  Minimum a{right - ratio * (right - left), 0}, b{left + ratio * (right - left), 0};
  a.value = function(a.at);
  b.value = function(b.at);
  for (int i = 0; i < 46; ++i) {
    if (a.value < b.value) {
      right = std::exchange(b, a).at;
      a = {right - ratio * (right - left), 0};
      a.value = function(a.at);
    } else {
      left = std::exchange(a, b).at;
      b = {left + ratio * (right - left), 0};
      b.value = function(b.at);
    }
    const Minimum& lower = a.value < b.value ? a : b;
    if (lower.value < best.value) best = lower;
  }
  return best;
}

}  // namespace fedspend
