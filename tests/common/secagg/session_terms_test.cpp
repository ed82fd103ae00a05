#include "common/secagg/session_terms.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <set>
#include <vector>

#include "common/numeric/quantizer.h"
#include "common/secagg/plan_check.h"
#include "tests/common/protocol/plan_samples.h"

namespace fedspend {
namespace {

// 100 of 120 devices, with aggregation = "secure" as it is by default: at least 90 must remain.
Plan private_plan() {
  Plan made = parse_plan(testing::kShortPlan).value();
  made.federation.cohort = 100;
  made.federation.over_selection = 1.2;
  return made;
}
Plan plan() {
  Plan made = private_plan();
  made.privacy = {.mode = PrivacyMode::none};
  return made;
}
const SessionId kAssignment{{1, 2, 3}};
Result<SessionTerms> terms_for(const Plan& of, std::uint32_t cohort = 120) { return make_session_terms(of, RoundId{7}, kAssignment, cohort, of.aggregation.clip_norm_l2); }

TEST_CASE("the terms are the plan's, with the scale for all devices that are asked") {
  Plan of = plan();
  of.aggregation.clip_norm_l2 = 2.5;
  of.aggregation.bits = 20;
  of.aggregation.corrupt_ppm = 50'000;
  of.aggregation.dropout_ppm = 60'000;
  of.aggregation.threat = Threat::curious;
  of.aggregation.security_bits = 50;
  of.aggregation.failure_bits = 30;
  of.aggregation.beacon = BeaconSource::external;
  const auto terms = terms_for(of, 110);
  REQUIRE(terms.has_value());
  CHECK(terms->task == of.task);
  CHECK(terms->round == RoundId{7});
  CHECK(terms->assignment == kAssignment);
  CHECK(terms->cohort == 110);
  CHECK(terms->length == 6656);
  CHECK(terms->bits == 20);
  CHECK(terms->clip_norm_l2 == 2.5);
  // Case 34: 120 vectors cannot wrap, though fewer were asked here.
  CHECK(terms->scale == Quantizer::create({.clip_norm_l2 = 2.5, .bits = 20, .max_clients = 120})->scale());
  CHECK(terms->min_clients == 94);
  CHECK(terms->corrupt_ppm == 50'000);
  CHECK(terms->dropout_ppm == 60'000);
  CHECK(terms->threat == Threat::curious);
  CHECK(terms->security_bits == 50);
  CHECK(terms->failure_bits == 30);
  CHECK(terms->external_beacon);
  CHECK_FALSE(terms_for(plan())->external_beacon);
}

TEST_CASE("a cohort that the plan does not have is refused") {
  for (const auto& [cohort, good] : {std::pair<std::uint32_t, bool>{0, false}, {89, false}, {90, true}, {120, true}, {121, false}, {0xffffffff, false}}) {
    CAPTURE(cohort);
    const auto terms = terms_for(plan(), cohort);
    CHECK(terms.has_value() == good);
    if (!terms) CHECK(terms.error().code == ErrorCode::refused);
  }
}

TEST_CASE("case 34: a width in which so many vectors wrap is refused beforehand") {
  Plan of = plan();
  of.aggregation.bits = 7;  // (2^6 - 1) / 120 is below one step
  CHECK_FALSE(terms_for(of).has_value());
  CHECK_FALSE(check_secure_plan(of).has_value());
  of.aggregation.bits = 8;
  CHECK(terms_for(of).has_value());
}

TEST_CASE("a plan whose whole cohort has no parameters is refused, with what to change") {
  CHECK(check_secure_plan(plan()).has_value());
  Plan of = plan();
  of.aggregation.corrupt_ppm = 500'000;
  of.aggregation.dropout_ppm = 400'000;
  const Status refused = check_secure_plan(of);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().message.starts_with("the plan's secure aggregation, 100 devices: "));
  CHECK_FALSE(refused.error().hint.empty());
  of = plan();
  of.federation.min_cohort = 100;  // a quorum of 100 cannot lose the tenth that is tolerated
  CHECK_FALSE(check_secure_plan(of).has_value());
}

TEST_CASE("parameters follow from the terms and the number on the roster, within the smallest cohort and those who were asked") {
  const SessionTerms terms = terms_for(plan(), 110).value();
  for (const std::uint32_t clients : {0U, 1U, 89U, 111U, 0xffffffffU}) {
    const auto parameters = derive_parameters(terms, clients);
    REQUIRE_FALSE(parameters.has_value());
    CHECK(parameters.error().code == ErrorCode::refused);
  }
  for (const std::uint32_t clients : {100U, 110U}) {
    const auto parameters = derive_parameters(terms, clients);
    REQUIRE(parameters.has_value());
    const SecurityGoal goal{.clients = clients};
    CHECK(parameters->clients == clients);
    CHECK(GraphSize{parameters->degree, parameters->threshold} == smallest_graph(goal).value());
    CHECK(parameters->quorum == quorum_size(goal, 90).value());
  }
  // 90 losses were tolerated of 100; of 99 a quorum of 90 would leave fewer than a tenth to lose.
  CHECK_FALSE(derive_parameters(terms, 99).has_value());
}

using Change = std::function<void(SessionTerms&, SessionParameters&, Hash256& root, Hash256& beacon)>;
const std::vector<Change>& changes() {
  static const std::vector<Change> all = {
      [](auto& t, auto&, auto&, auto&) { t.assignment.bytes[31] ^= 1; },
      [](auto& t, auto&, auto&, auto&) { t.length += 1; },
      [](auto& t, auto&, auto&, auto&) { t.bits += 1; },
      [](auto& t, auto&, auto&, auto&) { t.clip_norm_l2 = std::nextafter(t.clip_norm_l2, 2.0); },
      [](auto& t, auto&, auto&, auto&) { t.scale = std::nextafter(t.scale, 0.0); },
      [](auto& t, auto&, auto&, auto&) { t.min_clients += 1; },
      [](auto& t, auto&, auto&, auto&) { t.corrupt_ppm += 1; },
      [](auto& t, auto&, auto&, auto&) { t.dropout_ppm += 1; },
      [](auto& t, auto&, auto&, auto&) { t.threat = Threat::curious; },
      [](auto& t, auto&, auto&, auto&) { t.security_bits += 1; },
      [](auto& t, auto&, auto&, auto&) { t.failure_bits += 1; },
      [](auto&, auto& p, auto&, auto&) { p.clients += 1; },
      [](auto&, auto& p, auto&, auto&) { p.degree += 1; },
      [](auto&, auto& p, auto&, auto&) { p.threshold += 1; },
      [](auto&, auto& p, auto&, auto&) { p.quorum += 1; },
      [](auto&, auto&, auto& root, auto&) { root[0] ^= 1; },
      [](auto&, auto&, auto&, auto& beacon) { beacon[0] ^= 1; },
  };
  return all;
}

TEST_CASE("every value of the terms, the parameters and the roster changes the session id") {
  std::set<SessionId> ids;
  const auto add = [&](const Change& change) {
    SessionTerms terms = terms_for(plan()).value();
    SessionParameters parameters = derive_parameters(terms, 100).value();
    Hash256 root{1}, beacon{2};
    change(terms, parameters, root, beacon);
    ids.insert(secure_session_id(terms, parameters, root, beacon));
  };
  add([](auto&, auto&, auto&, auto&) {});
  for (const Change& change : changes()) add(change);
  CHECK(ids.size() == changes().size() + 1);
}

TEST_CASE("with distributed privacy the noise follows from the roster: n_h = q - floor(gamma n) shares, and every value of it changes the session id") {
  const SessionTerms terms = terms_for(private_plan()).value();
  CHECK(terms.length == 8192);
  CHECK(terms.update_length == 6656);
  CHECK(terms.scale == 0);
  REQUIRE(terms.noise);
  for (const std::uint32_t clients : {100U, 110U, 120U}) {
    const SessionParameters parameters = derive_parameters(terms, clients).value();
    REQUIRE(parameters.noise);
    CHECK(parameters.noise->goal.clients == clients);
    CHECK(parameters.noise->goal.honest_shares == parameters.quorum - clients / 10);
    CHECK(parameters.noise->dimension == 8192);
    // What surely is in a sum: z c in ring units, and not above it by more than a part in a million.
    const double wanted = std::pow(1.0 * 1.0 * parameters.noise->scale, 2);
    CHECK(parameters.noise->released_variance_ring() >= wanted);
    CHECK(parameters.noise->released_variance_ring() <= wanted * (1 + 1e-6));
  }
  using NoiseChange = std::function<void(SessionTerms&, SessionParameters&)>;
  const std::vector<NoiseChange> all = {
      [](auto&, auto&) {},
      [](auto& t, auto&) { t.noise->noise_multiplier = std::nextafter(t.noise->noise_multiplier, 2.0); },
      [](auto& t, auto&) { t.noise->wrap_deviations = std::nextafter(t.noise->wrap_deviations, 2.0); },
      [](auto&, auto& p) { p.noise->goal.honest_shares += 1; },
      [](auto&, auto& p) { p.noise->scale = std::nextafter(p.noise->scale, 0.0); },
      [](auto&, auto& p) { p.noise->share_variance.numerator += 1; },
      [](auto&, auto& p) { p.noise->share_variance.denominator += 1; },
      [](auto&, auto& p) { p.noise->squared_norm_bound += 1; },
      [](auto&, auto& p) { p.noise.reset(); },
      [](auto&, auto& p) { p.clip_indicator.emplace(); },
      [](auto&, auto& p) { p.clip_indicator.emplace().weight = 2; },
      [](auto&, auto& p) { p.clip_indicator.emplace().share_variance = {1, 1}; },
      [](auto&, auto& p) { p.clip_indicator.emplace().share_variance = {0, 2}; },
  };
  std::set<SessionId> ids;
  for (const NoiseChange& change : all) {
    SessionTerms changed = terms;
    SessionParameters parameters = derive_parameters(terms, 100).value();
    change(changed, parameters);
    ids.insert(secure_session_id(changed, parameters, Hash256{1}, Hash256{2}));
  }
  CHECK(ids.size() == all.size());
}

TEST_CASE("an adaptive clip norm takes a coordinate of its own, and the update more noise for it") {
  Plan of = private_plan();
  const double fixed = derive_parameters(terms_for(of).value(), 100).value().noise->goal.noise_multiplier;
  of.privacy.clip_quantile = 0.5;
  const SessionTerms terms = terms_for(of).value();
  CHECK(terms.length == 8193);
  const SessionParameters parameters = derive_parameters(terms, 100).value();
  REQUIRE(parameters.clip_indicator);
  CHECK(parameters.noise->goal.noise_multiplier == parameters.clip_indicator->update_noise_multiplier);
  CHECK(parameters.noise->goal.noise_multiplier > fixed);
}

TEST_CASE("a round has the plan's clip norm to the bit; one that adapts stays within a hundredth and a hundred times the plan's, and is in the terms") {
  Plan of = private_plan();
  const auto terms_at = [&](double clip_norm) { return make_session_terms(of, RoundId{7}, kAssignment, 120, clip_norm); };
  const double planned = of.aggregation.clip_norm_l2;
  CHECK(terms_at(planned));
  for (const double other : {std::nextafter(planned, 0.0), std::nextafter(planned, 9.0), planned / 2, std::nan("")}) {
    const auto refused = terms_at(other);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::refused);
    CHECK(refused.error().message.find("clip norm") != std::string::npos);
  }
  of.privacy.clip_quantile = 0.5;
  const SessionTerms at_planned = terms_at(planned).value();
  for (const double within : {planned / 100, planned / 3, planned * 100}) {
    const SessionTerms terms = terms_at(within).value();
    CHECK(terms.clip_norm_l2 == within);
    const SessionParameters parameters = derive_parameters(terms, 100).value();
    CHECK(parameters.noise->goal.clip_norm_l2 == within);
    CHECK(hash_of_params(terms, parameters) != hash_of_params(at_planned, derive_parameters(at_planned, 100).value()));
  }
  for (const double outside : {std::nextafter(planned / 100, 0.0), std::nextafter(planned * 100, 1e9), std::nan("")}) CHECK_FALSE(terms_at(outside));
}

TEST_CASE("the next clip norm follows the noised share of whole updates and does not leave the plan's range") {
  Plan of = private_plan();
  of.aggregation.clip_norm_l2 = 3;
  of.privacy.clip_quantile = 0.2;
  of.privacy.clip_learning_rate = 0.2;
  CHECK(next_round_clip_norm(of, 3, 0.5) == doctest::Approx(2.825293600752746).epsilon(1e-14));  // PRIVACY.md, "Reference values"
  CHECK(next_round_clip_norm(of, 0.0301, 1.2) == 0.03);
  CHECK(next_round_clip_norm(of, 299, -0.4) == 300);
}

TEST_CASE("a plan whose noise does not fit at the least of its clip norms is refused, though it does at its own") {
  Plan of = private_plan();
  of.aggregation.clip_norm_l2 = 1e-4;  // the scale is at its cap of 10^6: at a hundredth a share has a deviation of a tenth of a step
  CHECK(check_secure_plan(of));
  of.privacy.clip_quantile = 0.5;
  CHECK_FALSE(check_secure_plan(of));
}

TEST_CASE("a roster in which no share of the noise is sure is refused, and noise that does not fit the bits, before anybody is asked") {
  Plan of = private_plan();
  of.aggregation.bits = 5;
  const Status bits = check_secure_plan(of);
  REQUIRE_FALSE(bits);
  CHECK(bits.error().message.find("devices: ") != std::string::npos);
  CHECK_FALSE(bits.error().hint.empty());
  of = private_plan();
  of.privacy.noise_multiplier = 1e-3;  // a share far below half a ring unit
  of.aggregation.bits = 12;
  CHECK_FALSE(check_secure_plan(of));
}

TEST_CASE("two values that change places give another session id") {
  const SessionTerms terms = terms_for(plan()).value();
  const SessionParameters parameters = derive_parameters(terms, 100).value();
  SessionTerms swapped = terms;
  std::swap(swapped.corrupt_ppm, swapped.security_bits);
  CHECK(hash_of_params(swapped, parameters) != hash_of_params(terms, parameters));
  SessionParameters other = parameters;
  std::swap(other.degree, other.threshold);
  CHECK(hash_of_params(terms, other) != hash_of_params(terms, parameters));
  CHECK(secure_session_id(terms, parameters, Hash256{1}, Hash256{2}) != secure_session_id(terms, parameters, Hash256{2}, Hash256{1}));
}

}  // namespace
}  // namespace fedspend
