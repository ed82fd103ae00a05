#include "models/next_category_features.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "common/check.h"

namespace fedspend::models {
namespace {

// How much of a row is left in a count for each row that came since; and how counts become features. Measured: models/README.md.
constexpr float kSlowFade = 0.98f;
constexpr float kMiddleFade = 0.9f;
constexpr float kRecentFade = 0.7f;
constexpr float kTransitionFade = 0.99f;
constexpr float kPastSmoothing = 0.2f;
constexpr float kPastScale = 0.1f;  // the trusts then learn at the pace of the other weights
constexpr float kLeastCount = 1e-3f;
constexpr std::int64_t kSecondsPerDay = 86'400;

float bounded(double value, double limit) { return static_cast<float>(std::clamp(value, -limit, limit)); }

std::int64_t day_of(std::int64_t time_s) {
  const std::int64_t day = time_s / kSecondsPerDay - (time_s % kSecondsPerDay < 0 ? 1 : 0);
  return std::clamp<std::int64_t>(day, -719'000, 2'900'000);  // the years 1 to 9909: what the calendar below is good for
}

}  // namespace

FeatureScan::FeatureScan(std::size_t categories, std::size_t merchant_buckets, std::size_t past_rows)
    : categories_(categories), merchant_buckets_(merchant_buckets), past_rows_(past_rows), middle_rows_(past_rows),
      counts_(categories) {
  FEDSPEND_CHECK(categories > 0 && categories < 0xffff && merchant_buckets > 0 && past_rows > 0,
                 "sizes were checked when the trainer was made");
  std::array<float, kPastKinds> fade{};
  fade.fill(1.0f);
  for (std::size_t age = 0; age < past_rows; ++age) {
    fade_.push_back(fade);
    if (fade[kPastMiddle] < kLeastCount) middle_rows_ = std::min(middle_rows_, age);
    fade[kPastSlow] *= kSlowFade;
    fade[kPastMiddle] *= kMiddleFade;
    fade[kPastRecent] *= kRecentFade;
    for (const PastKind kind : {kPastAfterCategory, kPastAfterTwo, kPastAfterMerchant}) fade[kind] *= kTransitionFade;
  }
}

// The counts of a row's category, or null for other.
std::array<float, kPastKinds>* FeatureScan::counts_of(std::size_t row) {
  const std::uint32_t category = rows_[row].category;
  if (category >= categories_) return nullptr;
  auto& counts = counts_[category];
  if (counts[kPastSlow] == 0 && counts[kPastRecent] == 0) seen_.push_back(static_cast<std::uint16_t>(category));
  return &counts;
}

void FeatureScan::count_recent(std::size_t rows) {
  for (std::size_t age = 0; age < std::min({rows, past_rows_, kRecentRows}); ++age) {
    if (auto* counts = counts_of(rows - 1 - age)) (*counts)[kPastRecent] += fade_[age][kPastRecent];
  }
}

// How often each category came in the rows before `end`.
void FeatureScan::count_past(std::size_t end) {
  for (std::size_t age = 0; age < std::min(end, past_rows_); ++age) {
    auto* counts = counts_of(end - 1 - age);
    if (counts == nullptr) continue;
    (*counts)[kPastSlow] += fade_[age][kPastSlow];
    if (age < middle_rows_) (*counts)[kPastMiddle] += fade_[age][kPastMiddle];
  }
}

// What came, before `end`, after rows that were like the last of the `rows` seen.
void FeatureScan::count_followers(std::size_t rows, std::size_t end) {
  const Row last = rows_[rows - 1];
  for (std::size_t age = 0; age < past_rows_ && age + 1 < end; ++age) {
    const std::size_t follower = end - 1 - age;
    const Row& before = rows_[follower - 1];
    const bool same_category = before.category == last.category;
    const bool same_merchant = last.merchant != 0 && before.merchant == last.merchant;
    if (!same_category && !same_merchant) continue;
    const std::uint32_t category = rows_[follower].category;
    if (category >= categories_) continue;
    auto& counts = counts_[category];
    const auto& fade = fade_[age];
    if (same_merchant) counts[kPastAfterMerchant] += fade[kPastAfterMerchant];
    if (!same_category) continue;
    counts[kPastAfterCategory] += fade[kPastAfterCategory];
    if (follower > 1 && rows > 1 && rows_[follower - 2].category == rows_[rows - 2].category) {
      counts[kPastAfterTwo] += fade[kPastAfterTwo];
    }
  }
}

void FeatureScan::write_numeric(std::span<const HistoryRow> history, std::size_t i, Step& step) const {
  if (i == 0) return;
  const HistoryRow& row = history[i - 1];
  const std::int64_t day = day_of(row.time_s);
  const double gap = i > 1 ? std::max<double>(0, static_cast<double>(day - day_of(history[i - 2].time_s))) : 0;
  const double pi2 = 2 * std::numbers::pi;
  const double weekday = static_cast<double>(((day + 4) % 7 + 7) % 7) / 7;  // 1970-01-01 was a Thursday
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  const double month_day = (static_cast<double>(static_cast<unsigned>(date.day())) - 1) / 31;
  const double amount = std::log1p(std::max<double>(0, static_cast<double>(row.amount_minor)));
  auto& x = step.numeric;
  x[0] = bounded((amount - 8) / 2, 4);
  x[1] = bounded(1 - std::abs(amount - 6) / 1.5, 1);
  x[2] = bounded(1 - std::abs(amount - 8) / 1.5, 1);
  x[3] = bounded(1 - std::abs(amount - 10) / 1.5, 1);
  x[4] = row.amount_minor % 100 == 0 ? 1.0f : 0.0f;
  x[5] = row.direction == Direction::credit ? 1.0f : 0.0f;
  x[6] = i > 1 && gap == 0 ? 1.0f : 0.0f;
  x[7] = bounded(std::log1p(gap) / 3, 3);
  x[8] = static_cast<float>(std::sin(pi2 * weekday));
  x[9] = static_cast<float>(std::cos(pi2 * weekday));
  x[10] = static_cast<float>(std::sin(pi2 * month_day));
  x[11] = static_cast<float>(std::cos(pi2 * month_day));
  std::size_t run = 1, today = 1;  // rows like the last one, and rows of its day, that lie at the end of the past
  while (run < std::min(i, past_rows_) && history[i - 1 - run].category == row.category) ++run;
  while (today < std::min(i, past_rows_) && day_of(history[i - 1 - today].time_s) == day) ++today;
  x[12] = bounded(std::log1p(static_cast<double>(std::min(i, past_rows_))) / 4, 4);
  x[13] = bounded(std::log1p(static_cast<double>(run)) / 2, 4);
  x[14] = i > 1 && row.merchant_hash != 0 && row.merchant_hash == history[i - 2].merchant_hash ? 1.0f : 0.0f;
  x[15] = bounded(std::log1p(static_cast<double>(today)) / 2, 4);
}

void FeatureScan::write_past(Steps& out) {
  for (const std::uint16_t category : seen_) {
    auto& counts = counts_[category];
    for (std::uint16_t kind = 0; kind < kPastKinds; ++kind) {
      if (counts[kind] > kLeastCount) out.past.push_back({kind, category, counts[kind]});
    }
    counts.fill(0.0f);
  }
  seen_.clear();
}

// The counts become features, all at once: what the logarithm costs one by one is half of the scan.
void FeatureScan::finish_past(Steps& out) {
  const std::size_t count = out.past.size();
  values_.reserve(kernels::padded(count));
  float* values = values_.data();
  for (std::size_t i = 0; i < count; ++i) values[i] = 1.0f + out.past[i].value / kPastSmoothing;
  for (std::size_t i = count; i < kernels::padded(count); ++i) values[i] = 1.0f;
  kernels::logarithm(values, kernels::padded(count));
  for (std::size_t i = 0; i < count; ++i) out.past[i].value = values[i] * kPastScale;
}

void FeatureScan::scan(std::span<const HistoryRow> history, std::size_t first, std::size_t counted, Steps& out) {
  out.clear();
  out.steps.resize(history.size() + 1);
  rows_.clear();
  for (const HistoryRow& row : history) {
    rows_.push_back({std::min(row.category, static_cast<std::uint32_t>(categories_)), row.merchant_hash});
  }
  for (std::size_t i = 0; i <= history.size(); ++i) {
    Step& step = out.steps[i];
    step.category = static_cast<std::uint32_t>(categories_ + 1);
    if (i > 0) {
      const HistoryRow& last = history[i - 1];
      step.category = rows_[i - 1].category;
      if (last.merchant_hash != 0) step.merchant = static_cast<std::int32_t>(last.merchant_hash % merchant_buckets_);
    }
    if (i < history.size() && history[i].category < categories_) step.target = static_cast<std::int32_t>(history[i].category);
    write_numeric(history, i, step);
    step.past_begin = static_cast<std::uint32_t>(out.past.size());
    if (i > 0 && i >= first) {
      const std::size_t end = std::min(i, counted);
      count_recent(i);
      count_past(end);
      count_followers(i, end);
      write_past(out);
    }
    step.past_end = static_cast<std::uint32_t>(out.past.size());
  }
  finish_past(out);
}

}  // namespace fedspend::models
