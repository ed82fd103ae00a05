#pragma once
// A run's facts for the tests of what is made from them: a plan with hostile names, three rounds of which one was aborted, a summary.

#include "common/protocol/plan.h"
#include "models/next_category/next_category.h"
#include "simulations/reports/run_facts.h"

namespace fedspend::tests {

inline constexpr std::string_view kHostileName = "<script>alert(\"x\")</script>";

inline Plan sample_plan() {
  Plan plan;
  plan.name = std::string(kHostileName);
  plan.population = std::string(kHostileName);
  plan.purpose = "next_category";
  const std::vector<std::string> categories = {std::string(kHostileName), "bread", "Müsli & Milch"};
  plan.model = models::default_next_category(categories);
  plan.task.bytes[0] = 1;
  plan.federation.rounds = 2;
  plan.aggregation.mode = Aggregation::open;
  plan.privacy.mode = PrivacyMode::none;
  return plan;
}

inline nlohmann::json sample_round(unsigned round, bool published, double accuracy) {
  return {{"round", round}, {"attempt", 1}, {"published", published}, {"why_aborted", published ? "" : std::string(kHostileName)}, {"asked", 12}, {"updates", published ? 10 : 3}, {"declined", 0},
          {"bytes_up", 990'000}, {"bytes_down", 1'300'000}, {"update_norm_l2", 0.5 / round}, {"simulated_ms", 1000 * round}, {"selection_ms", 300}, {"collection_ms", 500}, {"dropped_training", 2}, {"late", 1}, {"eval_accuracy", accuracy}, {"eval_top3", accuracy + 0.2},
          {"eval_loss", 2.0 - accuracy}, {"demonstration", true}};
}

inline simulations::RunFacts sample_run() {
  simulations::RunFacts run;
  run.plan = sample_plan();
  run.plan_text = write_plan(run.plan);
  run.rounds = {sample_round(1, true, 0.25), sample_round(2, false, 0.25), sample_round(2, true, 0.5)};
  std::vector<double> quantiles;
  for (int i = -10; i <= 10; ++i) quantiles.push_back(i * 0.02);
  run.summary = {{"predictions", 4000},
                 {"held_out_rows", 4100},
                 {"eval_accuracy", 0.5},
                 {"prequential_accuracy", 0.52},
                 {"untrained_accuracy", 0.01},
                 {"baselines", {{"markov_own", 0.45}, {"own_most_frequent", 0.4}, {"mixture", 0.55}, {"merchant_lookup", 0.9}}},
                 {"references", {{"central", {{"epochs", 5}, {"accuracy", 0.53}, {"loss", 1.5}, {"grid", {{{"epochs", 5}, {"accuracy", 0.53}, {"loss", 1.5}}}}}},
                                 {"local_only", {{"epochs", 1}, {"accuracy", 0.48}, {"loss", 1.7}, {"grid", {{{"epochs", 1}, {"accuracy", 0.48}, {"loss", 1.7}}}}}}}},
                 {"per_client", {{"clients", 90}, {"against_own_best", {{"mean", 0.01}, {"quantiles", quantiles}, {"share_gain", 0.6}, {"share_lose", 0.3}}},
                                 {"against_local_only", {{"mean", 0.02}, {"quantiles", quantiles}, {"share_gain", 0.7}, {"share_lose", 0.2}}},
                                 {"by_history", {{{"clients", 90}, {"training_rows_from", 4}, {"training_rows_to", 800}, {"accuracy", 0.5}, {"own_best_accuracy", 0.45}, {"local_only_accuracy", 0.48},
                                                  {"share_gain", 0.6}, {"share_lose", 0.3}}}}}},
                 {"world", std::string(kHostileName)},
                 {"participation", {{"devices", 90}, {"min", 0}, {"median", 2}, {"max", 7}, {"never_share", 0.1}, {"gini", 0.25}, {"by_class", {{std::string(kHostileName), {{"devices", 60}, {"max", 7}}}, {"branch", {{"devices", 30}, {"max", 5}}}}}}},
                 {"rounds", 2}, {"rounds_aborted", 1}, {"updates", 23}, {"bytes_up_per_client", 99'000.0}, {"bytes_down_per_client", 130'000.0}, {"simulated_seconds", 2.0}, {"clients", 100},
                 {"eligible_clients", 90}, {"rows_in_all", 20'000}, {"seed", 1}, {"threads", 2}, {"seconds", 12.3}, {"clients_per_second", 45.6}, {"plan_hash", std::string(64, 'a')},
                 {"model_hash", std::string(64, 'b')}};
  return run;
}

}  // namespace fedspend::tests
