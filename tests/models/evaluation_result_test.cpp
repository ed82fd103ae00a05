#include "models/evaluation_result.h"

#include <doctest/doctest.h>

#include <array>

namespace fedspend::models {

TEST_CASE("the headline is the share of hits, and what is saved of the reference's loss where there is a reference") {
  EvaluationResult sum;
  CHECK(sum.headline() == 0);
  sum += {.predictions = 4, .correct_top1 = 1, .correct_top3 = 3, .loss_sum = 6};
  CHECK(sum.headline() == 0.25);
  CHECK(sum.second() == 0.75);
  CHECK(sum.loss() == 1.5);
  sum += {.predictions = 4, .loss_sum = 2, .reference_loss_sum = 10};
  CHECK(sum.headline() == doctest::Approx(0.2));  // 8 of 10
  CHECK(sum.second() == 0.375);
  sum += {.loss_sum = 12};
  CHECK(sum.headline() == doctest::Approx(-1.0));  // worse than the reference
}

TEST_CASE("a tie of probabilities goes to the lower index") {
  EvaluationResult score;
  score.add(std::array{0.4f, 0.4f, 0.2f}, 0, 1.0);
  CHECK(score.correct_top1 == 1);
  score.add(std::array{0.4f, 0.4f, 0.2f}, 1, 1.0);
  CHECK(score.correct_top1 == 1);
  CHECK(score.correct_top3 == 2);
  score.add(std::array{0.3f, 0.3f, 0.2f, 0.2f}, 3, 1.0);
  CHECK(score.correct_top3 == 2);
  CHECK(score.predictions == 3);
}

}  // namespace fedspend::models
