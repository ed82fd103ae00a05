// fedspend-sim privacy and calibrate as commands: the figures of PRIVACY.md, what each accountant says beside epsilon, and what is refused.
#include <cmath>
#include <ctime>
#include <random>
#include <sstream>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "simulations/commands/question_proposal.h"
#include "tests/simulations/sim_program.h"

using namespace fedspend::tests;
namespace simulations = fedspend::simulations;

namespace {

nlohmann::json data_of(const std::string& arguments) {
  CAPTURE(arguments);
  const TemporaryFolder folder;
  const Ended ended = sim(folder, arguments + " --format json");
  CAPTURE(ended.err);
  REQUIRE(ended.code == 0);
  const auto envelope = nlohmann::json::parse(ended.out, nullptr, false);
  REQUIRE(envelope.is_object());
  CHECK(envelope["status"] == "ok");
  return envelope["data"];
}

double epsilon_of(const std::string& arguments) { return data_of("privacy " + arguments)["epsilon"].get<double>(); }

}  // namespace

TEST_CASE("privacy gives the published epsilons") {
  const std::string gaussian = "--mechanism gaussian ";
  CHECK(epsilon_of(gaussian + "--noise-multiplier 1.5 --steps 2250 --sampling-rate 0.04 --delta 1e-5 --accountant rdp") == doctest::Approx(7.32911117143).epsilon(1e-10));
  CHECK(epsilon_of(gaussian + "--noise-multiplier 1.3 --steps 6000 --sampling-rate 0.0025 --delta 1e-5 --accountant rdp") == doctest::Approx(0.7242234026).epsilon(1e-9));
  CHECK(epsilon_of(gaussian + "--noise-multiplier 1 --steps 30000 --sampling-rate 0.001 --delta 1e-7 --accountant rdp") == doctest::Approx(1.4154988495).epsilon(1e-9));
  CHECK(epsilon_of(gaussian + "--noise-multiplier 0.7 --steps 2 --delta 1e-5 --accountant pld") == doctest::Approx(10.1224946).epsilon(1e-8));
  // PRIVACY.md, unamplified: P = 1, z = 1 and P = 5, z = 2.5.
  CHECK(epsilon_of(gaussian + "--noise-multiplier 1 --steps 100 --max-participations 1 --delta 1e-6 --accountant pld") == doctest::Approx(4.88655).epsilon(2e-6));
  CHECK(epsilon_of(gaussian + "--noise-multiplier 2.5 --steps 100 --max-participations 5 --delta 1e-6 --accountant pld") == doctest::Approx(4.30584).epsilon(2e-6));
  CHECK(epsilon_of(gaussian + "--noise-multiplier 1 --steps 100 --max-participations 1 --delta 1e-6 --accountant rdp") == doctest::Approx(5.22153).epsilon(2e-6));
  CHECK(epsilon_of(gaussian + "--noise-multiplier 2.5 --steps 5 --delta 1e-6 --accountant zcdp") == doctest::Approx(4.60444).epsilon(2e-6));
}

TEST_CASE("privacy says for which guarantee, and what its accountant adds") {
  const auto pld = data_of("privacy --noise-multiplier 2 --steps 40 --max-participations 3 --delta 1e-6");
  CHECK(pld["mechanism"] == "gaussian");
  CHECK(pld["accountant"] == "pld");
  CHECK(pld["compositions"] == 3);
  CHECK(pld["steps"] == 40);
  CHECK(pld["max_participations"] == 3);
  CHECK(pld["amplified"] == false);
  CHECK(pld["delta"] == 1e-6);
  CHECK(pld["epsilon_error"].get<double>() < 1e-3);
  CHECK(pld["guarantee"].get<std::string>().find("at most 3 of the sums") != std::string::npos);
  const auto rdp = data_of("privacy --noise-multiplier 2 --steps 3 --delta 1e-6 --accountant rdp");
  CHECK(rdp["compositions"] == 3);
  CHECK(rdp["order"] > 1.0);
  CHECK(rdp["rho"].get<double>() == doctest::Approx(3.0 / 8));
  CHECK(rdp["epsilon"] >= pld["epsilon"]);
  CHECK(rdp["guarantee"].get<std::string>().find("every step") != std::string::npos);
  // A cap above the number of steps counts in full, as in a plan's statement: failed rounds are charged, too.
  CHECK(data_of("privacy --noise-multiplier 2 --steps 2 --max-participations 3 --delta 1e-6")["epsilon"] == pld["epsilon"]);
  CHECK(data_of("privacy --noise-multiplier 2 --steps 2 --max-participations 3 --delta 1e-6")["compositions"] == 3);
  const auto sampled = data_of("privacy --noise-multiplier 2 --steps 40 --sampling-rate 0.01 --delta 1e-6 --accountant rdp");
  CHECK(sampled["amplified"] == true);
  CHECK(sampled["sampling_rate"] == 0.01);
  CHECK(sampled["guarantee"].get<std::string>().find("Poisson") != std::string::npos);
  CHECK(sampled["epsilon"] < pld["epsilon"]);
}

TEST_CASE("privacy of the distributed mechanism is by the bound of its sum, a little above the central one") {
  const auto data = data_of("privacy --mechanism discrete-gaussian --noise-multiplier 2.5 --steps 50 --max-participations 5 --delta 1e-6 --clients 1000 --dimension 100000 --bits 20");
  CHECK(data["accountant"] == "rdp");
  CHECK(data["honest_shares"] == 451);  // a quorum of 551, less 100 that collude
  CHECK(data["padded_dimension"] == 131072);
  CHECK(data["tau"] > 0.0);
  CHECK(data["epsilon"] >= 4.60444);
  CHECK(data["epsilon"] <= 4.62);
  const auto defaults = data_of("privacy --mechanism discrete-gaussian --noise-multiplier 2.5 --steps 50 --max-participations 5 --delta 1e-6");
  CHECK(defaults == data);
  const auto zcdp = data_of("privacy --mechanism discrete-gaussian --accountant zcdp --noise-multiplier 2.5 --steps 50 --max-participations 5 --delta 1e-6");
  CHECK(zcdp["epsilon"] >= 4.60444);
  CHECK(zcdp["epsilon"] <= 4.62);
  // Fewer bits are coarser, and cost more.
  CHECK(epsilon_of("--mechanism discrete-gaussian --bits 14 --noise-multiplier 2.5 --steps 5 --delta 1e-6") > data["epsilon"]);
}

TEST_CASE("calibrate keeps to the budget and gives known noise back") {
  const auto rdp = data_of("calibrate --epsilon 7.32911117143 --steps 2250 --sampling-rate 0.04 --delta 1e-5 --accountant rdp");
  CHECK(rdp["noise_multiplier"].get<double>() == doctest::Approx(1.5).epsilon(3e-6));
  CHECK(rdp["epsilon"] <= 7.32911117143);
  const auto pld = data_of("calibrate --epsilon 4.88655 --steps 30 --max-participations 1 --delta 1e-6");
  CHECK(pld["noise_multiplier"].get<double>() == doctest::Approx(1).epsilon(5e-6));
  CHECK(pld["epsilon"] <= 4.88655);
  CHECK(pld["epsilon_wanted"] == 4.88655);
  const auto discrete = data_of("calibrate --epsilon 4 --mechanism discrete-gaussian --steps 30 --max-participations 2 --delta 1e-6");
  CHECK(discrete["epsilon"] <= 4.0);
  CHECK(discrete["epsilon"] >= 3.9999);
  // What calibrate says, privacy says again.
  const std::string z = nlohmann::json(discrete["noise_multiplier"]).dump();
  CHECK(epsilon_of("--mechanism discrete-gaussian --steps 30 --max-participations 2 --delta 1e-6 --noise-multiplier " + z) == discrete["epsilon"]);
}

TEST_CASE("the epsilon in the table is the figure's, rounded up to 7 digits: not below it, and within the budget where that has no more") {
  const TemporaryFolder folder;
  for (const char* budget : {"8", "4", "2", "1", "0.5"}) {
    CAPTURE(budget);
    const std::string question = std::string("calibrate --epsilon ") + budget + " --mechanism discrete-gaussian --steps 30 --max-participations 5 --delta 1e-6 --dimension 27421 --bits 24";
    const Ended ended = sim(folder, question);
    REQUIRE(ended.code == 0);
    const std::string label = "epsilon, at most";
    const double shown = std::stod(ended.out.substr(ended.out.find(label) + label.size()));
    CHECK(shown >= data_of(question)["epsilon"].get<double>());
    CHECK(shown <= std::stod(budget));
  }
}

TEST_CASE("privacy of a plan gives what its statement says, finds a statement that does not follow from it, and takes no question beside it") {
  const TemporaryFolder folder;
  std::string plan = TemporaryFolder::read(source_dir() + "/simulations/plans/purchase-cards.toml");
  const std::string none = "[privacy]\nmode = \"none\"\n";
  REQUIRE(plan.find(none) != std::string::npos);
  folder.write("plan.toml", plan.replace(plan.find(none), none.size(), "[privacy]\nmode = \"central\"\nnoise_multiplier = 2.5\nmax_participations = 5\n"));
  const Ended computed = sim(folder, "privacy --plan plan.toml --format json");
  CAPTURE(computed.err);
  REQUIRE(computed.code == 0);
  const auto data = nlohmann::json::parse(computed.out)["data"];
  CHECK(data["check"].is_null());
  nlohmann::json statement = data["statement"];
  CHECK(statement["kind"] == "dp-statement");
  CHECK(statement["at_cap"]["epsilon"].get<double>() == doctest::Approx(4.30584).epsilon(2e-6));  // PRIVACY.md, P = 5, z = 2.5
  CHECK(statement["at_cap"]["epsilon"].get<double>() == epsilon_of("--noise-multiplier 2.5 --steps 5 --delta 1e-6"));
  CHECK(data["rho_of_one"].get<double>() == doctest::Approx(0.08).epsilon(1e-14));
  folder.write("s.json", statement.dump());
  CHECK(sim(folder, "privacy --plan plan.toml --statement s.json").code == 0);
  // A key that is there twice, of which a reader may take either.
  const std::string whole = statement.dump();
  folder.write("s.json", std::string(whole).insert(1, "\"is_guarantee\":true,"));
  check_refused(folder, "privacy --plan plan.toml --statement s.json", {"a key twice"});
  nlohmann::json loud = statement;
  loud["code_version"] = "0.1.0\n\x1b[2J";
  folder.write("s.json", loud.dump());
  check_refused(folder, "privacy --plan plan.toml --statement s.json", {"no code_version of"});
  statement["cohort"]["goal"] = statement["cohort"]["goal"].get<unsigned>() + 1;
  folder.write("s.json", statement.dump());
  const Ended falsified = sim(folder, "privacy --plan plan.toml --statement s.json");
  CHECK(falsified.code == 6);
  CHECK(falsified.out.find("!! /cohort/goal is stated as") != std::string::npos);
  CHECK(falsified.out.find("Its issuer's word, which nobody can compute again") != std::string::npos);
  CHECK(falsified.out.find("/noise_source: that the noise came from a generator, or from a seed that somebody knows; on it rests /is_guarantee") != std::string::npos);
  statement["cohort"]["goal"] = statement["cohort"]["goal"].get<unsigned>() - 1;
  statement["rounds"]["done"] = statement["rounds"]["planned"].get<unsigned>() + 1;
  folder.write("s.json", statement.dump());
  const Ended impossible = sim(folder, "privacy --plan plan.toml --statement s.json");
  CHECK(impossible.code == 6);
  CHECK(impossible.out.find("!! /rounds/done is stated as 301, and can be 0 to 300: the plan has 300 rounds\n!! /rounds/sums_charged is stated as 0, and can be 301 or more: ") != std::string::npos);
  folder.write("s.json", std::string(1'000, '[') + std::string(1'000, ']'));
  check_refused(folder, "privacy --plan plan.toml --statement s.json", {"nested deeper"});
  folder.write("s.json", nlohmann::json{{"a\x1b[2J", 1}}.dump());
  check_refused(folder, "privacy --plan plan.toml --statement s.json", {"is no DP statement"});
  check_refused(folder, "privacy --plan plan.toml --steps 3", {"--steps beside --plan"});
  check_refused(folder, "privacy --plan plan.toml --noise-multiplier 3", {"--noise-multiplier beside --plan"});
  check_refused(folder, "privacy --statement s.json --noise-multiplier 1 --steps 1 --delta 1e-6", {"--statement without --plan"});
  check_refused(folder, "privacy --steps 1 --delta 1e-6", {"--noise-multiplier Z is missing"});
  folder.write("s.json", "no JSON");
  check_refused(folder, "privacy --plan plan.toml --statement s.json", {"s.json is no JSON"});
}

// As a run leaves both files, in one folder.
TEST_CASE("the text of a statement is held against its JSON: the one beside it, or the one that is named; where there is none that is said") {
  const TemporaryFolder folder;
  std::string plan = TemporaryFolder::read(source_dir() + "/simulations/plans/purchase-cards.toml");
  const std::string none = "[privacy]\nmode = \"none\"\n";
  folder.write("plan.toml", plan.replace(plan.find(none), none.size(), "[privacy]\nmode = \"distributed\"\nnoise_multiplier = 2.5\nmax_participations = 5\n"));
  const auto data = nlohmann::json::parse(sim(folder, "privacy --plan plan.toml --format json").out)["data"];
  const std::string printed = sim(folder, "privacy --plan plan.toml").out, text = printed.substr(0, printed.find("\nof one contribution"));
  folder.write("dp-statement.json", data["statement"].dump(2) + "\n");
  const std::string check = "privacy --plan plan.toml --statement dp-statement.json";
  const Ended alone = sim(folder, check);
  CHECK(alone.code == 0);
  CHECK(alone.out.find("Its text was not given, and is not checked") != std::string::npos);
  CHECK(alone.out.find("So that this is a guarantee, and no simulation's figures under another label, is its issuer's word") != std::string::npos);
  folder.write("dp-statement.txt", text);
  const Ended both = sim(folder, check);
  CHECK(both.code == 0);
  CHECK(both.out.find("Its text, dp-statement.txt, is to the letter") != std::string::npos);
  std::string other = text;
  const std::size_t at = other.find("noise multiplier 2.5");
  REQUIRE(at != std::string::npos);
  other.replace(at, 20, "noise multiplier 9.5\x1b");
  folder.write("dp-statement.txt", other);
  const Ended falsified = sim(folder, check);
  CHECK(falsified.code == 6);
  CHECK(falsified.out.find("does NOT say the same. Line ") != std::string::npos);
  CHECK(falsified.out.find('\x1b') == std::string::npos);
  const auto said = nlohmann::json::parse(sim(folder, check + " --format json").out)["data"]["check"];
  CHECK(said["follows"] == false);
  CHECK(said["differences"].empty());
  CHECK(said["text"]["follows"] == false);
  CHECK(said["text"]["line"].get<int>() > 1);
  CHECK(said["is_guarantee_by_issuers_word"] == true);
  folder.write("good.txt", text);
  CHECK(sim(folder, check + " --statement-text good.txt").code == 0);
  check_refused(folder, check + " --statement-text nowhere.txt", {"nowhere.txt"});
  check_refused(folder, "privacy --plan plan.toml --statement-text good.txt", {"--statement-text without --statement"});
}

TEST_CASE("privacy and calibrate refuse combinations that nothing proves, in one line") {
  const TemporaryFolder folder;
  const std::string rest = " --noise-multiplier 1 --steps 10 --delta 1e-6";
  check_refused(folder, "privacy --mechanism discrete-gaussian --accountant pld" + rest, {"no dominating pair is proven", "--accountant rdp"});
  check_refused(folder, "privacy --mechanism discrete-gaussian --sampling-rate 0.1" + rest, {"sampling amplifies nothing", "--max-participations"});
  check_refused(folder, "privacy --accountant zcdp --sampling-rate 0.1" + rest, {"not amplified by sampling", "pld or rdp"});
  check_refused(folder, "privacy --sampling-rate 0.1 --max-participations 3" + rest, {"exclude each other"});
  check_refused(folder, "privacy --clients 100" + rest, {"--clients", "central Gaussian", "discrete-gaussian"});
  check_refused(folder, "privacy --mechanism discrete-gaussian --bits 8 --noise-multiplier 0.01 --steps 10 --delta 1e-6", {"8 bits", "try --bits "});
  check_refused(folder, "privacy --mechanism discrete-gaussian --corrupt 0.5 --dropout 0.3" + rest, {"1000 clients"});
  check_refused(folder, "calibrate --mechanism discrete-gaussian --bits 12 --epsilon 0.001 --steps 10 --delta 1e-6", {"epsilon", "try --epsilon "});
}

// exp(20) is half a thousand million: an epsilon above is no privacy to propose.
TEST_CASE("calibrate proposes no epsilon above 20") {
  const TemporaryFolder folder;
  int refused = 0;
  for (const char* bits : {"8", "10", "12", "14"})
    for (const char* steps : {"10", "10000", "10000000"}) {
      const Ended ended = sim(folder, std::string("calibrate --epsilon 0.01 --delta 1e-9 --mechanism discrete-gaussian --steps ") + steps + " --bits " + bits);
      CAPTURE(ended.err);
      if (ended.code == 0) continue;
      ++refused;
      const std::string label = "--epsilon ";
      const std::size_t at = ended.err.rfind(label);
      if (at != std::string::npos) CHECK(std::stod(ended.err.substr(at + label.size())) <= 20);
    }
  CHECK(refused >= 6);
}

// Not a time but a number of questions: each takes a tenth of the search's processor time.
TEST_CASE("the search for what would be answered ends with its processor time, however slow an accountant is") {
  int asked = 0;
  const auto slow = [&](const simulations::Asked&) {
    ++asked;
    for (const std::clock_t begun = std::clock(); static_cast<double>(std::clock() - begun) < simulations::kSearchSeconds / 10 * CLOCKS_PER_SEC;) {
    }
    return false;
  };
  simulations::Asked refused;
  refused.question.mechanism = simulations::Mechanism::discrete_gaussian;
  refused.question.delta = 1e-6;
  refused.number = 1;
  const simulations::Proposal found = simulations::options_that_work(refused, {"epsilon", 1e-6, 20}, slow);
  CHECK_FALSE(found.asked.has_value());
  CHECK(found.typed.empty());
  CHECK(asked >= 5);
  CHECK(asked <= 10);
}

// The options that a refusal ends with, in the place of those that were given.
std::string typed_back(const std::string& arguments, const std::string& hint) {
  std::string changed = arguments;
  std::istringstream options(hint);
  std::string option, value;
  while (options >> option >> value) {
    const std::size_t at = changed.find(option + " ");
    if (at == std::string::npos) changed += " " + option + " " + value;
    else changed.replace(at, changed.find(' ', at + option.size() + 1) - at, option + " " + value);
  }
  return changed;
}

void check_proposal(const TemporaryFolder& folder, const std::string& arguments) {
  CAPTURE(arguments);
  const Ended refused = sim(folder, arguments);
  CHECK(refused.code == 4);
  const std::size_t at = refused.err.find(" try --");
  CAPTURE(refused.err);
  REQUIRE(at != std::string::npos);
  const std::string changed = typed_back(arguments, refused.err.substr(at + 5));
  CAPTURE(changed);
  const Ended accepted = sim(folder, changed);
  CAPTURE(accepted.err);
  CHECK(accepted.code == 0);
}

TEST_CASE("what privacy and calibrate propose where they refuse is accepted when it is typed: the cases that once were not, and everything wrong at once") {
  const TemporaryFolder folder;
  const std::string discrete = " --mechanism discrete-gaussian";
  check_proposal(folder, "privacy --clip 1e-6 --bits 32 --noise-multiplier 1 --steps 3 --delta 1e-6" + discrete);
  check_proposal(folder, "privacy --noise-multiplier 1 --steps 1000000000 --delta 1e-12" + discrete);
  check_proposal(folder, "privacy --noise-multiplier 0.001 --steps 1000000000 --delta 1e-12");
  check_proposal(folder, "privacy --corrupt 0.5 --dropout 0.3 --noise-multiplier 1 --steps 3 --delta 1e-6" + discrete);
  check_proposal(folder, "privacy --noise-multiplier 1 --steps 3 --delta 1e-21 --bits 3" + discrete);
  check_proposal(folder, "privacy --bits 2 --clip 1e-6 --corrupt 0.5 --dropout 0.3 --noise-multiplier 0.001 --steps 3 --delta 1e-50" + discrete);
  check_proposal(folder, "calibrate --epsilon 1e-6 --steps 1000000000 --delta 1e-6 --accountant rdp");
  check_proposal(folder, "calibrate --epsilon 0.001 --steps 10 --delta 1e-6 --bits 12" + discrete);
  check_proposal(folder, "calibrate --epsilon 0.001 --steps 10 --delta 1e-21" + discrete);
  check_proposal(folder, "calibrate --epsilon 1 --corrupt 0.4 --dropout 0.4 --steps 10 --delta 1e-6" + discrete);
}

TEST_CASE("the options that are printed, typed back, are accepted: of questions with random parameters") {
  const TemporaryFolder folder;
  int refusals = 0;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);  // of the test's own questions
    const auto between = [&random](double low, double high) { return low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random)); };
    std::ostringstream arguments;
    const bool calibrates = seed % 3 == 0;
    arguments << (calibrates ? "calibrate --epsilon " : "privacy --noise-multiplier ") << (calibrates ? between(1e-4, 10) : between(1e-3, 1e3));
    arguments << " --mechanism discrete-gaussian --steps " << static_cast<int>(between(1, 1e6)) << " --delta " << between(1e-25, 1e-3) << " --bits " << static_cast<int>(between(2, 32)) << " --clip " << between(1e-6, 1e3)
              << " --dropout " << std::floor(between(10, 600)) / 1000 << " --clients " << static_cast<int>(between(10, 3000));
    const Ended ended = sim(folder, arguments.str());
    if (ended.code == 0) continue;
    ++refusals;
    check_proposal(folder, arguments.str());
  }
  CHECK(refusals >= 15);
}

TEST_CASE("an epsilon above 20 is answered with a warning, and one of 20 without") {
  const TemporaryFolder folder;
  const std::string asked = "calibrate --steps 1 --delta 1e-6 --epsilon ";
  CHECK(sim(folder, asked + "20.5").out.find("\nwarning: an epsilon above 20 bounds next to nothing") != std::string::npos);
  CHECK(sim(folder, asked + "20").out.find("warning") == std::string::npos);
}

TEST_CASE("privacy and calibrate refuse wrong values, in one line with the range and a value that works") {
  const TemporaryFolder folder;
  for (const char* z : {"0", "-1", "nan", "inf", "1e7", "x"}) check_refused(folder, std::string("privacy --steps 10 --delta 1e-6 --noise-multiplier ") + z, {"--noise-multiplier '", "from 0.001 to 1e+06"});
  for (const char* delta : {"0", "1", "-1e-6", "nan", "2"}) check_refused(folder, std::string("privacy --steps 10 --noise-multiplier 1 --delta ") + delta, {"--delta '", "from 1e-100 to 0.999. try --delta 1e-6"});
  for (const char* q : {"0", "1.0001", "-0.1", "nan"}) check_refused(folder, std::string("privacy --steps 10 --noise-multiplier 1 --delta 1e-6 --sampling-rate ") + q, {"--sampling-rate '", "from 1e-12 to 1"});
  for (const char* steps : {"0", "-3", "1.5", "2000000000"}) check_refused(folder, std::string("privacy --noise-multiplier 1 --delta 1e-6 --steps ") + steps, {"--steps '", "from 1 to 1000000000"});
  for (const char* cap : {"0", "-3", "many"}) check_refused(folder, std::string("privacy --noise-multiplier 1 --delta 1e-6 --steps 5 --max-participations ") + cap, {"--max-participations '", "from 1 to"});
  for (const char* epsilon : {"0", "-1", "nan", "1e9"}) check_refused(folder, std::string("calibrate --steps 10 --delta 1e-6 --epsilon ") + epsilon, {"--epsilon '", "from 1e-06 to 1e+06. try --epsilon 4"});
  check_refused(folder, "privacy --noise-multiplier 1 --steps 5", {"--delta D is missing"});
  check_refused(folder, "privacy --noise-multiplier 1 --delta 1e-6", {"--steps T is missing"});
  check_refused(folder, "privacy --steps 5 --delta 1e-6", {"--noise-multiplier Z is missing"});
  check_refused(folder, "calibrate --steps 5 --delta 1e-6", {"--epsilon E is missing"});
  check_refused(folder, "privacy --noise-multiplier 1 --steps 5 --delta 1e-6 --accountant prv", {"--accountant 'prv' is none of rdp, pld, zcdp"});
  check_refused(folder, "privacy --noise-multiplier 1 --steps 5 --delta 1e-6 --mechanism laplace", {"--mechanism 'laplace' is neither gaussian nor discrete-gaussian"});
  check_refused(folder, "privacy --noise-multiplier 1 --steps 5 --delta 1e-6 --mechanism discrete-gaussian --clip 0", {"--clip '0'"});
  check_refused(folder, "privacy --noise-multiplier 1 --steps 5 --delta 1e-6 --mechanism discrete-gaussian --bits 33", {"--bits '33'", "from 2 to 32"});
}
