#include "models/offers_features.h"

#include <algorithm>
#include <cmath>

#include "models/day_features.h"

namespace fedspend::models {
namespace {

float log_of(double count) { return std::min(static_cast<float>(std::log1p(std::max(count, 0.0))) / 3, 4.0f); }

OfferStep step_of(std::span<const HistoryRow> rows, std::size_t categories, std::int64_t day) {
  OfferStep step;
  step.numeric.back() = 1;
  std::vector<std::uint32_t> ever(categories, 0), lately(categories, 0), after(categories, 0);
  std::int64_t first = day, last = day;
  std::size_t seen = 0, month = 0, quarter = 0;
  for (const HistoryRow& row : rows) {
    const std::int64_t on = day_of(row.time_s);
    last = std::max(last, on);
    if (row.direction == Direction::credit) continue;
    if (on >= day) {
      if (on < day + kOfferDays && row.category < categories) ++after[row.category];
      continue;
    }
    first = std::min(first, on);
    ++seen;
    month += on >= day - 30 ? 1u : 0u;
    quarter += on >= day - kRecentUseDays ? 1u : 0u;
    if (row.category >= categories) continue;
    ++ever[row.category];
    lately[row.category] += on >= day - kRecentUseDays ? 1u : 0u;
  }
  step.is_complete = last >= day + kOfferDays;
  std::size_t fresh = 0;
  for (std::uint32_t category = 0; category < categories; ++category) {
    if (ever[category] > 0) {
      step.used.push_back({category, log_of(ever[category]), log_of(lately[category])});
      fresh += ever[category] == lately[category] ? 1u : 0u;
    } else if (after[category] > 0) {
      step.taken_up.push_back(category);
    }
  }
  if (seen == 0) return step;
  step.numeric[0] = log_of(static_cast<double>(seen)) - 1;
  step.numeric[1] = log_of(static_cast<double>(step.used.size())) - 1;
  step.numeric[2] = log_of(static_cast<double>(day - first)) - 1;
  step.numeric[3] = log_of(static_cast<double>(fresh));
  step.numeric[4] = log_of(static_cast<double>(month));
  step.numeric[5] = log_of(static_cast<double>(quarter));
  return step;
}

}  // namespace

OfferStep keep_groups(const OfferStep& step, std::uint32_t kept) {
  OfferStep made = step;
  for (OfferUse& use : made.used) {
    if ((kept >> kGroupEver & 1u) == 0) use.ever = 0;
    if ((kept >> kGroupOfLate & 1u) == 0) use.lately = 0;
  }
  if ((kept >> kGroupHowMuch & 1u) == 0) std::fill(made.numeric.begin(), made.numeric.end() - 1, 0.0f);
  return made;
}

OfferStep offer_step(std::span<const HistoryRow> history, std::size_t categories, std::int64_t day) { return step_of(history, categories, day); }

void append_offer_steps(std::span<const HistoryRow> history, std::size_t categories, std::int64_t from_day, OfferSteps which, std::size_t most, std::vector<OfferStep>& out) {
  if (history.empty() || most == 0) return;
  const auto [first, last] = std::ranges::minmax(history, {}, [](const HistoryRow& row) { return day_of(row.time_s); });
  const auto up = [](std::int64_t day) { return day + ((-day) % kOfferGridDays + kOfferGridDays) % kOfferGridDays; };
  const std::int64_t begin = up(std::max(from_day, day_of(first.time_s) + 1)), end = day_of(last.time_s) - kOfferDays;
  std::vector<OfferStep> found;
  // Clocks jump: of a span of centuries the days at the end that is asked for are looked at, not all.
  constexpr std::int64_t kMostLooked = 600;
  for (std::int64_t looked = 0; looked < kMostLooked && found.size() < most; ++looked) {
    const std::int64_t day = which == OfferSteps::first ? begin + looked * kOfferGridDays : up(end - kOfferGridDays + 1) - looked * kOfferGridDays;
    if (day < begin || day > end) break;
    OfferStep step = step_of(history, categories, day);
    if (step.is_complete && !step.taken_up.empty() && !step.used.empty()) found.push_back(std::move(step));
  }
  if (which == OfferSteps::newest) std::ranges::reverse(found);
  std::ranges::move(found, std::back_inserter(out));
}

}  // namespace fedspend::models
