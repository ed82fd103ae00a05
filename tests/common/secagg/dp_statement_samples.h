#pragma once
// Plans and statements for the tests of the statement and of its check.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "common/secagg/dp_assumptions.h"
#include "common/secagg/dp_statement.h"
#include "common/secagg/session_privacy.h"
#include "tests/rounds/sample.h"

namespace fedspend::testing {

inline Plan distributed_plan() {
  Plan plan = testing::secure_plan();
  plan.model.parameter_count = 1'000;
  plan.federation = {.rounds = 100, .cohort = 100, .over_selection = 1.2};
  plan.aggregation = {.mode = Aggregation::secure, .clip_norm_l2 = 0.5, .bits = 22};
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 2.5, .max_participations = 5};
  return plan;
}

inline Plan central_plan(double noise_multiplier, std::uint32_t participations) {
  Plan plan = distributed_plan();
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = noise_multiplier, .max_participations = participations};
  return plan;
}

inline Plan plan_without_noise() {
  Plan plan = distributed_plan();
  plan.privacy = {.mode = PrivacyMode::none};
  return plan;
}

inline DpStatement statement_of(const Plan& plan, NoiseSource source = NoiseSource::generator) {
  Result<DpStatement> made = make_dp_statement(plan, hash_of_plan(as_bytes(write_plan(plan))), "1.2.3", source);
  if (!made) FAIL(made.error().message);
  return std::move(*made);
}

// Device 1 is in every round, the others in one each.
inline PopulationLedger ledger_after(const Plan& plan, std::uint32_t rounds) {
  PopulationLedger ledger;
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    PrivacyCharge charge{.session = {}, .round = RoundId{round}, .cost = contribution_cost(plan, plan.federation.cohort).value(), .contributors = {testing::device_keys(1).id, testing::device_keys(1 + round).id}};
    charge.session.bytes[0] = static_cast<std::uint8_t>(round);
    REQUIRE(ledger.charge(charge).has_value());
  }
  return ledger;
}

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// The text without its line breaks.
inline std::string flowing(const DpStatement& statement) {
  std::string flat;
  for (const char c : to_text(statement)) {
    const char flat_c = c == '\n' ? ' ' : c;
    if (flat_c != ' ' || flat.empty() || flat.back() != ' ') flat += flat_c;
  }
  return flat;
}

inline const Assumption* find(const DpStatement& statement, std::string_view words) {
  for (const Assumption& assumption : statement.assumptions)
    if (has(assumption.what, words)) return &assumption;
  return nullptr;
}

inline bool is_marked(const DpStatement& statement, std::string_view words, Standing standing) {
  const Assumption* const found = find(statement, words);
  return found != nullptr && found->standing == standing;
}

}  // namespace fedspend::testing
