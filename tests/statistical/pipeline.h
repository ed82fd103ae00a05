#pragma once
// The pipeline that is put to the test: n_h honest devices, each with DistributedEncoder as client/update_pipeline.h uses it, their sum
// mod 2^b, and decode_mean as the coordinator calls it. All else that is in a sum (floor(gamma n) corrupt devices with their noise) the
// attacker knows and takes off, exactly, so it is left out here; and of the honest no more are there than the protocol makes sure of:
// the number comes from kSureShares, not from the parameters that are put to the test, which take it for their noise and their claim. The
// first device is the one under attack: it sends its update in one world and zero in the other, with its noise in both. The attacker
// knows update and session, hence the rotation.

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "common/check.h"
#include "common/crypto/random.h"
#include "common/privacy/distributed_encoder.h"
#include "common/protocol/plan.h"
#include "common/secagg/session_privacy.h"
#include "common/secagg/session_terms.h"
#include "tests/statistical/falsification.h"

namespace fedspend::tests {

// At which all claims of this folder are tested: large, since so many runs can tell little of rare events.
inline constexpr double kDelta = 0.01;

// Of small_plan's twelve devices a quorum of floor((1 + 1/2) 12 / 2) + 1 = 10 is surely in a sum (SECAGG.md, "unmask"), and floor(12 / 2) = 6
// of those may be corrupt.
inline constexpr std::uint32_t kSureShares = 4;

// Twelve devices, half of which may be corrupt.
inline Plan small_plan() {
  Plan plan;
  plan.model.parameter_count = 16;
  plan.federation.cohort = 12;
  plan.aggregation.clip_norm_l2 = 0.7;
  plan.aggregation.bits = 24;
  plan.aggregation.corrupt_ppm = 500'000;
  plan.aggregation.threat = Threat::curious;
  plan.privacy.noise_multiplier = 1;
  plan.privacy.delta = kDelta;
  return plan;
}

inline SessionParameters parameters_of(const Plan& plan) {
  const auto terms = make_session_terms(plan, RoundId{1}, SessionId{}, plan.devices_asked(), plan.aggregation.clip_norm_l2);
  FEDSPEND_CHECK(terms.has_value(), "terms of a session");
  const auto parameters = derive_parameters(*terms, plan.federation.cohort);
  FEDSPEND_CHECK(parameters.has_value(), "parameters of a session");
  return *parameters;
}

// What the accountant says of one sum of these parameters.
inline double epsilon_of(const PrivacyCost& cost, double delta = kDelta) { return repeated(cost, 1).epsilon(delta); }
inline double accounted_epsilon(const Plan& plan, const SessionParameters& parameters) {
  const auto cost = contribution_cost(plan, parameters);
  FEDSPEND_CHECK(cost.has_value(), "a cost");
  return epsilon_of(*cost);
}

struct Released {
  std::vector<float> mean;
  double indicator = 0;  // b_mean; 0 without one
};

class Pipeline {
 public:
  explicit Pipeline(const SessionParameters& parameters, std::uint32_t honest = kSureShares) : Pipeline(parameters, parameters, honest) {}
  // For mechanisms that are broken: the device under attack, and the other honest ones, do as they like.
  Pipeline(const SessionParameters& attacked, const SessionParameters& others, std::uint32_t honest = kSureShares)
      : attacked_(encoder_of(attacked)), other_(encoder_of(others)), honest_(honest) {
    session_.bytes.fill(7);
  }

  std::uint32_t clients() const { return other_.parameters().goal.clients; }
  const SessionId& session() const { return session_; }

  RingVector sum(std::vector<float> update, RandomSource& random) const {
    const std::size_t size = update.size();
    return with_others(attacked_.encode(update, session_, random).value(), size, random);
  }
  // `encoded` is what the device under attack sends.
  RingVector with_others(RingVector encoded, std::size_t length, RandomSource& random) const {
    std::vector<float> zero(length);
    for (std::uint32_t i = 1; i < honest_; ++i) encoded.add(other_.encode(zero, session_, random).value());
    return encoded;
  }
  Released release(std::vector<float> update, RandomSource& random) const { return decode(sum(std::move(update), random)); }
  Released decode(const RingVector& total) const {
    Released released{other_.decode_mean(total, session_, clients()).value()};
    if (total.size() > other_.parameters().dimension) released.indicator = other_.decode_indicator(total);
    return released;
  }

 private:
  static DistributedEncoder encoder_of(const SessionParameters& parameters) {
    auto encoder = DistributedEncoder::create(parameters.noise.value(), parameters.clip_indicator);
    FEDSPEND_CHECK(encoder.has_value(), "an encoder");
    return *encoder;
  }
  DistributedEncoder attacked_;
  DistributedEncoder other_;
  std::uint32_t honest_;
  SessionId session_;
};

// A vector of this norm in a direction with no coordinate like another.
inline std::vector<float> dense_update(std::size_t length, double norm) {
  std::vector<float> update(length);
  double square = 0;
  for (std::size_t i = 0; i < length; ++i) {
    const double value = (i % 2 == 0 ? 1.0 : -1.0) * (1 + 0.1 * static_cast<double>(i));
    update[i] = static_cast<float>(value);
    square += value * value;
  }
  for (float& value : update) value = static_cast<float>(value * norm / std::sqrt(square));
  return update;
}

// <released, direction> / (c |direction|) times the divisor: 1 for an update of norm c, and 0 for none.
inline double projection(const std::vector<float>& mean, const std::vector<float>& direction, double divisor, double clip_norm) {
  const double norm = std::sqrt(std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
  return std::inner_product(mean.begin(), mean.end(), direction.begin(), 0.0) * divisor / (clip_norm * norm);
}

// So many runs of each world, scored by the projection on the update.
inline Scores attack(const Pipeline& pipeline, const std::vector<float>& update, double clip_norm, std::size_t runs, std::uint64_t seed) {
  SeededRandom random(seed);
  const std::vector<float> zero(update.size());
  Scores scores;
  for (std::size_t i = 0; i < runs; ++i) {
    scores.with.push_back(projection(pipeline.release(update, random).mean, update, pipeline.clients(), clip_norm));
    scores.without.push_back(projection(pipeline.release(zero, random).mean, update, pipeline.clients(), clip_norm));
  }
  return scores;
}

// Of no noise at all: a parameter at which a sample other than 0 has probability below exp(-2^50).
inline constexpr Variance kNoNoise{1, std::uint64_t{1} << 51};

}  // namespace fedspend::tests
