// What a plan says of secure aggregation and of noise.
#include "common/protocol/plan.h"

#include <doctest/doctest.h>

#include "tests/common/protocol/plan_refusal.h"
#include "tests/common/protocol/plan_samples.h"

namespace fedspend::testing {
namespace {

TEST_CASE("with secure aggregation a round must be able to end after the losses that its plan tolerates, and with more than one update") {
  const auto with = [](const std::string& federation, const std::string& aggregation = "") {
    return std::string(kShortPlan) + "[federation]\n" + federation + "\n[aggregation]\n" + aggregation + "\n";
  };
  const auto reports = [&](const std::string& federation, const std::string& aggregation) {
    const auto plan = parse_plan(with(federation, aggregation));
    REQUIRE_MESSAGE(plan, plan.error().message);
    return plan->min_reports();
  };
  CHECK(reports("cohort = 100", "") == 90);
  CHECK(reports("cohort = 15", "") == 13);                             // 13.5
  CHECK(reports("cohort = 1000000", "dropout_fraction = 0.000001\nbits = 32") == 999'999);
  CHECK(reports("cohort = 1000000", "dropout_fraction = 0") == 1'000'000);
  CHECK(reports("cohort = 10\nmin_cohort = 9", "") == 9);
  CHECK(reports("cohort = 10\nmin_cohort = 10", "dropout_fraction = 0.0") == 10);
  CHECK(reports("cohort = 3", "dropout_fraction = 0.3") == 2);
  CHECK(message_of(with("cohort = 10\nmin_cohort = 10")) == "plan: federation.min_cohort (line 12): 10 is above 9, which is left of the cohort after the tolerated losses");
  CHECK(message_of(with("cohort = 2", "dropout_fraction = 0")) ==
        "plan: federation.cohort (line 11): 2 is too few for secure aggregation, which hides nobody among fewer than 3");
  const std::string open = "mode = \"open\"\n[privacy]\nmode = \"none\"";
  CHECK(reports("cohort = 2", open) == 2);
  CHECK(message_of(with("cohort = 10\nmin_cohort = 1")) == "plan: federation.min_cohort (line 12): a round could end with a sum of 1");
  CHECK(message_of(with("cohort = 3", "dropout_fraction = 0.9")) == "plan: federation.min_cohort: a round could end with a sum of 0");
  CHECK(reports("cohort = 10\nmin_cohort = 1", open) == 1);
}

TEST_CASE("the parameters of secure aggregation are read into their places, and open aggregation has none of them") {
  const std::string head = std::string(kShortPlan) + "[aggregation]\n";
  const std::string lines[] = {"corrupt_fraction = 0.05", "dropout_fraction = 0.333333", "threat = \"curious\"", "security_bits = 80", "failure_bits = 30",
                               "beacon = \"external\"",    "phase_deadline_ms = 2500"};
  std::string all = head;
  for (const std::string& line : lines) all += line + "\n";
  const auto plan = parse_plan(all);
  REQUIRE(plan);
  CHECK(plan->aggregation == AggregationSpec{Aggregation::secure, 1.0, 24, 50'000, 333'333, Threat::curious, 80, 30, BeaconSource::external, 2500});
  for (const std::string& line : lines) {
    const std::string key = line.substr(0, line.find(' '));
    CHECK(message_of(head + "mode = \"open\"\n" + line + "\n") == "plan: aggregation." + key + " (line 12): open aggregation has no such key");
  }
  CHECK(std::size(lines) == kSecureAggregationKeys.size());
  CHECK(parse_plan(head + "mode = \"open\"\n[privacy]\nmode = \"none\"\n")->aggregation == AggregationSpec{.mode = Aggregation::open});
  CHECK(parse_plan(head + "threat = \"semi-malicious\"\nbeacon = \"roster\"\n")->aggregation == AggregationSpec{});
  CHECK(message_of(head + "threat = \"semi_malicious\"\n") == "plan: aggregation.threat (line 11): one of \"curious\", \"semi-malicious\" expected");
  CHECK(message_of(head + "beacon = \"none\"\n") == "plan: aggregation.beacon (line 11): one of \"roster\", \"external\" expected");
}

TEST_CASE("a fraction is a decimal of six places at most, and is counted in millionths exactly") {
  const auto with = [](const std::string& value) { return std::string(kShortPlan) + "[aggregation]\ncorrupt_fraction = " + value + "\n"; };
  const auto ppm = [&](const std::string& value) {
    const auto plan = parse_plan(with(value));
    REQUIRE_MESSAGE(plan, value);
    return plan->aggregation.corrupt_ppm;
  };
  for (std::uint32_t parts = 0; parts < 1'000'000; parts += parts < 50 ? 1 : 9'973) {
    const std::string digits = std::to_string(1'000'000 + parts).substr(1);
    CHECK(ppm("0." + digits) == parts);
  }
  CHECK(ppm("0.999999") == 999'999);
  CHECK(ppm("0") == 0);
  CHECK(ppm("-0.0") == 0);
  CHECK(ppm("0.10000000") == 100'000);
  CHECK(ppm("5e-2") == 50'000);
  for (const std::string value : {"0.1234567", "0.0000001", "1e-7", "0.10000001", "0.3333333333333333", "1e-300"})
    CHECK(message_of(with(value)) == "plan: aggregation.corrupt_fraction (line 11): at most six decimals expected, so that every device counts with the same number");
  CHECK(message_of(with("\"0.1\"")) == "plan: aggregation.corrupt_fraction (line 11): a number expected");
}

TEST_CASE("a width in which the sum of the devices asked, and the noise that is added to it, would wrap is refused") {
  const auto with = [](const std::string& bits, const std::string& privacy) {
    return std::string(kShortPlan) + "[federation]\ncohort = 100\nover_selection = 1.3\n[aggregation]\nbits = " + bits + "\n[privacy]\n" + privacy + "\n";
  };
  CHECK(parse_plan(with("9", "mode = \"none\"")));  // (2^8 - 1) / 130 = 1
  CHECK(message_of(with("8", "mode = \"none\"")).starts_with("plan: aggregation.bits (line 14): "));
  // Of 6,656 parameters: (2^9 - 1 - 8 z sqrt(6656) / 2) / (130 + 8 z) is 1.34 for z = 1, .86 for z = 1.2.
  CHECK(parse_plan(with("10", "mode = \"central\"\nnoise_multiplier = 1.0")));
  CHECK(message_of(with("10", "mode = \"central\"\nnoise_multiplier = 1.2")).starts_with("plan: aggregation.bits (line 14): "));
}

TEST_CASE("the parameters of the noise are read into their places, and a plan without noise has none of them") {
  const std::string head = std::string(kShortPlan) + "[privacy]\n";
  const std::string lines[] = {"noise_multiplier = 0.5",     "delta = 1e-7",          "max_epsilon = 12.5",       "max_participations = 4", "min_separation_rounds = 9", "clip_quantile = 0.25",
                               "clip_learning_rate = 0.125", "noise_cohort = 100000", "wrap_stddevs = 6"};
  std::string all = head;
  for (const std::string& line : lines) all += line + "\n";
  const auto plan = parse_plan(all);
  REQUIRE(plan);
  CHECK(plan->privacy == PrivacySpec{PrivacyMode::distributed, 0.5, 1e-7, 12.5, 4, 9, 6, 0.25, 0.125, 100'000});
  CHECK(plan->is_demonstration());
  CHECK(std::size(lines) == kNoiseKeys.size());
  for (const std::string& line : lines) {
    const std::string key = line.substr(0, line.find(' '));
    CHECK(message_of(head + "mode = \"none\"\n" + line + "\n") == "plan: privacy." + key + " (line 12): a plan without noise has no such key");
  }
  CHECK(message_of(head + "mode = \"central\"\nwrap_stddevs = 4\n") == "plan: privacy.wrap_stddevs (line 12): central noise has no such key");
  CHECK(message_of(head + "clip_learning_rate = 0.2\n") == "plan: privacy.clip_learning_rate (line 11): a fixed clip norm has no such key (clip_quantile is 0)");
  CHECK(parse_plan(head + "clip_quantile = 0.5\n")->privacy.clip_learning_rate == 0.2);
}

TEST_CASE("impossible noise is refused with its number and the range") {
  const auto with = [](const std::string& line) { return std::string(kShortPlan) + "[privacy]\n" + line + "\n"; };
  for (const std::string line : {"noise_multiplier = 0", "noise_multiplier = -1.0", "noise_multiplier = nan", "noise_multiplier = inf", "delta = 0", "delta = 1.0", "delta = nan", "max_epsilon = 0.0",
                                 "max_epsilon = -3", "max_participations = 0", "clip_quantile = 1.0", "clip_quantile = -0.1", "wrap_stddevs = 0"}) {
    const std::string message = message_of(with(line));
    CHECK_MESSAGE(message.find("plan: privacy." + line.substr(0, line.find(' ')) + " (line 11): ") == 0, message);
    CHECK_MESSAGE(message.find("outside") != std::string::npos, message);
  }
  CHECK(message_of(with("noise_cohort = 111")) == "plan: privacy.noise_cohort (line 11): 111 is below the cohort, 112");
  CHECK(parse_plan(with("noise_cohort = 112")));
}

TEST_CASE("distributed noise in an open sum is refused: the coordinator would see each update with a share of it alone") {
  const std::string open = std::string(kShortPlan) + "[aggregation]\nmode = \"open\"\n";
  CHECK(message_of(open).find("plan: privacy.mode: distributed noise needs secure aggregation") == 0);
  CHECK(parse_plan(open + "[privacy]\nmode = \"central\"\n"));
  CHECK(parse_plan(open + "[privacy]\nmode = \"none\"\n"));
}

}  // namespace
}  // namespace fedspend::testing
