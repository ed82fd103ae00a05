#include "simulations/runs/references.h"

#include <doctest/doctest.h>

#include "simulations/plans/plan_file.h"
#include "simulations/runs/evaluation_table.h"
#include "tests/simulations/runs/small_world.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

struct World {
  Population population = tests::small_population();
  PlanFile plan = tests::small_plan(population);
  std::vector<FederatedClient> clients = federated_clients(population, plan.plan);
};

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
  const World world;
  const ReferenceOptions one{.seed = 1, .threads = 1, .epochs = {1, 3}}, three{.seed = 1, .threads = 3, .epochs = {1, 3}}, other{.seed = 2, .threads = 1, .epochs = {1, 3}};
  for (const auto train : {&train_local_only, &train_centrally}) {
    const Reference first = *train(world.plan.plan, world.clients, one, {});
    CHECK(same(first, *train(world.plan.plan, world.clients, three, {})));
    CHECK_FALSE(same(first, *train(world.plan.plan, world.clients, other, {})));
  }
}

TEST_CASE("every number of epochs is reported, the figure is the most accurate, and its clients add up to it") {
  const World world;
  for (const auto train : {&train_local_only, &train_centrally}) {
    const Reference reference = *train(world.plan.plan, world.clients, {.seed = 1, .threads = 2, .epochs = {1, 2, 6}}, {});
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
  const World world;
  const std::vector<float> initial = *initial_weights(world.plan.plan);
  const HeldOutScore untrained = *evaluate_held_out(world.plan.plan, initial, world.clients, models::Counting::frozen, 1);
  for (const auto train : {&train_local_only, &train_centrally}) {
    const Reference shorter = *train(world.plan.plan, world.clients, {.seed = 1, .threads = 1, .epochs = {2}}, {});
    const Reference longer = *train(world.plan.plan, world.clients, {.seed = 1, .threads = 1, .epochs = {2, 4}}, {});
    CHECK(shorter.grid[0].score.loss_sum == longer.grid[0].score.loss_sum);
    CHECK(shorter.grid[0].score.loss() < untrained.loss());
  }
}

TEST_CASE("local-only training of a client does not depend on who else is there, central training does") {
  const World world;
  std::vector<FederatedClient> alone = {world.clients[3]};
  const ReferenceOptions options{.seed = 1, .threads = 1, .epochs = {2}};
  CHECK(train_local_only(world.plan.plan, alone, options)->by_client[0].loss_sum == train_local_only(world.plan.plan, world.clients, options)->by_client[3].loss_sum);
  CHECK(train_centrally(world.plan.plan, alone, options)->by_client[0].loss_sum != train_centrally(world.plan.plan, world.clients, options)->by_client[3].loss_sum);
}

TEST_CASE("held-out rows are never trained on") {
  const World world;
  std::vector<FederatedClient> changed = world.clients;
  // Other categories in the held-out rows of client 0: what the others learn, and are scored, must not move.
  for (std::size_t i = 32; i < 40; ++i) changed[0].rows[i].category = (changed[0].rows[i].category + 1) % 4;
  const ReferenceOptions options{.seed = 1, .threads = 1, .epochs = {2}};
  const Reference before = *train_centrally(world.plan.plan, world.clients, options), after = *train_centrally(world.plan.plan, changed, options);
  CHECK(before.by_client[0].loss_sum != after.by_client[0].loss_sum);
  for (std::size_t i = 1; i < changed.size(); ++i) CHECK(before.by_client[i].loss_sum == after.by_client[i].loss_sum);
}

TEST_CASE("a client that is not eligible keeps the initial weights, and is still scored") {
  World world;
  world.clients[0].rows.resize(5);
  const std::vector<float> initial = *initial_weights(world.plan.plan);
  const auto trainer = models::make_trainer(world.plan.plan.model);
  const HeldOutScore untrained = *score_client(**trainer, world.plan.plan, initial, world.clients[0], models::Counting::frozen);
  CHECK(untrained.predictions == 1);
  CHECK(train_local_only(world.plan.plan, world.clients, {.seed = 1, .threads = 1, .epochs = {3}})->by_client[0].loss_sum == untrained.loss_sum);
}

TEST_CASE("references are trained unasked only where they take no more trainings than the federation") {
  const World world;  // 3 rounds of 4 devices (times the over-selection of the draft)
  const std::uint64_t federated = 3 * world.plan.plan.devices_asked();
  CHECK(are_cheap({.epochs = {1}}, world.plan.plan, federated / 2));
  CHECK_FALSE(are_cheap({.epochs = {1}}, world.plan.plan, federated / 2 + 1));
  CHECK_FALSE(are_cheap({.epochs = {1, 2}}, world.plan.plan, federated / 2));
}

TEST_CASE("a stop between two epochs ends the training") {
  const World world;
  for (const auto train : {&train_local_only, &train_centrally}) {
    const auto stopped = train(world.plan.plan, world.clients, {.seed = 1, .threads = 2, .epochs = {5}}, [] { return false; });
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().code == ErrorCode::io);
  }
}
