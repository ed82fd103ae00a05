#include "simulations/runs/unusual_scores.h"

#include <doctest/doctest.h>

#include "models/trainer.h"
#include "models/unusual_activity/unusual_activity.h"
#include "simulations/population/injected_unusual.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

Population habits() {
  PopulationBuilder builder;
  for (std::int64_t client = 0; client < 6; ++client)
    for (std::int64_t row = 0; row < 150; ++row)
      REQUIRE(builder.add("client " + std::to_string(client), {.time_s = (17'000 + row) * 86'400 + 40'000, .amount_minor = 1'000 + row % 7, .category = "category " + std::to_string((client + row % 2) % 6),
                                                               .merchant = "shop " + std::to_string(row % 2), .currency = "GBP"}));
  return std::move(builder).build();
}

Plan plan_of(const Population& population) {
  Plan plan;
  plan.model = models::default_unusual_activity(population.categories());
  plan.evaluation = {.holdout_fraction = 0.5, .min_rows = 5};
  return plan;
}

}  // namespace

TEST_CASE("labelled rows are told from the others by the model and by simple lines, with any number of threads") {
  const Population population = *inject_unusual(habits(), 30, 4);
  const Plan plan = plan_of(population);
  const auto trainer = *models::make_trainer(plan.model);
  std::vector<float> weights(trainer->parameter_count());
  trainer->initialize(weights, 1);
  const auto scores = score_unusual(plan, weights, population, 1), again = score_unusual(plan, weights, population, 3);
  REQUIRE(scores);
  REQUIRE(again);
  CHECK(to_json(*scores) == to_json(*again));
  CHECK(scores->labelled > 20);
  CHECK(scores->unlabelled > 400);
  REQUIRE(scores->scores.size() == 5);
  const UnusualScore& model = scores->scores[0];
  CHECK(model.area > 0.95);  // habits as strict as these are plain to the untrained model
  CHECK(model.area_within > 0.95);
  CHECK(model.area > scores->scores[1].area);
  CHECK(model.caught > scores->labelled / 3);
  // One a month at most in the past; in the held-out months much the same of rows like those.
  CHECK(static_cast<double>(model.false_alarms) <= 2 * scores->months);
  std::uint64_t rows = 0, caught = 0;
  for (const UnusualKind& kind : scores->kinds) {
    rows += kind.rows;
    caught += kind.caught;
  }
  CHECK(rows == scores->labelled);
  CHECK(caught == model.caught);
  CHECK(to_text(*scores).find("wrong_amount") != std::string::npos);
}

TEST_CASE("a model that gives every row the same surprise has an area of a half and catches nothing") {
  const Population population = *inject_unusual(habits(), 30, 4);
  const Plan plan = plan_of(population);
  const std::vector<float> weights((*models::make_trainer(plan.model))->parameter_count(), 0.0F);
  const auto scores = score_unusual(plan, weights, population, 2);
  REQUIRE(scores);
  CHECK(scores->scores[0].area == doctest::Approx(0.5));
  CHECK(scores->scores[0].area_within == doctest::Approx(0.5));
  CHECK(scores->scores[0].caught == 0);
  CHECK(scores->scores[0].false_alarms == 0);
}

TEST_CASE("data without labels are refused, with what to do about it") {
  const Population population = habits();
  const Plan plan = plan_of(population);
  const std::vector<float> weights((*models::make_trainer(plan.model))->parameter_count(), 0.0F);
  const auto scores = score_unusual(plan, weights, population, 1);
  REQUIRE_FALSE(scores);
  CHECK(scores.error().code == ErrorCode::refused);
  CHECK(scores.error().hint.find("--inject-unusual") != std::string::npos);
}
