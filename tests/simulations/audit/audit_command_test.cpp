#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>

#include "tests/simulations/sim_program.h"

namespace fedspend::tests {
namespace {

// 60 customers and a plan for them, in a folder.
struct Fixture {
  TemporaryFolder folder;
  std::string audit = "audit --plan p.toml --data s/synthetic.toml --no-progress --canaries 40 ";
  Fixture() {
    REQUIRE(sim(folder, "synth --clients 60 --seed 1 --months 3 --out s").code == 0);
    REQUIRE(sim(folder,
                "plan --data s/synthetic.toml --demonstration --seed 1 --out p.toml --set aggregation.mode=open --set federation.rounds=4 --set federation.cohort=24 "
                "--set federation.min_cohort=16 --set model.sizes.hidden=4 --set training.max_rows=16 --set server.learning_rate=0.05")
                .code == 0);
  }
};

constexpr const char* kCentral =
    "--set privacy.mode=central --set privacy.noise_multiplier=8 --set privacy.max_participations=8 --set privacy.max_epsilon=100 --set privacy.delta=1e-5 ";

}  // namespace

TEST_CASE("an audit gives both bounds and the attack on membership, with noise and without, as JSON and as text") {
  Fixture fixture;
  const Ended json = sim(fixture.folder, fixture.audit + kCentral + "--guesses 12 --format json");
  CAPTURE(json.out);
  REQUIRE(json.code == 0);
  CHECK(json.err.empty());
  const auto data = nlohmann::json::parse(json.out)["data"];
  CHECK(data["epsilon_lower"].get<double>() >= 0);
  CHECK(data["epsilon_lower"].get<double>() <= data["epsilon_upper"].get<double>());
  CHECK(data["epsilon_lower"].get<double>() <= data["epsilon_provable"].get<double>());
  CHECK(data["falsified"] == false);
  CHECK(data["delta"] == 1e-5);
  CHECK(data["confidence"] == 0.95);
  CHECK(data["noise_share"] == 1);
  CHECK(data["canaries"] == 40);
  CHECK(data["in_sums"].get<int>() > 20);
  CHECK(data["guesses"] == 12);
  CHECK(data["correct"].get<int>() <= 12);
  CHECK(data["rounds"] == 4);
  CHECK(data["most_participations"].get<int>() >= 2);
  CHECK(data["privacy"] == "central");
  CHECK(data["demonstration"] == true);
  CHECK(data["membership"]["non_members"] == 30);
  CHECK(data["membership"]["members"].get<int>() > 20);
  for (const char* run : {"", "/without_noise"})
    for (const char* figure : {"auc", "tpr_at_1_percent_fpr", "calibrated_auc", "calibrated_tpr_at_1_percent_fpr"}) {
      const auto estimate = data[nlohmann::json::json_pointer(std::string(run) + "/membership/" + figure)];
      CHECK(estimate["low"] <= estimate["value"]);
      CHECK(estimate["value"] <= estimate["high"]);
      CHECK(estimate["low"] < estimate["high"]);
    }
  CHECK(data["without_noise"]["epsilon_upper"].is_null());
  CHECK(data["without_noise"]["guesses"] == 12);
  CHECK(data["without_noise"]["correct"].get<int>() == 12);
  const Ended text = sim(fixture.folder, fixture.audit + kCentral + "--no-comparison --no-membership --delta 1e-3");
  REQUIRE(text.code == 0);
  for (const char* part : {"epsilon, at least (95%)", "epsilon, at most (accountant)", "never that it is true", "delta 0.001, 4 rounds", "\nNot falsified"})
    CHECK_MESSAGE(text.out.find(part) != std::string::npos, part);
  CHECK(text.out.find("without noise") == std::string::npos);
  CHECK(text.out.find("membership") == std::string::npos);
}

// The control has a hundredth of the noise that is accounted: every guess is right, or nearly so.
TEST_CASE("an audit that falsifies the claim ends with 6 and says so loudly, as JSON and as text") {
  Fixture fixture;
  const std::string control = fixture.audit + kCentral + "--noise-share 0.01 --guesses 24 --no-comparison ";
  const Ended text = sim(fixture.folder, control);
  CAPTURE(text.out);
  CHECK(text.code == 6);
  CHECK(text.err.empty());
  for (const char* part : {"!! FALSIFIED: epsilon is at least", "CONTROL: 1% of the noise", "Not for real customers"})
    CHECK_MESSAGE(text.out.find(part) != std::string::npos, part);
  const Ended json = sim(fixture.folder, control + "--format json");
  CHECK(json.code == 6);
  const auto data = nlohmann::json::parse(json.out)["data"];
  CHECK(data["falsified"] == true);
  CHECK(data["epsilon_lower"] > data["epsilon_upper"]);
  CHECK(data["noise_share"] == 0.01);
  CHECK(data["membership"].is_null());
}

TEST_CASE("wrong options of an audit are refused in one line") {
  Fixture fixture;
  check_refused(fixture.folder, fixture.audit + "--canary square", {"--canary \"square\" is not known", "sphere"});
  check_refused(fixture.folder, fixture.audit + "--guesses 41", {"--guesses", "41"});
  check_refused(fixture.folder, fixture.audit + "--delta 0", {"--delta"});
  check_refused(fixture.folder, fixture.audit + "--confidence 1", {"--confidence"});
  check_refused(fixture.folder, fixture.audit + "--left-out 1", {"--left-out"});
  check_refused(fixture.folder, fixture.audit + "--canaries 9", {"--canaries"});
  check_refused(fixture.folder, fixture.audit + "--noise-share 0", {"--noise-share"});
  check_refused(fixture.folder, fixture.audit + "--noise-share 0.5", {"a plan without noise", "privacy.mode"});
  check_refused(fixture.folder, fixture.audit + "--left-out 0.9", {"6 clients are eligible", "a round asks at least"});
  check_refused(fixture.folder, fixture.audit + "--set federation.cohort=1000 --set federation.min_cohort=900", {"a round asks at least"});
  check_refused(fixture.folder, "audit --data s/synthetic.toml", {"--plan"});
}

TEST_CASE("the help of an audit has an example") {
  const TemporaryFolder folder;
  const Ended ended = sim(folder, "audit --help");
  CHECK(ended.code == 0);
  CHECK(ended.out.find("fedspend-sim audit --plan") != std::string::npos);
  CHECK(ended.out.find("6 the claim that it checks is false") != std::string::npos);
}

}  // namespace fedspend::tests
