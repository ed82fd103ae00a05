// What an auditor finds out with plan and statement alone, and what is beyond that.
#include "common/secagg/dp_statement_check.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "tests/common/secagg/dp_statement_samples.h"

namespace fedspend {
namespace {

using testing::central_plan, testing::distributed_plan, testing::has, testing::ledger_after, testing::plan_without_noise, testing::statement_of;

TEST_CASE("a statement that was written under a plan follows from it, in every mode, after some rounds and before the first") {
  Plan adaptive = distributed_plan();
  adaptive.privacy.clip_quantile = 0.5;
  Plan cohort = central_plan(2, 5);
  cohort.privacy.noise_cohort = 10'000;
  for (const Plan& plan : {distributed_plan(), adaptive, central_plan(2.5, 5), cohort, plan_without_noise()})
    for (const std::uint32_t rounds : {0U, 3U}) {
      const PlanHash hash = hash_of_plan(as_bytes(write_plan(plan)));
      DpStatement statement = statement_of(plan);
      if (plan.privacy.has_noise()) statement.bring_up_to(rounds, ledger_after(plan, rounds));
      const nlohmann::json stated = nlohmann::json::parse(to_json(statement).dump());
      const Result<StatementCheck> check = check_dp_statement(plan, hash, stated);
      REQUIRE_MESSAGE(check.has_value(), check.error().message);
      for (const StatementDifference& one : check->differences) FAIL_CHECK(to_string(plan.privacy.mode), one.where, one.stated.dump(), one.most.dump());
      CHECK(check->compared == stated.flatten().size());
      CHECK(check->computed.most_spent.epsilon_rdp >= statement.most_spent.epsilon_rdp);
    }
}

TEST_CASE("every figure and sentence of a statement that is changed is found, and each alone") {
  for (const Plan& plan : {distributed_plan(), central_plan(2.5, 5)}) {
    DpStatement statement = statement_of(plan);
    statement.bring_up_to(3, ledger_after(plan, 3));
    const PlanHash hash = hash_of_plan(as_bytes(write_plan(plan)));
    const nlohmann::json flat = nlohmann::json::parse(to_json(statement).dump()).flatten();
    for (const auto& [where, value] : flat.items()) {
      // What the run says of itself. Where the noise came from changes the sentences about it.
      if (where == "/code_version" || where == "/rounds/done" || where == "/rounds/sums_charged") continue;
      CAPTURE(where);
      nlohmann::json changed = flat;
      if (value.is_boolean()) changed[where] = !value.get<bool>();
      else if (value.is_number_float()) changed[where] = value.get<double>() * 0.9;
      else if (value.is_number()) changed[where] = value.get<std::uint64_t>() + 1;
      else if (value.is_string()) changed[where] = where == "/noise_source" ? "seed" : value.get<std::string>() + "!";
      else changed[where] = 1;
      const Result<StatementCheck> check = check_dp_statement(plan, hash, changed.unflatten());
      if (!check) {
        CHECK(check.error().code == ErrorCode::malformed);  // kind, schema
        continue;
      }
      CHECK(!check->differences.empty());
      if (where != "/noise_source" && where != "/so_far/participations") {
        REQUIRE(check->differences.size() == 1);
        CHECK(check->differences.front().where == where);
      }
    }
  }
}

TEST_CASE("a statement of another plan, with a stray key, above its cap, or no statement at all is found out") {
  const Plan plan = distributed_plan();
  const PlanHash hash = hash_of_plan(as_bytes(write_plan(plan)));
  const nlohmann::json stated = to_json(statement_of(plan));
  Plan less = plan;
  less.privacy.noise_multiplier = 2.4;
  const auto wheres = [&](const Plan& of, const nlohmann::json& json) {
    std::string all;
    const Result<StatementCheck> check = check_dp_statement(of, hash, json);
    REQUIRE(check.has_value());
    for (const StatementDifference& one : check->differences) all += one.where + " ";
    return all;
  };
  CHECK(has(wheres(less, stated), "/at_cap/epsilon "));
  CHECK(has(wheres(less, stated), "/mechanism/noise_multiplier "));
  nlohmann::json stray = stated;
  stray["at_cap"]["epsilon_hoped"] = 0.1;
  CHECK(wheres(plan, stray) == "/at_cap/epsilon_hoped ");
  nlohmann::json above = stated;
  above["so_far"]["participations"] = 6U;
  CHECK(has(wheres(plan, above), "/so_far/participations "));
  for (const char* text : {"{}", "[]", "1", R"({"kind": "dp-statement"})", R"({"kind": "dp-statement", "schema_version": 1, "code_version": "1"})"})
    CHECK(check_dp_statement(plan, hash, nlohmann::json::parse(text)).error().code == ErrorCode::malformed);
}

// 100 rounds, a cap of 5 participations, 20 rounds apart. Each row breaks one relation between its counts, which is one line.
TEST_CASE("counts that cannot be beside one another, or beside the plan, are found, each relation by one line with the reason") {
  struct Row {
    std::uint64_t rounds, sums, participations;
    std::string where, because;
  };
  Plan plan = distributed_plan();
  plan.privacy.min_separation_rounds = 20;
  const std::vector<Row> rows = {
      {3, 3, 1, "", ""},
      {3, 5, 1, "", ""},
      {0, 4, 1, "", ""},
      {19, 20, 1, "", ""},
      {20, 21, 2, "", ""},  // in round 1 and in an attempt at round 21
      {100, 100, 5, "", ""},
      {101, 101, 5, "/rounds/done", "the plan has 100 rounds"},
      {~std::uint64_t{0}, ~std::uint64_t{0}, 5, "/rounds/done", "the plan has 100 rounds"},
      {3, 2, 1, "/rounds/sums_charged", "each of the 3 rounds done had a sum that was charged"},
      {1, 0, 0, "/rounds/sums_charged", "each of the 1 round done had a sum that was charged"},
      {99, 100, 6, "/so_far/participations", "the plan's cap"},
      {0, 1, 2, "/so_far/participations", "a device is in each of 1 sum once at most"},
      {3, 3, 0, "/so_far/participations", "somebody was in 3 sums"},
      {19, 40, 2, "/so_far/participations", "they lie 20 rounds apart, and the run has come to round 20"},
      {80, 90, 6, "/so_far/participations", "the plan's cap"},
  };
  for (const PrivacyMode mode : {PrivacyMode::distributed, PrivacyMode::central}) {
    plan.privacy.mode = mode;
    const PlanHash hash = hash_of_plan(as_bytes(write_plan(plan)));
    for (const Row& row : rows) {
      CAPTURE(row.rounds);
      CAPTURE(row.sums);
      CAPTURE(row.participations);
      DpStatement statement = statement_of(plan);
      statement.rounds_done = row.rounds;
      statement.sums_charged = row.sums;
      statement.most_spent = spent_at_most(statement, static_cast<std::uint32_t>(row.participations)).value();
      const Result<StatementCheck> check = check_dp_statement(plan, hash, nlohmann::json::parse(to_json(statement).dump()));
      REQUIRE(check.has_value());
      std::vector<StatementDifference> counts;
      for (const StatementDifference& one : check->differences)
        if (!one.because.empty()) counts.push_back(one);
      if (row.because.empty()) {
        CHECK(check->differences.empty());
        continue;
      }
      const auto named = std::ranges::find_if(counts, [&](const StatementDifference& one) { return one.where == row.where && one.because == row.because; });
      CHECK_MESSAGE(named != counts.end(), row.because);
    }
  }
}

// The relations as the ledger and the machines make them, told once more and otherwise: a run that could be has no line, any other has one.
TEST_CASE("of any counts, those and only those that a run can leave are accepted") {
  SeededRandom random(1);
  std::array<int, 2> kinds{};
  const auto up_to = [&](std::uint32_t most) { return static_cast<std::uint32_t>(random.below(most + 1)); };
  for (int i = 0; i < 30; ++i) {
    Plan plan = central_plan(50, 1 + up_to(4));
    plan.federation.rounds = 1 + up_to(6);
    plan.privacy.max_epsilon = 1e6;
    plan.privacy.min_separation_rounds = up_to(3);
    const std::uint32_t rounds = up_to(plan.federation.rounds + 1), sums = up_to(rounds + 3), most = up_to(std::min(sums, 5U) + 1);
    // One device takes part as early as it may; the sums that are not of rounds done are attempts at the next, where there is one.
    const std::uint32_t last = std::min(rounds + 1, plan.federation.rounds), step = plan.privacy.min_separation_rounds;
    const std::uint32_t by_rounds = step == 0 ? sums : (last + step - 1) / step;
    const bool possible = rounds <= plan.federation.rounds && sums >= rounds && most <= plan.privacy.max_participations && most <= std::min(sums, by_rounds) && (most > 0) == (sums > 0);
    DpStatement statement = statement_of(plan);
    statement.rounds_done = rounds;
    statement.sums_charged = sums;
    statement.most_spent = spent_at_most(statement, most).value();
    const Result<StatementCheck> check = check_dp_statement(plan, hash_of_plan(as_bytes(write_plan(plan))), nlohmann::json::parse(to_json(statement).dump()));
    REQUIRE(check.has_value());
    CAPTURE(i);
    CHECK(check->differences.empty() == possible);
    kinds[possible] += 1;
  }
  CHECK(std::min(kinds[0], kinds[1]) >= 6);
}

TEST_CASE("sums charged without noise, more participations than the budget pays, and noise from a generator where only a simulation trains are found") {
  DpStatement quiet = statement_of(plan_without_noise());
  quiet.sums_charged = 1;
  const auto lines = [](const Plan& plan, const DpStatement& statement) {
    std::string all;
    const Result<StatementCheck> check = check_dp_statement(plan, hash_of_plan(as_bytes(write_plan(plan))), nlohmann::json::parse(to_json(statement).dump()));
    REQUIRE(check.has_value());
    for (const StatementDifference& one : check->differences) all += one.where + " " + one.because + "\n";
    return all;
  };
  CHECK(lines(plan_without_noise(), quiet) == "/rounds/sums_charged without noise nothing is charged\n");
  Plan apart = central_plan(2.5, 5);  // round 4, where a device of round 1 may be again, is not of the plan
  apart.federation.rounds = 3;
  apart.privacy.min_separation_rounds = 3;
  DpStatement twice = statement_of(apart);
  twice.rounds_done = 3;
  twice.sums_charged = 5;
  twice.most_spent = spent_at_most(twice, 2).value();
  CHECK(lines(apart, twice) == "/so_far/participations they lie 3 rounds apart, and the run has come to round 3\n");
  Plan module = distributed_plan();
  module.model.name = std::string(kTorchScriptModel);
  CHECK(has(lines(module, statement_of(module)), "/noise_source this plan's model is trained in simulations alone"));
  CHECK(lines(module, statement_of(module, NoiseSource::seed)).empty());
  for (Plan plan : {distributed_plan(), central_plan(2.5, 5)}) {
    plan.privacy.max_participations = 50;
    DpStatement dear = statement_of(plan);  // max_epsilon 8 ends it before
    dear.rounds_done = dear.sums_charged = 50;
    dear.most_spent = spent_at_most(dear, 50).value();
    CHECK(has(lines(plan, dear), "/so_far/epsilon"));
  }
}

TEST_CASE("what is the issuer's word is said: counts, the noise's source, the version; without noise fewer of them") {
  CHECK(issuers_word(distributed_plan()) == std::vector<std::string>{"/rounds/done", "/code_version", "/rounds/sums_charged", "/so_far/participations", "/noise_source"});
  CHECK(issuers_word(plan_without_noise()) == std::vector<std::string>{"/rounds/done", "/code_version"});
}

}  // namespace
}  // namespace fedspend
