#include "simulations/reports/sweep_table.h"

#include <doctest/doctest.h>

using namespace fedspend::simulations;

namespace {

SweepJobFacts job(std::string value, std::uint64_t seed, double accuracy) {
  return {"job-" + value + "-" + std::to_string(seed), {std::move(value)}, seed, {{"eval_accuracy", accuracy}, {"eval_top3", 0.75}, {"eval_loss", 1.5}, {"model_hash", "ab"}, {"baselines", {{"markov_own", 0.375}}}}};
}

SweepTable table() { return sweep_table("<script>", "DEMONSTRATION: no noise", {"server.learning_rate"}, {job("1", 1, 0.25), job("1", 2, 0.5), job("2", 1, 0.5), job("2", 2, 0.625)}); }

}  // namespace

TEST_CASE("a point has the mean of its seeds and how far apart they are, and the best is the highest mean") {
  const SweepTable made = table();
  REQUIRE(made.rows.size() == 2);
  CHECK(made.rows[0].mean == 0.375);
  CHECK(made.rows[0].spread() == 0.25);
  CHECK(made.rows[1].mean == 0.5625);
  CHECK(made.rows[1].lowest == 0.5);
  CHECK(made.rows[1].highest == 0.625);
  CHECK(made.best == 1);
  CHECK(sweep_table("p", "", {"k"}, {job("1", 1, 0.5), job("2", 1, 0.5)}).best == 0);
}

TEST_CASE("text, JSON, CSV and page say the same") {
  const std::string text = to_text(table());
  CHECK(text.find("0.5625  0.5000   0.6250  0.1250") != std::string::npos);
  CHECK(text.find("best: server.learning_rate = 2") != std::string::npos);
  const nlohmann::json json = to_json(table());
  CHECK(json["best"]["accuracy_mean"] == 0.5625);
  CHECK(json["best"]["settings"]["server.learning_rate"] == "2");
  CHECK(json["points"].size() == 2);
  CHECK(json["jobs"].size() == 4);
  CHECK(json["demonstration"] == true);
  CHECK(to_csv(table()).starts_with("job,server.learning_rate,seed,eval_accuracy,eval_top3,eval_loss,model_hash\njob-1-1,1,1,0.25,0.75,1.5,ab\n"));
  const std::string page = sweep_page(table());
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("&lt;script&gt;") != std::string::npos);
  CHECK(page.find("56.25%") != std::string::npos);
  CHECK(page.find("Accuracy over server.learning_rate") != std::string::npos);
  CHECK(page.find("37.50%") != std::string::npos);  // the baseline
}

TEST_CASE("a key whose values are words gets a table and no chart") {
  const SweepTable words = sweep_table("p", "", {"server.optimizer"}, {job("fedavg", 1, 0.25), job("fedadam", 1, 0.5)});
  CHECK(sweep_page(words).find("<svg") == std::string::npos);
  CHECK(sweep_page(words).find("fedadam") != std::string::npos);
}
