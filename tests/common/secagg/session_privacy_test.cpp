#include "common/secagg/session_privacy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "common/privacy/gaussian_rdp.h"
#include "common/secagg/plan_check.h"
#include "tests/common/protocol/plan_samples.h"

namespace fedspend {
namespace {

Plan plan_of(std::uint32_t cohort, double noise_multiplier = 1) {
  Plan plan = parse_plan(testing::kShortPlan).value();
  plan.federation.cohort = cohort;
  plan.federation.rounds = 1000;
  plan.privacy.noise_multiplier = noise_multiplier;
  return plan;
}

TEST_CASE("a contribution to a distributed sum costs hardly more than one to a Gaussian of the same noise multiplier, and never less") {
  for (const double z : {0.5, 1.0, 4.0}) {
    const PrivacyCost cost = contribution_cost(plan_of(112, z), 112).value();
    CHECK(cost.has_noise);
    CHECK(cost.delta > 0);
    const double epsilon = repeated(cost, 1).epsilon(1e-6), gaussian = repeated({.has_noise = true, .rdp = gaussian_rdp_curve(z)}, 1).epsilon(1e-6);
    CHECK(epsilon >= gaussian);
    CHECK(epsilon <= gaussian * 1.01);
  }
  // PRIVACY.md, "Unamplified Gaussian": P = 1, z = 1 by RDP.
  CHECK(epsilon_at_cap(plan_of(112), 1e-6).value() == doctest::Approx(5.22153).epsilon(1e-3));
}

TEST_CASE("central noise costs what the Gaussian costs, no noise has no epsilon, and the cap counts in full") {
  Plan plan = plan_of(112);
  plan.privacy = {.mode = PrivacyMode::central, .max_participations = 5};
  CHECK(contribution_cost(plan, 7).value() == PrivacyCost{.has_noise = true, .rdp = gaussian_rdp_curve(1)});
  const double five = epsilon_at_cap(plan, 1e-6).value();
  CHECK(five == repeated({.has_noise = true, .rdp = gaussian_rdp_curve(1)}, 5).epsilon(1e-6));
  // An attempt that fails is charged, and its round is tried again: five contributions may come of one round.
  plan.federation.rounds = 1;
  CHECK(epsilon_at_cap(plan, 1e-6).value() == five);
  plan.privacy.max_epsilon = five * 0.99;
  CHECK_FALSE(check_privacy_budget(plan));
  plan.privacy = {.mode = PrivacyMode::none};
  CHECK(std::isinf(epsilon_at_cap(plan, 1e-6).value()));
  CHECK(check_privacy_budget(plan));
}

TEST_CASE("an adaptive clip norm costs what its noise multiplier says for update and indicator together") {
  Plan plan = plan_of(112);
  const double fixed = epsilon_at_cap(plan, 1e-6).value();
  plan.privacy.clip_quantile = 0.5;
  const double adaptive = epsilon_at_cap(plan, 1e-6).value();
  CHECK(adaptive >= fixed * 0.9999);
  CHECK(adaptive <= fixed * 1.01);
}

TEST_CASE("the dearest roster that a plan allows is at least as dear as any other") {
  Plan plan = plan_of(200, 0.7);
  plan.federation.over_selection = 1.5;
  plan.federation.min_cohort = 150;
  plan.aggregation.bits = 14;  // where rounding costs something
  const PrivacyCost dearest = dearest_contribution_cost(plan).value();
  for (std::uint32_t clients = plan.least_asked(); clients <= plan.devices_asked(); ++clients) {
    const PrivacyCost cost = contribution_cost(plan, clients).value();
    for (std::size_t i = 0; i < cost.rdp.values().size(); ++i) REQUIRE(cost.rdp.values()[i] <= dearest.rdp.values()[i] * (1 + 1e-9));
  }
}

// Where the honest shares of 16 devices are relatively fewer than those of 10 or 20: q - corrupt is 10 - 3, 6 - 2 and 13 - 4.
TEST_CASE("the dearest roster may be one between the least and the most") {
  Plan plan = plan_of(20, 3);
  plan.federation.min_cohort = 9;
  plan.federation.over_selection = 1;
  plan.aggregation.corrupt_ppm = 200'000;
  plan.aggregation.dropout_ppm = 100'000;
  plan.aggregation.bits = 12;
  plan.model.parameter_count = 1U << 20;
  REQUIRE(plan.least_asked() == 10);
  const auto epsilon_of = [&](std::uint32_t clients) { return repeated(contribution_cost(plan, clients).value(), 1).epsilon(1e-6); };
  REQUIRE(epsilon_of(16) > epsilon_of(10));
  REQUIRE(epsilon_of(16) > epsilon_of(20) * 1.01);
  double most = 0;
  for (std::uint32_t clients = 10; clients <= 20; ++clients) most = std::max(most, epsilon_of(clients));
  CHECK(epsilon_at_cap(plan, 1e-6).value() >= most);
  CHECK(epsilon_at_cap(plan, 1e-6).value() <= most * (1 + 1e-6));
  const double rho = dearest_contribution_zcdp(plan).value();
  CHECK(rho >= 1.2011);
  CHECK(rho <= 1.2012);
}

TEST_CASE("no round of a plan whose clip norm adapts costs more than the dearest, and a small clip norm at the largest scale costs more than the plan's own") {
  Plan plan = plan_of(200, 0.7);
  plan.federation.min_cohort = 150;
  plan.privacy.clip_quantile = 0.5;
  plan.aggregation.bits = 28;  // the scale is at its cap: s c falls with the clip norm
  for (const double planned : {0.05, 1.0}) {
    plan.aggregation.clip_norm_l2 = planned;
    const PrivacyCost dearest = dearest_contribution_cost(plan).value();
    const ClipNormRange range = clip_norm_range(plan);
    CHECK(range.least == planned / 100);
    CHECK(range.most == planned * 100);
    for (const std::uint32_t clients : {plan.least_asked(), 187U, plan.devices_asked()}) {
      for (int step = 0; step <= 40; ++step) {
        const double clip_norm = step == 40 ? range.most : range.least * std::pow(10'000, step / 40.0);
        const SessionTerms terms = make_session_terms(plan, RoundId{1}, SessionId{}, plan.devices_asked(), clip_norm).value();
        const PrivacyCost cost = contribution_cost(plan, derive_parameters(terms, clients).value()).value();
        for (std::size_t i = 0; i < cost.rdp.values().size(); ++i) REQUIRE(cost.rdp.values()[i] <= dearest.rdp.values()[i]);
        CHECK(cost == contribution_cost(plan, clients, clip_norm).value());
      }
    }
    const double at_least = repeated(contribution_cost(plan, 200, range.least).value(), 1).epsilon(1e-6), at_planned = repeated(contribution_cost(plan, 200).value(), 1).epsilon(1e-6);
    CHECK(at_least > at_planned);
    CHECK(repeated(dearest, 1).epsilon(1e-6) >= at_least);
    CHECK(repeated(dearest, 1).epsilon(1e-6) <= at_least * 1.001);
  }
}

// At the least clip norm, where s c = 1.95 and d = 16, the squared norm bound s^2 c^2 + d/4 + s c + sqrt(d)/2 = 11.75 is cut to 11; at s c = 2 it
// is 12, so that a contribution costs more there (12 / 4 of s^2 c^2 against 11 / 3.8): what the margin is for.
TEST_CASE("where whole numbers make a larger clip norm the dearer one, the dearest cost is still above it and the least below") {
  Plan plan = plan_of(40, 3);
  plan.federation.min_cohort = 34;
  plan.federation.over_selection = 1;
  plan.model.parameter_count = 16;
  plan.privacy.clip_quantile = 0.5;
  plan.aggregation.bits = 28;
  plan.aggregation.clip_norm_l2 = 1.95e-4;
  const auto tried = dearest_contribution_cost(plan);
  REQUIRE_MESSAGE(tried.has_value(), tried.error().message);
  const PrivacyCost dearest = dearest_contribution_cost(plan).value(), least = least_contribution_cost(plan).value();
  const ClipNormRange range = clip_norm_range(plan);
  const PrivacyCost at_least_norm = contribution_cost(plan, 40, range.least).value();
  double most = 0;
  for (int step = 0; step <= 400; ++step)
    for (const double norm : {range.least * (1 + step * 0.001), range.most * (1 - step * 0.001)}) {
      const PrivacyCost cost = contribution_cost(plan, 40, norm).value();
      for (std::size_t i = 0; i < cost.rdp.values().size(); ++i) {
        REQUIRE(cost.rdp.values()[i] <= dearest.rdp.values()[i]);
        REQUIRE(cost.rdp.values()[i] >= least.rdp.values()[i]);
        most = std::max(most, cost.rdp.values()[i] / at_least_norm.rdp.values()[i]);
      }
    }
  CHECK(most > 1.02);
}

// One roster alone, so that no other hides what the margins are for. Near the most of the clip norms a squared norm bound of some 10^8 is cut to a whole
// number a little below it, and a clip norm that is a trace smaller costs a trace less (one part in 10^8); near the least, a bound of 11.75 is cut to 11.
TEST_CASE("of one roster the bounds hold for every clip norm, the cut to whole numbers included: the margins are needed, below and above") {
  Plan plan = plan_of(40, 3);
  plan.federation.min_cohort = 40;
  plan.federation.over_selection = 1;
  plan.aggregation.dropout_ppm = 0;
  plan.model.parameter_count = 16;
  plan.privacy.clip_quantile = 0.5;
  plan.aggregation.bits = 28;
  plan.aggregation.clip_norm_l2 = 1.95e-4;
  REQUIRE(plan.least_asked() == plan.devices_asked());
  const PrivacyCost dearest = dearest_contribution_cost(plan).value(), least = least_contribution_cost(plan).value();
  const ClipNormRange range = clip_norm_range(plan);
  const double at_most = contribution_cost(plan, 40, range.most).value().rdp.values()[0], at_least = contribution_cost(plan, 40, range.least).value().rdp.values()[0];
  const double bound = static_cast<double>(derive_parameters(make_session_terms(plan, RoundId{1}, SessionId{}, 40, range.most).value(), 40).value().noise.value().squared_norm_bound);
  double cheaper = 1, dearer = 1;
  for (int step = 0; step <= 300; ++step) {
    const PrivacyCost small = contribution_cost(plan, 40, range.most * (1 - step * 0.01 / bound)).value(), large = contribution_cost(plan, 40, range.least * (1 + step * 0.001)).value();
    for (std::size_t i = 0; i < least.rdp.values().size(); ++i) {
      REQUIRE(least.rdp.values()[i] <= small.rdp.values()[i]);
      REQUIRE(dearest.rdp.values()[i] >= large.rdp.values()[i]);
    }
    cheaper = std::min(cheaper, small.rdp.values()[0] / at_most);
    dearer = std::max(dearer, large.rdp.values()[0] / at_least);
  }
  CHECK(cheaper < 1 - 0.1 / bound);
  CHECK(dearer > 1.02);
}

TEST_CASE("no roster and no clip norm that a plan allows costs less than the least, at any order, nor is the least far below") {
  Plan between = plan_of(20, 3);  // the cheapest is neither the least nor the most
  between.federation.min_cohort = 9;
  between.federation.over_selection = 1;
  between.aggregation.corrupt_ppm = 200'000;
  between.aggregation.dropout_ppm = 100'000;
  between.aggregation.bits = 12;
  between.model.parameter_count = 1U << 20;
  Plan adaptive = plan_of(30, 0.7);
  adaptive.federation.min_cohort = 25;
  adaptive.privacy.clip_quantile = 0.5;
  adaptive.aggregation.bits = 28;
  adaptive.aggregation.clip_norm_l2 = 0.05;
  for (const Plan& plan : {plan_of(60, 1), between, adaptive}) {
    const auto least = least_contribution_cost(plan);
    REQUIRE_MESSAGE(least.has_value(), least.error().message);
    const ClipNormRange norms = clip_norm_range(plan);
    std::vector<double> found(least->rdp.values().size(), HUGE_VAL);
    for (std::uint32_t clients = plan.least_asked(); clients <= plan.devices_asked(); ++clients)
      for (int step = 0; step <= (norms.least < norms.most ? 40 : 0); ++step) {
        const auto cost = contribution_cost(plan, clients, step == 40 ? norms.most : norms.least * std::pow(10'000, step / 40.0));
        if (!cost) continue;
        for (std::size_t i = 0; i < found.size(); ++i) found[i] = std::min(found[i], cost->rdp.values()[i]);
      }
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(least->rdp.values()[i] <= found[i]);
      CHECK(least->rdp.values()[i] >= found[i] * 0.999);
    }
    CHECK(least->rdp.values()[0] > 0);
  }
}

TEST_CASE("noise as of a larger cohort is counted as if it were there, and less of it is added") {
  Plan plan = plan_of(112);
  const PrivacyCost cost = contribution_cost(plan, 112).value();
  plan.privacy.noise_cohort = 1120;
  CHECK(plan.added_noise_multiplier() == doctest::Approx(0.1));
  CHECK(contribution_cost(plan, 112).value() == cost);
  const SessionTerms terms = make_session_terms(plan, RoundId{1}, SessionId{}, 112, plan.aggregation.clip_norm_l2).value();
  CHECK(contribution_cost(plan, derive_parameters(terms, 112).value()).value() == cost);
}

TEST_CASE("on a device's ledger the noise of a larger cohort is none: no accountant may count what is not in the real sum") {
  for (const PrivacyMode mode : {PrivacyMode::distributed, PrivacyMode::central}) {
    Plan plan = plan_of(112);
    plan.privacy.mode = mode;
    const SessionTerms terms = make_session_terms(plan, RoundId{1}, SessionId{}, 112, plan.aggregation.clip_norm_l2).value();
    const SessionParameters parameters = derive_parameters(terms, 112).value();
    CHECK_FALSE(counts_as_none(plan.privacy));
    CHECK(device_cost(plan, parameters).value() == contribution_cost(plan, parameters).value());
    CHECK(dearest_device_cost(plan).value() == dearest_contribution_cost(plan).value());
    plan.privacy.noise_cohort = 112;  // also of one that is no larger: what a simulation draws is a simulation's
    CHECK(counts_as_none(plan.privacy));
    CHECK(device_cost(plan, parameters).value() == PrivacyCost{});
    CHECK(dearest_device_cost(plan).value() == PrivacyCost{});
    CHECK(std::isinf(repeated(dearest_device_cost(plan).value(), 1).epsilon(1e-6)));
  }
  Plan plan = plan_of(112);
  plan.privacy = {.mode = PrivacyMode::none};
  CHECK(counts_as_none(plan.privacy));
  CHECK(dearest_device_cost(plan).value() == PrivacyCost{});
}

// Of 600 rosters each curve is of ten: where rounding costs something, and where the distance from one discrete Gaussian does (bits so few that a
// share is barely wide enough), and with the clip indicator.
TEST_CASE("where rosters share a bound the least is still below each of them, and near the cheapest") {
  Plan coarse = plan_of(1'000, 0.7);
  coarse.federation.min_cohort = 640;
  coarse.federation.over_selection = 1.3;
  coarse.aggregation.bits = 14;
  Plan narrow = coarse;
  narrow.aggregation.bits = 12;
  narrow.model.parameter_count = 1U << 16;
  narrow.privacy.noise_multiplier = 30;
  Plan adaptive = coarse;
  adaptive.aggregation.bits = 18;
  adaptive.privacy.clip_quantile = 0.5;
  for (const Plan& plan : {coarse, narrow, adaptive}) {
    const auto tried = least_contribution_cost(plan);
    REQUIRE_MESSAGE(tried.has_value(), tried.error().message);
    const double norm = clip_norm_range(plan).most;
    REQUIRE(plan.devices_asked() - plan.least_asked() > 500);
    std::vector<double> found(tried->rdp.values().size(), HUGE_VAL);
    for (std::uint32_t clients = plan.least_asked(); clients <= plan.devices_asked(); clients += 3) {
      const auto cost = contribution_cost(plan, clients, norm);
      if (!cost) continue;
      for (std::size_t i = 0; i < found.size(); ++i) found[i] = std::min(found[i], cost->rdp.values()[i]);
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      REQUIRE(tried->rdp.values()[i] <= found[i]);
      REQUIRE(tried->rdp.values()[i] >= found[i] * 0.98);
    }
  }
}

TEST_CASE("a plan that would overspend its own budget is refused with what would work, and that does work") {
  Plan plan = plan_of(112);
  plan.privacy.max_participations = 100;
  const Status refused = check_privacy_budget(plan);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().message.find("100 participations at noise multiplier 1 spend epsilon 100.7") != std::string::npos);
  const std::string& hint = refused.error().hint;
  REQUIRE(hint.find("privacy.noise_multiplier = 6.89") != std::string::npos);
  REQUIRE(hint.find("privacy.max_participations = 2") != std::string::npos);
  Plan fewer = plan;
  fewer.privacy.max_participations = 2;
  CHECK(check_privacy_budget(fewer));
  fewer.privacy.max_participations = 3;
  CHECK_FALSE(check_privacy_budget(fewer));
  plan.privacy.noise_multiplier = std::stod(hint.substr(hint.find("= ") + 2));
  CHECK(check_privacy_budget(plan));
  plan.privacy.noise_multiplier *= 0.999;
  CHECK_FALSE(check_privacy_budget(plan));
}

TEST_CASE("the limits of a plan are its own, and without noise there are none") {
  Plan plan = plan_of(112);
  plan.privacy.max_participations = 7;
  plan.privacy.min_separation_rounds = 3;
  const PrivacyLimits limits = privacy_limits(plan);
  CHECK(limits.max_participations == 7);
  CHECK(limits.min_separation_rounds == 3);
  CHECK(limits.max_epsilon == 8);
  CHECK(limits.delta == 1e-6);
  plan.privacy = {.mode = PrivacyMode::none};
  CHECK(std::isinf(privacy_limits(plan).max_epsilon));
}

}  // namespace
}  // namespace fedspend
