#include "simulations/population/dice.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>

using namespace fedspend::simulations;

TEST_CASE("the same name, seed and client give the same words, and each of the three matters") {
  Dice one("label", 1, 2), same("label", 1, 2), other_label("other", 1, 2), other_seed("label", 2, 2), other_client("label", 1, 3);
  int equal_words = 0;
  for (int i = 0; i < 600; ++i) {
    const std::uint32_t word = one.word();
    CHECK(word == same.word());
    equal_words += word == other_label.word();
    equal_words += word == other_seed.word();
    equal_words += word == other_client.word();
  }
  CHECK(equal_words <= 1);
}

TEST_CASE("below and between keep their bounds and reach them") {
  Dice dice("dice-test", 1, 0);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) ++seen[dice.below(6)];
  for (const int count : seen) {
    CHECK(count > 800);
    CHECK(count < 1200);
  }
  bool low = false, high = false;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t value = dice.between(-3, 4);
    REQUIRE(value >= -3);
    REQUIRE(value <= 4);
    low = low || value == -3;
    high = high || value == 4;
  }
  CHECK(low);
  CHECK(high);
}

TEST_CASE("weighted takes indices in proportion, and never one without weight") {
  Dice dice("dice-test", 2, 0);
  constexpr std::array<std::uint16_t, 4> weights = {1, 0, 3, 6};
  std::array<int, 4> seen{};
  for (int i = 0; i < 10'000; ++i) ++seen[dice.weighted(weights)];
  CHECK(seen[1] == 0);
  CHECK(std::abs(seen[0] - 1000) < 150);
  CHECK(std::abs(seen[2] - 3000) < 220);
  CHECK(std::abs(seen[3] - 6000) < 250);
}

TEST_CASE("spread is log-normal about one and gap exponential with mean one, in thousandths") {
  Dice dice("dice-test", 3, 0);
  double logs = 0, squares = 0, gaps = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    const double logarithm = std::log(static_cast<double>(dice.spread(80)) / 1000);
    logs += logarithm;
    squares += logarithm * logarithm;
    gaps += static_cast<double>(dice.gap()) / 1000;
  }
  CHECK(std::abs(logs / kDraws) < 0.03);
  CHECK(std::abs(std::sqrt(squares / kDraws) - 0.8) < 0.03);
  CHECK(std::abs(gaps / kDraws - 1) < 0.03);
  for (int i = 0; i < 100; ++i) CHECK(std::abs(dice.spread(0) - 1000) <= 1);
}

TEST_CASE("scaled rounds to the nearest") {
  CHECK(scaled(1000, 1500) == 1500);
  CHECK(scaled(1, 499) == 0);
  CHECK(scaled(1, 500) == 1);
  CHECK(scaled(12'345, 1'000) == 12'345);
}
