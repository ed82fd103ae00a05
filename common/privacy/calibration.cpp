#include "common/privacy/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>

#include "common/check.h"
#include "common/privacy/figure_text.h"

namespace fedspend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTolerance = 1e-6;

// The next number of 7 significant digits.
double rounded_up(double z) {
  const double unit = std::pow(10.0, std::floor(std::log10(z)) - 6);
  double digits = std::ceil(z / unit * (1 - 1e-15));
  char text[40];
  std::snprintf(text, sizeof text, "%.6e", digits * unit);
  const double rounded = std::strtod(text, nullptr);
  return rounded >= z ? rounded : (digits + 1) * unit;
}

tl::unexpected<Error> never_enough(double epsilon, double wanted) {
  return fail(ErrorCode::refused, "even a noise multiplier of " + least_text(kMostNoiseMultiplier) + " gives an epsilon of " + bound_text(epsilon) + ", above " + bound_text(wanted, 6),
              "a larger epsilon or delta, fewer steps, or for the distributed mechanism more bits");
}

class Search {
 public:
  Search(const EpsilonOf& epsilon_of, double epsilon, double tolerance = kTolerance) : epsilon_of_(epsilon_of), wanted_(epsilon), tolerance_(tolerance) {}

  Result<Calibration> run() {
    if (!bracket()) {
      if (error_) return fail(*error_);
      return never_enough(low_.epsilon, wanted_);
    }
    if (low_.noise_multiplier > 0) narrow();
    // An accountant's own grid may move its answer by parts of 1e-8: what is given back has been tried.
    for (double z = rounded_up(high_.noise_multiplier);; z = rounded_up(z * (1 + kTolerance / 2))) {
      const double epsilon = at(z);
      if (epsilon <= wanted_) return Calibration{.noise_multiplier = z, .epsilon = epsilon};
      if (z > 2 * high_.noise_multiplier) return fail(error_ ? *error_ : Error{ErrorCode::internal, "the accountant is not monotone in the noise"});
    }
  }

  // d log epsilon / d log z between the ends that it closed in on; nothing where there is none.
  std::optional<double> slope() const {
    if (!(low_.noise_multiplier > 0 && std::isfinite(low_.epsilon) && high_.epsilon > 0 && low_.epsilon > high_.epsilon)) return std::nullopt;
    return std::log(high_.epsilon / low_.epsilon) / std::log(high_.noise_multiplier / low_.noise_multiplier);
  }

 private:
  double at(double z) {
    auto epsilon = epsilon_of_(z);
    if (!epsilon) {
      error_ = std::move(epsilon).error();
      return kInfinity;
    }
    FEDSPEND_CHECK(*epsilon >= 0, "an epsilon of at least 0");
    return *epsilon;
  }

  // Between a noise multiplier that is too small, or 0 where none is, and one that is enough.
  bool bracket() {
    Calibration point{.noise_multiplier = 1, .epsilon = at(1)};
    const bool enough = point.epsilon <= wanted_;
    const double factor = enough ? 0.5 : 2;
    while (true) {
      (enough ? high_ : low_) = point;
      const double next = std::clamp(point.noise_multiplier * factor, kLeastNoiseMultiplier, kMostNoiseMultiplier);
      if (next == point.noise_multiplier) return enough;
      point = {.noise_multiplier = next, .epsilon = at(next)};
      if ((point.epsilon <= wanted_) != enough) break;
    }
    (enough ? low_ : high_) = point;
    return true;
  }

  // Secants in logarithms, a little to the far side of the end that moved last, so that both ends close in; halves where those do not help.
  void narrow() {
    bool moved_high = false;
    for (int i = 0; i < 80 && high_.noise_multiplier > low_.noise_multiplier * (1 + tolerance_); ++i) {
      const double low = std::log(low_.noise_multiplier), high = std::log(high_.noise_multiplier), width = high - low;
      double guess = low + width / 2;
      if (std::isfinite(low_.epsilon) && high_.epsilon > 0 && i % 4 != 3) {
        const double rise = std::log(low_.epsilon / high_.epsilon);
        const double root = low + width * std::log(low_.epsilon / wanted_) / rise;
        guess = std::clamp(root + (moved_high ? -1 : 1) * tolerance_ / 3, low + 1e-3 * width, high - 1e-3 * width);
      }
      const double z = std::exp(guess);
      if (!(z > low_.noise_multiplier && z < high_.noise_multiplier)) break;
      const Calibration point{.noise_multiplier = z, .epsilon = at(z)};
      moved_high = point.epsilon <= wanted_;
      (moved_high ? high_ : low_) = point;
    }
  }

  const EpsilonOf& epsilon_of_;
  double wanted_, tolerance_;
  Calibration low_{.noise_multiplier = 0, .epsilon = kInfinity}, high_;
  std::optional<Error> error_;
};

}  // namespace

Result<Calibration> smallest_noise_multiplier(const EpsilonOf& epsilon_of, double epsilon) {
  FEDSPEND_CHECK(epsilon > 0, "an epsilon above 0");
  return Search(epsilon_of, epsilon).run();
}

Result<Calibration> smallest_noise_multiplier(std::span<const EpsilonOf> from_quick_to_exact, double epsilon) {
  FEDSPEND_CHECK(epsilon > 0 && !from_quick_to_exact.empty(), "an epsilon above 0, and an accountant");
  constexpr double kNear = 1e-3, kNearEnough = 1e-5, kSteep = 4;
  const EpsilonOf &quickest = from_quick_to_exact.front(), &exact = from_quick_to_exact.back();
  // All fall: where the most noise is not enough, none is, and a search would only ask often.
  if (const Result<double> most = quickest(kMostNoiseMultiplier); most && *most > epsilon) {
    const Result<double> least = exact(kMostNoiseMultiplier);
    if (least && *least > epsilon) return never_enough(*least, epsilon);
  }
  Search search(quickest, epsilon, kNear);
  const Result<Calibration> start = search.run();
  const std::optional<double> slope = search.slope();
  if (!start || !slope || !(*slope < -1e-3)) return smallest_noise_multiplier(exact, epsilon);
  const auto is_usable = [](const Result<double>& found) { return found && *found > 0 && std::isfinite(*found); };
  double z = start->noise_multiplier, rise = *slope;
  for (std::size_t level = 1; level < from_quick_to_exact.size(); ++level) {
    const bool is_last = level + 1 == from_quick_to_exact.size();
    const EpsilonOf &ask = from_quick_to_exact[level], &quicker = from_quick_to_exact[level - 1];
    double last_z = 0, last_epsilon = 0;
    for (int i = 0; i < 6; ++i) {
      const Result<double> found = ask(z);
      if (!is_usable(found)) return smallest_noise_multiplier(exact, epsilon);
      const double off = std::log(*found / epsilon);
      // The secant's slope, over a distance that is more than the rounding of what an accountant's grid does to its answers.
      if (last_z > 0 && std::abs(std::log(z / last_z)) > 100 * kTolerance) rise = std::min(std::log(*found / last_epsilon) / std::log(z / last_z), -1e-3);
      if (is_last && off <= 0 && -off < std::min(-rise, kSteep) * kNearEnough) return Calibration{.noise_multiplier = z, .epsilon = *found};
      if (!is_last && std::abs(off) < 5 * kNear) break;
      // Newton's step, and what the quicker one says of where it leads: the two differ by a factor that changes slowly.
      last_z = z;
      last_epsilon = *found;
      double next = z * std::exp(-off / rise);
      if (std::abs(off) > kNearEnough) {
        const Result<double> here = quicker(z), there = quicker(next);
        if (is_usable(here) && is_usable(there)) next *= std::exp(-(off + std::log(*there / *here)) / rise);
      }
      z = rounded_up(next * (1 + (is_last ? kNearEnough / 3 : 0)));
      if (!(z >= kLeastNoiseMultiplier && z <= kMostNoiseMultiplier)) break;
    }
  }
  return smallest_noise_multiplier(exact, epsilon);
}

}  // namespace fedspend
