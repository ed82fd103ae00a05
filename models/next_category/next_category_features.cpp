#include "models/next_category/next_category_features.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <utility>

#include "common/check.h"
#include "models/day_features.h"

namespace fedspend::models {
namespace {

// How much of a row is left in a count for each row that came since; and how counts become features. Measured: models/README.md.
// The first and the last are for a past of kFadeRows rows: a longer one is asked for to be counted, so that there they fade as many
// times more slowly as it is longer, and the oldest row always keeps as much.
constexpr double kSlowFade = 0.98;
constexpr float kMiddleFade = 0.9f;
constexpr float kRecentFade = 0.7f;
constexpr double kTransitionFade = 0.99;
constexpr std::size_t kFadeRows = 128;
constexpr float kLeastCount = 1e-3f;
constexpr std::size_t kFinishedAtATime = 4096;  // even
constexpr std::size_t kMostReserved = std::size_t{1} << 20;  // entries

float fade_over(double fade, std::size_t past_rows) {
  return static_cast<float>(std::pow(fade, static_cast<double>(kFadeRows) / static_cast<double>(std::max(past_rows, kFadeRows))));
}

float bounded(double value, double limit) { return static_cast<float>(std::clamp(value, -limit, limit)); }

}  // namespace

void keep_groups(const Step& step, std::span<const PastEntry> past, std::uint32_t kept, std::size_t categories, Steps& out) {
  using enum FeatureGroup;
  constexpr std::array<FeatureGroup, kNumericFeatures> kOfNumeric = {
      kGroupAmount, kGroupAmount, kGroupAmount, kGroupAmount, kGroupAmount, kGroupAmount, kGroupTiming,       kGroupTiming,
      kGroupTiming, kGroupTiming, kGroupTiming, kGroupTiming, kGroupOwnFrequency, kGroupSequence, kGroupMerchant, kGroupTiming};
  constexpr std::array<FeatureGroup, kPastCounts> kOfPast = {kGroupOwnFrequency, kGroupOwnFrequency, kGroupSequence,
                                                            kGroupOwnFollowers, kGroupOwnFollowers, kGroupMerchant};
  const auto keeps = [kept](FeatureGroup group) { return (kept >> group & 1u) != 0; };
  out.clear();
  Step made = step;
  if (!keeps(kGroupLastCategory)) made.category = static_cast<std::uint32_t>(categories + 1);
  if (!keeps(kGroupMerchant)) made.merchant = -1;
  for (std::size_t i = 0; i < kNumericFeatures; ++i)
    if (!keeps(kOfNumeric[i])) made.numeric[i] = 0.0f;
  for (std::uint32_t e = step.past_begin; e < step.past_end; ++e)
    if (keeps(kOfPast[past[e].kind % kPastCounts])) out.past.push_back(past[e]);
  made.past_begin = 0;
  made.past_end = static_cast<std::uint32_t>(out.past.size());
  out.steps.push_back(made);
}

FeatureScan::FeatureScan(std::size_t categories, std::size_t merchant_buckets, std::size_t past_rows)
    : categories_(categories), merchant_buckets_(merchant_buckets), past_rows_(past_rows), middle_rows_(past_rows),
      last_of_category_(categories + 1, -1), counts_(categories), seen_(categories) {
  FEDSPEND_CHECK(categories > 0 && categories < 0xffff && merchant_buckets > 0 && past_rows > 0,
                 "sizes were checked when the trainer was made");
  std::array<float, kPastCounts> fade{};
  fade.fill(1.0f);
  const float slow = fade_over(kSlowFade, past_rows), transition = fade_over(kTransitionFade, past_rows);
  for (std::size_t age = 0; age < past_rows; ++age) {
    fade_.push_back(fade);
    if (fade[kPastMiddle] < kLeastCount) middle_rows_ = std::min(middle_rows_, age);
    fade[kPastSlow] *= slow;
    fade[kPastMiddle] *= kMiddleFade;
    fade[kPastRecent] *= kRecentFade;
    for (const PastKind kind : {kPastAfterCategory, kPastAfterTwo, kPastAfterMerchant}) fade[kind] *= transition;
  }
  for (std::size_t n = 0; n <= past_rows; ++n) log_of_count_.push_back(std::log1p(static_cast<double>(n)));
}

double FeatureScan::log_of_count(std::size_t count) const {
  return count < log_of_count_.size() ? log_of_count_[count] : std::log1p(static_cast<double>(count));
}

// rows_ becomes the rows from ... to - 1, none of them linked yet.
void FeatureScan::prepare(std::span<const HistoryRow> history, std::size_t from, std::size_t to) {
  base_ = linked_ = from;
  rows_.clear();
  std::fill(last_of_category_.begin(), last_of_category_.end(), -1);
  last_of_merchant_.clear();
  merchant_keys_.assign(std::bit_ceil(2 * (to - from) + 1), 0);
  merchant_numbers_.resize(merchant_keys_.size());
  const std::size_t mask = merchant_keys_.size() - 1;
  for (std::size_t i = from; i < to; ++i) {
    const HistoryRow& from_row = history[i];
    Row made{.category = std::min(from_row.category, static_cast<std::uint32_t>(categories_)), .day = day_of(from_row.time_s)};
    if (i == from || rows_.back().day != made.day) {
      const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(made.day))};
      made.month_day = static_cast<unsigned>(date.day()) - 1;
    } else {
      made.month_day = rows_.back().month_day;
    }
    if (i > from) {
      const Row& last = rows_.back();
      if (history[i - 1].category == from_row.category) made.run = last.run + 1;
      if (last.day == made.day) made.today = last.today + 1;
    }
    if (from_row.merchant_hash != 0) {
      std::size_t at = (from_row.merchant_hash * 0x9e3779b97f4a7c15u >> 32) & mask;  // Fibonacci hashing
      while (merchant_keys_[at] != 0 && merchant_keys_[at] != from_row.merchant_hash) at = (at + 1) & mask;
      if (merchant_keys_[at] == 0) {
        merchant_keys_[at] = from_row.merchant_hash;
        merchant_numbers_[at] = static_cast<std::int32_t>(last_of_merchant_.size());
        last_of_merchant_.push_back(-1);
      }
      made.merchant = merchant_numbers_[at];
    }
    rows_.push_back(made);
  }
}

// Links the rows before `end` to the last ones like them.
void FeatureScan::link_until(std::size_t end) {
  for (; linked_ < end; ++linked_) {
    Row& made = rows_[linked_ - base_];
    made.same_category = std::exchange(last_of_category_[made.category], place(linked_));
    if (made.merchant >= 0) made.same_merchant = std::exchange(last_of_merchant_[static_cast<std::size_t>(made.merchant)], place(linked_));
  }
}

void FeatureScan::count_recent(std::size_t rows) {
  for (std::size_t age = 0; age < std::min({rows, past_rows_, kRecentRows}); ++age) {
    const std::uint32_t category = row(rows - 1 - age).category;
    if (category < categories_) counts_of(category)[kPastRecent] += fade_[age][kPastRecent];
  }
}

// How often each category came in the rows before `end`.
void FeatureScan::count_past(std::size_t end) {
  if (end == 0) return;
  const std::size_t oldest = std::min(end, past_rows_), middle = std::min(oldest, middle_rows_);
  const Row* newest = rows_.data() + (end - base_) - 1;
  for (std::size_t age = 0; age < middle; ++age) {
    const std::uint32_t category = (newest - age)->category;
    if (category >= categories_) continue;
    auto& counts = counts_of(category);
    counts[kPastSlow] += fade_[age][kPastSlow];
    counts[kPastMiddle] += fade_[age][kPastMiddle];
  }
  for (std::size_t age = middle; age < oldest; ++age) {
    const std::uint32_t category = (newest - age)->category;
    if (category < categories_) counts_of(category)[kPastSlow] += fade_[age][kPastSlow];
  }
}

// What came, before `end`, after rows that were like the last of the `rows` seen.
void FeatureScan::count_followers(std::size_t rows, std::size_t end) {
  if (end < 2) return;
  link_until(end - 1);  // those that have a follower before `end`
  const Row& last = row(rows - 1);
  const std::int32_t follower_end = static_cast<std::int32_t>(end - base_);
  const std::int32_t oldest = std::max<std::int32_t>(0, follower_end - 1 - static_cast<std::int32_t>(past_rows_));
  for (std::int32_t at = last_of_category_[last.category]; at >= oldest; at = rows_[static_cast<std::size_t>(at)].same_category) {
    const auto before = static_cast<std::size_t>(at);
    const std::uint32_t category = rows_[before + 1].category;
    if (category >= categories_) continue;
    const auto& fade = fade_[static_cast<std::size_t>(follower_end - 2 - at)];
    auto& counts = counts_[category];
    counts[kPastAfterCategory] += fade[kPastAfterCategory];
    if (before > 0 && rows > 1 && rows_[before - 1].category == row(rows - 2).category) counts[kPastAfterTwo] += fade[kPastAfterTwo];
  }
  if (last.merchant < 0) return;
  std::int32_t at = last_of_merchant_[static_cast<std::size_t>(last.merchant)];
  for (; at >= oldest; at = rows_[static_cast<std::size_t>(at)].same_merchant) {
    const std::uint32_t category = rows_[static_cast<std::size_t>(at) + 1].category;
    if (category < categories_) counts_[category][kPastAfterMerchant] += fade_[static_cast<std::size_t>(follower_end - 2 - at)][kPastAfterMerchant];
  }
}

void FeatureScan::write_numeric(std::span<const HistoryRow> history, std::size_t i, Step& step) const {
  static const auto weekdays = circle<7>();
  static const auto month_days = circle<31>();
  const HistoryRow& last = history[i - 1];
  const Row& seen = row(i - 1);
  const std::int64_t gap = i > 1 ? std::max<std::int64_t>(0, seen.day - row(i - 2).day) : 0;
  const auto weekday = weekday_of(seen.day);
  const std::size_t length = std::min(i, past_rows_);
  auto& x = step.numeric;  // x[0] to x[3]: write_amounts
  x[4] = last.amount_minor % 100 == 0 ? 1.0f : 0.0f;
  x[5] = last.direction == Direction::credit ? 1.0f : 0.0f;
  x[6] = i > 1 && gap == 0 ? 1.0f : 0.0f;
  x[7] = bounded(log_of_count(static_cast<std::size_t>(gap)) / 3, 3);
  x[8] = weekdays[weekday][0];
  x[9] = weekdays[weekday][1];
  x[10] = month_days[seen.month_day][0];
  x[11] = month_days[seen.month_day][1];
  x[12] = bounded(log_of_count(length) / 4, 4);
  x[13] = bounded(log_of_count(std::min<std::size_t>(seen.run, length)) / 2, 4);
  x[14] = i > 1 && last.merchant_hash != 0 && last.merchant_hash == history[i - 2].merchant_hash ? 1.0f : 0.0f;
  x[15] = bounded(log_of_count(std::min<std::size_t>(seen.today, length)) / 2, 4);
}

// The amounts' features of steps[0], steps[1] ..., which are the steps `from`, from + 1 ...: their logarithms all at once.
void FeatureScan::write_amounts(std::span<const HistoryRow> history, std::size_t from, std::span<Step> steps) {
  const std::size_t padded = kernels::padded(steps.size());
  values_.reserve(padded);
  float* values = values_.data();
  for (std::size_t k = 0; k < padded; ++k) {
    const bool none = k >= steps.size() || from + k == 0;
    values[k] = none ? 1.0f : 1.0f + static_cast<float>(std::max<std::int64_t>(0, history[from + k - 1].amount_minor));
  }
  kernels::logarithm(values, padded);
  for (std::size_t k = from == 0 ? 1 : 0; k < steps.size(); ++k) {
    const float amount = values[k];
    auto& x = steps[k].numeric;
    x[0] = std::clamp((amount - 8) / 2, -4.0f, 4.0f);
    x[1] = std::clamp(1 - std::abs(amount - 6) / 1.5f, -1.0f, 1.0f);
    x[2] = std::clamp(1 - std::abs(amount - 8) / 1.5f, -1.0f, 1.0f);
    x[3] = std::clamp(1 - std::abs(amount - 10) / 1.5f, -1.0f, 1.0f);
  }
}

void FeatureScan::write_past(Steps& out) {
  const std::size_t most = past_count_ + seen_count_ * kPastKinds;
  if (out.past.capacity() < most) out.past.reserve(2 * most);
  if (out.past.size() < most) out.past.resize(std::min(out.past.capacity(), most + kFinishedAtATime));
  PastEntry* to = out.past.data() + past_count_;
  for (const std::uint16_t category : std::span(seen_).first(seen_count_)) {
    auto& counts = counts_[category];
    for (std::uint16_t kind = 0; kind < kPastCounts; ++kind) {  // without a branch: which counts are there is hard to foretell
      to[0] = {kind, category, counts[kind]};
      to[1] = {static_cast<std::uint16_t>(kind + kPastCounts), category, counts[kind]};
      to += counts[kind] > kLeastCount ? 2 : 0;
    }
    counts.fill(0.0f);
  }
  past_count_ = static_cast<std::size_t>(to - out.past.data());
  seen_count_ = 0;
}

// The counts become features, many at once: what the logarithm costs one by one is half of the scan. In pieces, so that the values beside the
// entries take little memory, and stay in the cache.
void FeatureScan::finish_past(Steps& out, std::size_t from) {
  out.past.resize(past_count_);
  const auto all = std::span(out.past).subspan(from);
  values_.reserve(kernels::padded(std::min(all.size(), kFinishedAtATime)));
  float* values = values_.data();
  constexpr std::array kOfSmoothing = {1 / kPastSmoothing[0], 1 / kPastSmoothing[1]};
  for (std::size_t begin = 0; begin < all.size(); begin += kFinishedAtATime) {
    const auto entries = all.subspan(begin, std::min(kFinishedAtATime, all.size() - begin));
    const std::size_t count = entries.size();
    for (std::size_t i = 0; i < count; ++i) values[i] = 1.0f + entries[i].value * kOfSmoothing[i % 2];  // in pairs: write_past
    for (std::size_t i = count; i < kernels::padded(count); ++i) values[i] = 1.0f;
    kernels::logarithm(values, kernels::padded(count));
    for (std::size_t i = 0; i < count; ++i) entries[i].value = values[i] * kPastScale;
  }
}

void FeatureScan::write_step(std::span<const HistoryRow> history, std::size_t i, Step& step) const {
  step.target = i < history.size() && history[i].category < categories_ ? static_cast<std::int32_t>(history[i].category) : -1;
  step.past_begin = step.past_end = static_cast<std::uint32_t>(past_count_);
  if (i == 0) {
    step.category = static_cast<std::uint32_t>(categories_ + 1);
    step.merchant = -1;
    step.numeric.fill(0.0f);
    return;
  }
  step.category = row(i - 1).category;
  const std::uint64_t merchant = history[i - 1].merchant_hash;
  step.merchant = merchant != 0 ? static_cast<std::int32_t>(merchant % merchant_buckets_) : -1;
  write_numeric(history, i, step);
}

// The own past of step i.
void FeatureScan::count(std::size_t i, std::size_t counted, Steps& out, Step& step) {
  if (i == 0) return;
  const std::size_t end = std::min(i, counted);
  count_recent(i);
  count_past(end);
  count_followers(i, end);
  write_past(out);
  step.past_end = static_cast<std::uint32_t>(past_count_);
}

void FeatureScan::scan(std::span<const HistoryRow> history, std::size_t first, std::size_t counted, Steps& out) {
  past_count_ = 0;
  out.steps.resize(history.size() + 1);
  // What is reserved and not written takes no memory; a vector that moves as it grows takes its own once more.
  out.past.reserve(std::min((out.steps.size() - std::min(first, out.steps.size())) * categories_ * kPastKinds, kMostReserved));
  prepare(history, 0, history.size());
  for (std::size_t i = 0; i <= history.size(); ++i) {
    write_step(history, i, out.steps[i]);
    if (i >= first) count(i, counted, out, out.steps[i]);
  }
  write_amounts(history, 0, out.steps);
  finish_past(out, 0);
}

void FeatureScan::append_window(std::span<const HistoryRow> history, std::size_t begin, std::size_t end, Steps& out) {
  FEDSPEND_CHECK(begin <= end && end <= history.size(), "a window lies within its history");
  const std::size_t appended = out.steps.size(), past_before = out.past.size();
  past_count_ = past_before;
  out.steps.resize(appended + (end - begin));
  prepare(history, begin - std::min(begin, past_rows_ + 2), end);
  for (std::size_t i = begin; i < end; ++i) {
    Step& step = out.steps[appended + i - begin];
    write_step(history, i, step);
    count(i, i, out, step);
  }
  write_amounts(history, begin, std::span(out.steps).subspan(appended));
  finish_past(out, past_before);
}

}  // namespace fedspend::models
