// What report and card say of privacy: the figures of the statement, never one of a simulation without its warning.
#include "simulations/reports/privacy_section.h"

#include <doctest/doctest.h>

#include "common/secagg/dp_statement.h"
#include "simulations/reports/model_card.h"
#include "simulations/reports/run_report.h"
#include "tests/simulations/reports/run_sample.h"

using namespace fedspend;
using namespace fedspend::simulations;
using namespace fedspend::tests;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

RunFacts private_run(const PrivacySpec& privacy) {
  RunFacts run = sample_run();
  run.plan.aggregation.mode = Aggregation::secure;
  run.plan.privacy = privacy;
  Result<DpStatement> statement = make_dp_statement(run.plan, {}, "1", NoiseSource::seed);
  if (!statement) FAIL(statement.error().message);
  statement->most_spent = {.participations = 2, .rho = 0.25, .epsilon_rdp = 3.25125};
  statement->rounds_done = 2;
  run.statement = to_json(*statement);
  const char* const key = privacy.noise_cohort == 0 ? "epsilon" : "simulated_epsilon";
  run.rounds[0][key] = 2.125;
  run.rounds[0]["most_participations"] = 1;
  run.rounds[2][key] = 3.25125;
  run.rounds[2]["most_participations"] = 2;
  return run;
}

PrivacySpec distributed() { return {.mode = PrivacyMode::distributed, .noise_multiplier = 2, .max_participations = 3}; }

}  // namespace

TEST_CASE("the section has epsilon by round, what is allowed, setting and every condition") {
  const std::string html = privacy_section(private_run(distributed())).markup();
  CHECK(has(html, "epsilon 3.252 at delta 1e-06"));  // up
  CHECK(has(html, "2 participations"));
  CHECK(has(html, "Epsilon by round"));
  CHECK(has(html, "2.125"));
  CHECK(has(html, ">allowed</text>"));
  CHECK(has(html, "distributed"));
  CHECK(has(html, "zero-out"));
  CHECK(has(html, "enforced"));
  CHECK(has(html, "assumed"));
  CHECK(has(html, "dp-statement.txt"));
  CHECK(has(html, "expected wraps"));
  CHECK(has(html, "drawn from its seed"));
  CHECK(privacy_in_short(private_run(distributed())).starts_with("A simulation's figures, no guarantee for these models: epsilon 3.252"));
  CHECK(has(model_card(private_run(distributed())), "no guarantee for these models"));
  CHECK(has(run_report(private_run(distributed())), "<h2>Privacy</h2>"));
}

TEST_CASE("a run without noise says that there is no epsilon, and shows no chart of one") {
  RunFacts run = sample_run();
  run.plan.aggregation = {.mode = Aggregation::secure};
  run.statement = to_json(make_dp_statement(run.plan, {}, "1").value());
  const std::string html = privacy_section(run).markup();
  CHECK(has(html, "No differential privacy"));
  CHECK_FALSE(has(html, "<svg"));
  CHECK(has(model_card(run), "There is no epsilon."));
  CHECK(has(model_card(run), "`dp-statement.txt`"));
}

TEST_CASE("figures of a noise cohort are simulated wherever they stand") {
  PrivacySpec privacy = distributed();
  privacy.noise_cohort = 10'000;
  const RunFacts run = private_run(privacy);
  CHECK(privacy_in_short(run).starts_with("SIMULATED for a cohort of 10000: these models protect nobody."));
  const std::string html = privacy_section(run).markup();
  CHECK(has(html, "Simulated epsilon by round"));
  CHECK_FALSE(has(html, ">Epsilon by round"));
  CHECK(has(html, "3.252"));
  CHECK(has(model_card(run), "SIMULATED"));
}

TEST_CASE("a folder of an older version has no statement, and no figure is made up for it") {
  RunFacts run = private_run(distributed());
  run.statement = nullptr;
  CHECK(has(privacy_in_short(run), "no statement"));
  CHECK_FALSE(has(privacy_section(run).markup(), "<svg"));
  CHECK_FALSE(has(model_card(run), "dp-statement.txt"));
}

TEST_CASE("a statement from somebody's editor breaks nothing, and what is in it is escaped") {
  RunFacts run = private_run(distributed());
  run.statement["setting"] = std::string(kHostileName);
  run.statement["assumptions"] = {nlohmann::json{{"what", kHostileName}}, 7, nullptr};
  run.statement["so_far"] = "none";
  run.statement["at_cap"] = nullptr;
  run.statement.erase("mechanism");
  const std::string html = privacy_section(run).markup();
  CHECK_FALSE(has(html, "<script>"));
  CHECK(has(html, "unbounded"));
}
