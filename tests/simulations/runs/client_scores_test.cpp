#include "simulations/runs/client_scores.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "models/next_category/next_category.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

// `rows` and how many of ten held-out rows each of: the federated model, own most frequent, own Markov, the global Markov, local only.
struct Case {
  std::size_t rows;
  std::uint32_t federated, own, own_markov, markov, local_only;
};

struct SmallFederation {
  Plan plan;
  std::vector<FederatedClient> clients;
  Baselines baselines;
  std::vector<HeldOutScore> federated, local_only;
};

SmallFederation federation_of(const std::vector<Case>& cases) {
  SmallFederation small;
  small.baselines.lines = baseline_lines("next_category");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Case& made = cases[i];
    small.clients.push_back({"card \"" + std::to_string(i) + "\"", std::vector<models::HistoryRow>(made.rows)});
    small.federated.push_back({10, made.federated, 10, 1.0});
    small.local_only.push_back({10, made.local_only, 10, 1.0});
    small.baselines.evaluated.push_back(i);
    for (Baseline& line : small.baselines.lines)
      line.by_client.push_back({.predictions = 10, .correct_top1 = line.key == "own_most_frequent" ? made.own : line.key == "markov_own" ? made.own_markov : line.key == "markov_global" ? made.markov : 10});
  }
  return small;
}

std::vector<ClientScore> scores_of(const SmallFederation& small, bool with_local) {
  return client_scores(small.plan, small.clients, small.baselines, small.federated, with_local ? std::span<const HeldOutScore>(small.local_only) : std::span<const HeldOutScore>());
}

}  // namespace

TEST_CASE("a client's own best is the better of its own two counts, whatever other baselines do") {
  const std::vector<ClientScore> scores = scores_of(federation_of({{50, 5, 3, 4, 9, 2}, {50, 5, 6, 1, 9, 7}}), true);
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].own_best.headline() == 0.4);
  CHECK(scores[1].own_best.headline() == 0.6);
  CHECK(scores[0].training_rows == 40);
  CHECK(scores[0].local_only->headline() == 0.2);
}

TEST_CASE("clients without a prediction are left out") {
  SmallFederation small = federation_of({{50, 5, 3, 4, 9, 2}, {50, 5, 6, 1, 9, 7}});
  small.federated[0] = {};
  CHECK(scores_of(small, true).size() == 1);
  CHECK(client_summary({}).is_null());
}

TEST_CASE("a distribution has the ends, the median, and the shares that gain and lose") {
  std::vector<double> values;
  for (int i = 0; i <= 40; ++i) values.push_back((i - 10) / 10.0);
  std::reverse(values.begin(), values.end());
  const Distribution made = distribution_of(values);
  CHECK(made.quantiles.front() == -1.0);
  CHECK(made.quantiles[10] == doctest::Approx(1.0));
  CHECK(made.quantiles.back() == 3.0);
  CHECK(made.quantiles[1] == doctest::Approx(-0.8));
  CHECK(made.mean == doctest::Approx(1.0));
  CHECK(made.share_gain == doctest::Approx(30.0 / 41));
  CHECK(made.share_lose == doctest::Approx(10.0 / 41));
  CHECK(distribution_of({0.25}).quantiles[7] == 0.25);
  CHECK(distribution_of({}).clients == 0);
  CHECK(distribution_of({0, 1}).quantiles[5] == doctest::Approx(0.25));
}

TEST_CASE("the summary holds both differences and the groups by history, and names nobody") {
  const SmallFederation small = federation_of({{10, 6, 4, 0, 0, 6}, {20, 4, 4, 0, 0, 5}, {30, 3, 4, 0, 0, 1}, {40, 9, 4, 0, 0, 1}, {40, 1, 4, 0, 0, 1}});
  const nlohmann::json json = client_summary(scores_of(small, true));
  CHECK(json["clients"] == 5);
  CHECK(json["against_own_best"]["share_gain"] == doctest::Approx(0.4));
  CHECK(json["against_own_best"]["share_lose"] == doctest::Approx(0.4));
  CHECK(json["against_local_only"]["share_gain"] == doctest::Approx(0.4));
  CHECK(json["against_local_only"]["mean"] == doctest::Approx(0.18));
  std::size_t clients = 0;
  double right = 0;
  for (const auto& group : json["by_history"]) {
    clients += group["clients"].get<std::size_t>();
    right += group["accuracy"].get<double>() * group["clients"].get<double>();
  }
  CHECK(clients == 5);
  CHECK(right == doctest::Approx(2.3));
  CHECK(json["by_history"].back()["training_rows_to"] == 32);
  CHECK(json["by_history"].back()["clients"] == 2);  // equally long histories stay together
  CHECK(json.dump().find("card") == std::string::npos);
  const nlohmann::json without = client_summary(scores_of(small, false));
  CHECK(without["against_local_only"].is_null());
  CHECK_FALSE(without["by_history"][0].contains("local_only_accuracy"));
}

TEST_CASE("per_client.csv ranks by gain, and holds names only where they are asked for") {
  const SmallFederation small = federation_of({{10, 1, 4, 0, 0, 6}, {20, 9, 4, 0, 0, 5}});
  const std::string ranks = client_csv(scores_of(small, true), ClientNames::ranks);
  CHECK(ranks == "rank,training_rows,predictions,accuracy,own_best_accuracy,local_only_accuracy\n1,16,10,0.900000,0.400000,0.500000\n2,8,10,0.100000,0.400000,0.600000\n");
  const std::string labels = client_csv(scores_of(small, false), ClientNames::labels);
  CHECK(labels == "rank,client,training_rows,predictions,accuracy,own_best_accuracy,local_only_accuracy\n1,\"card \"\"1\"\"\",16,10,0.900000,0.400000,\n2,\"card \"\"0\"\"\",8,10,0.100000,0.400000,\n");
}
