#include "models/offers/offers_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "models/day_features.h"

namespace fedspend::models {
namespace {

float log_of(double count) { return std::min(static_cast<float>(std::log1p(std::max(count, 0.0))) / 3, 4.0f); }

// The same of counts that come all the time.
float log_of_count(std::uint32_t count) {
  static const auto known = [] {
    std::array<float, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = log_of(static_cast<double>(i));
    return table;
  }();
  return count < known.size() ? known[count] : log_of(count);
}

// The debits of a history in the order of days, and what of them lies in windows of days that are moved along it.
class OfferDays {
 public:
  OfferDays(std::span<const HistoryRow> rows, std::size_t categories) : ever_(categories), lately_(categories), after_(categories) {
    for (const HistoryRow& row : rows) {
      const std::int64_t day = day_of(row.time_s);
      last_ = std::max(last_, day);
      if (row.direction == Direction::debit) events_.push_back({day, row.category});
    }
    if (!std::ranges::is_sorted(events_, {}, &Event::day)) std::ranges::stable_sort(events_, {}, &Event::day);
  }

  OfferStep step(std::int64_t day) {
    OfferStep step;
    step.numeric.back() = 1;
    const std::size_t seen = place_of(day), quarter = place_of(day - kRecentUseDays), month = place_of(day - 30);
    move(ever_, 0, seen);
    move(lately_, quarter, seen);
    move(after_, seen, place_of(day + kOfferDays));
    step.is_complete = last_ >= day + kOfferDays;
    std::size_t fresh = 0;
    for (std::uint32_t category = 0; category < ever_.counts.size(); ++category) {
      const std::uint32_t ever = ever_.counts[category], lately = lately_.counts[category];
      if (ever > 0) {
        step.used.push_back({category, log_of_count(ever), log_of_count(lately)});
        fresh += ever == lately ? 1u : 0u;
      } else if (after_.counts[category] > 0) {
        step.taken_up.push_back(category);
      }
    }
    if (seen == 0) return step;
    step.numeric[0] = log_of(static_cast<double>(seen)) - 1;
    step.numeric[1] = log_of(static_cast<double>(step.used.size())) - 1;
    step.numeric[2] = log_of(static_cast<double>(day - events_.front().day)) - 1;
    step.numeric[3] = log_of(static_cast<double>(fresh));
    step.numeric[4] = log_of(static_cast<double>(seen - month));
    step.numeric[5] = log_of(static_cast<double>(seen - quarter));
    return step;
  }

 private:
  struct Event {
    std::int64_t day;
    std::uint32_t category;
  };
  struct Window {
    explicit Window(std::size_t categories) : counts(categories, 0) {}
    std::size_t begin = 0, end = 0;
    std::vector<std::uint32_t> counts;  // of the events [begin, end)
  };
  std::size_t place_of(std::int64_t day) const { return static_cast<std::size_t>(std::ranges::lower_bound(events_, day, {}, &Event::day) - events_.begin()); }
  void count(Window& window, std::size_t event, std::uint32_t by) const {
    if (events_[event].category < window.counts.size()) window.counts[events_[event].category] += by;
  }
  void move(Window& window, std::size_t begin, std::size_t end) const {
    constexpr std::uint32_t kLess = ~0u;  // - 1
    for (; window.end < end; ++window.end) count(window, window.end, 1);
    for (; window.begin > begin; --window.begin) count(window, window.begin - 1, 1);
    for (; window.end > end; --window.end) count(window, window.end - 1, kLess);
    for (; window.begin < begin; ++window.begin) count(window, window.begin, kLess);
  }

  std::vector<Event> events_;
  std::int64_t last_ = std::numeric_limits<std::int64_t>::min();  // of any row
  Window ever_, lately_, after_;
};

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

OfferStep offer_step(std::span<const HistoryRow> history, std::size_t categories, std::int64_t day) { return OfferDays(history, categories).step(day); }

void append_offer_steps(std::span<const HistoryRow> history, std::size_t categories, std::int64_t from_day, OfferSteps which, std::size_t most, std::vector<OfferStep>& out) {
  if (history.empty() || most == 0) return;
  const auto [first, last] = std::ranges::minmax(history, {}, [](const HistoryRow& row) { return day_of(row.time_s); });
  const auto up = [](std::int64_t day) { return day + ((-day) % kOfferGridDays + kOfferGridDays) % kOfferGridDays; };
  const std::int64_t begin = up(std::max(from_day, day_of(first.time_s) + 1)), end = day_of(last.time_s) - kOfferDays;
  OfferDays days(history, categories);
  std::vector<OfferStep> found;
  // Clocks jump: of a span of centuries the days at the end that is asked for are looked at, not all.
  constexpr std::int64_t kMostLooked = 600;
  for (std::int64_t looked = 0; looked < kMostLooked && found.size() < most; ++looked) {
    const std::int64_t day = which == OfferSteps::first ? begin + looked * kOfferGridDays : up(end - kOfferGridDays + 1) - looked * kOfferGridDays;
    if (day < begin || day > end) break;
    OfferStep step = days.step(day);
    if (step.is_complete && !step.taken_up.empty() && !step.used.empty()) found.push_back(std::move(step));
  }
  if (which == OfferSteps::newest) std::ranges::reverse(found);
  std::ranges::move(found, std::back_inserter(out));
}

}  // namespace fedspend::models
