#pragma once
// From how many false alarms a month a customer will bear to the surprise above which a row alarms: the customer's own past rows, taken as
// usual ones, exceed it no more often. Thread-safe (no state).

#include <cstdint>
#include <optional>
#include <span>

namespace fedspend::models {

// `surprises` are of the past rows, in any order; `days` is the time they cover (a month is 30). A row alarms where its surprise is greater
// than the threshold. Nothing where nothing can be promised: no rows, no days, a surprise that is not finite, a rate negative or not finite.
[[nodiscard]] std::optional<float> alarm_threshold(std::span<const float> surprises, std::int64_t days, double alarms_per_month);

}  // namespace fedspend::models
