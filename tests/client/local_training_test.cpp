#include "client/local_training.h"

#include <doctest/doctest.h>

#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

// Notes what it is given; its update is the number of rows.
class NotingTrainer final : public models::Trainer {
 public:
  std::size_t count = testing::kParameters;
  std::optional<Error> error;
  std::vector<models::HistoryRow> rows;
  models::TrainingOptions options;
  unsigned calls = 0;

  std::size_t parameter_count() const override { return count; }
  const std::vector<models::LayoutEntry>& layout() const override { return layout_; }
  void initialize(std::span<float>, std::uint64_t) const override {}
  Result<models::TrainingResult> train(std::span<const float>, std::span<const models::HistoryRow> history, const models::TrainingOptions& given,
                                       std::span<float> update) override {
    ++calls;
    rows.assign(history.begin(), history.end());
    options = given;
    if (options.stop.stop_requested()) return fail(ErrorCode::refused, "stopped");
    if (error) return fail(*error);
    for (float& value : update) value = static_cast<float>(history.size());
    return models::TrainingResult{};
  }
  Result<models::EvaluationResult> evaluate(std::span<const float>, std::span<const models::HistoryRow>, std::size_t, models::Counting) override {
    return fail(ErrorCode::internal, "not asked for");
  }
  std::size_t output_count() const override { return 1; }
  Status predict(std::span<const float>, std::span<const models::HistoryRow>, std::span<float>) override { return fail(ErrorCode::internal, "not asked for"); }

 private:
  std::vector<models::LayoutEntry> layout_;
};

StartTraining start_of(Plan plan) {
  StartTraining start;
  start.session.bytes.fill(9);
  start.round = RoundId{2};
  start.plan_hash.bytes.fill(3);
  start.plan = std::make_shared<const Plan>(std::move(plan));
  start.weights = std::make_shared<const std::vector<float>>(testing::sample_weights());
  return start;
}

std::vector<models::HistoryRow> rows_of(std::size_t count) {
  std::vector<models::HistoryRow> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i].time_s = static_cast<std::int64_t>(i);
  return rows;
}

TEST_CASE("the held-out rows, the last ceil(0.2 n), are never given to the trainer") {
  for (std::size_t n = 7; n <= 60; ++n) {
    NotingTrainer trainer;
    const TrainingFinished finished = train_locally(trainer, start_of(testing::sample_plan()), rows_of(n));
    REQUIRE(std::holds_alternative<std::vector<float>>(finished.outcome));
    const std::size_t held_out = (n + 4) / 5;
    REQUIRE(trainer.rows.size() == n - held_out);
    for (std::size_t i = 0; i < trainer.rows.size(); ++i) CHECK(trainer.rows[i].time_s == static_cast<std::int64_t>(i));
    CHECK(finished.session == start_of(testing::sample_plan()).session);
  }
}

TEST_CASE("max_rows takes the newest of the training rows, and still none that is held out") {
  Plan plan = testing::sample_plan();
  plan.training.max_rows = 10;
  NotingTrainer trainer;
  const auto rows = rows_of(100);
  train_locally(trainer, start_of(plan), rows);
  REQUIRE(trainer.rows.size() == 10);
  CHECK(trainer.rows.front().time_s == 70);
  CHECK(trainer.rows.back().time_s == 79);
}

TEST_CASE("a client with too few training rows declines and does not train") {
  Plan plan = testing::sample_plan();
  plan.eligibility.min_examples = 5;
  NotingTrainer trainer;
  CHECK_FALSE(is_eligible(plan, 6));  // 2 held out
  CHECK(is_eligible(plan, 7));
  const auto declined = train_locally(trainer, start_of(plan), rows_of(6));
  REQUIRE(std::holds_alternative<DeclineReason>(declined.outcome));
  CHECK(std::get<DeclineReason>(declined.outcome) == DeclineReason::not_eligible);
  CHECK(trainer.calls == 0);
}

TEST_CASE("eligibility counts all training rows, not those that max_rows leaves") {
  Plan plan = testing::sample_plan();
  plan.training.max_rows = 2;
  CHECK(is_eligible(plan, 100));
}

TEST_CASE("a client without rows is no crash, whether the plan takes it or not") {
  Plan plan = testing::sample_plan();
  NotingTrainer trainer;
  CHECK(std::holds_alternative<DeclineReason>(train_locally(trainer, start_of(plan), {}).outcome));
  plan.eligibility.min_examples = 0;
  const TrainingFinished finished = train_locally(trainer, start_of(plan), {});
  REQUIRE(std::holds_alternative<std::vector<float>>(finished.outcome));
  CHECK(std::get<std::vector<float>>(finished.outcome) == std::vector<float>(testing::kParameters));
}

TEST_CASE("the training seed is that of plan and round, so that training again gives the same update") {
  NotingTrainer trainer;
  const StartTraining start = start_of(testing::sample_plan());
  train_locally(trainer, start, rows_of(20));
  CHECK(trainer.options.seed == models::training_seed(start.plan_hash, start.round, start.attempt));
  CHECK(trainer.options.spec == start.plan->training);
}

TEST_CASE("the trainer is given the learning rate of its round, and nothing else changes with the schedule") {
  Plan plan = testing::sample_plan();
  plan.federation.rounds = 10;
  plan.training.learning_rate = 0.5;
  plan.training.schedule = {.kind = ScheduleKind::cosine, .warmup_rounds = 2, .floor = 0.125};
  for (std::uint64_t round = 1; round <= 10; ++round) {
    NotingTrainer trainer;
    StartTraining start = start_of(plan);
    start.round = RoundId{round};
    train_locally(trainer, start, rows_of(20));
    TrainingSpec expected = plan.training;
    expected.learning_rate = 0.5 * learning_rate_factor(plan.training.schedule, RoundId{round}, 10);
    CHECK(trainer.options.spec == expected);
    CHECK(start.plan->training == plan.training);
  }
}

TEST_CASE("case 30: a training that diverges gives the zero update, which is sent as any other") {
  NotingTrainer trainer;
  trainer.error = Error{ErrorCode::limit, "training diverged"};
  const TrainingFinished finished = train_locally(trainer, start_of(testing::sample_plan()), rows_of(20));
  REQUIRE(std::holds_alternative<std::vector<float>>(finished.outcome));
  CHECK(std::get<std::vector<float>>(finished.outcome) == std::vector<float>(testing::kParameters, 0.0f));
  CHECK(finished.diverged);
}

TEST_CASE("a trainer that fails, is stopped or is of another size is a decline with its reason") {
  NotingTrainer trainer;
  SUBCASE("fails") {
    trainer.error = Error{ErrorCode::internal, "no"};
    CHECK(std::get<DeclineReason>(train_locally(trainer, start_of(testing::sample_plan()), rows_of(20)).outcome) == DeclineReason::training_failed);
  }
  SUBCASE("stopped") {
    std::stop_source stop;
    stop.request_stop();
    CHECK(std::get<DeclineReason>(train_locally(trainer, start_of(testing::sample_plan()), rows_of(20), stop.get_token()).outcome) == DeclineReason::cancelled);
  }
  SUBCASE("of another size") {
    trainer.count = testing::kParameters + 1;
    CHECK(std::get<DeclineReason>(train_locally(trainer, start_of(testing::sample_plan()), rows_of(20)).outcome) == DeclineReason::training_failed);
    CHECK(trainer.calls == 0);
  }
}

}  // namespace
}  // namespace fedspend::client
