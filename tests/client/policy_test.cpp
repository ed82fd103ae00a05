#include "client/policy.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "client/device_record.h"
#include "common/bytes.h"
#include "common/crypto/random.h"
#include "common/secagg/session_privacy.h"

#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

// What a demonstration's device brings for sample_plan().
DevicePolicy demonstration() {
  return {.purposes = {"next_category"}, .min_cohort = 2, .max_clip_norm_l2 = 1.0, .allow_open_aggregation = true, .allow_no_privacy = true};
}

// Where the plan as a whole cannot be, no cost stands in the way of what is looked at here.
PrivacyCost cost_of(const Plan& plan) { return dearest_device_cost(plan).value_or(PrivacyCost{.has_noise = plan.privacy.has_noise()}); }

std::string refusal(const DevicePolicy& policy, const Plan& plan, std::string_view population = "cards") {
  Status allowed = check_plan(policy, plan, population);
  if (allowed) allowed = check_spending(policy, plan, cost_of(plan));
  if (allowed) return "";
  CHECK(allowed.error().code == ErrorCode::refused);
  return allowed.error().message;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("who allows no noise allows a plan without any, and a simulation's; a plan that claims some is held to the policy all the same") {
  DevicePolicy policy = demonstration();
  policy.min_corrupt_fraction = 0;
  Plan plan = testing::secure_plan();
  plan.privacy = {.mode = PrivacyMode::none};
  CHECK(refusal(policy, plan) == "");
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 2, .max_participations = 7};
  CHECK(holds(refusal(policy, plan), "the coordinator would be trusted"));
  plan.privacy.noise_cohort = 10'000;
  CHECK(refusal(policy, plan) == "");
  policy.allow_no_privacy = false;
  policy.allow_central_privacy = true;
  CHECK(holds(refusal(policy, plan), "a simulation's"));
  policy.allow_no_privacy = true;
  plan.privacy.noise_cohort = 0;
  CHECK(refusal(policy, plan) == "");
  plan.privacy.noise_multiplier = 0.499;
  CHECK(holds(refusal(policy, plan), "noise multiplier is 0.499, below 0.5"));
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 2, .delta = 1e-5, .max_participations = 7};
  CHECK(holds(refusal(policy, plan), "delta is 1e-05, above 1e-06"));
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 0.6, .max_epsilon = 1e9, .max_participations = 7};
  CHECK(holds(refusal(policy, plan), "would spend epsilon"));
}

TEST_CASE("where the policy says so little noise is taken, also the coordinator's; caps, the plan's own budget and the rest of the policy hold") {
  Plan plan = testing::secure_plan();
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 1e-3, .delta = 0.1, .max_epsilon = 1e9, .max_participations = 7};
  DevicePolicy policy = demonstration();
  policy.min_corrupt_fraction = 0;
  policy.min_noise_multiplier = 1e-3;
  policy.max_epsilon = 1e9;
  policy.delta = 0.1;
  policy.allow_central_privacy = true;
  CHECK(refusal(policy, plan) == "");
  const ParticipationLimits limits = participation_limits(policy, plan);
  CHECK(limits.of_task.max_participations == 7);
  CHECK(limits.of_task.max_epsilon == 1e9);
  CHECK(limits.of_task.delta == 0.1);
  CHECK(limits.max_epsilon_in_all == 1e9);
  policy.min_cohort = 1'000;
  CHECK(holds(refusal(policy, plan), "smallest cohort"));
  policy.max_participations = 3;
  CHECK(participation_limits(policy, plan).of_task.max_participations == 3);
  CHECK(holds(refusal(policy, plan), "participation cap is 7, above 3"));
}

TEST_CASE("epsilon is without bound only where the plan counts as having no noise and the policy allows that; cap and separation hold in any case") {
  Plan noisy = testing::secure_plan(), none = noisy, simulated = noisy;
  noisy.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 2, .max_participations = 3, .min_separation_rounds = 2};
  none.privacy = {.mode = PrivacyMode::none};
  simulated.privacy = noisy.privacy;
  simulated.privacy.noise_cohort = 10'000;
  DevicePolicy strict = demonstration(), lenient = demonstration();
  strict.allow_no_privacy = false;
  for (const DevicePolicy& policy : {strict, lenient}) {
    const ParticipationLimits limits = participation_limits(policy, noisy);
    CHECK(limits.max_epsilon_in_all == 10);
    CHECK(limits.of_task.max_epsilon == noisy.privacy.max_epsilon);
  }
  for (const Plan& plan : {none, simulated}) {
    CHECK(std::isinf(participation_limits(lenient, plan).of_task.max_epsilon));
    CHECK(std::isinf(participation_limits(lenient, plan).max_epsilon_in_all));
    // Were a plan that the policy refuses ever to come as far as the charge, it is refused there.
    CHECK(participation_limits(strict, plan).max_epsilon_in_all == 10);
    SeededRandom random(1);
    MemoryDeviceRecord record(random);
    CHECK(record.charge_participation(plan.task, RoundId{1}, SessionId{}, dearest_device_cost(plan).value(), participation_limits(strict, plan)).error().code == ErrorCode::refused);
    CHECK(record.participations(plan.task).value() == 0);
  }
  CHECK(participation_limits(strict, simulated).of_task.max_epsilon == noisy.privacy.max_epsilon);
  CHECK(participation_limits(lenient, simulated).of_task.max_participations == 3);
  CHECK(participation_limits(lenient, simulated).of_task.min_separation_rounds == 2);
}

TEST_CASE("a refusal rounds epsilon and delta up, and the noise down: it never promises more than is true") {
  DevicePolicy policy = demonstration();
  policy.min_corrupt_fraction = 0;
  Plan plan = testing::secure_plan();
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 0.49999996};
  CHECK(holds(refusal(policy, plan), "noise multiplier is 0.499999, below 0.5"));
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 1, .delta = 1.00000049e-6};
  CHECK(holds(refusal(policy, plan), "delta is 1.00001e-06, above 1e-06"));
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 1, .max_participations = 5};
  const double epsilon = repeated(cost_of(plan), 5).epsilon(policy.delta);
  const std::string text = refusal(policy, plan), label = "would spend epsilon ";
  REQUIRE(holds(text, label));
  CHECK(std::stod(text.substr(text.find(label) + label.size())) >= epsilon);
}

TEST_CASE("the default policy accepts no plan, not even the safest") {
  Plan plan = testing::sample_plan();
  plan.aggregation.mode = Aggregation::secure;
  plan.privacy.mode = PrivacyMode::distributed;
  plan.federation.cohort = 1'000;
  plan.federation.min_cohort = 0;
  CHECK(holds(refusal({}, plan), "no consent"));
  CHECK(refusal({.purposes = {"next_category"}}, plan).empty());
}

TEST_CASE("with consent alone every way in which a plan is weaker is refused with its reason (hostile case 27)") {
  const DevicePolicy consented{.purposes = {"next_category"}};
  Plan safe = testing::sample_plan();
  safe.aggregation.mode = Aggregation::secure;
  safe.privacy.mode = PrivacyMode::distributed;
  safe.federation.cohort = 112;  // of whom a tenth may be lost
  safe.federation.min_cohort = 0;
  REQUIRE(refusal(consented, safe).empty());

  SUBCASE("open aggregation") {
    safe.aggregation.mode = Aggregation::open;
    CHECK(holds(refusal(consented, safe), "open"));
  }
  SUBCASE("no privacy") {
    safe.privacy.mode = PrivacyMode::none;
    CHECK(holds(refusal(consented, safe), "no noise"));
  }
  SUBCASE("central privacy, where devices add no noise either") {
    safe.privacy.mode = PrivacyMode::central;
    CHECK(holds(refusal(consented, safe), "the coordinator would be trusted"));
    DevicePolicy trusting = consented;
    trusting.allow_central_privacy = true;
    CHECK(refusal(trusting, safe).empty());
  }
  SUBCASE("less noise") {
    safe.privacy.noise_multiplier = 0.499;
    safe.privacy.max_epsilon = 1e6;
    CHECK(holds(refusal(consented, safe), "noise multiplier is 0.499, below 0.5"));
    safe.privacy.noise_multiplier = std::numeric_limits<double>::quiet_NaN();
    CHECK(holds(refusal(consented, safe), "below 0.5"));
  }
  SUBCASE("noise as of a larger cohort") {
    safe.privacy.noise_cohort = 1'000'000;
    CHECK(holds(refusal(consented, safe), "is a simulation's"));
  }
  SUBCASE("more participations") {
    safe.federation.rounds = 2'000;
    safe.privacy.max_participations = 1'001;
    CHECK(holds(refusal(consented, safe), "participation cap is 1001, above 1000"));
  }
  SUBCASE("participations that together spend more than the device may") {
    safe.federation.rounds = 100;
    safe.privacy.max_participations = 4;  // z = 1: three spend 9.8, four 11.8
    CHECK(holds(refusal(consented, safe), "4 participations would spend epsilon 11."));
    safe.privacy.max_participations = 3;
    CHECK(refusal(consented, safe).empty());
    // Whatever the rounds: an attempt that fails is a participation, too.
    safe.privacy.max_participations = 4;
    safe.federation.rounds = 1;
    CHECK(holds(refusal(consented, safe), "4 participations would spend epsilon 11."));
  }
  SUBCASE("a greater delta") {
    safe.privacy.delta = 1.1e-6;
    CHECK(holds(refusal(consented, safe), "delta is 1.1e-06, above 1e-06"));
  }
  SUBCASE("a small cohort") {
    safe.federation.cohort = 111;
    CHECK(holds(refusal(consented, safe), "99, below 100"));
  }
  SUBCASE("a large cohort that may end small") {
    safe.federation.min_cohort = 99;
    CHECK(holds(refusal(consented, safe), "99, below 100"));
  }
  SUBCASE("a large clip norm") {
    safe.aggregation.clip_norm_l2 = 10.001;
    CHECK(holds(refusal(consented, safe), "clip norm, 10.001, is outside the policy's 1e-06 to 10"));
  }
  SUBCASE("a tiny clip norm") {
    safe.aggregation.clip_norm_l2 = 1e-6;
    CHECK(refusal(consented, safe).empty());
    safe.aggregation.clip_norm_l2 = 0.99e-6;
    CHECK(holds(refusal(consented, safe), "clip norm, 9.9e-07, is outside"));
  }
  SUBCASE("a clip norm that is no number") {
    safe.aggregation.clip_norm_l2 = std::numeric_limits<double>::quiet_NaN();
    CHECK(holds(refusal(consented, safe), "clip norm"));
  }
  SUBCASE("few bits") {
    safe.aggregation.bits = 16;
    CHECK(refusal(consented, safe).empty());
    safe.aggregation.bits = 15;
    CHECK(holds(refusal(consented, safe), "bits, 15, is outside the policy's 16 to 32"));
  }
  SUBCASE("fewer corrupt devices assumed") {
    safe.aggregation.corrupt_ppm = 99'999;
    CHECK(holds(refusal(consented, safe), "0.099999 of the devices being corrupt, below 0.1"));
  }
  SUBCASE("a likelier failure") {
    safe.aggregation.security_bits = 39;
    CHECK(holds(refusal(consented, safe), "39 bits, below 40"));
  }
  SUBCASE("a coordinator that is trusted to say who dropped out") {
    safe.aggregation.threat = Threat::curious;
    CHECK(holds(refusal(consented, safe), "semi-malicious"));
  }
  SUBCASE("more losses tolerated, until the cohort could end too small") {
    safe.aggregation.dropout_ppm = 108'000;
    CHECK(holds(refusal(consented, safe), "99, below 100"));
  }
  SUBCASE("another purpose") {
    safe.purpose = "advertising";
    CHECK(holds(refusal(consented, safe), "no consent for the purpose advertising"));
  }
  SUBCASE("another population") { CHECK(holds(refusal(consented, safe, "households"), "another population")); }
}

TEST_CASE("a plan with every default is accepted by a policy that gives consent and has every other default") {
  Plan plan;
  plan.population = "cards";
  plan.purpose = "next_category";
  plan.model.parameter_count = 6656;
  CHECK(refusal({.purposes = {"next_category"}}, plan).empty());
}

TEST_CASE("a policy that is stricter than the defaults refuses what they accept (hostile case 27)") {
  Plan plan;
  plan.population = "cards";
  plan.purpose = "next_category";
  plan.model.parameter_count = 6656;
  DevicePolicy policy{.purposes = {"next_category"}};
  REQUIRE(refusal(policy, plan).empty());
  std::string part;
  SUBCASE("min_cohort") {
    policy.min_cohort = 101;
    part = "100, below 101";
  }
  SUBCASE("min_clip_norm_l2") {
    policy.min_clip_norm_l2 = 1.5;
    part = "clip norm, 1, is outside the policy's 1.5 to 10";
  }
  SUBCASE("max_clip_norm_l2") {
    policy.max_clip_norm_l2 = 0.5;
    part = "clip norm, 1, is outside";
  }
  SUBCASE("min_bits") {
    policy.min_bits = 25;
    part = "bits, 24, is outside the policy's 25 to 32";
  }
  SUBCASE("max_bits") {
    policy.max_bits = 23;
    part = "bits, 24, is outside the policy's 16 to 23";
  }
  SUBCASE("min_corrupt_fraction") {
    policy.min_corrupt_fraction = 0.2;
    part = "0.1 of the devices being corrupt, below 0.2";
  }
  SUBCASE("min_security_bits") {
    policy.min_security_bits = 80;
    part = "40 bits, below 80";
  }
  SUBCASE("allow_roster_beacon") {
    policy.allow_roster_beacon = false;
    policy.beacon_key = IdentityPublicKey{};
    part = "from the roster alone, without an external beacon";
  }
  SUBCASE("allow_roster_beacon without a beacon_key: nothing is left, and it says so") {
    policy.allow_roster_beacon = false;
    part = "pins no beacon_key: it refuses every secure sum";
  }
  SUBCASE("data_categories") {
    policy.data_categories.erase("merchant");
    part = "reads the merchant of transactions";
  }
  SUBCASE("max_participations (hostile case 28)") {
    policy.max_participations = 0;
    part = "no participation at all";
  }
  CHECK(holds(refusal(policy, plan), part));
  CHECK_FALSE(part.empty());
}

TEST_CASE("what a policy refuses, a plan of more than it asks for is accepted by") {
  Plan plan;
  plan.population = "cards";
  plan.purpose = "next_category";
  plan.model.parameter_count = 6656;
  plan.aggregation.corrupt_ppm = 200'000;
  plan.aggregation.security_bits = 80;
  plan.aggregation.beacon = BeaconSource::external;
  plan.aggregation.bits = 32;
  DevicePolicy policy{.purposes = {"next_category"}, .min_corrupt_fraction = 0.2, .min_security_bits = 80, .allow_roster_beacon = false, .beacon_key = IdentityPublicKey{{1}}};
  CHECK(refusal(policy, plan).empty());
  plan.aggregation.threat = Threat::curious;
  policy.require_semi_malicious = false;
  CHECK(refusal(policy, plan).empty());
}

TEST_CASE("an external beacon is refused by who pins no key to check it by, whatever else the policy allows (hostile case 33)") {
  Plan plan;
  plan.population = "cards";
  plan.purpose = "next_category";
  plan.model.parameter_count = 6656;
  plan.aggregation.beacon = BeaconSource::external;
  DevicePolicy policy{.purposes = {"next_category"}};
  CHECK(refusal(policy, plan) == "the plan's masking graph comes from an external beacon, and the policy pins no beacon_key to check it by");
  policy.allow_roster_beacon = false;
  CHECK(holds(refusal(policy, plan), "pins no beacon_key to check it by (nor does it allow the roster's own beacon: it refuses every secure sum)"));
  policy.beacon_key = IdentityPublicKey{{1}};
  CHECK(refusal(policy, plan).empty());
  policy.allow_roster_beacon = true;
  CHECK(refusal(policy, plan).empty());
  // A key that is pinned does not forbid the roster's own.
  plan.aggregation.beacon = BeaconSource::roster;
  CHECK(refusal(policy, plan).empty());
}

TEST_CASE("an open sum that is allowed is not held to the parameters that it does not have") {
  Plan plan = testing::sample_plan();
  plan.aggregation.threat = Threat::curious;
  plan.aggregation.corrupt_ppm = 0;
  plan.aggregation.security_bits = 1;
  DevicePolicy policy = demonstration();
  policy.allow_roster_beacon = false;
  CHECK(refusal(policy, plan).empty());
  plan.aggregation.bits = 15;
  CHECK(holds(refusal(policy, plan), "bits, 15"));
}

TEST_CASE("a pinned release key must be the one that the device is configured with") {
  SeededRandom random(1);
  const IdentityPublicKey pinned = IdentityKey::generate(random).public_key();
  const IdentityPublicKey other = IdentityKey::generate(random).public_key();
  CHECK(check_release_key({}, other));
  CHECK(check_release_key({.release_key = pinned}, pinned));
  const Status refused = check_release_key({.release_key = pinned}, other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(holds(refused.error().message, to_hex(other.bytes)));
  const Result<DevicePolicy> policy = parse_policy("release_key = \"" + to_hex(pinned.bytes) + "\"");
  REQUIRE(policy);
  CHECK(policy->release_key == pinned);
}

TEST_CASE("a demonstration's policy allows a demonstration's plan, and each of its parts is needed") {
  const Plan plan = testing::sample_plan();
  CHECK(refusal(demonstration(), plan).empty());
  DevicePolicy policy = demonstration();
  SUBCASE("purposes") { policy.purposes = {"other"}; }
  SUBCASE("min_cohort") { policy.min_cohort = 3; }
  SUBCASE("max_clip_norm_l2") { policy.max_clip_norm_l2 = 0.999; }
  SUBCASE("min_bits") { policy.min_bits = 22; }
  SUBCASE("allow_open_aggregation") { policy.allow_open_aggregation = false; }
  SUBCASE("allow_no_privacy") { policy.allow_no_privacy = false; }
  CHECK_FALSE(refusal(policy, plan).empty());
}

TEST_CASE("an empty policy file is the default policy") {
  const Result<DevicePolicy> policy = parse_policy("");
  REQUIRE(policy);
  CHECK(policy->purposes.empty());
  CHECK(policy->data_categories.size() == 4);
  CHECK(policy->min_cohort == 100);
  CHECK(policy->min_clip_norm_l2 == 1e-6);
  CHECK(policy->max_clip_norm_l2 == 10.0);
  CHECK(policy->min_bits == 16);
  CHECK(policy->max_bits == 32);
  CHECK(policy->min_corrupt_fraction == 0.1);
  CHECK(policy->min_security_bits == 40);
  CHECK(policy->require_semi_malicious);
  CHECK(policy->allow_roster_beacon);
  CHECK(policy->max_participations == 1'000);
  CHECK_FALSE(policy->release_key);
  CHECK_FALSE(policy->beacon_key);
  CHECK_FALSE(policy->allow_open_aggregation);
  CHECK_FALSE(policy->allow_no_privacy);
}

TEST_CASE("every key of a policy file arrives") {
  const Result<DevicePolicy> policy = parse_policy(
      "purposes = [\"next_category\", \"budget\"]\nmin_cohort = 4\nmax_clip_norm_l2 = 2\nallow_open_aggregation = true\nallow_no_privacy = true\n"
      "min_clip_norm_l2 = 0.5\nmin_bits = 20\nmax_bits = 28\nmin_corrupt_fraction = 0.25\nmin_security_bits = 64\nrequire_semi_malicious = false\n"
      "allow_roster_beacon = false\ndata_categories = [\"time\", \"amount\"]\nmax_participations = 12\nbeacon_key = \"" + std::string(62, '0') + "0a\"\nrelease_key = \"" + std::string(62, '0') + "0b\"\n");
  REQUIRE(policy);
  REQUIRE(policy->beacon_key);
  CHECK(to_hex(policy->beacon_key->bytes) == std::string(62, '0') + "0a");
  REQUIRE(policy->release_key);
  CHECK(to_hex(policy->release_key->bytes) == std::string(62, '0') + "0b");
  CHECK(policy->min_clip_norm_l2 == 0.5);
  CHECK(policy->min_bits == 20);
  CHECK(policy->max_bits == 28);
  CHECK(policy->min_corrupt_fraction == 0.25);
  CHECK(policy->min_security_bits == 64);
  CHECK_FALSE(policy->require_semi_malicious);
  CHECK_FALSE(policy->allow_roster_beacon);
  CHECK(policy->max_participations == 12);
  CHECK(policy->data_categories == std::set<std::string, std::less<>>{"amount", "time"});
  CHECK(policy->purposes == std::set<std::string>{"budget", "next_category"});
  CHECK(policy->min_cohort == 4);
  CHECK(policy->max_clip_norm_l2 == 2.0);
  CHECK(policy->allow_open_aggregation);
  CHECK(policy->allow_no_privacy);
}

TEST_CASE("a broken policy file is an error that names the key or the line, never a default") {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"purposes = \"next_category\"", "purposes"},
      {"purposes = [1]", "purposes"},
      {"purposes = [\"\"]", "purposes"},
      {"purposes = [\"next_category\", \"personal_insights\"]", "for which nothing ever leaves the device"},
      {"purposes = [\"" + std::string(65, 'a') + "\"]", "purposes"},
      {"data_categories = \"time\"", "data_categories"},
      {"data_categories = [\"time\", \"place\"]", "data_categories"},
      {"data_categories = [1]", "data_categories"},
      {"min_cohort = 0", "min_cohort"},
      {"min_cohort = -5", "min_cohort"},
      {"min_cohort = 1000001", "min_cohort"},
      {"min_cohort = 4294967297", "min_cohort"},
      {"min_cohort = 5.0", "min_cohort"},
      {"min_cohort = true", "min_cohort"},
      {"max_clip_norm_l2 = 0", "max_clip_norm_l2"},
      {"max_clip_norm_l2 = -1", "max_clip_norm_l2"},
      {"max_clip_norm_l2 = nan", "max_clip_norm_l2"},
      {"max_clip_norm_l2 = inf", "max_clip_norm_l2"},
      {"max_clip_norm_l2 = \"1\"", "max_clip_norm_l2"},
      {"max_clip_norm_l2 = true", "max_clip_norm_l2"},
      {"min_clip_norm_l2 = 0.0", "min_clip_norm_l2"},
      {"min_clip_norm_l2 = false", "min_clip_norm_l2"},
      {"min_clip_norm_l2 = 11", "min_clip_norm_l2 (11) is above max_clip_norm_l2 (10)"},
      {"max_clip_norm_l2 = 1e-7", "min_clip_norm_l2 (1e-06) is above max_clip_norm_l2 (1e-07)"},
      {"min_bits = 1", "min_bits"},
      {"min_bits = 33", "min_bits"},
      {"max_bits = 1", "max_bits"},
      {"max_bits = 33", "max_bits"},
      {"min_bits = 20\nmax_bits = 19", "min_bits (20) is above max_bits (19)"},
      {"max_bits = 15", "min_bits (16) is above max_bits (15)"},
      {"min_corrupt_fraction = -0.1", "min_corrupt_fraction"},
      {"min_corrupt_fraction = 1", "min_corrupt_fraction"},
      {"min_corrupt_fraction = nan", "min_corrupt_fraction"},
      {"min_corrupt_fraction = \"0.1\"", "min_corrupt_fraction"},
      {"min_security_bits = 0", "min_security_bits"},
      {"min_security_bits = 129", "min_security_bits"},
      {"require_semi_malicious = 0", "require_semi_malicious"},
      {"allow_roster_beacon = \"no\"", "allow_roster_beacon"},
      {"beacon_key = true", "beacon_key"},
      {"beacon_key = \"\"", "beacon_key"},
      {"beacon_key = \"" + std::string(62, 'a') + "\"", "beacon_key"},
      {"beacon_key = \"" + std::string(128, 'a') + "\"", "beacon_key"},
      {"max_participations = -1", "max_participations"},
      {"max_participations = 1000001", "max_participations"},
      {"max_participations = 1.0", "max_participations"},
      {"release_key = 5", "release_key"},
      {"release_key = \"" + std::string(62, 'a') + "\"", "release_key"},
      {"release_key = \"" + std::string(66, 'a') + "\"", "release_key"},
      {"release_key = \"" + std::string(64, 'g') + "\"", "release_key"},
      {"allow_open_aggregation = 1", "allow_open_aggregation"},
      {"allow_no_privacy = \"true\"", "allow_no_privacy"},
      {"allow_open_agregation = true", "allow_open_agregation"},
      {"[policy]\nmin_cohort = 5", "policy"},
      {"min_cohort = 5\nmin_cohort = 6", "line 2"},
      {"min_cohort = ", "line 1"},
      {std::string("\xff\xfe\0\1", 4), "line 1"},
  };
  for (const auto& [text, part] : broken) {
    CAPTURE(text);
    const Result<DevicePolicy> policy = parse_policy(text);
    REQUIRE_FALSE(policy);
    CHECK(policy.error().code == ErrorCode::malformed);
    CHECK(holds(policy.error().message, part));
    CHECK_FALSE(holds(policy.error().message, "\n"));
  }
}

}  // namespace
}  // namespace fedspend::client
