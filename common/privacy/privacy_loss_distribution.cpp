#include "common/privacy/privacy_loss_distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "common/privacy/composed_loss.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/minimum.h"

namespace fedspend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kFinePoints = std::size_t{1} << 19, kMiddlePoints = std::size_t{1} << 17, kCoarsePoints = std::size_t{1} << 15;  // of the window, and at most of a step's losses
// Of delta: what may be lost to cut tails, all steps together.
constexpr double kTailShare = 1e-7;
// Of delta: the chance that the proven error leaves out.
constexpr double kErrorShare = 1e-3;

Status check(std::span<const SampledGaussianSteps> steps) {
  const auto refuse = [](const std::string& what) { return fail(ErrorCode::invalid_argument, "PLD: " + what); };
  double mu_squared = 0;
  for (const SampledGaussianSteps& part : steps) {
    if (!(part.noise_multiplier >= 1e-3 && part.noise_multiplier <= 1e9)) return refuse("a noise multiplier is not from 0.001 to 1e9");
    if (!(part.sampling_rate > 0 && part.sampling_rate <= 1)) return refuse("a sampling rate is not above 0 and at most 1");
    if (part.steps < 1 || part.steps > 1'000'000'000) return refuse("a number of steps is not from 1 to 1e9");
    if (part.sampling_rate == 1) mu_squared += static_cast<double>(part.steps) / (part.noise_multiplier * part.noise_multiplier);
  }
  // All unsampled steps are one Gaussian (merged()), which has to be in the range of the distribution, too.
  if (mu_squared > 1e11) return refuse("so many steps of so little noise are one of a noise multiplier below 3e-6, whose epsilon is above 1e10");
  return {};
}

// Unsampled Gaussians are one Gaussian of mu^2 = sum of steps / z^2, rounded up.
std::vector<SampledGaussianSteps> merged(std::span<const SampledGaussianSteps> steps) {
  std::vector<SampledGaussianSteps> result;
  double mu_squared = 0;
  for (const SampledGaussianSteps& part : steps) {
    if (part.sampling_rate < 1) result.push_back(part);
    else mu_squared += static_cast<double>(part.steps) / (part.noise_multiplier * part.noise_multiplier);
  }
  if (mu_squared == 0) return result;
  const double mu = std::sqrt(mu_squared * (1 + static_cast<double>(steps.size()) * 8 * kUnitRoundoff));
  result.push_back({.noise_multiplier = (1 - 64 * kUnitRoundoff) / mu, .sampling_rate = 1, .steps = 1});
  return result;
}

// The losses of a part at points so close that sums over them show where the composition lies; for planning alone, so that nothing
// depends on how good they are but the width of the window.
struct Sketch {
  std::vector<double> log_mass = {}, loss = {};
  double steps = 1;
};

Sketch sketch_of(const SampledGaussianLoss& loss, std::uint64_t steps, double tail) {
  constexpr double kSpacing = 0.05;
  Sketch sketch{.steps = static_cast<double>(steps)};
  const auto [low, high] = loss.cut(tail);
  for (double u = low + kSpacing / 2; u < high; u += kSpacing) {
    const double mass = loss.density(u) * kSpacing;
    if (mass <= 0) continue;
    sketch.log_mass.push_back(std::log(mass));
    sketch.loss.push_back(loss.loss(u));
  }
  return sketch;
}

// log E[exp(t L)] of the composition, and its first two derivatives: mean and variance of the tilted losses.
struct Cumulants {
  double value = 0, mean = 0, variance = 0;
};

Cumulants cumulants(std::span<const Sketch> sketches, double tilt) {
  Cumulants sum;
  for (const Sketch& sketch : sketches) {
    double most = -kInfinity, mass = 0, mean = 0, square = 0;
    for (std::size_t i = 0; i < sketch.loss.size(); ++i) most = std::max(most, sketch.log_mass[i] + tilt * sketch.loss[i]);
    const double centre = sketch.loss[sketch.loss.size() / 2];
    for (std::size_t i = 0; i < sketch.loss.size(); ++i) {
      const double weight = std::exp(sketch.log_mass[i] + tilt * sketch.loss[i] - most), x = sketch.loss[i] - centre;
      mass += weight;
      mean += weight * x;
      square += weight * x * x;
    }
    mean /= mass;
    sum.value += sketch.steps * (most + std::log(mass));
    sum.mean += sketch.steps * (centre + mean);
    sum.variance += sketch.steps * std::max(square / mass - mean * mean, 0.0);
  }
  return sum;
}

// What is asked for: epsilon at a delta, or delta at an epsilon.
struct Question {
  std::optional<double> delta, epsilon;
};

struct Plan {
  double tilt = 0, half_width = 0;
};

Plan plan_of(std::span<const Sketch> sketches, const Question& question) {
  // The logarithm of the tilt; losses from 1e-12 to 1e12.
  const auto bound = [&](double log_tilt) {
    const double tilt = std::exp(log_tilt);
    const double value = cumulants(sketches, tilt).value;
    return question.delta ? (value - std::log(*question.delta)) / tilt : value - tilt * *question.epsilon;
  };
  Plan plan{.tilt = std::exp(minimum_of(bound, std::log(1e-12), std::log(1e12), 111).at)};
  Cumulants at = cumulants(sketches, plan.tilt);
  // Below the mean any tilt will do, and one that small would make the window wide. And all losses may be as good as one: a window of a
  // thousandth of it will do.
  const double mean = std::max(std::abs(at.mean), 1e-15), deviation = std::max(std::sqrt(at.variance), 1e-4 * mean);
  const double least = 0.5 / deviation, most = std::max(45e3 / mean, least);
  if (plan.tilt < least || plan.tilt > most) at = cumulants(sketches, plan.tilt = std::clamp(plan.tilt, least, most));
  // 9 deviations of the tilted losses, and far enough for exp(-45) of Chernoff's bound above.
  plan.half_width = std::max(9 * std::sqrt(at.variance), 45 / plan.tilt);
  return plan;
}

struct Answered {
  DeltaTable table;
  double loss_rounding = 0;    // of the composed loss, absolute
  double grid_drift = 0;       // how far rounding to the grid can raise it, but with chance `unlikely`
  double unlikely = 0;
};

// How far a loss is raised on average, at most: h (1 - exp(-s)) / (1 - exp(-h)) - s is concave in s, 0 at both ends.
double mean_raise(double step) { return std::min(step, step * step / 8 * (step / -std::expm1(-step))); }

Answered tabulate(std::span<const SampledGaussianSteps> parts, Direction direction, const Question& question, double smallest_delta, std::size_t points) {
  double total_steps = 0;
  for (const SampledGaussianSteps& part : parts) total_steps += static_cast<double>(part.steps);
  const double tail = std::max(smallest_delta * kTailShare / total_steps, 1e-300);
  std::vector<SampledGaussianLoss> losses;
  std::vector<Sketch> sketches;
  double widest = 0;
  for (const SampledGaussianSteps& part : parts) {
    losses.emplace_back(part.noise_multiplier, part.sampling_rate, direction);
    sketches.push_back(sketch_of(losses.back(), part.steps, tail));
    const auto [low, high] = losses.back().cut(tail);
    const double least = losses.back().log_ratio(low), most = losses.back().log_ratio(high);
    // All losses may be as good as one.
    widest = std::max({widest, most - least, 1e-3 * std::max(std::abs(least), std::abs(most)), 1e-18});
  }
  Answered answered;
  double step = widest / static_cast<double>(points);
  if (total_steps == 1) {
    const DiscreteLoss loss = discretise(losses.front(), step, tail);
    answered.loss_rounding = 1024 * kUnitRoundoff * loss.largest;
    answered.table = delta_table(loss);
  } else {
    const Plan plan = plan_of(sketches, question);
    step = std::max(2 * plan.half_width, widest) / static_cast<double>(points);
    std::vector<LossPart> composed;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      composed.push_back({.loss = discretise(losses[i], step, tail), .steps = parts[i].steps});
      answered.loss_rounding += static_cast<double>(parts[i].steps) * 1024 * kUnitRoundoff * composed.back().loss.largest;
    }
    // Very wide cells move the composition.
    const double centre = question.delta ? tilted_mean(composed, plan.tilt) : *question.epsilon;
    const auto first = static_cast<std::int64_t>(std::floor(centre / step)) - static_cast<std::int64_t>(points / 2);
    answered.table = delta_table(composed, {.tilt = plan.tilt, .first = first, .size = points});
  }
  const double chance = smallest_delta * kErrorShare;
  // The loss on the grid is the loss rounded up or down at random, independently for each step, with this mean: Hoeffding.
  answered.grid_drift = std::min(total_steps * step, total_steps * mean_raise(step) + step * std::sqrt(total_steps * -std::log(chance) / 2));
  answered.unlikely = chance + 2.1 * tail * total_steps;
  return answered;
}

// The smallest epsilon of at least 0 at which `deltas` are at most delta: infinity where none in the table is.
double epsilon_in(const DeltaTable& table, const std::vector<double>& deltas, double delta) {
  std::size_t i = deltas.size();
  while (i > 0 && deltas[i - 1] <= delta) --i;
  if (i == deltas.size()) return kInfinity;
  const auto at = [&](std::size_t n) { return static_cast<double>(table.first + static_cast<std::int64_t>(n)) * table.step; };
  if (i == 0) return std::max(at(0), 0.0);
  // Between two grid points the delta of masses on the grid is linear in exp(epsilon).
  const double share = (deltas[i - 1] - delta) / (deltas[i - 1] - deltas[i]);
  const double inside = std::isfinite(share) ? std::log1p(share * std::expm1(table.step)) : table.step;
  return std::max(0.0, at(i - 1) + std::clamp(inside, 0.0, table.step));
}

// delta at epsilon, from `deltas`; outside the table by what is known there.
double delta_in(const DeltaTable& table, const std::vector<double>& deltas, double epsilon, double below) {
  const double place = std::floor(epsilon / table.step) - static_cast<double>(table.first);
  if (place < 0) return below;
  const auto i = static_cast<std::size_t>(std::min(place, static_cast<double>(deltas.size() - 1)));
  if (i + 1 == deltas.size()) return deltas[i];
  const double inside = epsilon - static_cast<double>(table.first + static_cast<std::int64_t>(i)) * table.step;
  const double share = std::clamp(std::expm1(inside) / std::expm1(table.step), 0.0, 1.0);
  return deltas[i] + share * (deltas[i + 1] - deltas[i]);
}

std::vector<Direction> directions_of(std::span<const SampledGaussianSteps> parts) {
  if (std::ranges::all_of(parts, [](const SampledGaussianSteps& part) { return part.sampling_rate == 1; })) return {Direction::remove};
  return {Direction::remove, Direction::add};
}

}  // namespace

namespace {

struct Interval {
  double least = 0, most = 0;
};

Interval epsilon_of(std::span<const SampledGaussianSteps> parts, Direction direction, double delta, std::size_t points) {
  const Answered answered = tabulate(parts, direction, {.delta = delta, .epsilon = {}}, delta, points);
  const double epsilon = epsilon_in(answered.table, answered.table.upper, delta * (1 - 4 * kUnitRoundoff));
  return {.least = epsilon_in(answered.table, answered.table.lower, delta + answered.unlikely) - answered.grid_drift - 2 * answered.loss_rounding,
          .most = epsilon > 0 ? epsilon * (1 + 8 * kUnitRoundoff) + answered.loss_rounding : 0};
}

}  // namespace

Result<PldBound> pld_epsilon(std::span<const SampledGaussianSteps> steps, double delta, PldGrid grid) {
  if (!(delta > 0 && delta < 1)) return fail(ErrorCode::invalid_argument, "PLD: delta is not between 0 and 1");
  FEDSPEND_TRY(check(steps));
  const auto parts = merged(steps);
  if (parts.empty()) return PldBound{};
  const auto directions = directions_of(parts);
  // On the coarse grid first, where there are two: the direction that is below the other even there, with what the grid adds to it, plays no
  // part on a finer one.
  std::vector<Interval> found;
  if (grid == PldGrid::coarse || directions.size() > 1)
    for (const Direction direction : directions) found.push_back(epsilon_of(parts, direction, delta, kCoarsePoints));
  if (grid != PldGrid::coarse) {
    const std::size_t points = grid == PldGrid::fine ? kFinePoints : kMiddlePoints;
    found.resize(directions.size(), {.least = 0, .most = kInfinity});
    const std::size_t first = found.front().most >= found.back().most ? 0 : found.size() - 1;
    found[first] = epsilon_of(parts, directions[first], delta, points);
    const std::size_t other = found.size() - 1 - first;
    if (found[other].most > found[first].most) found[other] = epsilon_of(parts, directions[other], delta, points);
  }
  double value = 0, least = 0;
  for (const Interval& one : found) {
    value = std::max(value, one.most);
    least = std::max(least, one.least);
  }
  return PldBound{.value = value, .error = value - std::clamp(least, 0.0, value)};
}

Result<PldBound> pld_delta(std::span<const SampledGaussianSteps> steps, double epsilon) {
  if (!(epsilon >= 0 && std::isfinite(epsilon))) return fail(ErrorCode::invalid_argument, "PLD: epsilon is not at least 0");
  FEDSPEND_TRY(check(steps));
  const auto parts = merged(steps);
  if (parts.empty()) return PldBound{};
  double value = 0, least = 0;
  for (const Direction direction : directions_of(parts)) {
    // Tails are cut relative to delta, which is not known yet: first for one that is surely too small to matter, then anew.
    double guess = 1e-15;
    for (int pass = 0; pass < 2; ++pass) {
      const Answered answered = tabulate(parts, direction, {.delta = {}, .epsilon = epsilon}, guess, kFinePoints);
      const double upper = std::min(1.0, delta_in(answered.table, answered.table.upper, epsilon - answered.loss_rounding, 1));
      if (pass == 0 && upper < 1e-13) {
        guess = std::max(upper * 1e-2, 1e-290);
        continue;
      }
      value = std::max(value, upper);
      least = std::max(least, delta_in(answered.table, answered.table.lower, epsilon + answered.grid_drift + answered.loss_rounding, 0) - answered.unlikely);
      break;
    }
  }
  return PldBound{.value = value, .error = value - std::clamp(least, 0.0, value)};
}

}  // namespace fedspend
