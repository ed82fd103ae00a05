#include "simulations/reports/comparison.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "common/program/files.h"
#include "common/protocol/model_file.h"
#include "tests/simulations/reports/run_sample.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

ComparedRun run_of(std::string name) { return {std::move(name), tests::sample_run(), {1.0F, 2.0F}}; }

bool has(const std::vector<std::string>& list, const std::string& part) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("a run compared with itself differs in nothing") {
  const Comparison same = compare_runs(run_of("a"), run_of("b"));
  CHECK(same.plan.empty());
  CHECK(same.not_comparable.empty());
  CHECK(same.models_equal);
  CHECK(same.model_distance_l2 == 0.0);
  CHECK(to_text(same).find("the plans are the same, key by key") != std::string::npos);
  CHECK(to_json(same)["comparable"] == true);
}

TEST_CASE("plans are compared key by key, keys that one of them lacks included") {
  ComparedRun a = run_of("a"), b = run_of("b");
  b.facts.plan.federation.cohort = 77;
  b.facts.plan.training.learning_rate = 0.25;
  a.facts.plan.model.sizes["only_here"] = 3;
  const Comparison comparison = compare_runs(a, b);
  REQUIRE(comparison.plan.size() == 3);
  CHECK(comparison.plan[0].key == "federation.cohort");
  CHECK(comparison.plan[0].b == "77");
  CHECK(comparison.plan[1].key == "model.sizes.only_here");
  CHECK(comparison.plan[1].a == "3");
  CHECK(comparison.plan[1].b.empty());
  CHECK(comparison.plan[2].key == "training.learning_rate");
  CHECK(comparison.not_comparable.empty());
}

TEST_CASE("what differs beside the plan is told: seed, world, segments") {
  ComparedRun b = run_of("b");
  CHECK(compare_runs(run_of("a"), b).run.empty());
  b.facts.summary["world"] = "mixed";
  b.facts.summary["seed"] = 2;
  const Comparison comparison = compare_runs(run_of("a"), b);
  REQUIRE(comparison.run.size() == 2);
  CHECK(comparison.run[0].key == "seed");
  CHECK(comparison.run[0].b == "2");
  CHECK(comparison.run[1].b == "\"mixed\"");
  CHECK(to_text(comparison).find("beside the plan") != std::string::npos);
  CHECK(comparison_page(comparison).find("Beside the plan") != std::string::npos);
}

TEST_CASE("other data, another vocabulary and another evaluation rule are said not to be comparable") {
  ComparedRun b = run_of("b");
  b.facts.plan.evaluation.min_rows = 9;
  CHECK(has(compare_runs(run_of("a"), b).not_comparable, "evaluation rules differ"));
  b = run_of("b");
  b.facts.plan.model.categories.back() = "cheese";
  const Comparison vocabulary = compare_runs(run_of("a"), b);
  CHECK(has(vocabulary.not_comparable, "other categories"));
  CHECK(vocabulary.plan[0].a == "3 names, 1 not in the other");
  b = run_of("b");
  std::swap(b.facts.plan.model.categories[0], b.facts.plan.model.categories[1]);
  CHECK_FALSE(has(compare_runs(run_of("a"), b).not_comparable, "other categories"));
  b = run_of("b");
  b.facts.plan.model.name = "categoriser";
  CHECK(has(compare_runs(run_of("a"), b).not_comparable, "two kinds, next_category and categoriser"));
  b = run_of("b");
  b.facts.summary["baselines"]["markov_own"] = 0.1;
  const Comparison data = compare_runs(run_of("a"), b);
  CHECK(has(data.not_comparable, "other data"));
  CHECK(to_text(data).find("NOT COMPARABLE: ") != std::string::npos);
  CHECK(to_json(data)["comparable"] == false);
  CHECK(comparison_page(data).find("Not comparable: ") != std::string::npos);
}

TEST_CASE("models are equal to the bit or they are not") {
  ComparedRun b = run_of("b");
  b.weights = {1.0F, 5.0F};
  CHECK_FALSE(compare_runs(run_of("a"), b).models_equal);
  CHECK(compare_runs(run_of("a"), b).model_distance_l2 == 3.0);
  ComparedRun zero = run_of("a"), minus_zero = run_of("b");
  zero.weights = {0.0F};
  minus_zero.weights = {-0.0F};
  CHECK_FALSE(compare_runs(zero, minus_zero).models_equal);
  CHECK_FALSE(compare_runs(run_of("a"), zero).models_equal);
  CHECK_FALSE(compare_runs(run_of("a"), zero).model_distance_l2.has_value());
}

TEST_CASE("figures and rounds stand side by side with their difference, and text of the data is escaped") {
  ComparedRun b = run_of("<script>b");
  b.facts.summary["eval_accuracy"] = 0.54;
  b.facts.summary.erase("updates");
  b.facts.rounds[0]["eval_accuracy"] = 0.3;
  const Comparison comparison = compare_runs(run_of("a"), b);
  const std::string text = to_text(comparison);
  CHECK(text.find("+4.00 points") != std::string::npos);
  CHECK(text.find("+5.00 points") != std::string::npos);
  const nlohmann::json json = to_json(comparison);
  CHECK(json["summary"]["eval_accuracy"]["difference"] == doctest::Approx(0.04));
  CHECK(json["summary"]["updates"]["a"] == 23);
  CHECK(json["summary"]["updates"]["b"].is_null());
  CHECK(json["summary"]["updates"]["difference"].is_null());
  CHECK(json["rounds"][0]["round"] == 1);
  CHECK(json["rounds"][0]["b"] == 0.3);
  const std::string page = comparison_page(comparison);
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("&lt;script&gt;b") != std::string::npos);
  CHECK(page.find("<svg") != std::string::npos);
}

TEST_CASE("a folder whose model is torn is refused by its name") {
  const tests::TemporaryFolder folder;
  const RunFacts run = tests::sample_run();
  folder.write("plan.toml", run.plan_text);
  folder.write("summary.json", run.summary.dump());
  folder.write("metrics.jsonl", run.rounds[0].dump() + "\n");
  CHECK(read_compared_run(folder.path()).error().message.find("model.fsm") != std::string::npos);
  const Bytes model = encode_model_file({"next_category", PlanHash{}, 1, true, {1.0F, 2.0F}});
  folder.write("model.fsm", std::string(as_text(model)));
  CHECK(read_compared_run(folder.path())->weights == std::vector<float>{1.0F, 2.0F});
  folder.write("model.fsm", std::string(as_text(model)).substr(0, model.size() - 1));
  CHECK(read_compared_run(folder.path()).error().message.find("model.fsm") != std::string::npos);
}
