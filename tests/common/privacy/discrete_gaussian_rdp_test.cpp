#include "common/privacy/discrete_gaussian_rdp.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "common/privacy/directed_rounding.h"
#include "common/privacy/gaussian_rdp.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

using tests::aborts;

// One coordinate, two shares: the Renyi divergence of the sum of two discrete Gaussians from itself moved by `shift`, by brute force.
double exact_rdp_of_two(double share_variance, int shift, double order) {
  constexpr int kReach = 200;
  std::vector<long double> share(2 * kReach + 1), sum(4 * kReach + 1, 0.0L);
  long double total = 0;
  for (int i = -kReach; i <= kReach; ++i) total += share[static_cast<std::size_t>(i + kReach)] = std::exp(-static_cast<long double>(i) * i / (2 * static_cast<long double>(share_variance)));
  for (long double& value : share) value /= total;
  for (std::size_t i = 0; i < share.size(); ++i)
    for (std::size_t j = 0; j < share.size(); ++j) sum[i + j] += share[i] * share[j];
  long double moment = 0;
  const auto moved = static_cast<std::size_t>(shift);
  for (std::size_t i = moved; i < sum.size(); ++i)
    if (sum[i] > 1e-3000L && sum[i - moved] > 1e-3000L) moment += std::exp(static_cast<long double>(order) * std::log(sum[i - moved]) + (1 - static_cast<long double>(order)) * std::log(sum[i]));
  return static_cast<double>(std::log(moment) / (static_cast<long double>(order) - 1));
}

DiscreteGaussianSum usual() { return {.clients = 100, .dimension = 1024, .sensitivity_l2 = 50, .share_variance = 25, .honest_clients = 60}; }

}  // namespace

// exp(-746) is below the least double. Around the variance from which on all terms are, the sum term by term and its shortcut are the same number.
TEST_CASE("tau has no step where its terms underflow: 10 (n - 1) times the least double, rounded up") {
  const double least = std::numeric_limits<double>::denorm_min();
  for (const std::uint64_t clients : {1ULL, 2ULL, 3ULL, 1'000ULL, 100'000ULL}) {
    const double nothing = multiply_up(10, static_cast<double>(clients - 1) * least);
    CHECK(discrete_gaussian_tau(clients, 1e9) == nothing);
    double last = nothing;
    for (double variance = 77; variance >= 74; variance -= 0.125) {
      const double tau = discrete_gaussian_tau(clients, variance);
      CHECK(tau >= last);
      if (variance >= 75.625) CHECK(tau == nothing);  // pi^2 variance is above 746 from 75.59 on
      last = tau;
    }
    if (clients > 1) CHECK(last > nothing);
  }
}

TEST_CASE("tau is its sum, and no underflow makes it 0") {
  // n = 3, sigma^2 = 1/4: 10 (exp(-pi^2 / 4) + exp(-pi^2 / 3)).
  const double pi2 = std::numbers::pi * std::numbers::pi;
  CHECK(discrete_gaussian_tau(3, 0.25) == doctest::Approx(10 * (std::exp(-pi2 / 4) + std::exp(-pi2 / 3))).epsilon(1e-13));
  CHECK(discrete_gaussian_tau(3, 0.25) >= 10 * (std::exp(-pi2 / 4) + std::exp(-pi2 / 3)) * (1 - 1e-15));
  CHECK(discrete_gaussian_tau(1, 0.25) == 0);
  // exp(-2 pi^2 1000 / 2) is 1e-4286.
  CHECK(discrete_gaussian_tau(2, 1000) > 0);
  CHECK(discrete_gaussian_tau(1000, 1000) >= discrete_gaussian_tau(2, 1000));
}

TEST_CASE("the three bounds are those of PRIVACY.md, the least of them at each order") {
  // Where tau matters: one share of variance 1/4, few coordinates.
  const DiscreteGaussianSum sum{.clients = 5, .dimension = 16, .sensitivity_l2 = 3, .share_variance = 0.5, .honest_clients = 4};
  const double tau = discrete_gaussian_tau(5, 0.5), sigma = std::sqrt(2.0), d = 16, delta1 = 9;
  for (const double order : {1.25, 2.0, 10.0, 512.0}) {
    const double pure = order * 9 / (2 * 2) + tau * d;
    const double parts = order / 2 * (9 / 2.0 + 2 * tau * delta1 / sigma + tau * tau * d);
    const double norms = order / 2 * std::pow(3 / sigma + std::sqrt(d) * tau, 2);
    CHECK(discrete_gaussian_rdp(sum, order) == doctest::Approx(std::min({pure, parts, norms})).epsilon(1e-13));
    CHECK(discrete_gaussian_rdp(sum, order) >= std::min({pure, parts, norms}) * (1 - 1e-15));
  }
  // Delta1 <= Delta2 sqrt(d) where that is less than Delta2^2.
  const DiscreteGaussianSum flat{.clients = 5, .dimension = 2, .sensitivity_l2 = 3, .share_variance = 0.5, .honest_clients = 4};
  const double by_root = 9 / 2.0 + 2 * tau * 3 * std::sqrt(2.0) / sigma + tau * tau * 2, by_norms = std::pow(3 / sigma + std::sqrt(2.0) * tau, 2);
  CHECK(discrete_gaussian_zcdp(flat) == doctest::Approx(std::min(by_root, by_norms) / 2).epsilon(1e-13));
}

TEST_CASE("with wide shares the sum is as good as one Gaussian, and never better") {
  const double z = std::sqrt(25.0 * 60) / 50;
  for (std::size_t i = 0; i < rdp_orders().size(); ++i) {
    const double plain = gaussian_rdp(z, rdp_orders()[i]), bound = discrete_gaussian_rdp_curve(usual()).values()[i];
    CHECK(bound >= plain * (1 - 1e-14));
    CHECK(bound <= plain * (1 + 1e-12));
  }
  CHECK(discrete_gaussian_zcdp(usual()) == doctest::Approx(1 / (2 * z * z)).epsilon(1e-12));
}

TEST_CASE("the bound holds for the sum of two shares as computed outright") {
  for (const double variance : {0.25, 0.5, 1.0, 3.0})
    for (const int shift : {1, 2, 5})
      for (const double order : {1.3, 2.0, 4.0, 10.9}) {
        CAPTURE(variance);
        CAPTURE(shift);
        CAPTURE(order);
        const DiscreteGaussianSum sum{.clients = 2, .dimension = 1, .sensitivity_l2 = static_cast<double>(shift), .share_variance = variance, .honest_clients = 2};
        CHECK(discrete_gaussian_rdp(sum, order) >= exact_rdp_of_two(variance, shift, order) * (1 - 1e-9));
      }
}

TEST_CASE("more noise or more honest clients cost less, more sensitivity, dimension or clients more") {
  CHECK(rc::check("monotone", [] {
    DiscreteGaussianSum sum;
    sum.clients = static_cast<std::uint64_t>(*rc::gen::inRange(2, 3000));
    sum.dimension = std::uint64_t{1} << *rc::gen::inRange(0, 24);
    sum.sensitivity_l2 = std::exp(*rc::gen::inRange(0, 1500) / 100.0);
    sum.share_variance = 0.25 * std::exp(*rc::gen::inRange(0, 1200) / 100.0);
    sum.honest_clients = std::max(1.0, std::floor(static_cast<double>(sum.clients) * *rc::gen::inRange(1, 100) / 100.0));
    const double order = 1.25 + *rc::gen::inRange(0, 510);
    const double value = discrete_gaussian_rdp(sum, order);
    const auto with = [&](auto change) {
      DiscreteGaussianSum other = sum;
      change(other);
      return discrete_gaussian_rdp(other, order);
    };
    const double slack = value * 1e-12;
    RC_ASSERT(value > 0);
    RC_ASSERT(value >= gaussian_rdp(std::sqrt(sum.share_variance * sum.honest_clients) / sum.sensitivity_l2, order) * (1 - 1e-13));
    RC_ASSERT(with([](auto& s) { s.share_variance *= 1.1; }) <= value + slack);
    RC_ASSERT(with([](auto& s) { s.sensitivity_l2 *= 1.1; }) >= value - slack);
    RC_ASSERT(with([](auto& s) { s.dimension *= 2; }) >= value - slack);
    RC_ASSERT(with([](auto& s) { s.clients += 1; }) >= value - slack);
    if (sum.honest_clients + 1 <= static_cast<double>(sum.clients)) RC_ASSERT(with([](auto& s) { s.honest_clients += 1; }) <= value + slack);
  }));
}

TEST_CASE("a round's parameters give the sum that it surely releases, no better than it is") {
  const auto mechanism = choose_distributed_gaussian({.clients = 1000, .length = 1 << 17, .clip_norm_l2 = 1, .noise_multiplier = 1, .bits = 18, .honest_shares = 400});
  REQUIRE(mechanism.has_value());
  const DiscreteGaussianSum sum = released_sum(*mechanism);
  CHECK(sum.clients == 1000);  // tau goes by the roster
  CHECK(sum.dimension == 1 << 17);
  CHECK(sum.honest_clients == 400);
  CHECK(sum.sensitivity_l2 >= mechanism->scale);
  const double exact = static_cast<double>(mechanism->share_variance.numerator) / static_cast<double>(mechanism->share_variance.denominator);
  CHECK(sum.share_variance <= exact);
  CHECK(sum.share_variance >= exact * (1 - 1e-14));
  // z = 1, but for the inflated sensitivity.
  CHECK(discrete_gaussian_zcdp(sum) >= 0.5);
  CHECK(discrete_gaussian_zcdp(sum) <= 0.5 * 1.002);
}

TEST_CASE("sums outside the theorem are refused") {
  const auto refused = [](auto change) {
    DiscreteGaussianSum sum = usual();
    change(sum);
    const auto status = check(sum);
    return !status.has_value() && status.error().code == ErrorCode::invalid_argument && aborts([&] { discrete_gaussian_rdp(sum, 2); });
  };
  CHECK(check(usual()).has_value());
  CHECK(refused([](auto& s) { s.clients = 0; }));
  CHECK(refused([](auto& s) { s.dimension = 0; }));
  CHECK(refused([](auto& s) { s.sensitivity_l2 = 0; }));
  CHECK(refused([](auto& s) { s.sensitivity_l2 = std::numeric_limits<double>::quiet_NaN(); }));
  CHECK(refused([](auto& s) { s.share_variance = 0.2499; }));
  CHECK(refused([](auto& s) { s.share_variance = std::numeric_limits<double>::infinity(); }));
  CHECK(refused([](auto& s) { s.honest_clients = 0.5; }));
  CHECK(refused([](auto& s) { s.honest_clients = 101; }));
  CHECK(refused([](auto& s) { s.honest_clients = std::numeric_limits<double>::quiet_NaN(); }));
}

}  // namespace fedspend
