#include "common/privacy/sampled_gaussian_loss.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/log_erfc.h"

namespace fedspend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Beyond this the lesser of two summands is below rounding.
constexpr double kNegligibleLog = 40;
constexpr double kRoundUpStep = 0.5;

double normal_density(double u) { return std::exp(-0.5 * u * u) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2); }
double upper_tail(double u) { return std::exp(log_half_erfc(u / std::numbers::sqrt2)); }

// Gauss and Legendre on [-1, 1]: 2 and 4 points.
struct Node {
  double at, weight;
};
constexpr std::array<Node, 2> kTwo{{{-0.57735026918962576451, 1}, {0.57735026918962576451, 1}}};
constexpr std::array<Node, 4> kFour{{{-0.86113631159405257522, 0.34785484513745385737},
                                     {-0.33998104358485626480, 0.65214515486254614263},
                                     {0.33998104358485626480, 0.65214515486254614263},
                                     {0.86113631159405257522, 0.34785484513745385737}}};

// The mass of one cell of the grid, and how much of it goes to the cell's end with the larger log ratio.
struct Split {
  double mass = 0, above = 0;
};

class Cells {
 public:
  Cells(const SampledGaussianLoss& loss, double step) : loss_(loss), step_(step), rounds_up_(step > kRoundUpStep), full_(-std::expm1(-step)) {}

  // Outcomes from u0 to u1, all with log ratios in cell j: from j step to (j + 1) step.
  Split split(double u0, double u1, std::int64_t j) const {
    Split split;
    if (!(u1 > u0)) return split;
    const double length = u1 - u0, scale = loss_.scale(u0, u1, !rounds_up_);
    // 2 points leave (length / scale)^4 / 4320 of a function that changes on this scale, 4 points (length / scale)^8 / 1.8e9.
    if (length <= 1e-3 * scale) {
      add(kTwo, u0, u1, j, split);
      return split;
    }
    const auto parts = static_cast<std::int64_t>(std::ceil(4 * length / scale));
    const double part = length / static_cast<double>(parts);
    for (std::int64_t i = 0; i < parts; ++i) add(kFour, u0 + part * static_cast<double>(i), u0 + part * static_cast<double>(i + 1), j, split);
    return split;
  }

 private:
  template <std::size_t kCount>
  void add(const std::array<Node, kCount>& nodes, double u0, double u1, std::int64_t j, Split& split) const {
    const double half = (u1 - u0) / 2, middle = u0 + half;
    for (const Node& node : nodes) {
      const double u = middle + half * node.at, mass = half * node.weight * loss_.density(u);
      split.mass += mass;
      split.above += mass * share_above(u, j);
    }
  }

  // The share r of a mass at loss l = low + s that goes up by connect-the-dots: r exp(-step) + (1 - r) = exp(-s).
  double share_above(double u, std::int64_t j) const {
    const bool rises = loss_.direction() == Direction::remove;
    if (rounds_up_) return rises ? 1 : 0;
    const double s = rises ? loss_.log_ratio(u) - static_cast<double>(j) * step_ : static_cast<double>(j + 1) * step_ - loss_.log_ratio(u);
    const double up = std::clamp(-std::expm1(-s) / full_, 0.0, 1.0);
    return rises ? up : 1 - up;
  }

  const SampledGaussianLoss& loss_;
  double step_;
  bool rounds_up_;
  double full_;
};

}  // namespace

SampledGaussianLoss::SampledGaussianLoss(double noise_multiplier, double sampling_rate, Direction direction)
    : z_(noise_multiplier),
      q_(sampling_rate),
      mean_(1 / noise_multiplier),
      log_odds_(std::log(sampling_rate) - std::log1p(-sampling_rate)),
      direction_(direction) {
  FEDSPEND_CHECK(noise_multiplier >= 1e-6 && noise_multiplier <= 1e9, "a noise multiplier from 1e-6 to 1e9");
  FEDSPEND_CHECK(sampling_rate > 0 && sampling_rate <= 1, "a sampling rate above 0, at most 1");
}

double SampledGaussianLoss::density(double u) const {
  if (direction_ == Direction::add) return normal_density(u);
  if (q_ == 1) return normal_density(u - mean_);
  return (1 - q_) * normal_density(u) + q_ * normal_density(u - mean_);
}

double SampledGaussianLoss::log_ratio(double u) const {
  const double v = (u - mean_ / 2) * mean_;
  if (q_ == 1) return v;
  const double log_one = v + std::log(q_);
  if (v + log_odds_ > kNegligibleLog) return log_one;
  if (v > kNegligibleLog) return log_one + std::log1p(std::exp(-v - log_odds_));
  const double excess = q_ * std::expm1(v);
  return excess < -0.5 ? std::log((1 - q_) + q_ * std::exp(v)) : std::log1p(excess);
}

double SampledGaussianLoss::outcome_at(double x) const {
  double v = x;
  if (q_ < 1) {
    // exp(v) = (exp(x) - 1 + q) / q
    const double excess = std::expm1(std::min(x, 700.0)) / q_;
    const double power = std::exp(x) - (1 - q_);
    if (excess <= -0.5 && power <= 0) return -kInfinity;
    v = x > kNegligibleLog ? x - std::log(q_) : excess < -0.5 ? std::log(power / q_) : std::log1p(excess);
  }
  return v * z_ + mean_ / 2;
}

SampledGaussianLoss::Cut SampledGaussianLoss::cut(double tail) const {
  const auto first_below = [tail](double from, auto mass_above) {
    double low = from, high = from + 1;
    while (mass_above(high) > tail) high = from + 2 * (high - from);
    for (int i = 0; i < 60; ++i) {
      const double middle = low + (high - low) / 2;
      (mass_above(middle) > tail ? low : high) = middle;
    }
    return high;
  };
  const double reach = first_below(0, upper_tail);
  if (direction_ == Direction::add) return {-reach, reach};
  const double low = q_ == 1 ? mean_ - reach : -reach;
  return {low, first_below(std::min(0.0, low), [this](double u) { return (1 - q_) * upper_tail(u) + q_ * upper_tail(u - mean_); })};
}

double SampledGaussianLoss::scale(double low, double high, bool of_loss) const {
  const double near_zero = std::max(std::abs(low), std::abs(high)) + 1, near_one = std::max(std::abs(low - mean_), std::abs(high - mean_)) + 1;
  // The log of how much likelier `present` made the outcome than `absent`, each with its chance.
  const double odds_low = (low - mean_ / 2) * mean_ + log_odds_, odds_high = (high - mean_ / 2) * mean_ + log_odds_;
  const bool one_alone = odds_low > kNegligibleLog, zero_alone = odds_high < -kNegligibleLog;
  double rate = direction_ == Direction::add || zero_alone ? near_zero : one_alone ? near_one : std::max(near_zero, near_one);
  if (of_loss && !zero_alone) rate = std::max(rate, mean_);
  return 1 / rate;
}

double SampledGaussianLoss::relative_error() const { return 4e-12 + 1024 * kUnitRoundoff * mean_; }

DiscreteLoss discretise(const SampledGaussianLoss& loss, double step, double tail) {
  FEDSPEND_CHECK(step > 0 && tail > 0, "a step and a tail above 0");
  const auto [low, high] = loss.cut(tail);
  const double least = loss.log_ratio(low), most = loss.log_ratio(high);
  const auto first = static_cast<std::int64_t>(std::floor(least / step)), last = std::max(static_cast<std::int64_t>(std::ceil(most / step)), first + 1);
  const bool rises = loss.direction() == Direction::remove;
  DiscreteLoss grid{.step = step, .first = rises ? first : -last, .mass = std::vector<double>(static_cast<std::size_t>(last - first + 1), 0.0)};
  const auto at = [&](std::int64_t j) -> double& { return grid.mass[static_cast<std::size_t>(rises ? j - first : last - j)]; };
  const Cells cells(loss, step);
  double edge = low;
  for (std::int64_t j = first; j < last; ++j) {
    const double next = j + 1 == last ? high : std::clamp(loss.outcome_at(static_cast<double>(j + 1) * step), edge, high);
    const Split split = cells.split(edge, next, j);
    at(j) += split.mass - split.above;
    at(j + 1) += split.above;
    edge = next;
  }
  for (double& mass : grid.mass) mass = enlarged(mass, loss.relative_error());
  grid.infinite = enlarged(tail, 1e-9);
  // The lowest cell holds the losses next to those left out.
  grid.mass[1] += enlarged(tail, 1e-9);
  grid.largest = std::max(std::abs(least), std::abs(most)) + loss.sampling_rate();
  return grid;
}

}  // namespace fedspend
