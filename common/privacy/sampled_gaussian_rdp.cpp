#include "common/privacy/sampled_gaussian_rdp.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/log_erfc.h"

namespace fedspend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The log of a positive number and a bound of the number's relative error, in units of rounding.
struct LogTerm {
  double log = -kInfinity;
  double error_units = 0;
};

// Sums of numbers known by their logs: exp(scale) (sum +- error).
class ScaledSum {
 public:
  void add(const LogTerm& term, double sign = 1) {
    if (term.log == -kInfinity) return;
    if (term.log > scale_) {
      const double shrink = std::exp(scale_ - term.log);
      sum_ *= shrink;
      error_ *= shrink;
      size_ *= shrink;
      scale_ = term.log;
    }
    const double value = std::exp(term.log - scale_);
    sum_ += sign * value;
    size_ += value;
    error_ += value * kUnitRoundoff * (term.error_units + 8);
  }
  // Of the plain part, by which the whole is multiplied: exp(scale) is never evaluated where it would overflow.
  double scale() const { return scale_; }
  double upper() const { return sum_ + error_ + size_ * kUnitRoundoff * 8; }

 private:
  double scale_ = -kInfinity, sum_ = 0, size_ = 0, error_ = 0;
};

// log(exp(x) - 1), x > 0
double log_expm1(double x) { return x > 40 ? x + std::log1p(-std::exp(-x)) : std::log(std::expm1(x)); }

// log A(alpha), A the moment E[(1 - q + q r)^alpha] under N(0, z^2), for whole alpha of at least 2:
// A - 1 = sum over k >= 2 of C(alpha, k) (1-q)^(alpha-k) q^k (exp((k^2 - k) / (2 z^2)) - 1).
double log_moment_whole(double z, double q, double alpha) {
  const double log_q = std::log(q), log_rest = std::log1p(-q);
  ScaledSum sum;
  double log_binomial = std::log(alpha), binomial_error = 4 + 4 * std::abs(log_binomial);
  for (double k = 2; k <= alpha; ++k) {
    log_binomial += std::log((alpha - k + 1) / k);
    binomial_error += 4 + 2 * std::abs(log_binomial);
    const double exponent = (k * k - k) / (2 * z * z);
    if (std::isinf(exponent)) return kInfinity;
    // Below the smallest normal numbers a term has no relative precision, but a bound.
    const double log_growth = exponent < 0x1p-1000 ? -693 : log_expm1(exponent);
    const double parts = (alpha - k) * -log_rest + k * -log_q + std::abs(log_growth);
    sum.add({.log = log_binomial + (alpha - k) * log_rest + k * log_q + log_growth, .error_units = binomial_error + 4 * parts + 4 * exponent});
  }
  const double scale = sum.scale(), upper = sum.upper();
  const double log_moment = scale < 600 ? std::log1p(std::exp(scale) * upper * (1 + 4 * kUnitRoundoff * (1 + std::abs(scale))))
                                        : scale + std::log(upper + std::exp(-scale));
  return enlarged(log_moment, 8 * kUnitRoundoff);
}

// log(C_k (1-q)^i q^j exp((j^2 - j) / (2 z^2)) P[...]), where P is the mass of N(j, z^2) on one side of z0.
LogTerm series_term(double z, double q, double log_binomial, double binomial_error, double i, double j, double x, double x_error) {
  const double log_rest = i * std::log1p(-q), log_q = j * std::log(q), exponent = (j * j - j) / (2 * z * z), tail = log_half_erfc(x);
  // The log of the tail moves with x by about 2 (x + 1) above 0, and by exp(-x^2) and less below.
  const double slope = x >= 0 ? 2 * (x + 1) : 2 * std::exp(-x * x);
  return {.log = log_binomial + log_rest + log_q + exponent + tail,
          .error_units = binomial_error + 8 * (std::abs(log_rest) + std::abs(log_q) + std::abs(exponent) + std::abs(tail)) + slope * x_error};
}

// Adds -a_0 + a_1 - a_2 + ... for a sequence of moments of a positive measure on [0, 1], by the first of its terms. Cohen, Rodriguez
// Villegas, Zagier 2000, algorithm 1: off by at most a part 2 / (3 + sqrt 8)^n of the sum, and the sum is at most a_0.
// |C(alpha, k)| = c Beta(k - alpha, alpha + 1) for k > alpha is such a sequence; so are the k-th moments of the ratio of the two
// densities on the side where it is at most 1, and so is the product of two such sequences.
void add_alternating_tail(std::span<const LogTerm> terms, ScaledSum& sum) {
  const auto n = static_cast<double>(terms.size());
  double d = std::pow(3 + std::sqrt(8.0), n);
  d = (d + 1 / d) / 2;
  double b = -1, c = -d;
  for (std::size_t k = 0; k < terms.size(); ++k) {
    c = b - c;
    const auto at = static_cast<double>(k);
    // The weights are at most d, and their rounding at most 8 n units of d.
    const double weight = std::abs(c) / d;
    sum.add({.log = terms[k].log + std::log(weight), .error_units = terms[k].error_units + 8 * n / weight}, c < 0 ? 1 : -1);
    b *= (at + n) * (at - n) / ((at + 0.5) * (at + 1));
  }
  // What the acceleration leaves out: 2 / d of the first term, as an error of that term.
  sum.add({.log = terms[0].log + std::log(2 / d)});
}

constexpr std::size_t kTailTerms = 22;

// The same moment for an order that is not whole, by the two series of section 3.3, split at z0 where both densities weigh the same.
double log_moment_fractional(double z, double q, double alpha) {
  const double z0 = z * z * (std::log1p(-q) - std::log(q)) + 0.5;
  if (!std::isfinite(z0)) return kInfinity;
  const double width = std::numbers::sqrt2 * z;
  const double whole_terms = std::ceil(alpha) + 1;
  ScaledSum sum;
  std::vector<LogTerm> below_tail, above_tail;
  double log_binomial = 0, binomial_error = 0;
  const double last = whole_terms + kTailTerms;
  for (double k = 0; k < last; ++k) {
    const double j = alpha - k;
    const double below = (k - z0) / width, above = (z0 - j) / width;
    const auto x_error = [&](double at, double x) { return 8 * ((std::abs(at) + std::abs(z0) + 1) / width + std::abs(x)); };
    const LogTerm first = series_term(z, q, log_binomial, binomial_error, j, k, below, x_error(k, below));
    const LogTerm second = series_term(z, q, log_binomial, binomial_error, k, j, above, x_error(j, above));
    if (!std::isfinite(first.log + second.log) && (first.log > 0 || second.log > 0)) return kInfinity;
    if (k < whole_terms) {
      sum.add(first);
      sum.add(second);
    } else {
      below_tail.push_back(first);
      above_tail.push_back(second);
    }
    log_binomial += std::log(std::abs(alpha - k) / (k + 1));
    binomial_error += 6 + 2 * std::abs(log_binomial) + 2 / std::abs(alpha - k);
  }
  add_alternating_tail(below_tail, sum);
  add_alternating_tail(above_tail, sum);
  const double scale = sum.scale(), upper = sum.upper();
  if (!(upper > 0) || !std::isfinite(scale)) return kInfinity;
  const double log_moment = scale + std::log(upper);
  return log_moment + 8 * kUnitRoundoff * (std::abs(scale) + std::abs(std::log(upper)) + 1);
}

double log_moment(double z, double q, double alpha) {
  if (alpha == 1) return 0;
  const double below = std::floor(alpha);
  if (below == alpha) return log_moment_whole(z, q, alpha);
  const double left = below == 1 ? 0 : log_moment_whole(z, q, below), right = log_moment_whole(z, q, below + 1);
  const double chord = enlarged((1 - (alpha - below)) * left + (alpha - below) * right, 8 * kUnitRoundoff);
  const double series = log_moment_fractional(z, q, alpha);
  return series > 0 ? std::min(chord, series) : chord;
}

}  // namespace

double sampled_gaussian_rdp(double noise_multiplier, double sampling_rate, double order) {
  FEDSPEND_CHECK(noise_multiplier > 0, "a noise multiplier above 0");
  FEDSPEND_CHECK(sampling_rate >= 0 && sampling_rate <= 1, "a sampling rate from 0 to 1");
  FEDSPEND_CHECK(order > 1 && order <= 1e6, "an order above 1, at most 1e6");
  if (sampling_rate == 0) return 0;
  const double unsampled = gaussian_rdp(noise_multiplier, order);
  if (sampling_rate == 1) return unsampled;
  const double log_of_moment = log_moment(noise_multiplier, sampling_rate, order);
  // Sampling never costs more than none: a mixture with the other distribution is no further from it (quasi-convexity).
  return std::min(unsampled, enlarged(log_of_moment / (order - 1), 8 * kUnitRoundoff));
}

RdpCurve sampled_gaussian_rdp_curve(double noise_multiplier, double sampling_rate) {
  std::vector<double> values;
  for (const double order : rdp_orders()) values.push_back(sampled_gaussian_rdp(noise_multiplier, sampling_rate, order));
  auto curve = RdpCurve::of(std::move(values));
  FEDSPEND_CHECK(curve.has_value(), "values of at least 0");
  return *std::move(curve);
}

}  // namespace fedspend
