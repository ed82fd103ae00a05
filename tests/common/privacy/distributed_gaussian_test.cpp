#include "common/privacy/distributed_gaussian.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

// PRIVACY.md: n = 1000, d = 2^17, c = z = 1, b = 18, k = 4, with n_h = n.
DistributedGaussianGoal reference_goal() {
  return {.clients = 1000, .length = 1 << 17, .clip_norm_l2 = 1, .noise_multiplier = 1, .bits = 18, .honest_shares = 1000, .wrap_deviations = 4};
}

void check_refused(const DistributedGaussianGoal& goal, const std::string& message, const std::string& hint) {
  const auto chosen = choose_distributed_gaussian(goal);
  REQUIRE_FALSE(chosen.has_value());
  CHECK(chosen.error().code == ErrorCode::invalid_argument);
  CHECK(chosen.error().message == "distributed Gaussian: " + message);
  CHECK(chosen.error().hint == hint);
}

TEST_CASE("the published scale and sensitivity come out") {
  const auto chosen = choose_distributed_gaussian(reference_goal());
  REQUIRE(chosen.has_value());
  CHECK(chosen->dimension == 1 << 17);
  CHECK(chosen->scale == doctest::Approx(11154.7).epsilon(1e-5));
  CHECK(chosen->sensitivity_l2_ring / chosen->scale == doctest::Approx(1.00018).epsilon(1e-5));
}

TEST_CASE("Delta2 is the published one") {
  CHECK(std::sqrt(rounded_norm_bound_squared(10, 100, std::numeric_limits<double>::infinity())) == 20);  // beta = 0
  CHECK(std::sqrt(rounded_norm_bound_squared(10, 100)) == doctest::Approx(11.832159566).epsilon(1e-10));
  CHECK(std::sqrt(rounded_norm_bound_squared(100, 1024)) == doctest::Approx(101.843016454).epsilon(1e-10));
}

TEST_CASE("the constant k is that of a wrap probability of 1e-4, rounded upwards") {
  CHECK(std::erfc(kWrapDeviations / std::sqrt(2.0)) < 1e-4);
  CHECK(std::erfc((kWrapDeviations - 1e-4) / std::sqrt(2.0)) > 1e-4);
}

DistributedGaussianGoal random_goal() {
  SeededRandom random(*rc::gen::arbitrary<std::uint64_t>());
  const auto between = [&random](double low, double high) { return low * std::pow(high / low, static_cast<double>(random.below(1 << 20)) / (1 << 20)); };
  DistributedGaussianGoal goal;
  goal.clients = static_cast<std::uint32_t>(between(1, 100'000));
  goal.honest_shares = static_cast<std::uint32_t>(1 + random.below(goal.clients));
  goal.length = static_cast<std::uint64_t>(between(1, 5e6));
  goal.clip_norm_l2 = between(1e-3, 1e3);
  goal.noise_multiplier = between(0.05, 30);
  goal.bits = static_cast<unsigned>(8 + random.below(25));
  goal.wrap_deviations = between(2, 6);
  return goal;
}

// long double has eleven bits more than double: the margins of 2^-48 in the code are far above what it rounds here.
TEST_CASE("the noise that surely is in a released sum is never below z s c, and at most 2^-28 above") {
  CHECK(rc::check([] {
    const auto chosen = choose_distributed_gaussian(random_goal());
    if (!chosen) return;
    const auto& goal = chosen->goal;
    const long double wanted = static_cast<long double>(goal.noise_multiplier) * chosen->scale * goal.clip_norm_l2;
    const long double share = static_cast<long double>(chosen->share_variance.numerator) / static_cast<long double>(chosen->share_variance.denominator);
    const long double released = share * goal.honest_shares;
    RC_ASSERT(released >= wanted * wanted);
    RC_ASSERT(released <= wanted * wanted * (1 + 0x1p-28L));
    RC_ASSERT(chosen->released_variance_ring() <= released);
    RC_ASSERT(chosen->released_variance_ring() >= released * (1 - 0x1p-47L));
    RC_ASSERT(share >= 0.25L);
  }));
}

TEST_CASE("Delta2 is not below the root of the bound that is enforced, nor Delta1 below its bound") {
  CHECK(rc::check([] {
    const auto chosen = choose_distributed_gaussian(random_goal());
    if (!chosen) return;
    const long double bound = static_cast<long double>(chosen->squared_norm_bound);
    const long double delta2 = chosen->sensitivity_l2_ring;
    RC_ASSERT(delta2 * delta2 >= bound);
    RC_ASSERT(delta2 * delta2 <= bound * (1 + 2e-15L));
    const long double d = static_cast<long double>(chosen->dimension);
    const long double delta1 = std::min(bound, std::sqrt(bound * d));  // |x|_1 <= |x|_2^2 for integers
    RC_ASSERT(static_cast<long double>(chosen->sensitivity_l1_ring) >= delta1 * (1 - 1e-18L));
    RC_ASSERT(static_cast<long double>(chosen->sensitivity_l1_ring) <= delta1 * (1 + 1e-14L));
    RC_ASSERT(chosen->squared_norm_bound < std::uint64_t{1} << 62);
    RC_ASSERT(std::has_single_bit(chosen->dimension));
    RC_ASSERT((chosen->dimension >= chosen->goal.length && chosen->dimension / 2 < chosen->goal.length));
  }));
}

// What s is chosen for: a coordinate of the sum of n rotated, rounded and noised updates has k standard deviations within 2^(b-1).
TEST_CASE("k standard deviations of a coordinate of the sum fit half the ring, and no less but for the cap") {
  CHECK(rc::check([] {
    const auto chosen = choose_distributed_gaussian(random_goal());
    if (!chosen) return;
    const auto& goal = chosen->goal;
    const double n = goal.clients, sc = chosen->scale * goal.clip_norm_l2;
    const double noise = sc * sc * goal.noise_multiplier * goal.noise_multiplier / goal.honest_shares;
    const double deviation = std::sqrt(sc * sc * n * n / static_cast<double>(chosen->dimension) + n / 4 + n * noise);
    const double half = std::ldexp(1.0, static_cast<int>(goal.bits) - 1);
    RC_ASSERT(goal.wrap_deviations * deviation <= half * (1 + 1e-12));
    if (chosen->scale < kLargestScale) RC_ASSERT(goal.wrap_deviations * deviation >= half * (1 - 1e-12));
    RC_ASSERT(chosen->scale <= kLargestScale);
  }));
}

TEST_CASE("shares above those that surely are there are said as the noise they add") {
  auto goal = reference_goal();
  goal.honest_shares = 500;
  const auto chosen = choose_distributed_gaussian(goal);
  REQUIRE(chosen.has_value());
  CHECK(chosen->noise_excess(500) == 1);
  CHECK(chosen->noise_excess(1000) == doctest::Approx(1.41421356));
  CHECK(tests::aborts([&] { (void)chosen->noise_excess(0); }));
}

TEST_CASE("the expected number of wraps is d p") {
  auto goal = reference_goal();
  goal.wrap_deviations = kWrapDeviations;
  CHECK(choose_distributed_gaussian(goal)->expected_wraps == doctest::Approx(131072e-4).epsilon(1e-4));
}

TEST_CASE("a fraction is not below the number and at most 2^-29 of it above") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const double lower = std::ldexp(1 + static_cast<double>(random.below(std::uint64_t{1} << 52)) * 0x1p-52, static_cast<int>(random.below(90)) - 30);
    const Variance v = fraction_at_least(lower);
    const long double value = static_cast<long double>(v.numerator) / static_cast<long double>(v.denominator);
    RC_ASSERT(value >= static_cast<long double>(lower));
    RC_ASSERT(value <= static_cast<long double>(lower) * (1 + 0x1p-29L));
    RC_ASSERT((v.denominator == 1U || v.numerator <= std::uint64_t{1} << 33));
    RC_ASSERT(DiscreteGaussian::create(v).has_value());
  }));
  CHECK(fraction_at_least(0.25) == Variance{std::uint64_t{1} << 31, std::uint64_t{1} << 33});
  CHECK(tests::aborts([] { fraction_at_least(0); }));
  CHECK(tests::aborts([] { fraction_at_least(std::numeric_limits<double>::quiet_NaN()); }));
}

TEST_CASE("what cannot be is refused with its numbers and with what would do") {
  auto goal = reference_goal();
  goal.honest_shares = 0;
  check_refused(goal, "0 honest shares of 1000 clients", "choose a quorum that is above the number of corrupt clients, so that 1 to 1000 shares are honest");
  goal.honest_shares = 1001;
  check_refused(goal, "1001 honest shares of 1000 clients", "choose a quorum that is above the number of corrupt clients, so that 1 to 1000 shares are honest");
  goal = reference_goal();
  goal.noise_multiplier = 0.001;
  check_refused(goal, "each share of noise has a deviation of 0.375149 steps; 0.5 is the least (18 bits, 1000 clients, noise multiplier 0.001)", "choose at least 19 bits");
  goal.bits = 32;
  goal.noise_multiplier = 1e-6;
  goal.clip_norm_l2 = 1e-3;
  check_refused(goal, "each share of noise has a deviation of 3.16227e-05 steps; 0.5 is the least (32 bits, 1000 clients, noise multiplier 1e-06)",
                "choose a noise multiplier of at least 0.01582");
  goal = reference_goal();
  goal.bits = 6;
  check_refused(goal, "6 bits cannot hold the rounding of 1000 updates at a wrap probability of 6.335e-05 a coordinate", "choose at least 9 bits");
  goal = {.clients = 2, .length = 1 << 20, .clip_norm_l2 = 1e6, .noise_multiplier = 0.1, .bits = 32, .honest_shares = 2};
  const auto large = choose_distributed_gaussian(goal);
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().hint == "choose at most 30 bits");
}

// What the text says, set in the goal.
bool set_as_proposed(const std::string& hint, DistributedGaussianGoal& goal) {
  unsigned whole = 0;
  double number = 0;
  const auto is_whole = [&](const char* form) { return std::sscanf(hint.c_str(), form, &whole) == 1; };
  const auto is_number = [&](const char* form) { return std::sscanf(hint.c_str(), form, &number) == 1; };
  if (std::sscanf(hint.c_str(), "choose %u bits and a noise multiplier of at %*s %lf", &whole, &number) == 2) {
    goal.bits = whole;
    goal.noise_multiplier = number;
  } else if (is_whole("choose at least %u bits") || is_whole("choose at most %u bits")) goal.bits = whole;
  else if (is_number("choose a noise multiplier of at least %lf") || is_number("choose a noise multiplier of at most %lf")) goal.noise_multiplier = number;
  else if (is_whole("choose at most %u clients")) goal.clients = whole;
  else if (is_number("choose a clip norm of at least %lf") || is_number("choose a clip norm of at most %lf")) goal.clip_norm_l2 = number;
  else return false;
  return true;
}

TEST_CASE("what a refusal proposes is accepted as it is printed") {
  int refused = 0;
  CHECK(rc::check([&] {
    auto goal = random_goal();
    if (*rc::gen::arbitrary<bool>()) goal.bits = static_cast<unsigned>(*rc::gen::inRange(2, 12));
    if (*rc::gen::arbitrary<bool>()) goal.noise_multiplier = std::max(goal.noise_multiplier * 1e-5, 1e-6);
    const auto chosen = choose_distributed_gaussian(goal);
    if (chosen) return;
    ++refused;
    RC_LOG() << chosen.error().message << "; " << chosen.error().hint;
    RC_ASSERT(set_as_proposed(chosen.error().hint, goal));
    RC_ASSERT(choose_distributed_gaussian(goal).has_value());
  }));
  CHECK(refused >= 20);
}

TEST_CASE("where neither bits nor noise alone would do, a number of clients is proposed, or a clip norm, and is accepted") {
  DistributedGaussianGoal crowded{.clients = 4'000'000'000, .length = 1, .clip_norm_l2 = 1e-9, .noise_multiplier = 1e-6, .bits = 2, .honest_shares = 1};
  DistributedGaussianGoal tiny{.clients = 3, .length = 1, .clip_norm_l2 = 1e-20, .noise_multiplier = 1, .bits = 16, .honest_shares = 2};
  for (DistributedGaussianGoal goal : {crowded, tiny}) {
    const auto chosen = choose_distributed_gaussian(goal);
    REQUIRE_FALSE(chosen);
    CAPTURE(chosen.error().hint);
    if (set_as_proposed(chosen.error().hint, goal)) CHECK(choose_distributed_gaussian(goal).has_value());
    else CHECK(chosen.error().hint.starts_with("no one value alone would do"));
  }
}

TEST_CASE("numbers out of range are refused, not finite ones among them") {
  for (const double bad : {0.0, -1.0, 1e31, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    auto goal = reference_goal();
    goal.clip_norm_l2 = bad;
    CHECK_FALSE(choose_distributed_gaussian(goal).has_value());
    goal = reference_goal();
    goal.noise_multiplier = bad;
    CHECK_FALSE(choose_distributed_gaussian(goal).has_value());
    goal = reference_goal();
    goal.wrap_deviations = bad;
    CHECK_FALSE(choose_distributed_gaussian(goal).has_value());
  }
  for (const unsigned bits : {0U, 1U, 33U, 64U, ~0U}) {
    auto goal = reference_goal();
    goal.bits = bits;
    CHECK_FALSE(choose_distributed_gaussian(goal).has_value());
  }
  for (const std::uint64_t length : {std::uint64_t{0}, (std::uint64_t{1} << 31) + 1, ~std::uint64_t{0}}) {
    auto goal = reference_goal();
    goal.length = length;
    CHECK_FALSE(choose_distributed_gaussian(goal).has_value());
  }
  auto goal = reference_goal();
  goal.clients = 0;
  CHECK_FALSE(choose_distributed_gaussian(goal).has_value());
}

// Fixed once with this code on x86-64: another processor, compiler or library that chooses other parameters is noticed.
TEST_CASE("the parameters are the same on every device") {
  Hasher hasher("test");
  SeededRandom random(1);
  for (int i = 0; i < 1000; ++i) {
    DistributedGaussianGoal goal;
    goal.clients = static_cast<std::uint32_t>(2 + random.below(5000));
    goal.honest_shares = static_cast<std::uint32_t>(1 + random.below(goal.clients));
    goal.length = 1 + random.below(1 << 20);
    goal.clip_norm_l2 = 0.01 + static_cast<double>(random.below(1000)) / 99;
    goal.noise_multiplier = 0.3 + static_cast<double>(random.below(1000)) / 333;
    goal.bits = static_cast<unsigned>(16 + random.below(17));
    const auto chosen = choose_distributed_gaussian(goal);
    hasher.u8(chosen ? 1 : 0);
    if (!chosen) continue;
    hasher.u64(std::bit_cast<std::uint64_t>(chosen->scale)).u64(chosen->share_variance.numerator).u64(chosen->share_variance.denominator);
    hasher.u64(chosen->squared_norm_bound).u64(std::bit_cast<std::uint64_t>(chosen->sensitivity_l2_ring)).u64(std::bit_cast<std::uint64_t>(chosen->sensitivity_l1_ring));
  }
  CHECK(to_hex(hasher.finish()) == "85268c157501e9c6542895f0d84af57ce25025b886d7a4827c91450c60c97ef9");
}

}  // namespace
}  // namespace fedspend
