#include "simulations/audit/membership.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend::simulations {

TEST_CASE("the area is the share of pairs that are in order, ties half") {
  const std::vector<double> members = {3, 2, 2}, others = {1, 2};
  CHECK(area_under_curve(members, others).value == doctest::Approx((2 + 1.5 + 1.5) / 6));
  CHECK(area_under_curve(others, members).value == doctest::Approx(1.0 / 6));
  CHECK(rc::check("pairs", [] {
    const auto a = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(rc::gen::cast<double>(rc::gen::inRange(0, 6))));
    const auto b = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(rc::gen::cast<double>(rc::gen::inRange(0, 6))));
    double wins = 0;
    for (const double x : a)
      for (const double y : b) wins += x > y ? 1 : x == y ? 0.5 : 0;
    RC_ASSERT(std::abs(area_under_curve(a, b).value - wins / static_cast<double>(a.size() * b.size())) <= 1e-12);
  }));
}

TEST_CASE("true positives are those above a threshold that no more of the others than allowed are above") {
  std::vector<double> others;
  for (int i = 1; i <= 200; ++i) others.push_back(i);
  const std::vector<double> members = {198, 198.5, 199, 200, 201};
  CHECK(true_positive_rate(members, others, 0.01).value == doctest::Approx(0.8));  // two of the others are above 198
  CHECK(true_positive_rate(members, others, 0.0).value == doctest::Approx(0.2));
  CHECK(true_positive_rate(members, others, 1).value == 1);
  CHECK(true_positive_rate(members, std::vector<double>{199.5, 1}, 0.01).value == doctest::Approx(0.4));
  const std::vector<double> all_equal(100, 1.0);
  CHECK(true_positive_rate(all_equal, all_equal, 0.01).value == 0);
}

// Mann and Whitney's standard deviation of the area, were it 1/2, is sqrt((m + n + 1) / (12 m n)): .5 is just outside the interval of an
// area that is 1.959964 of them above it. Clopper and Pearson's interval of 5 in 10 is their published one.
TEST_CASE("the intervals are the published ones, and stay between nothing and all") {
  std::vector<double> members, others;
  for (int i = 0; i < 60; ++i) others.push_back(i);
  for (int i = 0; i < 40; ++i) members.push_back(i * 60 / 40.0 + 0.25);
  const double deviation = std::sqrt(101.0 / (12 * 40 * 60));
  const auto shifted = [&](double by) {
    std::vector<double> moved = members;
    for (double& score : moved) score += by;
    return area_under_curve(moved, others);
  };
  for (double by = -20; by <= 20; by += 0.5) {
    const Estimate area = shifted(by);
    CAPTURE(area.value);
    CHECK((area.low > 0.5) == (area.value > 0.5 + 1.959964 * deviation));
    CHECK((area.high < 0.5) == (area.value < 0.5 - 1.959964 * deviation));
    CHECK(0 <= area.low);
    CHECK(area.low <= area.value);
    CHECK(area.value <= area.high);
    CHECK(area.high <= 1);
  }
  const Estimate all = shifted(100), none = shifted(-100);
  CHECK(all.value == 1);
  CHECK(all.high == 1);
  CHECK(all.low > 0.85);
  CHECK(all.low < 0.999);
  CHECK(none.low == 0);
  CHECK(none.high == doctest::Approx(1 - all.low));
  const Estimate rate = true_positive_rate(std::vector<double>{1, 1, 1, 1, 1, 3, 3, 3, 3, 3}, std::vector<double>{2, 2}, 0.01);
  CHECK(rate.value == 0.5);
  CHECK(rate.low == doctest::Approx(0.1870860284).epsilon(1e-8));
  CHECK(rate.high == doctest::Approx(0.8129139716).epsilon(1e-8));
}

// 400 federations in which members are like others: the area's interval misses 1/2 in one of twenty. Binomial(400, .05): 40 or more has
// probability below 2e-5, 5 or fewer below 2e-4.
TEST_CASE("an interval of the area misses the truth about as often as it says") {
  SeededRandom random(Hasher("membership-test").finish());
  int misses = 0;
  for (int run = 0; run < 400; ++run) {
    const auto scores = [&](std::size_t count) {
      std::vector<double> all;
      for (std::size_t i = 0; i < count; ++i) all.push_back(static_cast<double>(random.next_u64() >> 11));
      return all;
    };
    const Estimate area = area_under_curve(scores(50), scores(80));
    misses += area.low > 0.5 || area.high < 0.5 ? 1 : 0;
  }
  CAPTURE(misses);
  CHECK(misses < 40);
  CHECK(misses > 5);
}

TEST_CASE("scores of nobody, or that are no numbers, are a programmer's mistake") {
  const std::vector<double> none, one = {1}, bad = {std::numeric_limits<double>::quiet_NaN()};
  CHECK(fedspend::tests::aborts([&] { (void)area_under_curve(none, one); }));
  CHECK(fedspend::tests::aborts([&] { (void)true_positive_rate(one, bad, 0.01); }));
}

}  // namespace fedspend::simulations
