#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "common/protocol/plan.h"
#include "common/protocol/server_optimizers.h"
#include "tests/common/protocol/plan_samples.h"

namespace fedspend::testing {
namespace {

TEST_CASE("what is written is read back as the same plan, and every key is written") {
  for (const std::string_view text : {kShortPlan, kFullPlan}) {
    const auto plan = parse_plan(text);
    REQUIRE(plan);
    const std::string written = write_plan(*plan);
    const auto again = parse_plan(written);
    REQUIRE_MESSAGE(again.has_value(), (again ? "" : again.error().message));
    CHECK(*again == *plan);
    CHECK(write_plan(*again) == written);
  }
  // One line with " = " for every key of plan.h that FedAvg and constant schedules have: 5 + 4 + 7 + 2 + 8 + 2 + 2 + 10 + 9 + 1 + 2 and no sizes.
  const std::string written = write_plan(parse_plan(kShortPlan).value());
  std::size_t keys = 0;
  for (std::size_t at = written.find(" = "); at != std::string::npos; at = written.find(" = ", at + 1)) ++keys;
  CHECK(keys == 52);
}

TEST_CASE("a plan is written as a person would write it") {
  const std::string written = write_plan(parse_plan(kFullPlan).value());
  CHECK(written.find("\n[federation]\nrounds = 20\ncohort = 10\nmin_cohort = 8\nover_selection = 1.3\n") != std::string::npos);
  CHECK(written.find("gradient_clip_l2 = 5.0\n") != std::string::npos);
  CHECK(written.find("  \"say \\\"more\\\" \\\\ less\",\n") != std::string::npos);
}

// A finite double of any bits, brought into (0, limit).
double any_number(double limit) {
  const auto mantissa = static_cast<double>(*rc::gen::inRange<std::int64_t>(1, std::int64_t{1} << 53));
  const int exponent = *rc::gen::inRange(-1000, -53);
  return limit * std::ldexp(mantissa, exponent);
}
std::uint32_t any_in(std::uint32_t least, std::uint32_t most) { return *rc::gen::inRange<std::uint32_t>(least, most + 1); }

std::string any_text(std::size_t max_bytes) {
  static constexpr std::string_view pieces[] = {"a", "Z", "0", " ", "\"", "\\", "'", "#", "=", "[", "]", "ø", "€", "\U0001f4b3", "\\n", "}"};
  std::string text = "x";
  for (int i = *rc::gen::inRange(0, 12); i > 0; --i) text += pieces[*rc::gen::inRange<std::size_t>(0, std::size(pieces))];
  CHECK(text.size() <= max_bytes);
  return text;
}

ScheduleSpec any_schedule() {
  ScheduleSpec schedule;
  schedule.kind = *rc::gen::element(ScheduleKind::constant, ScheduleKind::step, ScheduleKind::exponential, ScheduleKind::cosine, ScheduleKind::inverse_sqrt);
  schedule.warmup_rounds = any_in(0, 1'000'000);
  const ScheduleKeys keys = keys_of(schedule.kind);
  if (keys.decay) schedule.decay = any_number(1);
  if (keys.period_rounds) schedule.period_rounds = any_in(1, 1'000'000);
  if (keys.floor) schedule.floor = any_number(1);
  return schedule;
}

ServerSpec any_server() {
  const ServerOptimizerKeys keys = server_optimizers()[*rc::gen::inRange<std::size_t>(0, server_optimizers().size())];
  ServerSpec server;
  server.optimizer = keys.name;
  server.learning_rate = any_number(1000);
  if (keys.momentum) server.momentum = any_number(1);
  if (keys.beta1) server.beta1 = any_number(1);
  if (keys.beta2) server.beta2 = any_number(1);
  if (keys.tau) server.tau = any_number(1000);
  server.schedule = any_schedule();
  return server;
}

AggregationSpec any_aggregation() {
  AggregationSpec aggregation{.mode = *rc::gen::element(Aggregation::open, Aggregation::secure), .clip_norm_l2 = 0.01 + any_number(100), .bits = any_in(24, 32)};
  if (aggregation.mode == Aggregation::open) return aggregation;
  aggregation.corrupt_ppm = any_in(0, 999'999);
  aggregation.dropout_ppm = any_in(0, 500'000);  // of the smallest cohort, 4, two are left
  aggregation.threat = *rc::gen::element(Threat::curious, Threat::semi_malicious);
  aggregation.security_bits = any_in(1, 128);
  aggregation.failure_bits = any_in(1, 128);
  aggregation.beacon = *rc::gen::element(BeaconSource::roster, BeaconSource::external);
  aggregation.phase_deadline_ms = any_in(100, 3'600'000);
  return aggregation;
}

PrivacySpec any_privacy(const Plan& plan) {
  const bool open = plan.aggregation.mode == Aggregation::open;
  PrivacySpec privacy{.mode = open ? *rc::gen::element(PrivacyMode::none, PrivacyMode::central)
                                   : *rc::gen::element(PrivacyMode::none, PrivacyMode::central, PrivacyMode::distributed)};
  if (!privacy.has_noise()) return privacy;
  privacy.noise_multiplier = any_number(1000);
  privacy.delta = any_number(0.1);
  privacy.max_epsilon = any_number(1e6);
  privacy.max_participations = any_in(1, 1'000'000);
  privacy.min_separation_rounds = any_in(0, 1'000'000);
  privacy.noise_cohort = *rc::gen::element(0u, plan.federation.cohort, 1'000'000'000u);
  if (privacy.mode != PrivacyMode::distributed) return privacy;
  privacy.wrap_stddevs = 3 + any_number(7);
  privacy.clip_quantile = *rc::gen::element(0.0, any_number(1));
  if (privacy.has_adaptive_clip()) privacy.clip_learning_rate = any_number(1);
  return privacy;
}

Plan any_plan() {
  Plan plan;
  plan.name = any_text(64);
  plan.population = any_text(64);
  plan.purpose = any_text(64);
  for (auto& byte : plan.task.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();
  plan.task.bytes[0] |= 1;
  plan.model.name = any_text(64);
  plan.model.parameter_count = any_in(1, 1u << 24);
  plan.model.initial_seed = *rc::gen::arbitrary<std::uint64_t>() >> 1;
  std::set<std::string> categories;
  for (int i = *rc::gen::inRange(1, 6); i > 0; --i) categories.insert(any_text(128));
  plan.model.categories.assign(categories.begin(), categories.end());
  if (*rc::gen::arbitrary<bool>()) {
    plan.model.name = "torchscript";
    plan.model.file = any_text(64);
    std::erase_if(plan.model.file, [](char c) { return c == '/' || c == '\\'; });
    for (auto& byte : plan.model.file_hash.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();
    plan.model.file_hash.bytes[0] |= 1;
  }
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) plan.model.sizes["size_" + std::to_string(i)] = any_in(1, 1'000'000);
  plan.training = {any_in(1, 1000),    any_in(1, 65'536), any_number(1000),          any_number(1),
                   any_number(1000), any_number(1e6),   any_in(0, 1'000'000'000), any_schedule()};
  plan.federation.rounds = any_in(1, 1'000'000);
  plan.aggregation = any_aggregation();
  plan.federation.cohort = any_in(4, 5000);
  plan.federation.min_cohort = *rc::gen::element(0u, any_in(2, plan.most_min_cohort()));
  plan.federation.over_selection = 1 + any_number(99);
  plan.federation.round_deadline_ms = any_in(1, 604'800'000);
  plan.federation.selection_window_ms = any_in(0, 604'800'000);
  plan.federation.selection_pool = *rc::gen::element(0u, plan.devices_asked(), 1'000'000u);
  plan.federation.retry_after_ms = any_in(0, 604'800'000);
  plan.server = any_server();
  plan.privacy = any_privacy(plan);
  plan.eligibility.min_examples = any_in(0, 1'000'000);
  plan.evaluation = {any_number(1), any_in(1, 1'000'000)};
  return plan;
}

TEST_CASE("every fraction of a million comes back") {
  Plan plan = parse_plan(kShortPlan).value();
  for (std::uint32_t parts = 0; parts < 1'000'000; parts = parts < 20 ? parts + 1 : parts + 4'999) {
    plan.aggregation.corrupt_ppm = parts;
    plan.aggregation.dropout_ppm = std::min(parts, 970'000u);
    const auto again = parse_plan(write_plan(plan));
    REQUIRE_MESSAGE(again.has_value(), (again ? "" : again.error().message));
    CHECK(*again == plan);
  }
}

TEST_CASE("any plan comes back from its text with every double exact to the bit") {
  CHECK(rc::check([] {
    const Plan plan = any_plan();
    const auto again = parse_plan(write_plan(plan));
    if (!again) RC_FAIL(again.error().message);
    RC_ASSERT(*again == plan);
  }));
}

}  // namespace
}  // namespace fedspend::testing
