#include "simulations/audit/one_run_bound.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "simulations/audit/binomial.h"

namespace fedspend::simulations {
namespace {

constexpr double kMostEpsilon = 64;  // no number of canaries tells more

}  // namespace

double one_run_p_value(const OneRunGuesses& guesses, double epsilon, double delta) {
  const auto [m, r, v] = guesses;
  FEDSPEND_CHECK(v <= r && r <= m && epsilon >= 0 && delta >= 0 && delta <= 1, "correct <= guesses <= canaries, epsilon at least 0, delta a probability");
  const double accuracy = 1 / (1 + std::exp(-epsilon));
  double steepest = 0, below = 0;  // P[v > X >= v - i], which no longer grows once i is v
  for (std::uint64_t i = 1; delta > 0 && i <= v; ++i) {
    below += binomial_point(r, v - i, accuracy);
    steepest = std::max(steepest, below / static_cast<double>(i));
  }
  return std::min(1.0, binomial_at_least(r, v, accuracy) + 2 * static_cast<double>(m) * delta * steepest);
}

double one_run_epsilon(const OneRunGuesses& guesses, double delta, double confidence) {
  FEDSPEND_CHECK(confidence > 0 && confidence < 1, "a confidence between 0 and 1");
  const auto is_refuted = [&](double epsilon) { return one_run_p_value(guesses, epsilon, delta) < 1 - confidence; };
  if (!is_refuted(0)) return 0;
  double low = 0, high = 1;
  for (; high < kMostEpsilon && is_refuted(high); high += 1) low = high;
  while (high - low > 1e-9) {
    const double middle = (low + high) / 2;
    (is_refuted(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace fedspend::simulations
