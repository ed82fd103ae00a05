#pragma once
// When a category that is likely to come next usually comes, and with what amount: from the customer's own newest kOccurrencesSeen transactions of it, in the
// direction (debit, credit) of the newest. No model: the 10, 50 and 90% points of the amounts, and of the days that are left of those gaps between two
// of them that are no shorter than what has passed since the last. How often it holds is measured: models/README.md, "Day and amount". Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "models/history.h"

namespace fedspend::client {

inline constexpr std::size_t kOccurrencesSeen = 24, kLeastOccurrences = 4;

struct ExpectedOccurrence {
  std::optional<std::array<std::int64_t, 3>> in_days = {};  // earliest, middle, latest, of UTC; 0: today. Nothing: fewer than kLeastOccurrences such gaps, or it is later than it ever was
  std::array<double, 3> amount_minor{};                     // low, middle, high
};

// Nothing: fewer than kLeastOccurrences up to now. Rows dated after now, or centuries away, do not count.
std::optional<ExpectedOccurrence> expected_occurrence(std::span<const models::HistoryRow> history, std::uint32_t category, std::int64_t now_s);

}  // namespace fedspend::client
