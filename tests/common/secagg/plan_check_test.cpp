// What a plan is refused for before a round starts, and that what the refusal proposes is accepted when it is typed back (issue: "with the
// numbers and a value that would work").
#include "common/secagg/plan_check.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/crypto/random.h"
#include "common/secagg/plan_proposal.h"
#include "tests/common/protocol/plan_samples.h"

namespace fedspend {
namespace {

Plan sample() {
  Plan plan = parse_plan(testing::kShortPlan).value();
  plan.federation.rounds = 1000;
  return plan;
}

// "set a.b = 1, c.d = 2 and e.f = 3, or g.h = 4": each way is a list of settings.
std::vector<std::vector<PlanSetting>> ways_of(const std::string& hint) {
  std::vector<std::vector<PlanSetting>> ways;
  if (!hint.starts_with("set ")) return ways;
  std::string rest = hint.substr(4);
  const auto cut = [](std::string& text, const std::string& at) {
    const std::size_t end = text.find(at);
    std::string head = text.substr(0, end);
    text = end == std::string::npos ? "" : text.substr(end + at.size());
    return head;
  };
  while (!rest.empty()) {
    std::string way = cut(rest, ", or ");
    for (std::size_t at = 0; (at = way.find(" and ", at)) != std::string::npos;) way.replace(at, 5, ", ");
    ways.emplace_back();
    while (!way.empty()) {
      std::string setting = cut(way, ", ");
      const std::string key = cut(setting, " = ");
      ways.back().push_back({key, setting});
    }
  }
  return ways;
}

// As somebody would: in the plan's own text, in the place of the line that is there.
Result<Plan> typed(const Plan& plan, const std::vector<PlanSetting>& settings) {
  std::string text = write_plan(plan);
  for (const PlanSetting& setting : settings) {
    const std::size_t dot = setting.key.find('.');
    const std::size_t table = text.find("[" + setting.key.substr(0, dot) + "]\n");
    const std::string key = "\n" + setting.key.substr(dot + 1) + " = ";
    const std::size_t line = table == std::string::npos ? table : text.find(key, table);
    if (line == std::string::npos) return fail(ErrorCode::not_found, "no line " + setting.key);
    const std::size_t value = line + key.size();
    text.replace(value, text.find('\n', value) - value, setting.value);
  }
  return parse_plan(text);
}

Status refused(const Plan& plan) {
  Status checked = check_rounds(plan);
  REQUIRE_FALSE(checked);
  return checked;
}

std::string why_not_accepted(const Plan& plan, const std::string& hint) {
  const auto ways = ways_of(hint);
  if (ways.empty()) return "no proposal: " + hint;
  for (const auto& way : ways) {
    const Result<Plan> read = typed(plan, way);
    if (!read) return read.error().message;
    if (const Status checked = check_rounds(*read); !checked) return checked.error().message;
  }
  return {};
}

TEST_CASE("what a refusal proposes is accepted when it is typed back: the cases that once were not") {
  struct Case {
    std::string what;
    void (*spoil)(Plan&);
    const char* proposed;  // the beginning
  };
  const std::vector<Case> cases = {
      {"adaptive clip, z = 50, cohort 100", [](Plan& p) { p.privacy.clip_quantile = 0.5; p.privacy.clip_learning_rate = 0.2; p.privacy.noise_multiplier = 50; p.federation.cohort = 100; }, "set privacy.noise_multiplier = "},
      {"6 bits", [](Plan& p) { p.aggregation.bits = 6; }, "set aggregation.bits = "},
      {"clip 1e-4, adaptive", [](Plan& p) { p.privacy.clip_quantile = 0.5; p.privacy.clip_learning_rate = 0.2; p.aggregation.clip_norm_l2 = 1e-4; }, "set "},
      {"delta 1e-21", [](Plan& p) { p.privacy.delta = 1e-21; }, "set privacy.delta = "},
      {"quorum against dropout", [](Plan& p) { p.aggregation.corrupt_ppm = 500'000; p.aggregation.dropout_ppm = 400'000; }, "set aggregation."},
      {"quorum against min_cohort", [](Plan& p) { p.federation.cohort = 100; p.federation.min_cohort = 60; p.aggregation.dropout_ppm = 400'000; p.aggregation.corrupt_ppm = 250'000; }, "set "},
      {"a cap that overspends", [](Plan& p) { p.privacy.max_participations = 100; }, "set privacy.noise_multiplier = 6.89"},
      {"a budget that bits cannot mend", [](Plan& p) { p.privacy.max_epsilon = 0.001; }, "set "},
      {"central noise below a unit", [](Plan& p) { p.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 1e-12, .max_epsilon = 1e6, .wrap_stddevs = 4}; p.aggregation.bits = 16; }, "set "},
      {"an adaptive clip's noise that no cohort bears, and a budget that takes more of it", [](Plan& p) { p.federation.cohort = 44; p.federation.over_selection = 1.1; p.aggregation.clip_norm_l2 = 5.48; p.aggregation.bits = 27; p.aggregation.corrupt_ppm = 131'269; p.aggregation.dropout_ppm = 391'528; p.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 98, .delta = 1e-6, .max_epsilon = 0.2615, .max_participations = 762, .wrap_stddevs = 4, .clip_quantile = 0.5, .clip_learning_rate = 0.2}; }, "set "},
      {"noise too little for its steps, and a budget that takes a thousand times more", [](Plan& p) { p.federation.cohort = 74; p.federation.over_selection = 1.2; p.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 0.000285, .delta = 1e-6, .max_epsilon = 0.3514, .max_participations = 385, .wrap_stddevs = 4, .clip_quantile = 0.5, .clip_learning_rate = 0.2}; }, "set "},
      {"a hundred things at once", [](Plan& p) { p.privacy.delta = 1e-30; p.aggregation.bits = 4; p.privacy.noise_multiplier = 1e-7; p.aggregation.clip_norm_l2 = 1e-8; p.aggregation.dropout_ppm = 700'000; }, "set "},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    Plan plan = sample();
    one.spoil(plan);
    const Status checked = refused(plan);
    if (checked) continue;
    CAPTURE(checked.error().message);
    CAPTURE(checked.error().hint);
    CHECK(checked.error().hint.starts_with(one.proposed));
    CHECK(why_not_accepted(plan, checked.error().hint) == "");
  }
}

TEST_CASE("the value that is printed, typed back, is accepted: of plans with random bad parameters") {
  int count = 0;
  CHECK(rc::check([&] {
    SeededRandom random(*rc::gen::arbitrary<std::uint64_t>());
    const auto between = [&random](double low, double high) { return low * std::pow(high / low, static_cast<double>(random.below(1 << 20)) / (1 << 20)); };
    const auto once_in = [&random](std::uint64_t times) { return random.below(times) == 0; };
    Plan plan = sample();
    plan.federation.cohort = static_cast<std::uint32_t>(between(10, 300));
    plan.federation.over_selection = 1 + static_cast<double>(random.below(5)) / 10;
    if (once_in(2)) plan.aggregation.bits = static_cast<unsigned>(2 + random.below(31));
    if (once_in(2)) plan.privacy.noise_multiplier = between(1e-6, 900);
    if (once_in(3)) plan.aggregation.clip_norm_l2 = between(1e-6, 1e4);
    if (once_in(3)) plan.privacy.max_epsilon = between(0.1, 100);
    if (once_in(3)) plan.privacy.max_participations = static_cast<std::uint32_t>(between(1, 1000));
    if (once_in(5)) plan.privacy.delta = between(1e-25, 0.05);
    if (once_in(4)) plan.aggregation.dropout_ppm = static_cast<std::uint32_t>(random.below(600'000));
    if (once_in(4)) plan.aggregation.corrupt_ppm = static_cast<std::uint32_t>(random.below(600'000));
    if (once_in(4)) {
      plan.privacy.clip_quantile = 0.5;
      plan.privacy.clip_learning_rate = 0.2;
    }
    if (once_in(4)) {
      plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = plan.privacy.noise_multiplier, .delta = plan.privacy.delta, .max_epsilon = plan.privacy.max_epsilon, .max_participations = plan.privacy.max_participations};
      if (once_in(2)) plan.aggregation.mode = Aggregation::open;
    }
    const Result<Plan> read = parse_plan(write_plan(plan));
    if (!read) return;  // refused as it is read, with ranges
    const Status checked = check_rounds(*read);
    if (checked) return;
    ++count;
    RC_LOG() << write_plan(*read) << checked.error().message << "; " << checked.error().hint;
    RC_ASSERT(why_not_accepted(*read, checked.error().hint) == "");
  }));
  CHECK(count >= 20);
}

}  // namespace
}  // namespace fedspend
