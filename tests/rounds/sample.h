#pragma once
// Small plans, keys and identities that the tests of both protocol machines start from. Everything is a function of a number, so
// that a test that fails can be run again.

#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/hash.h"
#include "common/crypto/identity.h"
#include "common/crypto/random.h"
#include "common/protocol/certificate.h"
#include "common/protocol/codec.h"
#include "common/protocol/messages.h"
#include "common/protocol/model_file.h"
#include "common/protocol/plan.h"

namespace fedspend::testing {

// 13 values of 21 bits are 273 bits: the last packed byte has 7 pad bits.
inline constexpr std::size_t kParameters = 13;

inline Plan sample_plan() {
  Plan plan;
  plan.name = "sample";
  plan.population = "cards";
  plan.purpose = "next_category";
  plan.task.bytes.fill(7);
  plan.model.name = "next_category";
  plan.model.parameter_count = kParameters;
  plan.model.categories = {"FOOD", "FUEL"};
  plan.federation = {.rounds = 3,
                     .cohort = 3,
                     .min_cohort = 2,
                     .over_selection = 1.3,  // 4 are asked
                     .round_deadline_ms = 60'000,
                     .selection_window_ms = 10'000,
                     .selection_pool = 0,
                     .retry_after_ms = 20'000};
  plan.server.learning_rate = 0.5;
  plan.aggregation = {.mode = Aggregation::open, .clip_norm_l2 = 1.0, .bits = 21};
  plan.privacy.mode = PrivacyMode::none;
  return plan;
}

// The same with secure aggregation: eight devices, of whom two may be lost. A complete graph: k = 7, t = 4, q = 5.
inline Plan secure_plan() {
  Plan plan = sample_plan();
  plan.federation.cohort = 8;
  plan.federation.min_cohort = 5;
  plan.federation.over_selection = 1;
  plan.aggregation = {.mode = Aggregation::secure, .clip_norm_l2 = 1.0, .bits = 21, .dropout_ppm = 250'000, .phase_deadline_ms = 10'000};
  return plan;
}

inline Bytes bytes_of(std::string_view text) {
  const ByteSpan span = as_bytes(text);
  return {span.begin(), span.end()};
}

inline IdentityKey release_key() {
  SeededRandom random(Hasher("test-release").u64(1).finish());
  return IdentityKey::generate(random);
}

inline SignedPlan signed_plan(const Plan& plan) { return sign_plan(bytes_of(write_plan(plan)), release_key()); }

struct DeviceKeys {
  IdentityKey identity;
  CurvePublicKey transport;
  ClientId id;
};

inline DeviceKeys device_keys(std::uint64_t number) {
  SeededRandom random(Hasher("test-device").u64(number).finish());
  IdentityKey identity = IdentityKey::generate(random);
  const CurvePublicKey transport = CurveKeyPair::generate(random).public_key;
  const ClientId id = client_id_of(identity.public_key());
  return {std::move(identity), transport, id};
}

inline IdentityKey authority_key() {
  SeededRandom random(Hasher("test-authority").u64(1).finish());
  return IdentityKey::generate(random);
}

// The certificates of all tests were issued at this second of the wall clock, and are valid for a year.
inline constexpr std::uint64_t kCertifiedAt_s = 1'800'000'000, kCertifiedUntil_s = kCertifiedAt_s + 365 * 86'400;

inline Certificate certificate_of(const IdentityPublicKey& identity, std::uint64_t serial = 1) {
  return issue_certificate(authority_key(), "cards", identity, serial, kCertifiedAt_s, kCertifiedUntil_s);
}

inline std::vector<float> sample_weights(float first = 0.25F) {
  std::vector<float> weights(kParameters);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = first + 0.125F * static_cast<float>(i);
  return weights;
}

inline ModelHash model_hash_of(const std::vector<float>& weights) { return hash_of_weights(weights_to_bytes(weights)); }

inline std::shared_ptr<const Bytes> shared_bytes(Bytes bytes) { return std::make_shared<const Bytes>(std::move(bytes)); }

template <class Alternative, class Variant>
std::vector<Alternative> all_of(const std::vector<Variant>& effects) {
  std::vector<Alternative> found;
  for (const Variant& effect : effects)
    if (const auto* match = std::get_if<Alternative>(&effect)) found.push_back(*match);
  return found;
}

}  // namespace fedspend::testing
