#include "tests/statistical/falsification.h"

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "common/privacy/analytic_gaussian.h"

namespace fedspend::tests {
namespace {

// Says the truth with probability e / (1 + e): epsilon is 1, delta 0.
Scores randomised_response(std::size_t runs, RandomSource& random) {
  const double truth = 1 / (1 + std::exp(-1.0));
  const auto answer = [&](double bit) { return static_cast<double>(random.next_u64() >> 11) * 0x1p-53 < truth ? bit : 1 - bit; };
  Scores scores;
  for (std::size_t i = 0; i < runs; ++i) {
    scores.with.push_back(answer(1));
    scores.without.push_back(answer(0));
  }
  return scores;
}

TEST_CASE("of randomised response nearly all of epsilon is proven, and no more") {
  SeededRandom random(1);
  const double found = epsilon_lower_bound(randomised_response(200'000, random), 0);
  CHECK(found <= 1);
  CHECK(found >= 0.93);
}

// Gaussian noise of one sensitivity. The exact epsilon is 2.32 at delta .01.
TEST_CASE("of a Gaussian most of epsilon is proven, and no more, in either direction and on either side") {
  SeededRandom random(2);
  const double exact = analytic_gaussian_epsilon(1, 0.01);
  for (const double shift : {1.0, -1.0}) {
    Scores scores;
    for (int i = 0; i < 60'000; ++i) {
      scores.with.push_back(shift + gaussian(random));
      scores.without.push_back(gaussian(random));
    }
    for (int swapped = 0; swapped < 2; ++swapped, std::swap(scores.with, scores.without)) {
      const double found = epsilon_lower_bound(scores, 0.01);
      CHECK(found <= exact);
      CHECK(found >= exact - 0.8);
    }
  }
}

// 1000 claims at an error of .2: six standard deviations of 12.6 above the 200 that are allowed. Both bounds are seldom wrong together,
// so that there are fewer; none at all would say that the bound proves too little.
TEST_CASE("the bound is wrong about as seldom as it says") {
  SeededRandom random(3);
  int wrong = 0;
  for (int i = 0; i < 1000; ++i) wrong += epsilon_lower_bound(randomised_response(2000, random), 0, 0.2) > 1 ? 1 : 0;
  CHECK(wrong <= 276);
  CHECK(wrong >= 10);
}

TEST_CASE("worlds that are the same prove nothing, and worlds that never meet as much as the runs can tell") {
  SeededRandom random(4);
  Scores scores;
  for (int i = 0; i < 10'000; ++i) {
    scores.with.push_back(gaussian(random));
    scores.without.push_back(gaussian(random));
  }
  CHECK(epsilon_lower_bound(scores, 0) == 0);
  for (double& score : scores.with) score += 100;
  // 5,000 of 5,000 against none of 5,000: each at an error of half a millionth.
  const double edge = std::pow(0.5e-6, 1.0 / 5000);
  CHECK(epsilon_lower_bound(scores, 0.1) == doctest::Approx(std::log((edge - 0.1) / (1 - edge))).epsilon(1e-6));
}

}  // namespace
}  // namespace fedspend::tests
