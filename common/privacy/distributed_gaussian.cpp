#include "common/privacy/distributed_gaussian.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/check.h"
#include "common/nearest_accepted.h"
#include "common/numeric/rotation.h"
#include "common/privacy/figure_text.h"

namespace fedspend {
namespace {

constexpr std::string_view kWho = "distributed Gaussian: ";
constexpr double kSmallestShare = 0.5;    // of s sigma_loc: below, the sum of shares is far from a discrete Gaussian
constexpr double kLargestNorm = 0x1p31;   // of a rounded vector
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The products and quotients here are off by at most eight roundings of 2^-53; this factor is more than that, and itself one.
constexpr double kAboveRounding = 1 + 0x1p-48;

constexpr double kLeastNoise = 1e-6, kMostNoise = 1e6;  // z
constexpr double kLeastClipNorm = 1e-30, kMostClipNorm = 1e30;
constexpr int kDigits = 6;

tl::unexpected<Error> refuse(const std::string& message, std::string hint = {}) {
  return fail(ErrorCode::invalid_argument, message.starts_with(kWho) ? message : std::string(kWho) + message, std::move(hint));
}

bool within(double value, double low, double high) { return value >= low && value <= high; }  // false for NaN

// p of a coordinate of the sum.
double wrap_probability(const DistributedGaussianGoal& goal) { return std::erfc(goal.wrap_deviations / std::sqrt(2.0)); }

// 2^(2b) - n k^2, positive where b bits can hold the rounding of n updates alone.
double spare_range(const DistributedGaussianGoal& goal) {
  const double modulus = static_cast<double>(std::uint64_t{1} << goal.bits);
  return modulus * modulus - static_cast<double>(goal.clients) * (goal.wrap_deviations * goal.wrap_deviations);
}

// s of PRIVACY.md, step 2. Its denominator cannot vanish: n c^2 z^2 / n_h is positive.
double scale_of(const DistributedGaussianGoal& goal) {
  const double n = goal.clients;
  const double c_squared = goal.clip_norm_l2 * goal.clip_norm_l2;
  const double noise = c_squared * (goal.noise_multiplier * goal.noise_multiplier) / goal.honest_shares;  // sigma_loc^2
  const double sum = c_squared * (n * n) / static_cast<double>(rotated_size(goal.length)) + n * noise;
  const double scale = std::sqrt(spare_range(goal)) / (2 * goal.wrap_deviations * std::sqrt(sum));
  return std::min(scale, kLargestScale);
}

// (s sigma_loc)^2 in ring units.
double share_variance_of(const DistributedGaussianGoal& goal, double scale) {
  const double total = scale * goal.clip_norm_l2 * goal.noise_multiplier;
  return total * total / goal.honest_shares;
}

// The check in integers is of what is bounded here: the margin 2^-40 lets no rounding in the scaling of a vector matter.
double norm_bound_squared_of(const DistributedGaussianGoal& goal, double scale) {
  return rounded_norm_bound_squared(scale * goal.clip_norm_l2, rotated_size(goal.length)) * (1 + 0x1p-40);
}

bool norms_are_small_enough(double norm_bound_squared, double share_variance) {
  return norm_bound_squared < kLargestNorm * kLargestNorm && share_variance < kLargestNorm * kLargestNorm / 4;
}

Status check_ranges(const DistributedGaussianGoal& goal) {
  if (goal.clients < 1) return refuse("no clients", "choose at least one client");
  if (goal.honest_shares < 1 || goal.honest_shares > goal.clients)
    return refuse(std::to_string(goal.honest_shares) + " honest shares of " + std::to_string(goal.clients) + " clients",
                  "choose a quorum that is above the number of corrupt clients, so that 1 to " + std::to_string(goal.clients) + " shares are honest");
  if (goal.length < 1 || goal.length > std::uint64_t{1} << 31)
    return refuse(std::to_string(goal.length) + " coordinates", "an update has 1 to 2^31 coordinates");
  if (!within(goal.clip_norm_l2, kLeastClipNorm, kMostClipNorm)) return refuse("a clip norm of " + exact_text(goal.clip_norm_l2), "choose a clip norm between 1e-30 and 1e30");
  if (!within(goal.noise_multiplier, kLeastNoise, kMostNoise))
    return refuse("a noise multiplier of " + exact_text(goal.noise_multiplier), "choose a noise multiplier between 1e-6 and 1e6");
  if (goal.bits < 2 || goal.bits > 32) return refuse(std::to_string(goal.bits) + " bits", "choose 2 to 32 bits");
  if (!within(goal.wrap_deviations, 1, 10))
    return refuse("a range of " + exact_text(goal.wrap_deviations) + " deviations of a coordinate, beyond which it wraps", "choose 1 to 10 deviations, 3.8906 for a wrap probability of 1e-4");
  return {};
}

// What to change so that the check below accepts the goal: bits, then the noise, then the clients, then the clip norm; bits and noise where it takes both.
class Proposal {
 public:
  using Check = Result<DistributedGaussian> (*)(const DistributedGaussianGoal&);
  Proposal(const DistributedGaussianGoal& refused, Check check) : goal_(refused), check_(check) {}

  std::string text() {
    if (const auto found = whole(goal_.bits, 32)) return "choose at least " + *found + " bits";
    if (const auto found = whole(goal_.bits, 2)) return "choose at most " + *found + " bits";
    if (const auto found = noise()) return "choose a noise multiplier of " + *found;
    if (const auto found = whole(goal_.clients, goal_.honest_shares)) return "choose at most " + *found + " clients";
    if (const auto found = number(goal_.clip_norm_l2, kMostClipNorm)) return "choose a clip norm of at least " + *found;
    if (const auto found = number(goal_.clip_norm_l2, kLeastClipNorm)) return "choose a clip norm of at most " + *found;
    for (goal_.bits = 2; goal_.bits <= 32; ++goal_.bits)
      if (const auto found = noise()) return "choose " + std::to_string(goal_.bits) + " bits and a noise multiplier of " + *found;
    return "no one value alone would do: begin with 20 bits, a noise multiplier of 1, and a clip norm of 1";
  }

 private:
  // What the check says with another value of the field.
  template <class Field>
  auto with(Field& field) {
    return [this, &field](auto value) {
      const Field given = std::exchange(field, static_cast<Field>(value));
      const bool accepted = check_(goal_).has_value();
      field = given;
      return accepted;
    };
  }
  template <class Field>
  std::optional<std::string> whole(Field& field, std::int64_t limit) {
    const auto found = nearest_accepted(field, limit, with(field));
    return found ? std::optional(std::to_string(*found)) : std::nullopt;
  }
  std::optional<std::string> number(double& field, double limit) {
    const auto found = nearest_accepted_number(field, limit, with(field));
    return found ? std::optional(exact_text(*found)) : std::nullopt;
  }
  std::optional<std::string> noise() {
    if (const auto found = number(goal_.noise_multiplier, kMostNoise)) return "at least " + *found;
    if (const auto found = number(goal_.noise_multiplier, kLeastNoise)) return "at most " + *found;
    return std::nullopt;
  }

  DistributedGaussianGoal goal_;
  Check check_;
};

// Not below the exact value: at most two roundings lie between it and `value`.
double upwards(double value) { return std::nextafter(std::nextafter(value, kInfinity), kInfinity); }

}  // namespace

double rounded_norm_bound_squared(double scaled_clip, std::uint64_t dimension, double root_2_ln_inverse_beta) {
  const double d = static_cast<double>(dimension);
  const double always = scaled_clip + std::sqrt(d);
  const double likely = scaled_clip * scaled_clip + d / 4 + root_2_ln_inverse_beta * (scaled_clip + std::sqrt(d) / 2);
  return std::min(always * always, likely);
}

Variance fraction_at_least(double lower) {
  FEDSPEND_CHECK(within(lower, 0x1p-30, 0x1p61), "a variance between 2^-30 and 2^61");
  int exponent = 0;
  std::frexp(lower, &exponent);  // lower < 2^exponent
  const int shift = std::clamp(32 - exponent, 0, 62);
  // Exact: a power of two times a double, and the ceiling of a double.
  return {static_cast<std::uint64_t>(std::ceil(std::ldexp(lower, shift))), std::uint64_t{1} << shift};
}

double DistributedGaussian::released_variance_ring() const {
  const double share = static_cast<double>(share_variance.numerator) / static_cast<double>(share_variance.denominator);
  return share * goal.honest_shares * (1 - 0x1p-48);
}

double DistributedGaussian::noise_excess(std::uint32_t shares) const {
  FEDSPEND_CHECK(shares >= 1, "a sum of at least one share");
  return std::sqrt(static_cast<double>(shares) / goal.honest_shares);
}

namespace {

// Without a hint where another value would do: that takes more asking.
Result<DistributedGaussian> chosen_for(const DistributedGaussianGoal& goal) {
  FEDSPEND_TRY(check_ranges(goal));
  if (spare_range(goal) <= 0)
    return refuse(std::to_string(goal.bits) + " bits cannot hold the rounding of " + std::to_string(goal.clients) + " updates at a wrap probability of " + bound_text(wrap_probability(goal)) + " a coordinate");
  DistributedGaussian chosen;
  chosen.goal = goal;
  chosen.dimension = rotated_size(goal.length);
  chosen.scale = scale_of(goal);
  const double share = share_variance_of(goal, chosen.scale);
  if (share < kSmallestShare * kSmallestShare)
    return refuse("each share of noise has a deviation of " + least_text(std::sqrt(share), kDigits) + " steps; 0.5 is the least (" + std::to_string(goal.bits) + " bits, " +
                  std::to_string(goal.clients) + " clients, noise multiplier " + least_text(goal.noise_multiplier, kDigits) + ")");
  const double bound = norm_bound_squared_of(goal, chosen.scale);
  if (!norms_are_small_enough(bound, share))
    return refuse("a rounded update would have a norm of " + bound_text(std::sqrt(bound), kDigits) + " steps, its noise a deviation of " + bound_text(std::sqrt(share), kDigits) +
                  "; 2^31 and 2^30 are the limits");
  chosen.share_variance = fraction_at_least(share * kAboveRounding);
  chosen.squared_norm_bound = static_cast<std::uint64_t>(bound);
  chosen.sensitivity_l2_ring = upwards(std::sqrt(static_cast<double>(chosen.squared_norm_bound)));
  chosen.sensitivity_l1_ring =
      upwards(chosen.sensitivity_l2_ring * std::min(upwards(std::sqrt(static_cast<double>(chosen.dimension))), chosen.sensitivity_l2_ring));
  chosen.expected_wraps = static_cast<double>(chosen.dimension) * wrap_probability(goal);
  return chosen;
}

}  // namespace

Result<DistributedGaussian> choose_distributed_gaussian(const DistributedGaussianGoal& goal) {
  Result<DistributedGaussian> chosen = chosen_for(goal);
  if (!chosen && chosen.error().hint.empty()) return refuse(chosen.error().message, Proposal(goal, chosen_for).text());
  return chosen;
}

}  // namespace fedspend
