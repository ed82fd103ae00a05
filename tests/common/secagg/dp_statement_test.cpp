// What the DP statement says, held against the accountants and against published values (PRIVACY.md, "Reference values"), and that it
// never says less than is true.
#include "common/secagg/dp_statement.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <doctest/doctest.h>

#include "common/privacy/rdp_curve.h"
#include "common/secagg/dp_assumptions.h"
#include "common/secagg/session_privacy.h"
#include "tests/common/secagg/dp_statement_samples.h"

namespace fedspend {
namespace {

using testing::central_plan, testing::distributed_plan, testing::find, testing::flowing, testing::has, testing::is_marked, testing::ledger_after, testing::plan_without_noise, testing::statement_of;

TEST_CASE("central noise is stated by PLD, with RDP beside it, at the published values") {
  struct Row {
    double z;
    std::uint32_t participations;
    double pld, rdp;
  };
  for (const Row& row : {Row{1, 1, 4.88655, 5.22153}, Row{2.5, 5, 4.30584, 4.60444}}) {
    const DpStatement statement = statement_of(central_plan(row.z, row.participations));
    REQUIRE(statement.at_cap.epsilon_pld.has_value());
    CHECK(statement.at_cap.epsilon() == *statement.at_cap.epsilon_pld);
    CHECK(statement.at_cap.epsilon() == doctest::Approx(row.pld).epsilon(2e-6));
    CHECK(statement.at_cap.epsilon_rdp >= row.rdp * (1 - 2e-6));
    CHECK(statement.at_cap.epsilon_rdp <= row.rdp * 1.01);
    CHECK(statement.at_cap.rho == doctest::Approx(row.participations / (2 * row.z * row.z)).epsilon(1e-12));
    CHECK(statement.at_cap.participations == row.participations);
    CHECK(to_json(statement)["accountant"] == "PLD");
  }
}

TEST_CASE("distributed noise is stated by RDP alone, as the ledgers count it") {
  const Plan plan = distributed_plan();
  const DpStatement statement = statement_of(plan);
  CHECK_FALSE(statement.at_cap.epsilon_pld.has_value());
  CHECK(statement.at_cap.epsilon() == epsilon_at_cap(plan, plan.privacy.delta).value());
  CHECK(statement.at_cap.epsilon() > 4.60444);  // of the central Gaussian of the same noise
  CHECK(to_json(statement)["accountant"] == "RDP");
  CHECK(to_json(statement)["at_cap"]["epsilon_pld"].is_null());
}

TEST_CASE("rho bounds the curve of a contribution at every order") {
  for (double z : {1.0, 2.5, 8.0}) {
    for (unsigned bits : {20U, 22U, 28U}) {
      Plan plan = distributed_plan();
      plan.aggregation.bits = bits;
      plan.privacy.noise_multiplier = z;
      plan.privacy.clip_quantile = bits == 22 ? 0.5 : 0;
      const auto cost = dearest_contribution_cost(plan);
      if (!cost) continue;
      const double rho = dearest_contribution_zcdp(plan).value();
      CAPTURE(z);
      CHECK(rho >= 1 / (2 * z * z));
      CHECK(rho <= 1.2 / (2 * z * z));
      for (std::size_t i = 0; i < rdp_orders().size(); ++i) CHECK(cost->rdp.values()[i] <= rho * rdp_orders()[i] * (1 + 1e-12));
    }
  }
  CHECK(std::isinf(dearest_contribution_zcdp(plan_without_noise()).value()));
}

TEST_CASE("the shares that surely are in a sum follow from the quorum, and what is wasted is stated for the roster that wastes most") {
  const Plan plan = distributed_plan();
  const NoiseInSum noise = statement_of(plan).noise.value();
  // q = max(floor(1.1 n / 2) + 1, 90) less floor(n / 10): n = 100 asked at least, 120 at most.
  CHECK(plan.least_asked() == 100);
  CHECK(noise.honest_shares_least == 80);
  CHECK(noise.honest_shares_asked == 78);
  CHECK(noise.noise_excess == doctest::Approx(std::sqrt(120.0 / 78.0)));
  CHECK(noise.dimension == 1'024);
  CHECK(noise.expected_wraps == doctest::Approx(1'024 * std::erfc(4 / std::sqrt(2.0))));
  CHECK_FALSE(statement_of(central_plan(1, 1)).noise.has_value());
}

TEST_CASE("a cap above the number of rounds is counted in full: an attempt that fails after it was charged is one more") {
  Plan plan = central_plan(10, 50);
  plan.federation.rounds = 10;
  const DpStatement statement = statement_of(plan);
  CHECK(statement.at_cap.participations == 50);
  CHECK(statement.at_cap.epsilon_rdp == repeated(contribution_cost(plan, 1).value(), 50).epsilon(plan.privacy.delta));
  plan.privacy.max_participations = 1'000;
  CHECK(statement_of(plan).at_cap.epsilon_rdp == plan.privacy.max_epsilon);  // the ledgers stop there
  CHECK(statement_of(plan).at_cap.epsilon() == plan.privacy.max_epsilon);
  CHECK(has(flowing(statement_of(plan)), "or when max_epsilon is reached"));
}

TEST_CASE("what was spent so far is that of the device that took part most, by the coordinator's ledger") {
  for (const Plan& plan : {distributed_plan(), central_plan(2.5, 5)}) {
    DpStatement statement = statement_of(plan);
    CHECK(statement.most_spent.epsilon() == 0);
    const PopulationLedger ledger = ledger_after(plan, 3);
    statement.bring_up_to(2, ledger);
    CHECK(statement.rounds_done == 2);
    CHECK(statement.sums_charged == 3);
    CHECK(statement.most_spent.participations == 3);
    CHECK(statement.most_spent.epsilon_rdp == ledger.worst().epsilon(plan.privacy.delta));
    CHECK(statement.most_spent.rho == doctest::Approx(3 * statement.rho_of_one).epsilon(1e-12));
    CHECK(statement.most_spent.epsilon_pld.has_value() == (plan.privacy.mode == PrivacyMode::central));
    CHECK(statement.most_spent.epsilon() < statement.at_cap.epsilon());
    CHECK(has(flowing(statement), "3 participations"));
    CHECK(to_json(statement)["so_far"]["epsilon"] == statement.most_spent.epsilon());
    statement.bring_up_to(5, ledger_after(plan, 5));
    CHECK(statement.most_spent.epsilon() <= statement.at_cap.epsilon());
  }
}

TEST_CASE("a plan without noise has a statement that promises nothing") {
  const DpStatement statement = statement_of(plan_without_noise());
  CHECK_FALSE(statement.is_guarantee());
  const std::string text = flowing(statement);
  CHECK(has(text, "no differential privacy: no epsilon bounds"));
  CHECK(has(text, "against nobody"));
  CHECK_FALSE(has(text, "(epsilon, delta)"));
  CHECK(statement.assumptions.empty());
  CHECK(has(short_text(statement), "no differential privacy"));
  const auto json = to_json(statement);
  CHECK(json["setting"] == "none");
  CHECK(json["is_guarantee"] == false);
  for (const char* key : {"so_far", "at_cap"})
    for (const char* figure : {"epsilon", "rho_zcdp", "epsilon_rdp", "epsilon_pld", "simulated_epsilon"}) CHECK(json[key][figure].is_null());
  CHECK(json["delta"].is_null());
  CHECK(json["mechanism"]["noise_multiplier"].is_null());
}

TEST_CASE("with a noise cohort the statement says loudly that it protects nobody, and its figures have another name") {
  for (Plan plan : {distributed_plan(), central_plan(2.5, 5)}) {
    plan.privacy.noise_cohort = 10'000;
    DpStatement statement = statement_of(plan);
    statement.bring_up_to(3, ledger_after(plan, 3));
    CHECK_FALSE(statement.is_guarantee());
    const std::string text = flowing(statement);
    CHECK(has(text, "SIMULATION"));
    CHECK(has(text, "protect NOBODY"));
    CHECK(has(text, "against nobody"));
    CHECK(has(text, "ADDED: 0.025 alone"));
    CHECK(has(text, "so far SIMULATED for a cohort of 10000, true of no model here"));
    CHECK(has(short_text(statement), "SIMULATED (protects nobody)"));
    const auto json = to_json(statement);
    CHECK(json["is_guarantee"] == false);
    CHECK(json["protects_against"] == "nobody");
    CHECK(json["so_far"]["epsilon"].is_null());
    CHECK(json["so_far"]["rho_zcdp"].is_null());
    CHECK(json["at_cap"]["epsilon_rdp"].is_null());
    CHECK(json["at_cap"]["simulated_epsilon"] == statement.at_cap.epsilon());
    CHECK(is_marked(statement, "the noise is that of a cohort of 10000", Standing::assumed));
  }
}

TEST_CASE("a simulation's statement says loudly that it is no guarantee, with the figures of the plan, and a daemon's does not") {
  for (const Plan& plan : {distributed_plan(), central_plan(2.5, 5)}) {
    DpStatement real = statement_of(plan), seeded = statement_of(plan, NoiseSource::seed);
    for (DpStatement* statement : {&real, &seeded}) statement->bring_up_to(3, ledger_after(plan, 3));
    CHECK(real.is_guarantee());
    CHECK_FALSE(seeded.is_guarantee());
    CHECK(to_json(real)["is_guarantee"] == true);
    CHECK(to_json(seeded)["is_guarantee"] == false);
    CHECK(to_json(seeded)["protects_against"] == "nobody who has the seed of this simulation");
    CHECK(to_json(seeded)["so_far"] == to_json(real)["so_far"]);
    CHECK(to_json(seeded)["at_cap"] == to_json(real)["at_cap"]);
    for (const char* part : {"NO guarantee for this run's models", "whoever has that takes it off"}) {
      CHECK(has(flowing(seeded), part));
      CHECK_FALSE(has(flowing(real), part));
    }
    CHECK(has(short_text(seeded), "a simulation's, no guarantee: "));
    CHECK_FALSE(has(short_text(real), "simulation"));
    CHECK_FALSE(has(flowing(real), "simulation"));
  }
  CHECK_FALSE(has(flowing(statement_of(plan_without_noise(), NoiseSource::seed)), "NO guarantee"));  // it says that there is no noise
}

TEST_CASE("an open sum is not said to be charged before the coordinator sees it, and a roster without a corrupt device not to hide from its own") {
  Plan open = central_plan(2.5, 5);
  open.aggregation.mode = Aggregation::open;
  const DpStatement seen = statement_of(open);
  CHECK(find(seen, "charged before the coordinator can see it") == nullptr);
  CHECK(is_marked(seen, "charged before a model that it is in is published", Standing::enforced));
  Plan small = distributed_plan();
  CHECK(has(flowing(statement_of(small)), "whoever sees the models; the coordinator"));
  small.aggregation.corrupt_ppm = 0;
  CHECK(has(flowing(statement_of(small)), "whoever sees the models and took no part; the coordinator"));
}

TEST_CASE("every condition is marked as enforced or assumed") {
  const DpStatement distributed = statement_of(distributed_plan()), central = statement_of(central_plan(2.5, 5));
  for (const DpStatement* statement : {&distributed, &central}) {
    CHECK(is_marked(*statement, "in at most 5 sums", Standing::enforced));
    CHECK(is_marked(*statement, "spends more than epsilon 8", Standing::enforced));
    CHECK(is_marked(*statement, "charged before the coordinator can see it", Standing::enforced));
    CHECK(is_marked(*statement, "no amplification", Standing::enforced));
    CHECK(is_marked(*statement, "sums of at least 90 devices", Standing::enforced));
    CHECK(is_marked(*statement, "at most 0.1 of a round's devices are corrupt", Standing::assumed));
    CHECK(is_marked(*statement, "one enrolled device", Standing::assumed));
    // SECAGG.md: hypergeometric tails, whatever anybody can compute; what rests on computing is another condition, without a figure.
    CHECK(find(*statement, "2^-40")->why.starts_with("statistical"));
    CHECK(find(*statement, "the cryptography holds")->why.starts_with("computational"));
    CHECK(is_marked(*statement, "try out rosters", Standing::assumed));
    CHECK(find(*statement, "seed of this simulation") == nullptr);
    for (const Assumption& assumption : statement->assumptions) CHECK(has(flowing(*statement), std::string(to_string(assumption.standing)) + " " + assumption.what));
    CHECK(to_json(*statement)["assumptions"].size() == statement->assumptions.size());
  }
  CHECK(is_marked(distributed, "draw their noise from a sound generator", Standing::assumed));
  CHECK(is_marked(distributed, "nobody times", Standing::assumed));
  CHECK(find(distributed, "the coordinator adds the noise") == nullptr);
  CHECK(is_marked(central, "the coordinator adds the noise", Standing::assumed));
  CHECK(has(to_json(central)["protects_against"].get<std::string>(), "not the coordinator"));
  CHECK(has(to_json(distributed)["protects_against"].get<std::string>(), "the coordinator, with up to 10%"));
}

TEST_CASE("no condition is left out: the list as a whole, for distributed noise and for an open central sum") {
  const auto conditions = [](const Plan& plan) {
    std::string list;
    for (const Assumption& assumption : statement_of(plan).assumptions) {
      CHECK_FALSE(assumption.why.empty());
      list += std::string(to_string(assumption.standing)) + ": " + assumption.what + "\n";
    }
    return list;
  };
  CHECK(conditions(distributed_plan()) ==
        "enforced: a device is in at most 5 sums\n"
        "enforced: no device spends more than epsilon 8 on this plan\n"
        "enforced: a sum is charged before the coordinator can see it\n"
        "assumed: neither a device's record nor the coordinator's state is set back to an older copy, or begun anew\n"
        "enforced: which devices are selected plays no part: no amplification by sampling is counted\n"
        "enforced: each update is clipped, rounded and noised before it is masked\n"
        "enforced: only the noise of devices that surely stay and are honest is counted, n_h shares\n"
        "assumed: honest devices draw their noise from a sound generator, and add it\n"
        "assumed: nobody times single samples of the noise on a device\n"
        "enforced: the coordinator sees sums of at least 90 devices and no single input\n"
        "assumed: at most 0.1 of a round's devices are corrupt or collude with the coordinator\n"
        "assumed: a round's masking graph keeps single inputs and parts of the sum from those corrupt devices, but for a chance of 2^-40\n"
        "assumed: the cryptography holds\n"
        "assumed: the coordinator does not try out rosters for a masking graph that suits it\n"
        "enforced: the sum is divided by a constant of the plan, not by the number of survivors\n"
        "assumed: a customer has one enrolled device\n"
        "assumed: this plan is the only use of these customers' data that counts\n");
  Plan open = central_plan(2.5, 1);
  open.aggregation.mode = Aggregation::open;
  CHECK(conditions(open) ==
        "enforced: a device is in at most 1 sum\n"
        "enforced: no device spends more than epsilon 8 on this plan\n"
        "enforced: a sum is charged before a model that it is in is published\n"
        "assumed: neither a device's record nor the coordinator's state is set back to an older copy, or begun anew\n"
        "enforced: which devices are selected plays no part: no amplification by sampling is counted\n"
        "enforced: each update is clipped before it leaves\n"
        "assumed: the coordinator adds the noise, from a sound generator, and keeps nothing without it\n"
        "enforced: the sum is divided by a constant of the plan, not by the number of survivors\n"
        "assumed: a customer has one enrolled device\n"
        "assumed: this plan is the only use of these customers' data that counts\n");
}

TEST_CASE("what a plan changes of the conditions is said") {
  Plan plan = distributed_plan();
  plan.aggregation.beacon = BeaconSource::external;
  plan.privacy.min_separation_rounds = 7;
  CHECK(find(statement_of(plan), "try out rosters") == nullptr);
  CHECK(is_marked(statement_of(plan), "5 sums, 7 rounds apart", Standing::enforced));
  Plan open = central_plan(2.5, 5);
  open.aggregation = {.mode = Aggregation::open, .clip_norm_l2 = 0.5, .bits = 22, .corrupt_ppm = 100'000};
  CHECK(find(statement_of(open), "corrupt or collude") == nullptr);
  CHECK(has(find(statement_of(open), "the coordinator adds the noise")->why, "every single update"));
  CHECK(to_json(statement_of(open))["secure_aggregation"].is_null());
  CHECK(has(flowing(statement_of(open)), "secure sums no: the coordinator sees every single update"));
  CHECK(is_marked(statement_of(plan, NoiseSource::seed), "seed of this simulation", Standing::assumed));
  CHECK(to_json(statement_of(plan, NoiseSource::seed))["noise_source"] == "seed");
}

TEST_CASE("the JSON form has its keys, in every mode") {
  const std::vector<std::string> keys = {"schema_version", "kind", "is_guarantee", "warning", "plan", "code_version", "setting", "noise_source", "protects_against", "released", "covers", "unit", "adjacency",
                                         "mechanism", "cohort", "rounds", "participation", "accountant", "amplification", "delta", "max_epsilon", "so_far", "at_cap", "secure_aggregation", "noise_in_sum", "assumptions"};
  for (const Plan& plan : {distributed_plan(), central_plan(2.5, 5), plan_without_noise()}) {
    const auto json = to_json(statement_of(plan));
    std::vector<std::string> found;
    for (const auto& [key, value] : json.items()) found.push_back(key);
    CHECK(found == keys);
    CHECK(json["schema_version"] == 1);
    CHECK(json["plan"]["hash"] == hash_of_plan(as_bytes(write_plan(plan))).hex());
    CHECK(json["code_version"] == "1.2.3");
    CHECK(json["cohort"] == nlohmann::ordered_json{{"least", 90}, {"goal", 100}, {"asked", 120}});
    CHECK(json["rounds"] == nlohmann::ordered_json{{"done", 0}, {"planned", 100}, {"sums_charged", 0}});
    CHECK(json["mechanism"]["clip_norm_l2"] == 0.5);
  }
}

TEST_CASE("the text has short lines, and names plan, code and figures") {
  const Plan plan = distributed_plan();
  DpStatement statement = statement_of(plan);
  statement.bring_up_to(3, ledger_after(plan, 3));
  const std::string text = to_text(statement);
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) longest = std::max(longest, text.find('\n', at) - at);
  CHECK(longest <= 110);
  for (const std::string& part : {statement.plan_hash.hex(), std::string("fedspend 1.2.3"), std::string("zero-out"), std::string("noise multiplier 2.5, clip norm 0.5"), std::string("2^-40"),
                                  "(epsilon, delta) = (" + bound_text(statement.most_spent.epsilon()) + ", 1e-06)", std::string("3 of 100, 3 sums charged")})
    CHECK_MESSAGE(has(flowing(statement), part), part);
}

TEST_CASE("the text rounds no figure to the side that promises more: epsilon, delta and rho up, the noise multiplier down") {
  Plan plan = distributed_plan();
  plan.privacy.noise_multiplier = 2.49999964;
  plan.privacy.delta = 1.00000049e-6;
  plan.privacy.max_epsilon = 1e3;
  DpStatement statement = statement_of(plan);
  statement.bring_up_to(3, ledger_after(plan, 3));
  const std::string text = flowing(statement);
  CHECK_MESSAGE(has(text, "noise multiplier 2.49999,"), text);
  CHECK_MESSAGE(has(text, ", 1.00001e-06)"), text);
  CHECK_MESSAGE(has(text, "(epsilon, delta) = (" + bound_text(statement.most_spent.epsilon()) + ","), text);
  CHECK_MESSAGE(has(text, "rho = " + bound_text(statement.at_cap.rho)), text);
  CHECK_MESSAGE(has(short_text(statement), "at delta 1.00001e-06"), short_text(statement));
}

TEST_CASE("a plan that no coordinator runs has no statement") {
  Plan plan = distributed_plan();
  plan.aggregation.bits = 4;
  CHECK(make_dp_statement(plan, {}, "1").error().code == ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace fedspend
