#include "models/shapley.h"

#include <cmath>
#include <numeric>

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace fedspend::models {
namespace {

TEST_CASE("the glove game: of two left gloves and a right one, the right one has two thirds") {
  // Players 0 and 1 hold a left glove, 2 a right one; a pair is worth 1. (Osborne and Rubinstein, "A Course in Game Theory", 1994, ch. 14)
  std::vector<double> totals(8);
  for (std::size_t set = 0; set < 8; ++set) totals[set] = (set & 4) != 0 && (set & 3) != 0 ? 1 : 0;
  const std::vector<double> values = shapley_values(totals);
  CHECK(values[0] == doctest::Approx(1.0 / 6));
  CHECK(values[1] == doctest::Approx(1.0 / 6));
  CHECK(values[2] == doctest::Approx(2.0 / 3));
}

TEST_CASE("the airport game: each part of a runway is shared by those who need it") {
  // Littlechild and Owen (1973): costs 1, 2, 4 give 1/3, 1/3 + 1/2, 1/3 + 1/2 + 2.
  const double cost[] = {1, 2, 4};
  std::vector<double> totals(8, 0.0);
  for (std::size_t set = 0; set < 8; ++set)
    for (std::size_t i = 0; i < 3; ++i)
      if ((set >> i & 1) != 0) totals[set] = std::max(totals[set], cost[i]);
  const std::vector<double> values = shapley_values(totals);
  CHECK(values[0] == doctest::Approx(1.0 / 3));
  CHECK(values[1] == doctest::Approx(1.0 / 3 + 1.0 / 2));
  CHECK(values[2] == doctest::Approx(1.0 / 3 + 1.0 / 2 + 2));
}

TEST_CASE("of any game the values add up, and a player that changes nothing has none") {
  CHECK(rc::check([](const std::vector<std::int16_t>& numbers) {
    const std::size_t players = 1 + numbers.size() % 6, idle = numbers.size() % players;
    std::vector<double> totals(std::size_t{1} << players);
    for (std::size_t set = 0; set < totals.size(); ++set) {
      const std::size_t without = set & ~(std::size_t{1} << idle);
      totals[set] = numbers.empty() ? 1.0 : numbers[without % numbers.size()];
    }
    const std::vector<double> values = shapley_values(totals);
    RC_ASSERT(values.size() == players);
    RC_ASSERT(std::abs(std::accumulate(values.begin(), values.end(), 0.0) - (totals.back() - totals.front())) < 1e-9 * 40'000);
    RC_ASSERT(std::abs(values[idle]) < 1e-9);
  }));
}

TEST_CASE("nobody has nothing, and one alone has everything") {
  CHECK(shapley_values(std::vector<double>{5.0}).empty());
  CHECK(shapley_values(std::vector<double>{5.0, 7.0}) == std::vector<double>{2.0});
}

}  // namespace
}  // namespace fedspend::models
