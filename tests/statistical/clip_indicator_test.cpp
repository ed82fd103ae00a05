// Adaptive clipping: update and clip indicator in one sum (pipeline.h), of 12 devices with z = 1 for both together. The indicator alone
// has noise multiplier 1.2 here, the update 1.81. In the world without it, a device's update and its indicator are both zero (an update
// that is not finite gives just that). The attacker weighs both by their noise. delta = .01, confidence 1 - 1e-6 (falsification.h), 60,000
// runs of each world for the real pipeline and 20,000 or 30,000 for each of the others; seeds are fixed.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "tests/statistical/pipeline.h"

namespace fedspend::tests {
namespace {

Plan adaptive_plan() {
  Plan plan = small_plan();
  plan.privacy.clip_quantile = 0.5;
  plan.privacy.clip_learning_rate = 0.2;
  return plan;
}
const Plan plan = adaptive_plan();
const double clip = plan.aggregation.clip_norm_l2;
constexpr double kWithin = 0.9999;  // at the clip norm itself rounding would decide the indicator

// What the attacker takes the indicator's noise multiplier for, and on which side of the clip norm the update is.
struct Attack {
  double indicator_stddev = 0;
  double side = 1;
};

// Scores by the likelihood ratio, but for a constant.
Scores joint_attack(const Pipeline& pipeline, const std::vector<float>& update, const Attack& attack, std::size_t runs, std::uint64_t seed) {
  SeededRandom random(seed);
  const std::vector<float> nothing(update.size(), std::numeric_limits<float>::quiet_NaN());
  const double update_variance = std::pow(parameters_of(plan).noise->goal.noise_multiplier, 2);
  const double indicator_variance = std::pow(attack.indicator_stddev, 2);
  const auto score = [&](const Released& released) {
    const double indicator = (released.indicator - 0.5) * 2 * pipeline.clients() * attack.side;  // of one device: 1
    return projection(released.mean, update, pipeline.clients(), clip) / update_variance + indicator / indicator_variance;
  };
  Scores scores;
  for (std::size_t i = 0; i < runs; ++i) {
    scores.with.push_back(score(pipeline.release(update, random)));
    scores.without.push_back(score(pipeline.release(nothing, random)));
  }
  return scores;
}

TEST_CASE("update and indicator together do not falsify what the accountant says of both") {
  const SessionParameters parameters = parameters_of(plan);
  REQUIRE(parameters.clip_indicator);
  const double claimed = accounted_epsilon(plan, parameters), stddev = parameters.clip_indicator->stddev;
  const double found = epsilon_lower_bound(joint_attack(Pipeline(parameters), dense_update(16, kWithin * clip), {stddev}, 60'000, 1), kDelta);
  MESSAGE("claimed " << claimed << ", found at least " << found);
  CHECK(found <= claimed);
  CHECK(found >= 1.4);
  CHECK(claimed <= 3);
  const Scores clipped = joint_attack(Pipeline(parameters), dense_update(16, 100 * clip), {stddev, -1}, 20'000, 2);
  CHECK(epsilon_lower_bound(clipped, kDelta) <= claimed);
}

TEST_CASE("broken: an indicator without noise, with that of one device, or of four times its weight is found out") {
  const SessionParameters parameters = parameters_of(plan);
  const double claimed = accounted_epsilon(plan, parameters), stddev = parameters.clip_indicator->stddev;
  SessionParameters silent = parameters, heavy = parameters;
  silent.clip_indicator->share_variance = kNoNoise;
  heavy.clip_indicator->weight *= 4;
  struct Broken {
    std::string name;
    Pipeline pipeline;
    double indicator_stddev;
  };
  const double shares = parameters.clip_indicator->goal.honest_shares;
  for (const Broken& broken : {Broken{"no noise", Pipeline(silent), 0.01},
                               {"the noise of one device", Pipeline(parameters, silent), stddev / std::sqrt(shares)},
                               {"four times the weight", Pipeline(heavy, parameters), stddev / 4}}) {
    CAPTURE(broken.name);
    const Scores scores = joint_attack(broken.pipeline, dense_update(16, kWithin * clip), {broken.indicator_stddev}, 30'000, 3);
    const double found = epsilon_lower_bound(scores, kDelta);
    MESSAGE(broken.name << ": epsilon at least " << found);
    CHECK(found > claimed);
  }
}

}  // namespace
}  // namespace fedspend::tests
