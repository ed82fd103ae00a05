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
  CHECK(to_csv(table()).starts_with("job,server.learning_rate,seed,eval_accuracy,eval_top3,eval_loss,model_hash,epsilon,simulated_epsilon\njob-1-1,1,1,0.25,0.75,1.5,ab,,\n"));
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

namespace {

SweepJobFacts private_job(std::string noise, std::string rate, std::uint64_t seed, double accuracy, double epsilon, const char* key = "epsilon") {
  return {"job-" + noise + "-" + rate + "-" + std::to_string(seed), {std::move(noise), std::move(rate)}, seed, {{"eval_accuracy", accuracy}, {"eval_loss", 1.5}, {key, epsilon}}};
}

SweepTable noises(const char* key = "epsilon") {
  return sweep_table("p", "", {"privacy.noise_multiplier", "server.learning_rate"},
                     {private_job("1", "2", 1, 0.5, 5.25, key), private_job("1", "2", 2, 0.625, 5.5, key), private_job("4", "2", 1, 0.25, 1.0, key), private_job("4", "2", 2, 0.375, 1.0, key)});
}

}  // namespace

TEST_CASE("where points differ in epsilon the page has accuracy against it, with bars, and every form has the highest epsilon of the seeds") {
  const SweepTable table = noises();
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].epsilon == 5.5);
  const std::string page = sweep_page(table);
  CHECK(page.find("Accuracy against epsilon") != std::string::npos);
  CHECK(page.find("class=\"bar main\"") != std::string::npos);
  CHECK(page.find("Accuracy over privacy.noise_multiplier") != std::string::npos);
  CHECK(page.find("5.5") != std::string::npos);
  CHECK(to_text(table).find("epsilon") != std::string::npos);
  CHECK(to_json(table)["points"][0]["epsilon"] == 5.5);
  CHECK(to_json(table)["points"][0]["simulated_epsilon"].is_null());
  CHECK(to_json(table)["jobs"][0]["epsilon"] == 5.25);
  CHECK(to_csv(table).find(",5.25,\n") != std::string::npos);
}

TEST_CASE("the epsilon of a noise cohort has another name everywhere") {
  const SweepTable table = noises("simulated_epsilon");
  CHECK(sweep_page(table).find("Accuracy against simulated epsilon") != std::string::npos);
  CHECK(sweep_page(table).find("protect nobody") != std::string::npos);
  CHECK(to_text(table).find("simulated epsilon") != std::string::npos);
  CHECK(to_json(table)["points"][0]["epsilon"].is_null());
  CHECK(to_json(table)["points"][0]["simulated_epsilon"] == 5.5);
  CHECK(to_csv(table).find(",,5.25\n") != std::string::npos);
}

TEST_CASE("without epsilon, or with one and the same, there is no chart of it; a point of which a seed has none has none") {
  CHECK(sweep_page(table()).find("epsilon") == std::string::npos);
  CHECK(to_text(table()).find("epsilon") == std::string::npos);
  const SweepTable same = sweep_table("p", "", {"privacy.noise_multiplier", "server.learning_rate"}, {private_job("1", "2", 1, 0.5, 5, "epsilon"), private_job("1", "4", 1, 0.625, 5, "epsilon")});
  CHECK(sweep_page(same).find("Accuracy against") == std::string::npos);
  SweepTable mixed = sweep_table("p", "", {"privacy.noise_multiplier", "server.learning_rate"}, {private_job("1", "2", 1, 0.5, 5), private_job("1", "2", 2, 0.5, 5, "other"), private_job("2", "2", 1, 0.5, 3)});
  CHECK_FALSE(mixed.rows[0].epsilon.has_value());
  CHECK(mixed.rows[1].epsilon == 3);
}
