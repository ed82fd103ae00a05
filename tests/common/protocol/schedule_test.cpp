#include "common/protocol/schedule.h"

#include <bit>
#include <cmath>
#include <numbers>

#include <doctest/doctest.h>

namespace fedspend::testing {
namespace {

double factor(const ScheduleSpec& schedule, std::uint64_t round, std::uint32_t rounds = 100) { return learning_rate_factor(schedule, RoundId{round}, rounds); }

TEST_CASE("without a schedule the factor is one, to the bit") {
  for (std::uint64_t round = 1; round < 200; ++round) CHECK(factor({}, round) == 1.0);
}

TEST_CASE("warm-up rises in equal steps, and the first round after it has the whole rate") {
  const ScheduleSpec schedule{.warmup_rounds = 4};
  CHECK(factor(schedule, 1) == 0.2);
  CHECK(factor(schedule, 2) == 0.4);
  CHECK(factor(schedule, 3) == 0.6);
  CHECK(factor(schedule, 4) == 0.8);
  CHECK(factor(schedule, 5) == 1.0);
  CHECK(factor(schedule, 6) == 1.0);
}

TEST_CASE("every kind begins with one in the first round after the warm-up") {
  for (const ScheduleKind kind : {ScheduleKind::constant, ScheduleKind::step, ScheduleKind::exponential, ScheduleKind::cosine, ScheduleKind::inverse_sqrt}) {
    CAPTURE(to_string(kind));
    for (const std::uint32_t warmup : {0U, 1U, 7U}) CHECK(factor({.kind = kind, .warmup_rounds = warmup, .decay = 0.5, .period_rounds = 5}, warmup + 1) == 1.0);
  }
}

TEST_CASE("step falls by its decay after every period, counted from the end of the warm-up") {
  const ScheduleSpec schedule{.kind = ScheduleKind::step, .warmup_rounds = 2, .decay = 0.5, .period_rounds = 3};
  const double expected[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125};
  for (std::uint64_t t = 0; t < std::size(expected); ++t) CHECK(factor(schedule, 3 + t) == expected[t]);
}

TEST_CASE("exponential falls by its decay in every round") {
  const ScheduleSpec schedule{.kind = ScheduleKind::exponential, .decay = 0.97};
  double product = 1;
  for (std::uint64_t round = 1; round <= 300; ++round, product *= 0.97) CHECK(factor(schedule, round) == doctest::Approx(product).epsilon(1e-14));
  CHECK(factor({.kind = ScheduleKind::exponential, .decay = 0.5}, 11) == 0x1p-10);
  CHECK(factor({.kind = ScheduleKind::exponential, .decay = 0.5}, 1'000'000) == 0.0);
}

TEST_CASE("cosine is the half cosine over the rounds that the plan has after the warm-up, or over its period, and stays at its floor") {
  for (const std::uint32_t warmup : {0U, 10U}) {
    for (const std::uint32_t period : {0U, 40U}) {
      for (const double floor : {0.0, 0.25}) {
        const ScheduleSpec schedule{.kind = ScheduleKind::cosine, .warmup_rounds = warmup, .period_rounds = period, .floor = floor};
        const double length = period != 0 ? period : 100.0 - warmup;
        for (std::uint64_t round = warmup + 1; round <= 100; ++round) {
          const double t = std::min(static_cast<double>(round - 1 - warmup), length);
          const double expected = floor + (1 - floor) * (1 + std::cos(std::numbers::pi * t / length)) / 2;
          CHECK(std::abs(factor(schedule, round) - expected) <= 4e-16);
        }
        CHECK(factor(schedule, 101) == floor);
        CHECK(factor(schedule, 1'000'000) == floor);
      }
    }
  }
  CHECK(factor({.kind = ScheduleKind::cosine}, 100) > 0);  // the plan's last round still learns
}

TEST_CASE("inverse_sqrt is 1 / sqrt(1 + t / period)") {
  for (const std::uint32_t period : {1U, 10U})
    for (std::uint64_t t = 0; t < 500; ++t)
      CHECK(factor({.kind = ScheduleKind::inverse_sqrt, .warmup_rounds = 3, .period_rounds = period}, 4 + t) ==
            doctest::Approx(1 / std::sqrt(1 + static_cast<double>(t) / period)).epsilon(1e-15));
}

TEST_CASE("no schedule goes below its floor after the warm-up, and none rises") {
  for (const ScheduleKind kind : {ScheduleKind::step, ScheduleKind::exponential, ScheduleKind::cosine, ScheduleKind::inverse_sqrt}) {
    CAPTURE(to_string(kind));
    const ScheduleSpec schedule{.kind = kind, .warmup_rounds = 5, .decay = 0.7, .period_rounds = 2, .floor = 0.3};
    double before = 1;
    for (std::uint64_t round = 6; round <= 200; ++round) {
      const double now = factor(schedule, round);
      CHECK(now >= 0.3);
      CHECK(now <= before);
      before = now;
    }
    CHECK(before == 0.3);
  }
}

TEST_CASE("a warm-up that is longer than the plan is no crash") {
  const ScheduleSpec schedule{.kind = ScheduleKind::cosine, .warmup_rounds = 50, .floor = 0.5};
  CHECK(factor(schedule, 10, 10) == 10.0 / 51);
  CHECK(factor(schedule, 51, 10) == 0.5);
}

// Bits, so that a machine or a compiler that computes otherwise is found out. (Within 4e-16 of the closed forms: above.)
TEST_CASE("the factors have the same bits on every machine") {
  std::uint64_t digest = 14'695'981'039'346'656'037ULL;  // FNV-1a over the bits
  const ScheduleSpec schedules[] = {{.kind = ScheduleKind::step, .warmup_rounds = 3, .decay = 0.9, .period_rounds = 7},
                                    {.kind = ScheduleKind::exponential, .warmup_rounds = 3, .decay = 0.97},
                                    {.kind = ScheduleKind::cosine, .warmup_rounds = 3, .floor = 0.1},
                                    {.kind = ScheduleKind::inverse_sqrt, .warmup_rounds = 3, .period_rounds = 3}};
  for (const ScheduleSpec& schedule : schedules)
    for (std::uint64_t round = 1; round <= 100; ++round) {
      const auto bits = std::bit_cast<std::uint64_t>(factor(schedule, round));
      for (int byte = 0; byte < 8; ++byte) digest = (digest ^ ((bits >> (8 * byte)) & 0xff)) * 1'099'511'628'211ULL;
    }
  CHECK(digest == 6'320'386'579'078'818'293ULL);
}

}  // namespace
}  // namespace fedspend::testing
