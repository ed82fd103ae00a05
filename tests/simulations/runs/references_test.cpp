#include "simulations/runs/references.h"

#include <doctest/doctest.h>

#include "simulations/plans/plan_file.h"
#include "simulations/runs/evaluation_table.h"
#include "tests/simulations/runs/small_population.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

struct SmallFederation {
  Population population = tests::small_population();
  PlanFile plan = tests::small_plan(population);
  std::vector<FederatedClient> clients = federated_clients(population, plan.plan);
};

// At the plan's own learning rate alone, unless others are given.
ReferenceOptions options_of(std::uint64_t seed, unsigned threads, std::vector<std::uint32_t> epochs, std::vector<double> factors = {1}) {
  ReferenceOptions options;
  options.seed = seed;
  options.threads = threads;
  options.epochs = std::move(epochs);
  options.learning_rate_factors = std::move(factors);
  return options;
}

bool same(const Reference& a, const Reference& b) {
  if (a.grid.size() != b.grid.size() || a.best != b.best || a.by_client.size() != b.by_client.size()) return false;
  for (std::size_t i = 0; i < a.grid.size(); ++i)
    if (a.grid[i].score.loss_sum != b.grid[i].score.loss_sum || a.grid[i].score.correct_top1 != b.grid[i].score.correct_top1) return false;
  for (std::size_t i = 0; i < a.by_client.size(); ++i)
    if (a.by_client[i].loss_sum != b.by_client[i].loss_sum) return false;
  return true;
}

}  // namespace

TEST_CASE("the same seed gives the same references for any number of threads, and another seed others") {
  const SmallFederation small;
  const ReferenceOptions one = options_of(1, 1, {1, 3}), three = options_of(1, 3, {1, 3}), other = options_of(2, 1, {1, 3});
  for (const auto train : {&train_local_only, &train_centrally}) {
    const Reference first = *train(small.plan.plan, small.clients, one, {});
    CHECK(same(first, *train(small.plan.plan, small.clients, three, {})));
    CHECK_FALSE(same(first, *train(small.plan.plan, small.clients, other, {})));
  }
}

TEST_CASE("every number of epochs is reported, the figure is the most accurate, and its clients add up to it") {
  const SmallFederation small;
  for (const auto train : {&train_local_only, &train_centrally}) {
    const Reference reference = *train(small.plan.plan, small.clients, options_of(1, 2, {1, 2, 6}), {});
    REQUIRE(reference.grid.size() == 3);
    CHECK(reference.grid[0].epochs == 1);
    CHECK(reference.grid[2].epochs == 6);
    HeldOutScore sum;
    for (const HeldOutScore& score : reference.by_client) sum += score;
    CHECK(sum.correct_top1 == reference.figure().score.correct_top1);
    CHECK(sum.predictions == 8 * 8);
    for (const ReferencePoint& point : reference.grid) CHECK(point.score.correct_top1 <= reference.figure().score.correct_top1);
  }
}

TEST_CASE("training begins at the plan's initial weights, learns, and a longer grid passes through a shorter one") {
  const SmallFederation small;
  const std::vector<float> initial = *initial_weights(small.plan.plan);
  const HeldOutScore untrained = *evaluate_held_out(small.plan.plan, initial, small.clients, models::Counting::frozen, 1);
  for (const auto train : {&train_local_only, &train_centrally}) {
    const Reference shorter = *train(small.plan.plan, small.clients, options_of(1, 1, {2}), {});
    const Reference longer = *train(small.plan.plan, small.clients, options_of(1, 1, {2, 4}), {});
    CHECK(shorter.grid[0].score.loss_sum == longer.grid[0].score.loss_sum);
    CHECK(shorter.grid[0].score.loss() < untrained.loss());
  }
}

TEST_CASE("every learning rate begins anew, and is reported with each number of epochs") {
  const SmallFederation small;
  for (const auto train : {&train_local_only, &train_centrally}) {
    const Reference both = *train(small.plan.plan, small.clients, options_of(1, 2, {1, 3}, {1, 0.5}), {}), half = *train(small.plan.plan, small.clients, options_of(1, 1, {1, 3}, {0.5}), {});
    REQUIRE(both.grid.size() == 4);
    CHECK(both.grid[3].learning_rate == small.plan.plan.training.learning_rate / 2);
    CHECK(both.grid[3].epochs == 3);
    CHECK(both.grid[3].score.loss_sum == half.grid[1].score.loss_sum);
    CHECK(both.grid[3].score.loss_sum != both.grid[1].score.loss_sum);
  }
}

TEST_CASE("local-only training of a client does not depend on who else is there, central training does") {
  const SmallFederation small;
  std::vector<FederatedClient> alone = {small.clients[3]};
  const ReferenceOptions options = options_of(1, 1, {2});
  CHECK(train_local_only(small.plan.plan, alone, options)->by_client[0].loss_sum == train_local_only(small.plan.plan, small.clients, options)->by_client[3].loss_sum);
  CHECK(train_centrally(small.plan.plan, alone, options)->by_client[0].loss_sum != train_centrally(small.plan.plan, small.clients, options)->by_client[3].loss_sum);
}

TEST_CASE("held-out rows are never trained on") {
  const SmallFederation small;
  std::vector<FederatedClient> changed = small.clients;
  // Other categories in the held-out rows of client 0: what the others learn, and are scored, must not move.
  for (std::size_t i = 32; i < 40; ++i) changed[0].rows[i].category = (changed[0].rows[i].category + 1) % 4;
  const ReferenceOptions options = options_of(1, 1, {2});
  const Reference before = *train_centrally(small.plan.plan, small.clients, options), after = *train_centrally(small.plan.plan, changed, options);
  CHECK(before.by_client[0].loss_sum != after.by_client[0].loss_sum);
  for (std::size_t i = 1; i < changed.size(); ++i) CHECK(before.by_client[i].loss_sum == after.by_client[i].loss_sum);
}

TEST_CASE("a client that is not eligible keeps the initial weights, and is still scored") {
  SmallFederation small;
  small.clients[0].rows.resize(5);
  const std::vector<float> initial = *initial_weights(small.plan.plan);
  const auto trainer = models::make_trainer(small.plan.plan.model);
  const HeldOutScore untrained = *score_client(**trainer, small.plan.plan, initial, small.clients[0], models::Counting::frozen);
  CHECK(untrained.predictions == 1);
  CHECK(train_local_only(small.plan.plan, small.clients, options_of(1, 1, {3}))->by_client[0].loss_sum == untrained.loss_sum);
}

TEST_CASE("references are trained unasked only where they take at most twice the trainings of the federation") {
  const SmallFederation small;  // 3 rounds of 4 devices (times the over-selection of the draft)
  const std::uint64_t federated = 3 * small.plan.plan.devices_asked();
  const auto cheap = [&](std::vector<std::uint32_t> epochs, std::vector<double> factors, std::uint64_t clients) {
    ReferenceOptions options;
    options.epochs = std::move(epochs);
    options.learning_rate_factors = std::move(factors);
    return are_cheap(options, small.plan.plan, clients);
  };
  CHECK(cheap({1}, {1}, federated));
  CHECK_FALSE(cheap({1}, {1}, federated + 1));
  CHECK_FALSE(cheap({1, 2}, {1}, federated));
  CHECK_FALSE(cheap({1}, {1, 0.5}, federated));
}

TEST_CASE("a stop between two epochs ends the training") {
  const SmallFederation small;
  for (const auto train : {&train_local_only, &train_centrally}) {
    const auto stopped = train(small.plan.plan, small.clients, options_of(1, 2, {5}), [] { return false; });
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().code == ErrorCode::io);
  }
}
