#include "common/privacy/composed_loss.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

#include <unsupported/Eigen/FFT>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"

namespace fedspend {
namespace {

using Complex = std::complex<double>;

// Below this exp() is 0 for all that follows.
constexpr double kLeastLog = -700, kMostLog = 700;

// An output of the transform is a sum of the inputs, each times at most log2 N + 2 rotations (radix 2 and 4, and the two passes that fold
// a real input into half the length), every one of which is a product with a factor known to 16 units and an addition. So it is
// off by at most this times the sum of the inputs' magnitudes.
double transform_error(std::size_t size) { return 32 * kUnitRoundoff * (std::log2(static_cast<double>(size)) + 4); }

// One part's masses, tilted, on a circle of the window's size: index i stands for grid point loss.first + i.
struct Tilted {
  std::vector<double> masses;
  double log_moment = 0;        // log M
  double moment_error = 0;      // of log M as used with these masses
  double error = 0;             // sum of the masses' errors, absolute; the masses sum to 1
};

Tilted tilted(const DiscreteLoss& loss, double tilt, std::size_t size) {
  const auto exponent_at = [&](std::size_t i) { return tilt * (static_cast<double>(loss.first + static_cast<std::int64_t>(i)) * loss.step); };
  double shift = -1e308, sum = 0;
  for (std::size_t i = 0; i < loss.mass.size(); ++i)
    if (loss.mass[i] > 0) shift = std::max(shift, std::log(loss.mass[i]) + exponent_at(i));
  Tilted result{.masses = std::vector<double>(size, 0.0)};
  for (std::size_t i = 0; i < loss.mass.size(); ++i) {
    const double exponent = exponent_at(i), mass = loss.mass[i] * std::exp(std::min(exponent - shift, kMostLog));
    result.masses[i & (size - 1)] += mass;
    sum += mass;
    result.error += mass * 4 * kUnitRoundoff * (std::abs(exponent) + std::abs(shift) + 8);
  }
  for (double& mass : result.masses) mass /= sum;
  result.error = result.error / sum + 8 * kUnitRoundoff * (1 + static_cast<double>(loss.mass.size() / size));
  result.log_moment = shift + std::log(sum);
  // Whatever the sum is, it is what the masses were divided by; only its logarithm is rounded.
  result.moment_error = 4 * kUnitRoundoff * (std::abs(shift) + std::abs(std::log(sum)) + 1);
  return result;
}

// log E[exp(s X)] of one tilted loss, for Chernoff's bound of what lies beyond the window.
double log_moment_at(const DiscreteLoss& loss, const Tilted& tilt_of, double tilt, double s) {
  constexpr std::size_t kBlock = 64;
  std::array<double, kBlock> powers;
  for (std::size_t j = 0; j < kBlock; ++j) powers[j] = std::exp((tilt + s) * loss.step * static_cast<double>(j));
  double sum = 0;
  for (std::size_t begin = 0; begin < loss.mass.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, loss.mass.size());
    const double x = static_cast<double>(loss.first + static_cast<std::int64_t>(begin)) * loss.step;
    double block = 0;
    for (std::size_t i = begin; i < end; ++i) block += loss.mass[i] * powers[i - begin];
    sum += block * std::exp(std::min((tilt + s) * x - tilt_of.log_moment, kMostLog));
  }
  return std::log(sum);
}

// What the circle may add to delta at x, as a factor of the untilted weight there. Masses from above the window come down by its length and count
// only from x + length on: Chernoff's bound of so much of the tilted composition, with the best of a few slopes.
class Wrapped {
 public:
  explicit Wrapped(double length) : length_(length) {
    for (std::size_t i = 0; i < kSlopes; ++i) slopes_[i] = 324 / length * std::exp2(-static_cast<double>(i));
  }
  void add(const LossPart& part, const Tilted& masses, double tilt) {
    for (std::size_t i = 0; i < kSlopes; ++i) log_moments_[i] += static_cast<double>(part.steps) * log_moment_at(part.loss, masses, tilt, slopes_[i]);
  }
  double from_above(double x) const {
    double least = 1;
    for (std::size_t i = 0; i < kSlopes; ++i) least = std::min(least, log_moments_[i] - slopes_[i] * (x + length_));
    return std::exp(least);
  }

 private:
  static constexpr std::size_t kSlopes = 7;
  double length_;
  std::array<double, kSlopes> slopes_{}, log_moments_{};
};

// The product of the parts' transforms, each to the power of its steps, in place of the first; returns the bound of the error of any
// mass of the inverse transform.
double multiply_powers(std::vector<std::vector<Complex>>& spectra, std::span<const double> errors, std::span<const LossPart> parts, std::size_t size) {
  const double inverse_error = transform_error(size);
  double total = 0;
  for (std::size_t f = 0; f < spectra.front().size(); ++f) {
    double log_size = 0, log_bound = 0, angle = 0, relative = 0, phase_units = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto steps = static_cast<double>(parts[i].steps);
      const double magnitude = std::abs(spectra[i][f]), bound = magnitude + errors[i];
      const double log_magnitude = magnitude > 0 ? std::log(magnitude) : -1e6;
      log_size += steps * log_magnitude;
      log_bound += steps * std::log(bound);
      angle += steps * std::arg(spectra[i][f]);
      relative += steps * errors[i] / bound;
      phase_units += steps * (std::abs(log_magnitude) + std::numbers::pi + 1);
    }
    const bool alone = f == 0 || f + 1 == spectra.front().size();
    Complex value = 0;
    double error = 0x1p-1000;
    if (log_bound > kLeastLog) {
      const double size_of = std::exp(log_size);
      value = std::polar(size_of, angle);
      // |a^k - b^k| <= k |a - b| max(|a|, |b|)^(k-1), factor by factor; the rounding of the power; the inverse transform.
      error += std::exp(log_bound) * (relative + 16 * kUnitRoundoff * phase_units) + size_of * inverse_error;
    }
    spectra.front()[f] = value;
    total += (alone ? 1 : 2) * error;
  }
  return total / static_cast<double>(size) * (1 + 1e-9);
}

// From masses on the grid to delta at its points, from the top: with w the untilted masses, G_n = sum over m >= n of w_m exp(x_n - x_m) and
// delta_n = delta_(n+1) + (1 - exp(-h)) G_(n+1). All terms are positive, so the relative error is that of so many additions.
class Falling {
 public:
  Falling(double step, double start) : shrink_(std::exp(-step)), rest_(-std::expm1(-step)), delta_(start) {}
  double next(double mass) {
    delta_ += rest_ * above_;
    above_ = mass + shrink_ * above_;
    return delta_;
  }

 private:
  double shrink_, rest_;
  double above_ = 0;
  double delta_;
};

}  // namespace

double tilted_mean(std::span<const LossPart> parts, double tilt) {
  double mean = 0;
  for (const LossPart& part : parts) {
    const double rise = tilt * part.loss.step;
    double most = -1e308, mass = 0, moment = 0;
    for (std::size_t i = 0; i < part.loss.mass.size(); ++i)
      if (part.loss.mass[i] > 0) most = std::max(most, std::log(part.loss.mass[i]) + rise * static_cast<double>(i));
    for (std::size_t i = 0; i < part.loss.mass.size(); ++i) {
      const double weight = part.loss.mass[i] * std::exp(std::min(rise * static_cast<double>(i) - most, kMostLog));
      mass += weight;
      moment += weight * static_cast<double>(i);
    }
    mean += static_cast<double>(part.steps) * (static_cast<double>(part.loss.first) + moment / mass) * part.loss.step;
  }
  return mean;
}

DeltaTable delta_table(const DiscreteLoss& loss) {
  const std::size_t size = loss.mass.size();
  DeltaTable table{.step = loss.step, .first = loss.first, .upper = std::vector<double>(size), .lower = std::vector<double>(size)};
  const double rounding = 8 * kUnitRoundoff * static_cast<double>(size);
  Falling falling(loss.step, loss.infinite);
  for (std::size_t i = size; i-- > 0;) {
    const double delta = falling.next(loss.mass[i]);
    table.upper[i] = delta * (1 + rounding);
    table.lower[i] = delta * (1 - rounding);
  }
  return table;
}

DeltaTable delta_table(std::span<const LossPart> parts, const LossWindow& window) {
  const std::size_t size = window.size;
  const double tilt = window.tilt, step = parts.front().loss.step;
  FEDSPEND_CHECK(size >= 8 && (size & (size - 1)) == 0 && tilt > 0, "a window of 2^k points and a tilt above 0");
  const double low_end = static_cast<double>(window.first) * step, high_end = static_cast<double>(window.first + static_cast<std::int64_t>(size)) * step;
  Eigen::FFT<double> fft;
  fft.SetFlag(Eigen::FFT<double>::HalfSpectrum);
  std::vector<std::vector<Complex>> spectra;
  std::vector<double> errors;
  double log_moment = 0, log_error = 0, infinite = 0;
  Wrapped wrapped(high_end - low_end);
  std::int64_t origin = 0;
  for (const LossPart& part : parts) {
    FEDSPEND_CHECK(part.loss.step == step, "one grid for all parts");
    const auto steps = static_cast<double>(part.steps);
    const Tilted masses = tilted(part.loss, tilt, size);
    std::vector<Complex> spectrum(size / 2 + 1);
    fft.fwd(spectrum.data(), masses.masses.data(), static_cast<Eigen::Index>(size));
    spectra.push_back(std::move(spectrum));
    errors.push_back(transform_error(size) * 1.01 + masses.error);
    log_moment += steps * masses.log_moment;
    log_error += steps * (masses.moment_error + 4 * kUnitRoundoff * std::abs(masses.log_moment));
    infinite += steps * part.loss.infinite * (1 + 8 * kUnitRoundoff);
    wrapped.add(part, masses, tilt);
    origin += static_cast<std::int64_t>(part.steps) * part.loss.first;
  }
  const double mass_error = multiply_powers(spectra, errors, parts, size);
  std::vector<double> masses(size);
  fft.inv(masses.data(), spectra.front().data(), static_cast<Eigen::Index>(size));
  // Masses from below the window come up by its length j times: untilted, each counts exp(-tilt j length) of itself, and all are at most 1.
  const double from_below = 1 / std::expm1(std::min(tilt * (high_end - low_end), kMostLog));

  DeltaTable table{.step = step, .first = window.first, .upper = std::vector<double>(size), .lower = std::vector<double>(size)};
  const auto untilted = [&](double x) { return std::exp(std::min(log_moment - tilt * x, kMostLog)); };
  const double exponents = std::abs(log_moment) + tilt * std::max(std::abs(low_end), std::abs(high_end));
  const double rounding = std::expm1(log_error + 8 * kUnitRoundoff * (exponents + static_cast<double>(size)));
  Falling upper(step, untilted(high_end) + infinite), lower(step, 0);
  for (std::size_t i = size; i-- > 0;) {
    const double x = static_cast<double>(window.first + static_cast<std::int64_t>(i)) * step, weight = untilted(x);
    const double mass = masses[static_cast<std::size_t>(window.first + static_cast<std::int64_t>(i) - origin) & (size - 1)];
    table.upper[i] = upper.next(std::max(mass + mass_error, 0.0) * weight) * (1 + rounding);
    table.lower[i] = std::max(0.0, lower.next(std::max(mass - mass_error, 0.0) * weight) * (1 - rounding) - wrapped.from_above(x) * weight - from_below);
  }
  return table;
}

}  // namespace fedspend
