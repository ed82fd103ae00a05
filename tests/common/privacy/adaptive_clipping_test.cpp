#include "common/privacy/adaptive_clipping.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

TEST_CASE("the published step of the clip norm comes out") {
  CHECK(next_clip_norm(3, 0.5, 0.2) == doctest::Approx(2.825293600752746).epsilon(1e-15));
  CHECK(next_clip_norm(3, 0.2, 0.2) == 3);
  CHECK(next_clip_norm(1, 0, 0.5, 0.4) == doctest::Approx(std::exp(0.2)));
}

TEST_CASE("the clip norm settles at the target quantile of the norms") {
  double clip = 100;
  for (int round = 0; round < 500; ++round) clip = next_clip_norm(clip, std::min(clip, 1.0), 0.3);  // norms uniform on [0, 1]
  CHECK(clip == doctest::Approx(0.3).epsilon(1e-3));
}

TEST_CASE("update and indicator together have the noise multiplier z") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const auto clients = static_cast<std::uint32_t>(11 + random.below(seed % 2 == 0 ? 400 : 50'000));
    const double z = clients / 10.0 * (static_cast<double>(1 + random.below(99'999)) / 100'000);
    const auto honest = static_cast<std::uint32_t>(1 + random.below(clients));
    const auto chosen = choose_clip_indicator({.clients = clients, .honest_shares = honest, .noise_multiplier = z, .bits = 32});
    RC_ASSERT(chosen.has_value());
    const long double wanted = 1 / (static_cast<long double>(z) * z);
    const long double weight = chosen->weight;
    const long double share = static_cast<long double>(chosen->share_variance.numerator) / static_cast<long double>(chosen->share_variance.denominator);
    const long double of_indicator = weight * weight / (share * honest);
    const long double of_update = 1 / (static_cast<long double>(chosen->update_noise_multiplier) * chosen->update_noise_multiplier);
    RC_ASSERT(of_indicator + of_update <= wanted);
    RC_ASSERT(of_indicator + of_update >= wanted * (1 - 1e-7L));
    const long double alone = chosen->stddev;
    RC_ASSERT(1 / (alone * alone) + of_update <= wanted);
    RC_ASSERT(share >= 4.0L);
    RC_ASSERT(std::has_single_bit(chosen->weight));
    RC_ASSERT((chosen->weight == 1U || share / 4 < 4.0L));  // half the weight would have been too little
    RC_ASSERT(static_cast<long double>(chosen->released_variance_ring()) <= share * honest);
    RC_ASSERT((clients < 400U || chosen->weight == 1U));
  }));
}

TEST_CASE("b_mean is the part of the roster within the clip norm") {
  const auto chosen = choose_clip_indicator({.clients = 100, .honest_shares = 100, .noise_multiplier = 1, .bits = 20});
  REQUIRE(chosen.has_value());
  const auto w = static_cast<std::int32_t>(chosen->weight);
  CHECK(chosen->mean(100 * w) == 1);
  CHECK(chosen->mean(-100 * w) == 0);
  CHECK(chosen->mean(0) == 0.5);
  CHECK(chosen->mean(w * (70 - 30)) == doctest::Approx(0.7));
  CHECK(chosen->mean(w * (70 - 20)) == doctest::Approx(0.75));  // ten that never arrived count half
}

TEST_CASE("a noise multiplier that the indicator alone does not have is refused: z = 1 takes more than ten clients") {
  for (const std::uint32_t clients : {1U, 5U, 10U}) {
    const auto chosen = choose_clip_indicator({.clients = clients, .honest_shares = 1, .noise_multiplier = 1, .bits = 20});
    REQUIRE_FALSE(chosen.has_value());
    CHECK(chosen.error().code == ErrorCode::invalid_argument);
    CHECK(chosen.error().hint == "choose at least 11 clients, or a fixed clip norm");
  }
  CHECK(choose_clip_indicator({.clients = 11, .honest_shares = 6, .noise_multiplier = 1, .bits = 20}).has_value());
  CHECK_FALSE(choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = 100, .bits = 20}).has_value());
  CHECK(choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = 99.9, .bits = 20}).has_value());
}

TEST_CASE("numbers out of range are refused") {
  for (const double z : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    CHECK_FALSE(choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = z, .bits = 20}).has_value());
  CHECK_FALSE(choose_clip_indicator({.clients = 1000, .honest_shares = 0, .noise_multiplier = 1, .bits = 20}).has_value());
  CHECK_FALSE(choose_clip_indicator({.clients = 1000, .honest_shares = 1001, .noise_multiplier = 1, .bits = 20}).has_value());
  CHECK_FALSE(choose_clip_indicator({.clients = 0, .honest_shares = 0, .noise_multiplier = 1, .bits = 20}).has_value());
  for (const unsigned bits : {0U, 1U, 33U}) CHECK_FALSE(choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = 1, .bits = bits}).has_value());
}

TEST_CASE("a ring too narrow for the indicators is refused, and the proposed one is enough") {
  const auto chosen = choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = 1, .bits = 11});
  REQUIRE_FALSE(chosen.has_value());
  CHECK(chosen.error().hint == "choose at least 13 bits");
  CHECK_FALSE(choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = 1, .bits = 12}).has_value());
  CHECK(choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = 1, .bits = 13}).has_value());
}

TEST_CASE("a programmer's mistake ends the process") {
  CHECK(tests::aborts([] { next_clip_norm(0, 0.5, 0.5); }));
  CHECK(tests::aborts([] { next_clip_norm(1, std::numeric_limits<double>::quiet_NaN(), 0.5); }));
}

}  // namespace
}  // namespace fedspend
