#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>

#include "tests/simulations/sim_program.h"

namespace fedspend::tests {
namespace {

// 30 customers and a plan for them, in a folder.
struct Fixture {
  TemporaryFolder folder;
  std::string audit = "audit --plan p.toml --data s/synthetic.toml --no-progress --canaries 40 ";
  Fixture() {
    REQUIRE(sim(folder, "synth --clients 30 --seed 1 --months 3 --out s").code == 0);
    REQUIRE(sim(folder,
                "plan --data s/synthetic.toml --demonstration --seed 1 --out p.toml --set aggregation.mode=open --set federation.rounds=2 --set federation.cohort=40 "
                "--set federation.min_cohort=30 --set model.sizes.hidden=4 --set training.max_rows=16")
                .code == 0);
  }
};

constexpr const char* kCentral =
    "--set privacy.mode=central --set privacy.noise_multiplier=2 --set privacy.max_participations=2 --set privacy.max_epsilon=100 --set privacy.delta=1e-5 ";

}  // namespace

TEST_CASE("an audit gives both bounds and the attack on membership, with noise and without, as JSON and as text") {
  Fixture fixture;
  const Ended json = sim(fixture.folder, fixture.audit + kCentral + "--guesses 12 --format json");
  CAPTURE(json.err);
  REQUIRE(json.code == 0);
  const auto data = nlohmann::json::parse(json.out)["data"];
  CHECK(data["epsilon_lower"].get<double>() >= 0);
  CHECK(data["epsilon_lower"].get<double>() <= data["epsilon_upper"].get<double>());
  CHECK(data["falsified"] == false);
  CHECK(data["delta"] == 1e-5);
  CHECK(data["confidence"] == 0.95);
  CHECK(data["canaries"].get<int>() > 30);
  CHECK(data["guesses"] == 12);
  CHECK(data["correct"].get<int>() <= 12);
  CHECK(data["rounds"] == 2);
  CHECK(data["privacy"] == "central");
  CHECK(data["demonstration"] == true);
  for (const char* figure : {"auc", "tpr_at_1_percent_fpr", "calibrated_auc", "calibrated_tpr_at_1_percent_fpr"}) CHECK(data["membership"][figure].get<double>() <= 1);
  CHECK(data["without_noise"]["epsilon_upper"].is_null());
  CHECK(data["without_noise"]["correct"].get<int>() == 12);
  const Ended text = sim(fixture.folder, fixture.audit + kCentral + "--no-comparison --delta 1e-3");
  REQUIRE(text.code == 0);
  CHECK(text.out.find("epsilon, at least (95%)") != std::string::npos);
  CHECK(text.out.find("never that it is true") != std::string::npos);
  CHECK(text.out.find("delta 0.001, 2 rounds") != std::string::npos);
  CHECK(text.out.find("without noise") == std::string::npos);
}

TEST_CASE("wrong options of an audit are refused in one line") {
  Fixture fixture;
  check_refused(fixture.folder, fixture.audit + "--canary square", {"--canary \"square\" is not known", "sphere"});
  check_refused(fixture.folder, fixture.audit + "--guesses 41", {"--guesses", "41"});
  check_refused(fixture.folder, fixture.audit + "--delta 0", {"--delta"});
  check_refused(fixture.folder, fixture.audit + "--confidence 1", {"--confidence"});
  check_refused(fixture.folder, fixture.audit + "--left-out 1", {"--left-out"});
  check_refused(fixture.folder, fixture.audit + "--canaries 9", {"--canaries"});
  check_refused(fixture.folder, fixture.audit + "--set federation.cohort=1000 --set federation.min_cohort=900", {"a round asks at least"});
  check_refused(fixture.folder, "audit --data s/synthetic.toml", {"--plan"});
}

TEST_CASE("the help of an audit has an example") {
  const TemporaryFolder folder;
  const Ended ended = sim(folder, "audit --help");
  CHECK(ended.code == 0);
  CHECK(ended.out.find("fedspend-sim audit --plan") != std::string::npos);
}

}  // namespace fedspend::tests
