#include "simulations/audit/membership.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/common/aborts.h"

namespace fedspend::simulations {

TEST_CASE("the area is the share of pairs that are in order, ties half") {
  const std::vector<double> members = {3, 2, 2}, others = {1, 2};
  CHECK(area_under_curve(members, others) == doctest::Approx((2 + 1.5 + 1.5) / 6));
  CHECK(area_under_curve(others, members) == doctest::Approx(1.0 / 6));
  rc::check("pairs", [] {
    const auto a = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(rc::gen::cast<double>(rc::gen::inRange(0, 6))));
    const auto b = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(rc::gen::cast<double>(rc::gen::inRange(0, 6))));
    double wins = 0;
    for (const double x : a)
      for (const double y : b) wins += x > y ? 1 : x == y ? 0.5 : 0;
    RC_ASSERT(std::abs(area_under_curve(a, b) - wins / static_cast<double>(a.size() * b.size())) <= 1e-12);
  });
}

TEST_CASE("true positives are those above a threshold that no more of the others than allowed are above") {
  std::vector<double> others;
  for (int i = 1; i <= 200; ++i) others.push_back(i);
  const std::vector<double> members = {198, 198.5, 199, 200, 201};
  CHECK(true_positive_rate(members, others, 0.01) == doctest::Approx(0.8));  // two of the others are above 198
  CHECK(true_positive_rate(members, others, 0.0) == doctest::Approx(0.2));
  CHECK(true_positive_rate(members, others, 1) == 1);
  CHECK(true_positive_rate(members, std::vector<double>{199.5, 1}, 0.01) == doctest::Approx(0.4));
  const std::vector<double> all_equal(100, 1.0);
  CHECK(true_positive_rate(all_equal, all_equal, 0.01) == 0);
}

TEST_CASE("scores of nobody, or that are no numbers, are a programmer's mistake") {
  const std::vector<double> none, one = {1}, bad = {std::numeric_limits<double>::quiet_NaN()};
  CHECK(fedspend::tests::aborts([&] { (void)area_under_curve(none, one); }));
  CHECK(fedspend::tests::aborts([&] { (void)true_positive_rate(one, bad, 0.01); }));
}

}  // namespace fedspend::simulations
