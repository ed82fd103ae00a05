// What a plan says of itself, its hash and its signature.
#include <doctest/doctest.h>

#include "common/protocol/plan.h"
#include "tests/common/protocol/plan_samples.h"

namespace fedspend::testing {
namespace {

Plan with_cohort(std::uint32_t cohort, double over_selection) {
  Plan plan;
  plan.federation.cohort = cohort;
  plan.federation.over_selection = over_selection;
  return plan;
}

TEST_CASE("the devices asked are the cohort times the over-selection, rounded up, and 1.1 means one tenth more") {
  CHECK(with_cohort(100, 1.0).devices_asked() == 100);
  CHECK(with_cohort(100, 1.1).devices_asked() == 110);
  CHECK(with_cohort(100, 1.001).devices_asked() == 101);
  CHECK(with_cohort(10, 1.3).devices_asked() == 13);
  CHECK(with_cohort(3, 1.5).devices_asked() == 5);
  CHECK(with_cohort(1'000'000, 1.0).devices_asked() == 1'000'000);
}

TEST_CASE("the fewest reports are the minimum cohort; where none is given the cohort, less the tolerated losses if the sum is secure") {
  Plan plan = with_cohort(100, 1.0);
  CHECK(plan.min_reports() == 90);
  plan.aggregation.dropout_ppm = 333'333;
  CHECK(plan.min_reports() == 66);
  plan.aggregation.mode = Aggregation::open;
  CHECK(plan.min_reports() == 100);
  plan.federation.min_cohort = 80;
  CHECK(plan.min_reports() == 80);
}

TEST_CASE("only secure aggregation with privacy is no demonstration") {
  Plan plan;
  CHECK(!plan.is_demonstration());
  plan.privacy.mode = PrivacyMode::central;
  CHECK(!plan.is_demonstration());
  plan.privacy.mode = PrivacyMode::none;
  CHECK(plan.is_demonstration());
  plan.privacy.mode = PrivacyMode::distributed;
  plan.aggregation.mode = Aggregation::open;
  CHECK(plan.is_demonstration());
}

TEST_CASE("vectors have a coordinate for each parameter; distributed noise needs a power of two, adaptive clipping one more") {
  Plan plan;
  plan.model.parameter_count = 6656;
  CHECK(plan.ring_length() == 8192);
  plan.privacy.clip_quantile = 0.5;
  CHECK(plan.ring_length() == 8193);
  plan.privacy = {.mode = PrivacyMode::central};
  CHECK(plan.ring_length() == 6656);
  plan.privacy = {.mode = PrivacyMode::none};
  CHECK(plan.ring_length() == 6656);
  plan.privacy = {};
  plan.model.parameter_count = 8192;
  CHECK(plan.ring_length() == 8192);
  plan.model.parameter_count = 1;
  CHECK(plan.ring_length() == 1);
}

TEST_CASE("noise as of a larger cohort is a simulation's, and says so") {
  Plan plan;
  plan.privacy.noise_cohort = 1'000'000;
  CHECK(plan.is_demonstration());
  CHECK(plan.demonstration_note().starts_with("SIMULATION"));
}

TEST_CASE("a plan that the release key signed opens") {
  const auto plan = open_plan(sign_plan(bytes_of(kShortPlan), sample_key()), sample_key().public_key());
  REQUIRE(plan);
  CHECK(plan->name == "short");
}

TEST_CASE("a plan that another key signed is refused, and its bytes are not parsed") {
  const IdentityKey release = sample_key();
  const IdentityKey other = sample_key(100);
  const auto good_text = open_plan(sign_plan(bytes_of(kShortPlan), other), release.public_key());
  REQUIRE(!good_text);
  CHECK(good_text.error().code == ErrorCode::unauthorized);
  // Were these bytes parsed, the error would be `malformed`, as it is under the right key.
  const auto bad_text = open_plan(sign_plan(bytes_of("[["), other), release.public_key());
  REQUIRE(!bad_text);
  CHECK(bad_text.error().code == ErrorCode::unauthorized);
  CHECK(open_plan(sign_plan(bytes_of("[["), release), release.public_key()).error().code == ErrorCode::malformed);
}

TEST_CASE("a plan with any byte changed after it was signed is refused") {
  const SignedPlan good = sign_plan(bytes_of(kShortPlan), sample_key());
  for (std::size_t i = 0; i < good.bytes.size(); i += 7) {
    SignedPlan plan = good;
    plan.bytes[i] ^= 1;
    CHECK(open_plan(plan, sample_key().public_key()).error().code == ErrorCode::unauthorized);
  }
  SignedPlan plan = good;
  plan.bytes.push_back('\n');
  CHECK(open_plan(plan, sample_key().public_key()).error().code == ErrorCode::unauthorized);
}

TEST_CASE("the signature of a plan is no signature of the bare bytes or of another kind of message") {
  const IdentityKey release = sample_key();
  SignedPlan plan{.bytes = bytes_of(kShortPlan), .signature = release.sign(bytes_of(kShortPlan))};
  CHECK(open_plan(plan, release.public_key()).error().code == ErrorCode::unauthorized);
  plan.signature = release.sign(hash_of_plan(plan.bytes).bytes);
  CHECK(open_plan(plan, release.public_key()).error().code == ErrorCode::unauthorized);
}

TEST_CASE("a plan above the cap is refused before its signature is looked at") {
  SignedPlan plan{.bytes = Bytes(kMaxPlanBytes + 1, '#')};
  CHECK(open_plan(plan, sample_key().public_key()).error().code == ErrorCode::limit);
}

}  // namespace
}  // namespace fedspend::testing
