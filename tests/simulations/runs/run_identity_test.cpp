// What makes a run another one: --resume goes on from a checkpoint of the same identity alone (tests/processes/resume_test.cpp).
#include "simulations/runs/run.h"

#include <functional>
#include <set>

#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;
using namespace fedspend::tests;

namespace {

std::string policy_of(const RunIdentity& identity) {
  for (const auto& [name, value] : identity)
    if (name == "policy") return value;
  FAIL("an identity without a policy");
  return {};
}

}  // namespace

TEST_CASE("a policy that differs in any of its keys makes another run") {
  const SmallRun small = small_run(2, {"aggregation.mode=open"});
  IdentityPublicKey key, other_key;
  key.bytes.fill(1);
  other_key.bytes.fill(2);
  using Policy = client::DevicePolicy;
  const std::vector<std::pair<const char*, std::function<void(Policy&)>>> changes = {
      {"nothing", [](Policy&) {}},
      {"purposes", [](Policy& policy) { policy.purposes.insert("another_purpose"); }},
      {"min_cohort", [](Policy& policy) { ++policy.min_cohort; }},
      {"min_clip_norm_l2", [](Policy& policy) { policy.min_clip_norm_l2 /= 2; }},
      {"max_clip_norm_l2", [](Policy& policy) { policy.max_clip_norm_l2 *= 2; }},
      {"min_bits", [](Policy& policy) { --policy.min_bits; }},
      {"max_bits", [](Policy& policy) { ++policy.max_bits; }},
      {"min_corrupt_fraction", [](Policy& policy) { policy.min_corrupt_fraction += 0.05; }},
      {"min_security_bits", [](Policy& policy) { ++policy.min_security_bits; }},
      {"require_semi_malicious", [](Policy& policy) { policy.require_semi_malicious ^= true; }},
      {"allow_roster_beacon", [](Policy& policy) { policy.allow_roster_beacon ^= true; }},
      {"beacon_key", [&](Policy& policy) { policy.beacon_key = key; }},
      {"another beacon_key", [&](Policy& policy) { policy.beacon_key = other_key; }},
      {"max_participations", [](Policy& policy) { --policy.max_participations; }},
      {"min_noise_multiplier", [](Policy& policy) { policy.min_noise_multiplier *= 2; }},
      {"max_epsilon", [](Policy& policy) { policy.max_epsilon /= 2; }},
      {"delta", [](Policy& policy) { policy.delta /= 2; }},
      {"allow_central_privacy", [](Policy& policy) { policy.allow_central_privacy ^= true; }},
      {"allow_open_aggregation", [](Policy& policy) { policy.allow_open_aggregation ^= true; }},
      {"allow_no_privacy", [](Policy& policy) { policy.allow_no_privacy ^= true; }},
      {"release_key", [&](Policy& policy) { policy.release_key = key; }}};
  std::set<std::string> digests;
  for (const auto& [what, change] : changes) {
    RunOptions options = small.options;
    change(options.federation.policy);
    CHECK_MESSAGE(digests.insert(policy_of(run_identity(options, small.clients))).second, what);
  }
}
