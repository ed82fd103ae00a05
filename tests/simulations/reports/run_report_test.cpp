#include "simulations/reports/run_report.h"

#include <regex>

#include <doctest/doctest.h>

#include "simulations/reports/model_card.h"
#include "tests/simulations/reports/run_sample.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;
using fedspend::tests::sample_run;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a report compares the model with every baseline and with central and local-only training") {
  const std::string report = run_report(sample_run());
  for (const std::string part : {"50.00%", "central training", "53.00%", "-3.00 points", "local-only training", "48.00%", "+2.00 points", "order-1 Markov of the client", "+5.00 points",
                                 "mixture of own and global counts", "merchant lookup", "another task"}) {
    CAPTURE(part);
    CHECK(has(report, part));
  }
}

TEST_CASE("a report shows convergence, clients, participation, bytes and time, each with its table") {
  const std::string report = run_report(sample_run());
  for (const std::string heading : {"Accuracy by round", "Loss by round", "Gain over clients", "By length of history", "Devices by round", "Bytes by round", "Simulated time by round", "Length of a round",
                                    "Rounds that were aborted", "Updates of each device", "What went wrong on the way", "The resolved plan"}) {
    CAPTURE(heading);
    CHECK(has(report, heading));
  }
  const auto count = [&](const std::string& part) {
    const std::regex pattern(part);
    return std::distance(std::sregex_iterator(report.begin(), report.end(), pattern), std::sregex_iterator());
  };
  CHECK(count("<svg ") == 8);
  CHECK(count("The numbers</summary>") == 8);
  CHECK(has(report, "lost while training</th><td>6</td>"));  // of three rounds, the aborted one among them
  CHECK(has(report, "branch</th><td>30</td>"));
  CHECK(has(report, "99.0 kB"));
  CHECK(has(report, "60% gain, 30% lose"));
}

TEST_CASE("a report says what adapting the model on each device is worth, and for whom it fails, where that was worked out") {
  RunFacts run = sample_run();
  CHECK_FALSE(has(run_report(run), "What adapting it on the device is worth"));
  const auto group = [](const char* name, int clients, int better, int worse) {
    return nlohmann::json{{"name", name}, {"clients", clients}, {"better", better}, {"worse", worse}, {"shared_accuracy", 0.5}, {"personal_accuracy", 0.625}, {"shared_loss", 1.25}, {"personal_loss", 1.125}};
  };
  run.summary["personal"] = {{"clients", 80}, {"better", 40}, {"worse", 20}, {"shared_accuracy", 0.5571}, {"personal_accuracy", 0.5621}, {"uplift_mean", 0.005},
                             {"uplift_quantiles", std::vector<double>{-0.1, -0.05, 0, 0.05, 0.1}},
                             {"by_way", {group("its head fine-tuned", 60, 40, 20), group("the shared model as it is", 0, 0, 0)}}, {"by_history", {group("under 50 rows", 16, 4, 12)}}};
  const std::string report = run_report(run);
  for (const std::string part : {"56.21%", "55.71%", "better for 50% of the clients, and worse for 25%", "its head fine-tuned</th><td>60</td>", "under 50 rows</th><td>16</td><td>50.0%</td><td>62.5%</td><td>1.250</td><td>1.125</td><td>25%</td><td>75%</td>"}) {
    CAPTURE(part);
    CHECK(has(report, part));
  }
  CHECK_FALSE(has(report, "the shared model as it is</th>"));  // nobody's
}

TEST_CASE("aborted rounds are counted by reason, whatever figures stand behind it") {
  RunFacts run = sample_run();
  run.rounds.insert(run.rounds.begin(), 3, tests::sample_round(1, false, 0));
  for (unsigned i = 0; i < 3; ++i) run.rounds[i]["why_aborted"] = "too few updates: " + std::to_string(i) + " of at least 10";
  CHECK(has(run_report(run), "too few updates</th><td>3</td>"));
}

TEST_CASE("names that come from data are text in a report, never markup") {
  const std::string report = run_report(sample_run());
  CHECK_FALSE(has(report, "<script"));
  CHECK(has(report, "&lt;script&gt;alert(&quot;x&quot;)"));
  CHECK(has(report, "Müsli &amp; Milch"));
}

TEST_CASE("a demonstration says so at the top of the report and of the card, and a protected plan does not") {
  RunFacts run = sample_run();
  for (const auto& [mode, privacy] : {std::pair(Aggregation::open, PrivacyMode::none), std::pair(Aggregation::secure, PrivacyMode::none), std::pair(Aggregation::open, PrivacyMode::distributed)}) {
    run.plan.aggregation.mode = mode;
    run.plan.privacy.mode = privacy;
    const std::string note(run.plan.demonstration_note());
    REQUIRE(note.starts_with("DEMONSTRATION: "));
    CHECK(has(run_report(run), note));
    CHECK(run_report(run).find(note) < run_report(run).find("<h1>"));
    CHECK(has(model_card(run), "> " + note + "\n"));
  }
  run.plan.aggregation.mode = Aggregation::secure;
  run.plan.privacy.mode = PrivacyMode::distributed;
  CHECK(run.plan.demonstration_note().empty());
  CHECK_FALSE(has(run_report(run), "DEMONSTRATION"));
  CHECK_FALSE(has(run_report(run), "class=\"note\""));
  CHECK_FALSE(has(model_card(run), "DEMONSTRATION"));
  CHECK_FALSE(has(model_card(run), "no epsilon"));
}

TEST_CASE("only what is marked as wall-clock time differs between two runs of different speed") {
  RunFacts slow = sample_run();
  slow.summary["seconds"] = 99.0;
  slow.summary["clients_per_second"] = 1.0;
  slow.summary["threads"] = 7;
  const auto without_clock = [](const std::string& text) { return std::regex_replace(text, std::regex("<span class=\"wall-clock\">[^<]*</span>"), ""); };
  CHECK(run_report(slow) != run_report(sample_run()));
  CHECK(without_clock(run_report(slow)) == without_clock(run_report(sample_run())));
  CHECK(model_card(slow) == model_card(sample_run()));
}

TEST_CASE("a report of a run without references says how to get them, and shows no line for them") {
  RunFacts run = sample_run();
  run.summary["references"] = nullptr;
  run.summary["per_client"]["against_local_only"] = nullptr;
  const std::string report = run_report(run);
  CHECK(has(report, "--references all"));
  CHECK_FALSE(has(report, "central training, all"));
  CHECK_FALSE(has(report, "local-only</text>"));
}

TEST_CASE("facts that are absent or of another kind leave their part of the report out, and nothing breaks") {
  RunFacts run = sample_run();
  const nlohmann::json whole = run.summary;
  for (const auto& [key, value] : whole.items()) {
    CAPTURE(key);
    for (const nlohmann::json& wrong : {nlohmann::json(), nlohmann::json("text"), nlohmann::json::array({1, "x"}), nlohmann::json::object({{"a", "b"}})}) {
      run.summary = whole;
      run.summary[key] = wrong;
      CHECK(has(run_report(run), "</html>"));
      CHECK(has(model_card(run), "## Not for"));
    }
  }
  run.summary = nlohmann::json::object();
  run.rounds = {{{"round", "x"}, {"published", 7}}, nlohmann::json::object()};
  CHECK(has(run_report(run), "</html>"));
  CHECK_FALSE(has(run_report(run), "<svg"));
  CHECK_FALSE(has(run_report(run), "nan"));
}

TEST_CASE("the held-out rows that the model is not scored on are stated") {
  RunFacts run = sample_run();
  CHECK(has(run_report(run), "scored on 4,000 of 4,100 held-out rows"));
  run.summary["held_out_rows"] = 4000;
  CHECK_FALSE(has(run_report(run), "held-out rows: the plan does not name"));
}

TEST_CASE("a figure by which early stopping chose the model says so, in the report and in the card") {
  RunFacts run = sample_run();
  for (const std::string& text : {run_report(run), model_card(run)}) CHECK_FALSE(has(text, "Early stopping chose"));
  run.summary["best_round"] = 2;
  for (const std::string& text : {run_report(run), model_card(run)}) CHECK(has(text, "Early stopping chose the model of round 2 by its accuracy on these same rows"));
}

TEST_CASE("a run's facts are read from its folder, and what is wrong is named by file and line") {
  const tests::TemporaryFolder folder;
  const RunFacts run = sample_run();
  CHECK(read_run_facts(folder.path() / "absent").error().message.find("absent is not a folder") != std::string::npos);
  CHECK(read_run_facts(folder.path()).error().message.find("plan.toml") != std::string::npos);
  folder.write("plan.toml", run.plan_text);
  folder.write("summary.json", "[1]");
  CHECK(read_run_facts(folder.path()).error().message.find("summary.json is not a JSON object") != std::string::npos);
  folder.write("summary.json", run.summary.dump());
  folder.write("metrics.jsonl", run.rounds[0].dump() + "\n" + run.rounds[1].dump().substr(0, 20) + "\n");
  CHECK(read_run_facts(folder.path()).error().message.find("metrics.jsonl: line 2 is not a JSON object") != std::string::npos);
  folder.write("metrics.jsonl", run.rounds[0].dump() + "\n" + run.rounds[1].dump() + "\n" + run.rounds[2].dump() + "\n");
  const Result<RunFacts> read = read_run_facts(folder.path());
  REQUIRE(read);
  CHECK(run_report(*read) == run_report(run));
  folder.write("plan.toml", "name = 1");
  CHECK(read_run_facts(folder.path()).error().message.find("plan.toml: ") != std::string::npos);
}
