#pragma once
// The privacy loss of one (sampled) Gaussian step, and its pessimistic form on a grid.
//
// With chance q a contribution of norm 1 is in a sum with noise N(0, z^2). The dominating pairs of the two directions are
// (1-q) N(0, z^2) + q N(1, z^2) against N(0, z^2) for `remove`, and the other way round for `add` (Zhu, Dong, Wang 2022, Theorem 11); the loss is the
// log of their ratio, seen where the first of the pair is true. With q = 1 the two are the same distribution.
//
// On the grid: connect-the-dots (Doroshenko, Ghazi, Kamath, Kumar, Manurangsi 2022). The mass between two neighbouring grid points goes to these two
// so that its share under both distributions of the pair stays what it was; the result dominates, and each mass here also carries a
// bound of its rounding. Where points are more than 1/2 apart, all mass goes to the upper one. Stateless.

#include <cstdint>
#include <vector>

namespace fedspend {

enum class Direction { remove, add };

// u is the outcome in units of z: density(u) du is the true distribution, loss(u) rises with u for `remove` and falls for `add`.
class SampledGaussianLoss {
 public:
  // z from 1e-6 to 1e9, 0 < q <= 1.
  SampledGaussianLoss(double noise_multiplier, double sampling_rate, Direction direction);

  Direction direction() const { return direction_; }
  double sampling_rate() const { return q_; }
  double density(double u) const;
  // log of mixture over N(0, z^2); the loss is it, or minus it for `add`.
  double log_ratio(double u) const;
  double loss(double u) const { return direction_ == Direction::remove ? log_ratio(u) : -log_ratio(u); }
  // Where log_ratio is x; -infinity where it is above x everywhere.
  double outcome_at(double x) const;
  // An interval of u that leaves out at most `tail` of the mass at each end.
  struct Cut {
    double low, high;
  };
  Cut cut(double tail) const;
  // A length that resolves density and loss between these two.
  double scale(double low, double high, bool of_loss) const;
  // Bound of the relative error of densities and what is integrated from them.
  double relative_error() const;

 private:
  double z_, q_, mean_, log_odds_;  // mean_: 1 / z
  Direction direction_;
};

struct DiscreteLoss {
  double step = 0;             // between grid points
  std::int64_t first = 0;      // mass[i] lies at (first + i) * step
  std::vector<double> mass;    // in all at least 1 - infinite
  double infinite = 0;         // mass at infinity
  double largest = 0;          // of the losses' magnitudes, and the sampling rate: what rounding of a loss is measured by
};

// `tail` at each end: that of large losses goes to infinity, that of small ones to the lowest points. Work grows with the number of points.
DiscreteLoss discretise(const SampledGaussianLoss& loss, double step, double tail);

}  // namespace fedspend
