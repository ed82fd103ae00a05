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

struct Mutation {
  std::string how;
  nlohmann::json statement;
};

// Each way in which one leaf may be written otherwise: up, down, of another type that flattens or compares alike, missing, doubled, moved.
std::vector<Mutation> mutations_of(const nlohmann::json& whole, const std::string& where) {
  using Json = nlohmann::json;
  const Json::json_pointer pointer(where), above = pointer.parent_pointer();
  const Json value = whole.at(pointer);
  std::vector<Mutation> all;
  const auto put = [&](const std::string& how, const Json& other) {
    all.push_back({how, whole});
    all.back().statement[pointer] = other;
  };
  if (value.is_boolean()) put("the other", !value.get<bool>());
  if (value.is_boolean()) put("a number", value.get<bool>() ? 1U : 0U);
  if (value.is_number_float())
    for (const double factor : {1.1, 0.9, 1.01, 0.99, -1.0}) put("times " + std::to_string(factor), value.get<double>() * factor);
  if (value.is_number_float() && value == 0.0) put("up", 1e-9);
  if (value.is_number_integer()) {
    put("up", value.get<std::uint64_t>() + 1);
    if (value != 0U) put("down", value.get<std::uint64_t>() - 1);
    put("a fraction", static_cast<double>(value.get<std::uint64_t>()));
    put("negative", -1 - static_cast<std::int64_t>(value.get<std::uint64_t>()));
  }
  if (value.is_number()) put("a string", value.dump());
  if (value.is_string()) {
    put("longer", value.get<std::string>() + "!");
    put("shorter", value.get<std::string>().substr(1));
    put("empty", "");
  }
  if (value.is_null())
    for (const Json& other : {Json(0U), Json(0.0), Json(""), Json(false), Json::array(), Json::object()}) put("not null: " + other.dump(), other);
  else put("null", nullptr);
  put("a list of it", Json::array({value}));
  put("an object of it", {{"0", value}});
  put("no list of nothing", Json::array({Json::array()}));
  // Missing.
  all.push_back({"missing", whole});
  Json& holder = all.back().statement[above];
  if (holder.is_object()) holder.erase(pointer.back());
  else holder.erase(std::stoul(pointer.back()));
  // Moved, and doubled under a second name: one up, beside, and at the end of a list.
  all.push_back({"moved to another key", all.back().statement});
  Json& renamed = all.back().statement[above];
  if (renamed.is_object()) renamed[pointer.back() + "_"] = value;
  else renamed.push_back(value.is_string() ? Json(value.get<std::string>() + "?") : value);
  all.push_back({"doubled", whole});
  Json& doubled = all.back().statement[above];
  if (doubled.is_object()) doubled[pointer.back() + "_"] = value;
  else doubled.push_back(value);
  all.push_back({"doubled at the top", whole});
  all.back().statement["_" + pointer.back()] = value;
  return all;
}

bool is_found(const Plan& plan, const PlanHash& hash, const nlohmann::json& statement) {
  const Result<StatementCheck> check = check_dp_statement(plan, hash, statement);
  if (!check) CHECK(check.error().code == ErrorCode::malformed);
  return !check || !check->differences.empty();
}

// The whole list of what can be changed without being found: values of the same type of what is the issuer's word, which can be beside the others.
TEST_CASE("every leaf of a statement changed in every way is found, but for possible values of what is the issuer's word, and of what was spent between two bounds") {
  Plan adaptive = distributed_plan();
  adaptive.privacy.clip_quantile = 0.5;
  Plan cohort = distributed_plan();
  cohort.privacy.noise_cohort = 10'000;
  std::size_t tried = 0;
  std::vector<std::string> unfound;
  for (const Plan& plan : {distributed_plan(), adaptive, central_plan(2.5, 5), cohort, plan_without_noise()}) {
    DpStatement statement = statement_of(plan);
    if (plan.privacy.has_noise()) statement.bring_up_to(3, ledger_after(plan, 3));
    const PlanHash hash = hash_of_plan(as_bytes(write_plan(plan)));
    const nlohmann::json whole = nlohmann::json::parse(to_json(statement).dump());
    REQUIRE_FALSE(is_found(plan, hash, whole));
    const nlohmann::json flat = whole.flatten();
    for (const auto& [where, value] : flat.items()) {
      if (plan.privacy.mode == PrivacyMode::central && where != "/so_far/epsilon_pld" && where != "/at_cap/epsilon") continue;  // each check asks for three PLDs
      for (const Mutation& mutation : mutations_of(whole, where)) {
        ++tried;
        if (!is_found(plan, hash, mutation.statement)) unfound.push_back(where + " " + mutation.how);
      }
    }
  }
  std::ranges::sort(unfound);
  unfound.erase(std::ranges::unique(unfound).begin(), unfound.end());
  std::string listed;
  for (const std::string& one : unfound) listed += one + "\n";
  // Three rounds done, three sums charged: one round fewer leaves an aborted one, one sum more likewise; without noise any number of rounds. What
  // was spent by distributed noise is known to lie between the cheapest and the dearest rosters: a hundredth more, not a hundredth less, is between them here.
  CHECK(listed == "/code_version shorter\n/rounds/done down\n/rounds/done up\n/rounds/sums_charged up\n/so_far/epsilon times 1.010000\n/so_far/epsilon_rdp times 1.010000\n");
  CHECK(tried > 2'000);
}

TEST_CASE("what flattens alike or compares equal is of another type, and named so: an object for a list, a pair of lists for a list of pairs, 1.0 for 1") {
  const Plan plan = distributed_plan();
  const PlanHash hash = hash_of_plan(as_bytes(write_plan(plan)));
  const nlohmann::json whole = nlohmann::json::parse(to_json(statement_of(plan)).dump());
  const auto lines = [&](const nlohmann::json& stated) {
    std::string all;
    const Result<StatementCheck> check = check_dp_statement(plan, hash, stated);
    REQUIRE(check.has_value());
    for (const StatementDifference& one : check->differences) all += one.where + ": " + one.form + "\n";
    return all;
  };
  for (const char* list : {"/released", "/assumptions"}) {
    const nlohmann::json::json_pointer at(list);
    nlohmann::json changed = whole;
    changed[at] = nlohmann::json::object();
    for (std::size_t i = 0; i < whole[at].size(); ++i) changed[at][std::to_string(i)] = whole[at][i];
    REQUIRE(changed.flatten() == whole.flatten());
    CHECK(lines(changed) == std::string(list) + ": of another type\n");
  }
  nlohmann::json nothing = whole;  // both flatten to null
  nothing["warning"] = nlohmann::json::array();
  REQUIRE(nothing.flatten() == whole.flatten());
  CHECK(lines(nothing) == "/warning: of another type\n");
  nlohmann::json fraction = whole;
  fraction["cohort"]["goal"] = 100.0;
  REQUIRE(fraction == whole);
  CHECK(lines(fraction) == "/cohort/goal: of another type\n");
  nlohmann::json swapped = whole;
  std::swap(swapped["assumptions"][0], swapped["assumptions"][1]);
  CHECK(has(lines(swapped), "/assumptions/0/what: \n"));
  nlohmann::json stray = whole;
  stray["at_cap"]["a/b~"] = 1;
  CHECK(lines(stray) == "/at_cap/a~1b~0: no statement has such a key\n");
}

TEST_CASE("the text is the one of the JSON's figures, in every mode; any other is found with its line") {
  Plan adaptive = distributed_plan();
  adaptive.privacy.clip_quantile = 0.5;
  Plan distributed_cohort = distributed_plan(), central_cohort = central_plan(2, 5);
  distributed_cohort.privacy.noise_cohort = central_cohort.privacy.noise_cohort = 10'000;
  for (const Plan& plan : {distributed_plan(), adaptive, central_plan(2.5, 5), distributed_cohort, central_cohort, plan_without_noise()})
    for (const NoiseSource source : {NoiseSource::generator, NoiseSource::seed}) {
      DpStatement statement = statement_of(plan, source);
      if (plan.privacy.has_noise()) statement.bring_up_to(3, ledger_after(plan, 3));
      const nlohmann::json stated = nlohmann::json::parse(to_json(statement).dump());
      const Result<StatementCheck> check = check_dp_statement(plan, hash_of_plan(as_bytes(write_plan(plan))), stated);
      REQUIRE(check.has_value());
      REQUIRE(check->differences.empty());
      const std::string text = to_text(statement);
      CHECK_FALSE(check_dp_statement_text(*check, stated, text).has_value());
      // A character that is changed, dropped, or doubled.
      for (std::size_t at = 0; at < text.size(); at += 61) {
        const auto line = static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n')) + 1;
        std::string other = text;
        other[at] = text[at] == '1' ? '2' : '1';
        const auto changed = check_dp_statement_text(*check, stated, other);
        REQUIRE(changed.has_value());
        REQUIRE(changed->line == line);
        REQUIRE(check_dp_statement_text(*check, stated, std::string(text).erase(at, 1)).has_value());
        REQUIRE(check_dp_statement_text(*check, stated, std::string(text).insert(at, 1, text[at])).has_value());
      }
      CHECK(check_dp_statement_text(*check, stated, text + "\n").has_value());
      CHECK(check_dp_statement_text(*check, stated, "").has_value());
      // The text of another statement of the same plan: what was spent is the JSON's, not the most that the plan allows.
      if (!plan.privacy.has_noise()) continue;
      DpStatement later = statement_of(plan, source);
      later.bring_up_to(4, ledger_after(plan, 4));
      CHECK(check_dp_statement_text(*check, stated, to_text(later)).has_value());
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
  const auto pointers = [](const Plan& plan) {
    std::vector<std::string> all;
    for (const IssuersWord& word : issuers_word(plan)) {
      CHECK_FALSE(word.what.empty());
      all.push_back(word.where);
    }
    return all;
  };
  CHECK(pointers(distributed_plan()) == std::vector<std::string>{"/rounds/done", "/code_version", "/rounds/sums_charged", "/so_far/participations", "/noise_source"});
  CHECK(pointers(plan_without_noise()) == std::vector<std::string>{"/rounds/done", "/code_version"});
}

// What no check of plan and statement can find out, and so has to be said.
TEST_CASE("a simulation's statement that says generator for seed, with the sentences of that, passes: that it is a guarantee rests on the issuer's word") {
  const Plan plan = distributed_plan();
  DpStatement relabelled = statement_of(plan, NoiseSource::seed);
  relabelled.noise_source = NoiseSource::generator;
  relabelled.assumptions = dp_assumptions(plan, NoiseSource::generator);
  const nlohmann::json stated = nlohmann::json::parse(to_json(relabelled).dump());
  const Result<StatementCheck> check = check_dp_statement(plan, hash_of_plan(as_bytes(write_plan(plan))), stated);
  REQUIRE(check.has_value());
  CHECK(check->differences.empty());
  CHECK(check->computed.is_guarantee());
  const std::vector<IssuersWord> words = issuers_word(plan);
  CHECK(std::ranges::any_of(words, [](const IssuersWord& word) { return word.where == "/noise_source" && has(word.carries, "/is_guarantee"); }));
}

}  // namespace
}  // namespace fedspend
