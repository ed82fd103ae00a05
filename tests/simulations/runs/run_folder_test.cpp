// What a run leaves in its folder of its privacy: the statement, and the same figures in summary and metrics.
#include "simulations/runs/run_folder.h"

#include <memory>

#include "tests/simulations/runs/small_run.h"
#include "common/secagg/dp_statement_check.h"
#include "tests/simulations/sim_program.h"

using namespace fedspend;
using namespace fedspend::simulations;
using namespace fedspend::tests;

namespace {

struct Ran {
  TemporaryFolder folder;
  Plan plan;
  PopulationLedger ledger;
  DpStatement statement;
  nlohmann::json summary;
  std::vector<nlohmann::json> lines;  // of the published rounds

  std::string file(std::string_view name) const { return TemporaryFolder::read(folder.path() / name); }
  nlohmann::json statement_file() const { return nlohmann::json::parse(file(kDpStatementJson), nullptr, false); }
};

std::unique_ptr<Ran> run_with(std::vector<std::string> settings) {
  settings.insert(settings.end(), {"federation.rounds=6", "federation.cohort=6"});
  SmallRun small = small_run(12, std::move(settings));
  const Result<RunResult> result = run_federation(small.options, small.clients, [](const SimulatedRound&, const std::optional<HeldOutScore>&) { return true; });
  if (!result) FAIL(result.error().message);
  Result<DpStatement> statement = statement_of(small.options, *result);
  if (!statement) FAIL(statement.error().message);
  const RunAnalysis analysis{};
  std::unique_ptr<Ran> ran(new Ran{.folder = {}, .plan = small.options.plan.plan, .ledger = result->ledger, .statement = *statement, .summary = run_summary(small.options, *result, small.clients, analysis, *statement), .lines = {}});
  REQUIRE(write_run(small.options, *result, ran->summary, *statement, ran->folder.path()).has_value());
  for (const auto& line : result->record.lines())
    if (line.at("published").get<bool>()) ran->lines.push_back(line);
  REQUIRE(ran->lines.size() == 6);
  return ran;
}

// As an auditor does, who has the folder alone.
void check_statement_by_command(const Ran& ran) {
  const Ended ended = sim(ran.folder, "privacy --plan plan.toml --statement dp-statement.json --format json");
  CAPTURE(ended.err);
  CAPTURE(ended.out);
  REQUIRE(ended.code == 0);
  const auto data = nlohmann::json::parse(ended.out).at("data");
  CHECK(data["check"]["follows"] == true);
  CHECK(data["check"]["compared"] == nlohmann::json(to_json(ran.statement)).flatten().size());
  CHECK(data["check"]["differences"].empty());
  // Nothing of it depends on what was spent, but what was spent.
  nlohmann::json computed = data["statement"], stated = ran.statement_file();
  for (nlohmann::json* json : {&computed, &stated}) json->erase("so_far");
  CHECK(computed == stated);
  CHECK(sim(ran.folder, "privacy --plan plan.toml --statement dp-statement.json").out.find("follows from the plan") != std::string::npos);
}

void check_files(const Ran& ran) {
  check_statement_by_command(ran);
  CHECK(ran.statement_file() == nlohmann::json(to_json(ran.statement)));
  CHECK(ran.file(kDpStatementText) == to_text(ran.statement));
  CHECK(ran.statement.rounds_done == 6);
  CHECK(ran.file("model-card.md").find("dp-statement.txt") != std::string::npos);
  CHECK(ran.file("report.html").find("<h2>Privacy</h2>") != std::string::npos);
}

}  // namespace

TEST_CASE("central noise: epsilon of the device that took part most, by PLD, in statement, summary and metrics") {
  const auto ran = run_with({"aggregation.mode=open", "privacy.mode=central", "privacy.noise_multiplier=4", "privacy.max_participations=6"});
  check_files(*ran);
  const double rdp = ran->ledger.worst().epsilon(ran->plan.privacy.delta), epsilon = ran->summary["epsilon"].get<double>();
  CHECK(epsilon == reported_epsilon(ran->plan.privacy, ran->ledger.most_participations(), rdp));
  CHECK(epsilon < rdp);
  CHECK(epsilon > 0.5 * rdp);
  CHECK(ran->summary["delta"] == 1e-6);
  CHECK(ran->summary["simulated_epsilon"].is_null());
  CHECK(ran->summary["most_participations"] == ran->ledger.most_participations());
  CHECK(ran->lines.back()["epsilon"] == epsilon);
  CHECK(ran->lines.front()["most_participations"] == 1);
  CHECK(ran->lines.front()["epsilon"] < epsilon);
  CHECK(ran->file("metrics.csv").find(",most_participations,epsilon,demonstration\n") != std::string::npos);
  CHECK(ran->statement_file()["noise_source"] == "seed");
}

TEST_CASE("distributed noise: epsilon by RDP, as the coordinator's ledger counts it") {
  const auto ran = run_with({"privacy.mode=distributed", "privacy.max_participations=6"});
  check_files(*ran);
  CHECK(ran->summary["epsilon"] == ran->ledger.worst().epsilon(ran->plan.privacy.delta));
  CHECK(ran->summary["epsilon"] > 0);
  CHECK(ran->lines.back()["epsilon"] == ran->summary["epsilon"]);
  CHECK(ran->statement_file()["accountant"] == "RDP");
  CHECK(ran->statement_file()["is_guarantee"] == false);  // its noise is of the seed
  CHECK(ran->statement_file()["protects_against"] == "nobody who has the seed of this simulation");
  CHECK(ran->file(kDpStatementText).find("!! A simulation's: its noise comes from the run's seed") != std::string::npos);
}

TEST_CASE("an adaptive clip norm: what the ledger charged lies between the plan's cheapest and dearest rounds") {
  const auto ran = run_with({"privacy.mode=distributed", "privacy.max_participations=6", "privacy.clip_quantile=0.5", "privacy.noise_multiplier=0.3", "privacy.max_epsilon=1e6"});
  check_files(*ran);
  CHECK(ran->summary["epsilon"] == ran->ledger.worst().epsilon(ran->plan.privacy.delta));
}

TEST_CASE("a noise cohort: no epsilon, but a simulated one") {
  const auto ran = run_with({"aggregation.mode=open", "privacy.mode=central", "privacy.noise_multiplier=4", "privacy.max_participations=6", "privacy.noise_cohort=600"});
  check_files(*ran);
  CHECK(ran->summary["epsilon"].is_null());
  CHECK(ran->summary["simulated_epsilon"] > 0);
  CHECK(ran->lines.back()["epsilon"].is_null());
  CHECK(ran->lines.back()["simulated_epsilon"] == ran->summary["simulated_epsilon"]);
  CHECK(ran->file(kDpStatementText).find("NOBODY") != std::string::npos);
}

TEST_CASE("no noise: no figure, and a statement that says so") {
  const auto ran = run_with({"aggregation.mode=open"});
  check_files(*ran);
  for (const char* key : {"epsilon", "delta", "simulated_epsilon"}) CHECK(ran->summary[key].is_null());
  CHECK(ran->lines.back()["epsilon"].is_null());
  CHECK(ran->lines.back()["most_participations"].is_null());
  CHECK(ran->statement_file()["is_guarantee"] == false);
}
