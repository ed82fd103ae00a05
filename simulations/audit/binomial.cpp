#include "simulations/audit/binomial.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/check.h"

namespace fedspend::simulations {
namespace {

// log n! less Stirling's (n + 1/2) log n - n + log(2 pi) / 2, for n above 0.
double stirling_error(double n) {
  if (n < 16) {
    constexpr double kHalfLog2Pi = 0.918938533204672741780;
    double factorial = 1;
    for (double i = 2; i <= n; ++i) factorial *= i;
    return std::log(factorial) - ((n + 0.5) * std::log(n) - n + kHalfLog2Pi);
  }
  const double square = 1 / (n * n);
  return (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680 - square / 1188)))) / n;
}

// x log(x / mean) + mean - x, without cancellation where they are close: with v = (x - mean) / (x + mean), log(x / mean) = 2 artanh v.
double deviance(double x, double mean) {
  const double v = (x - mean) / (x + mean);
  if (std::abs(v) > 0.1) return x * std::log(x / mean) + mean - x;
  double sum = (x - mean) * v, power = 2 * x * v;
  for (double odd = 3; std::abs(power) > 0; odd += 2) {
    power *= v * v;
    const double next = sum + power / odd;
    if (next == sum) break;
    sum = next;
  }
  return sum;
}

// The sum of the terms from `first` on, in the direction in which they fall.
double falling_tail(std::uint64_t trials, std::uint64_t first, double probability, bool is_upward) {
  const double odds = probability / (1 - probability);
  double term = binomial_point(trials, first, probability), sum = term;
  for (std::uint64_t k = first; term > sum * 1e-18 && k != (is_upward ? trials : 0); k = is_upward ? k + 1 : k - 1) {
    const auto at = static_cast<double>(k), above = static_cast<double>(trials - k);
    term *= is_upward ? above / (at + 1) * odds : at / (above + 1) / odds;
    sum += term;
  }
  return std::min(sum, 1.0);
}

// The probability p in [low, high] at which `holds` becomes false, for one that holds at first.
template <class Predicate>
double last_that_holds(double low, double high, Predicate holds) {
  for (int i = 0; i < 200 && high - low > 1e-14 * high; ++i) {
    const double middle = (low + high) / 2;
    (holds(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace

double binomial_point(std::uint64_t trials, std::uint64_t exactly, double probability) {
  FEDSPEND_CHECK(probability >= 0 && probability <= 1, "a probability");
  if (exactly > trials) return 0;
  if (probability == 0) return exactly == 0 ? 1 : 0;
  if (probability == 1) return exactly == trials ? 1 : 0;
  const auto n = static_cast<double>(trials), k = static_cast<double>(exactly), rest = n - k;
  if (exactly == 0) return std::exp(n * std::log1p(-probability));
  if (exactly == trials) return std::exp(n * std::log(probability));
  const double errors = stirling_error(n) - stirling_error(k) - stirling_error(rest);
  const double exponent = errors - deviance(k, n * probability) - deviance(rest, n * (1 - probability));
  return std::exp(exponent) * std::sqrt(n / (2 * std::numbers::pi * k * rest));
}

double binomial_at_least(std::uint64_t trials, std::uint64_t least, double probability) {
  FEDSPEND_CHECK(probability >= 0 && probability <= 1, "a probability");
  if (least == 0) return 1;
  if (least > trials || probability == 0) return 0;
  if (probability == 1) return 1;
  if (static_cast<double>(least) > static_cast<double>(trials) * probability) return falling_tail(trials, least, probability, true);
  return 1 - falling_tail(trials, least - 1, probability, false);
}

double lower_confidence(std::uint64_t successes, std::uint64_t trials, double error) {
  FEDSPEND_CHECK(successes <= trials && error > 0 && error < 1, "at most as many successes as trials, and an error between 0 and 1");
  if (successes == 0) return 0;
  return last_that_holds(0, 1, [&](double p) { return binomial_at_least(trials, successes, p) <= error; });
}

double upper_confidence(std::uint64_t successes, std::uint64_t trials, double error) {
  FEDSPEND_CHECK(successes <= trials, "at most as many successes as trials");
  return 1 - lower_confidence(trials - successes, trials, error);
}

}  // namespace fedspend::simulations
