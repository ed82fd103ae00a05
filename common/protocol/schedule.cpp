#include "common/protocol/schedule.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "common/check.h"

// What schedule.h promises of bits: doubles are IEEE 754 and nothing is computed wider than they are. (CMakeLists.txt forbids fused products.)
static_assert(std::numeric_limits<double>::is_iec559 && FLT_EVAL_METHOD == 0);

namespace fedspend {
namespace {

double power(double base, std::uint64_t exponent) {
  double result = 1;
  for (double square = base; exponent != 0; exponent >>= 1, square *= square)
    if ((exponent & 1) != 0) result *= square;
  return result;
}

// (1 + cos(pi x)) / 2 = cos^2(pi x / 2) for x in [0, 1]: twelve terms of the cosine's series, below 1e-17 from the sum of all.
double half_cosine(double x) {
  const double angle = x * 0x1.921fb54442d18p+0;  // pi / 2
  const double square = angle * angle;
  double sum = 1;
  for (int term = 12; term > 0; --term) sum = 1 - square / static_cast<double>((2 * term - 1) * (2 * term)) * sum;
  return sum * sum;
}

double decayed(const ScheduleSpec& schedule, std::uint64_t t, std::uint64_t rounds_left) {
  switch (schedule.kind) {
    case ScheduleKind::constant: return 1;
    case ScheduleKind::step: return power(schedule.decay, t / std::max<std::uint64_t>(schedule.period_rounds, 1));
    case ScheduleKind::exponential: return power(schedule.decay, t);
    case ScheduleKind::cosine: {
      const std::uint64_t period = schedule.period_rounds != 0 ? schedule.period_rounds : rounds_left;
      if (t >= period) return schedule.floor;
      return schedule.floor + (1 - schedule.floor) * half_cosine(static_cast<double>(t) / static_cast<double>(period));
    }
    case ScheduleKind::inverse_sqrt: {
      const auto period = static_cast<double>(std::max<std::uint64_t>(schedule.period_rounds, 1));
      return std::sqrt(period / (period + static_cast<double>(t)));
    }
  }
  return 1;
}

}  // namespace

std::string_view to_string(ScheduleKind kind) noexcept {
  switch (kind) {
    case ScheduleKind::constant: return "constant";
    case ScheduleKind::step: return "step";
    case ScheduleKind::exponential: return "exponential";
    case ScheduleKind::cosine: return "cosine";
    case ScheduleKind::inverse_sqrt: return "inverse_sqrt";
  }
  return "unknown";
}

ScheduleKeys keys_of(ScheduleKind kind) noexcept {
  switch (kind) {
    case ScheduleKind::constant: return {};
    case ScheduleKind::step: return {.decay = true, .period_rounds = true, .floor = true};
    case ScheduleKind::exponential: return {.decay = true, .floor = true};
    case ScheduleKind::cosine: return {.period_rounds = true, .floor = true};
    case ScheduleKind::inverse_sqrt: return {.period_rounds = true, .floor = true};
  }
  return {};
}

double learning_rate_factor(const ScheduleSpec& schedule, RoundId round, std::uint32_t rounds) {
  FEDSPEND_CHECK(round.value >= 1, "rounds count from 1");
  const std::uint64_t warmup = schedule.warmup_rounds;
  if (round.value <= warmup) return static_cast<double>(round.value) / static_cast<double>(warmup + 1);
  const std::uint64_t rounds_left = rounds > warmup ? rounds - warmup : 0;
  return std::max(decayed(schedule, round.value - 1 - warmup, rounds_left), schedule.floor);
}

}  // namespace fedspend
