#pragma once
// A learning rate's factor in each round of a federation: a pure function of the round, so that every device and a repeated run
// have the same. Warm-up: in round r of W warm-up rounds the factor is r / (W + 1). After it, with t = 0 in round W + 1:
//   constant      1
//   step          decay ^ floor(t / period_rounds)
//   exponential   decay ^ t
//   cosine        floor + (1 - floor) (1 + cos(pi t / T)) / 2, T = period_rounds, or (0) the plan's rounds after the warm-up; floor from t = T on
//                 (Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts)
//   inverse_sqrt  sqrt(period_rounds / (period_rounds + t))
// and, for all but constant, never below floor. The same bits on every machine: additions, products, quotients and square roots of
// doubles in a fixed order and no fused ones (all of them exactly rounded by IEEE 754), a power by repeated squaring, and the
// cosine from its series, for the C library's differ from one another in the last place. Thread-safe.

#include <cstdint>
#include <string_view>

#include "common/ids.h"

namespace fedspend {

enum class ScheduleKind { constant, step, exponential, cosine, inverse_sqrt };
std::string_view to_string(ScheduleKind kind) noexcept;

struct ScheduleSpec {
  ScheduleKind kind = ScheduleKind::constant;
  std::uint32_t warmup_rounds = 0;
  double decay = 1.0;               // (0, 1]; 1 where the kind has none
  std::uint32_t period_rounds = 0;  // 0 where the kind has none
  double floor = 0.0;               // [0, 1]

  bool operator==(const ScheduleSpec&) const = default;
};

// Which keys a kind has beside warmup_rounds; a plan that gives another one is refused.
struct ScheduleKeys {
  bool decay = false, period_rounds = false, floor = false;
};
ScheduleKeys keys_of(ScheduleKind kind) noexcept;

// In [0, 1]. `round` counts from 1; `rounds`: the plan's.
double learning_rate_factor(const ScheduleSpec& schedule, RoundId round, std::uint32_t rounds);

}  // namespace fedspend
