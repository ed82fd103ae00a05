#include "client/training_pool.h"

#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include "client/local_training.h"
#include "models/next_category.h"
#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

const std::vector<std::string> kCategories = {"FOOD", "FUEL"};

SharedPlan plan_of(std::uint32_t epochs) {
  Plan plan = testing::sample_plan();
  plan.model = models::default_next_category(kCategories);
  plan.training = models::default_next_category_training();
  plan.training.epochs = epochs;
  return std::make_shared<const Plan>(std::move(plan));
}

std::vector<models::Transaction> history(std::int64_t client) {
  std::vector<models::Transaction> rows;
  for (std::int64_t i = 0; i < 40; ++i)
    rows.push_back({.time_s = i * 86'400, .amount_minor = 100 * (client + 1) + i, .category = kCategories[static_cast<std::size_t>((i + client) % 2)], .merchant = "m", .currency = "GBP"});
  return rows;
}

StartTraining start_of(const SharedPlan& plan, std::uint8_t number) {
  StartTraining start;
  start.session.bytes.fill(number);
  start.round = RoundId{1};
  start.plan = plan;
  start.weights = std::make_shared<const std::vector<float>>(plan->model.parameter_count, 0.01F);
  return start;
}

std::vector<TrainingPool::Finished> wait_for(TrainingPool& pool, std::size_t count) {
  std::vector<TrainingPool::Finished> all;
  for (int i = 0; i < 12'000 && all.size() < count; ++i) {
    for (auto& finished : pool.take_finished()) all.push_back(std::move(finished));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  REQUIRE(all.size() == count);
  return all;
}

TEST_CASE("every client gets the update of its own history, whoever trains it and in whatever order") {
  std::vector<std::vector<models::Transaction>> histories;
  for (std::int64_t client = 0; client < 8; ++client) histories.push_back(history(client));
  const SharedPlan plan = plan_of(1);
  const models::Vocabulary vocabulary(kCategories);
  TrainingPool pool(3);
  for (std::size_t client = 0; client < histories.size(); ++client) pool.submit(client, start_of(plan, static_cast<std::uint8_t>(client)), histories[client]);
  auto trainer = models::make_trainer(plan->model);
  REQUIRE(trainer);
  for (const auto& finished : wait_for(pool, histories.size())) {
    std::vector<models::HistoryRow> rows;
    for (const auto& transaction : histories[finished.client]) rows.push_back(models::to_history_row(transaction, vocabulary));
    const TrainingFinished alone = train_locally(**trainer, start_of(plan, static_cast<std::uint8_t>(finished.client)), rows);
    CHECK(finished.result.session == alone.session);
    CHECK(finished.result.outcome == alone.outcome);
  }
  CHECK_FALSE(pool.busy());
}

TEST_CASE("a training that is stopped ends with a decline, and a later one of the same client is not stopped with it") {
  const std::vector<models::Transaction> rows = history(0);
  TrainingPool pool(2);
  pool.submit(0, start_of(plan_of(1000), 1), rows);
  pool.stop(0);
  pool.submit(0, start_of(plan_of(1), 2), rows);
  for (const auto& finished : wait_for(pool, 2)) {
    const bool stopped = finished.result.session.bytes[0] == 1;
    CHECK(std::holds_alternative<DeclineReason>(finished.result.outcome) == stopped);
    if (stopped) CHECK(std::get<DeclineReason>(finished.result.outcome) == DeclineReason::cancelled);
  }
}

TEST_CASE("a pool that goes stops what runs and drops what waits") {
  const std::vector<models::Transaction> rows = history(0);
  const auto begun = std::chrono::steady_clock::now();
  {
    TrainingPool pool(1);
    for (std::size_t client = 0; client < 20; ++client) pool.submit(client, start_of(plan_of(1000), 1), rows);
  }
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(60));
}

}  // namespace
}  // namespace fedspend::client
