#include "coordinator/cohort_selection.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <doctest/doctest.h>

#include "common/crypto/random.h"

namespace fedspend::coordinator {
namespace {

std::vector<ClientId> pool_of(std::size_t count) {
  std::vector<ClientId> pool(count);
  for (std::size_t i = 0; i < count; ++i) pool[i].bytes[0] = static_cast<std::uint8_t>(i);
  return pool;
}

TEST_CASE("as many as asked are chosen, all different and all from the pool, or the whole pool") {
  SeededRandom random(5);
  UniformChooser chooser(random);
  const auto pool = pool_of(20);
  for (std::uint32_t asked = 1; asked <= 30; ++asked) {
    const auto chosen = chooser.choose(pool, asked, RoundId{1});
    REQUIRE(chosen);
    const std::set<ClientId> different(chosen->begin(), chosen->end());
    CHECK(different.size() == std::min<std::size_t>(asked, 20));
    CHECK(chosen->size() == different.size());
    for (const ClientId& id : different) CHECK(std::find(pool.begin(), pool.end(), id) != pool.end());
  }
}

TEST_CASE("the same seed chooses the same, another one does not") {
  const auto pool = pool_of(100);
  const auto draw = [&](std::uint64_t seed) {
    SeededRandom random(seed);
    UniformChooser chooser(random);
    return *chooser.choose(pool, 10, RoundId{1});
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));  // equal with probability below 1e-19
}

// Chi-squared over all subsets. For a uniform choice the statistic exceeds the bound with probability 1e-9 (Wilson and Hilferty's
// approximation, z = 6); the seed is fixed, so the test does not flicker. It cannot see deviations that are small against the
// sampling error of 20,000 draws (relative deviations of a subset below some 5%).
TEST_CASE("every subset of a pool of 6 is chosen equally often") {
  SeededRandom random(20'26);
  UniformChooser chooser(random);
  const auto pool = pool_of(6);
  constexpr int kDraws = 20'000;
  std::map<std::set<ClientId>, int> count;
  for (int i = 0; i < kDraws; ++i) {
    const auto chosen = *chooser.choose(pool, 3, RoundId{1});
    ++count[std::set<ClientId>(chosen.begin(), chosen.end())];
  }
  REQUIRE(count.size() == 20);
  double statistic = 0;
  const double expected = kDraws / 20.0;
  for (const auto& [subset, times] : count) statistic += (times - expected) * (times - expected) / expected;
  constexpr double degrees = 19;
  const double root = 1 - 2 / (9 * degrees) + 6 * std::sqrt(2 / (9 * degrees));
  CHECK(statistic < degrees * root * root * root);
}

}  // namespace
}  // namespace fedspend::coordinator
