#pragma once
// What the statistical tests judge samples by. All their seeds are fixed: the false-alarm probabilities that they state are those of
// choosing a seed, once.

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace fedspend::tests {

// The value that chi-square with this many degrees of freedom passes with probability about 1e-6 (Wilson and Hilferty 1931, good to a
// percent or so from three degrees on; z = 4.7534).
inline double chi_square_limit(std::size_t degrees) {
  const double k = static_cast<double>(degrees);
  const double cube_root = 1 - 2 / (9 * k) + 4.7534 * std::sqrt(2 / (9 * k));
  return k * cube_root * cube_root * cube_root;
}

struct Fit {
  double chi_square = 0;
  std::size_t degrees = 0;
  bool good() const { return degrees >= 3 && chi_square <= chi_square_limit(degrees); }
};

// Neighbouring bins are merged until each is expected at least 20 times. The probabilities add up to 1.
inline Fit fit(std::span<const std::size_t> counts, std::span<const double> probabilities) {
  double total = 0, expected = 0, seen = 0, last_expected = 0, last_seen = 0;
  for (const std::size_t count : counts) total += static_cast<double>(count);
  Fit result;
  std::size_t bins = 0;
  const auto close_bin = [&](double wanted, double got, double sign) { result.chi_square += sign * (got - wanted) * (got - wanted) / wanted; };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    expected += probabilities[i] * total;
    seen += static_cast<double>(counts[i]);
    if (expected < 20) continue;
    close_bin(expected, seen, 1);
    last_expected = expected;
    last_seen = seen;
    expected = seen = 0;
    ++bins;
  }
  if (expected > 0 || seen > 0) {  // what is left joins the last bin
    close_bin(last_expected, last_seen, -1);
    close_bin(last_expected + expected, last_seen + seen, 1);
  }
  result.degrees = bins - 1;
  return result;
}

}  // namespace fedspend::tests
