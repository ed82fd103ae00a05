#include "client/policy.h"

#include <doctest/doctest.h>

#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

// What a demonstration's device brings for sample_plan().
DevicePolicy demonstration() {
  return {.purposes = {"next_category"}, .min_cohort = 2, .max_clip_norm_l2 = 1.0, .allow_open_aggregation = true, .allow_no_privacy = true};
}

std::string refusal(const DevicePolicy& policy, const Plan& plan, std::string_view population = "cards") {
  const Status allowed = check_plan(policy, plan, population);
  if (allowed) return "";
  CHECK(allowed.error().code == ErrorCode::refused);
  return allowed.error().message;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("the default policy accepts no plan, not even the safest") {
  Plan plan = testing::sample_plan();
  plan.aggregation.mode = Aggregation::secure;
  plan.privacy.mode = PrivacyMode::distributed;
  plan.federation.cohort = 1'000;
  plan.federation.min_cohort = 0;
  CHECK(holds(refusal({}, plan), "no consent"));
  CHECK(refusal({.purposes = {"next_category"}}, plan).empty());
}

TEST_CASE("with consent alone every way in which a plan is weaker is refused with its reason") {
  const DevicePolicy consented{.purposes = {"next_category"}};
  Plan safe = testing::sample_plan();
  safe.aggregation.mode = Aggregation::secure;
  safe.privacy.mode = PrivacyMode::distributed;
  safe.federation.cohort = 100;
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
    CHECK(holds(refusal(consented, safe), "no noise"));
  }
  SUBCASE("a small cohort") {
    safe.federation.cohort = 99;
    CHECK(holds(refusal(consented, safe), "89, below 90"));
  }
  SUBCASE("a large cohort that may end small") {
    safe.federation.min_cohort = 89;
    CHECK(holds(refusal(consented, safe), "89, below 90"));
  }
  SUBCASE("a large clip norm") {
    safe.aggregation.clip_norm_l2 = 10.001;
    CHECK(holds(refusal(consented, safe), "clip norm"));
  }
  SUBCASE("another purpose") {
    safe.purpose = "advertising";
    CHECK(holds(refusal(consented, safe), "no consent for the purpose advertising"));
  }
  SUBCASE("another population") { CHECK(holds(refusal(consented, safe, "households"), "another population")); }
}

TEST_CASE("a demonstration's policy allows a demonstration's plan, and each of its parts is needed") {
  const Plan plan = testing::sample_plan();
  CHECK(refusal(demonstration(), plan).empty());
  DevicePolicy policy = demonstration();
  SUBCASE("purposes") { policy.purposes = {"other"}; }
  SUBCASE("min_cohort") { policy.min_cohort = 3; }
  SUBCASE("max_clip_norm_l2") { policy.max_clip_norm_l2 = 0.999; }
  SUBCASE("allow_open_aggregation") { policy.allow_open_aggregation = false; }
  SUBCASE("allow_no_privacy") { policy.allow_no_privacy = false; }
  CHECK_FALSE(refusal(policy, plan).empty());
}

TEST_CASE("an empty policy file is the default policy") {
  const Result<DevicePolicy> policy = parse_policy("");
  REQUIRE(policy);
  CHECK(policy->purposes.empty());
  CHECK(policy->min_cohort == 90);
  CHECK(policy->max_clip_norm_l2 == 10.0);
  CHECK_FALSE(policy->allow_open_aggregation);
  CHECK_FALSE(policy->allow_no_privacy);
}

TEST_CASE("every key of a policy file arrives") {
  const Result<DevicePolicy> policy = parse_policy(
      "purposes = [\"next_category\", \"budget\"]\nmin_cohort = 4\nmax_clip_norm_l2 = 2\nallow_open_aggregation = true\nallow_no_privacy = true\n");
  REQUIRE(policy);
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
      {"purposes = [\"" + std::string(65, 'a') + "\"]", "purposes"},
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
