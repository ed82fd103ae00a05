#include "models/next_category_features.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "common/check.h"

namespace fedspend::models {
namespace {

constexpr float kSlowFade = 0.97f;
constexpr float kFastFade = 0.7f;
constexpr float kTransitionFade = 0.95f;  // a visit
constexpr float kPastSmoothing = 0.1f;
constexpr std::int64_t kSecondsPerDay = 86'400;

float bounded(double value, double limit) { return static_cast<float>(std::clamp(value, -limit, limit)); }

std::int64_t day_of(std::int64_t time_s) {
  const std::int64_t day = time_s / kSecondsPerDay - (time_s % kSecondsPerDay < 0 ? 1 : 0);
  return std::clamp<std::int64_t>(day, -719'000, 2'900'000);  // the years 1 to 9909: what the calendar below is good for
}

}  // namespace

FeatureScan::FeatureScan(std::size_t categories, std::size_t merchant_buckets)
    : categories_(categories), merchant_buckets_(merchant_buckets), after_category_(categories + 2) {
  FEDSPEND_CHECK(categories > 0 && categories < 0xffff && merchant_buckets > 0, "sizes were checked when the trainer was made");
}

void FeatureScan::forget() {
  all_.clear();
  slow_.clear();
  fast_.clear();
  for (Counts& counts : after_category_) counts.clear();
  after_two_.clear();
  after_merchant_.clear();
  last_ = before_last_ = static_cast<std::uint32_t>(categories_ + 1);
  last_merchant_ = 0;
  rows_ = run_ = 0;
}

namespace {

template <class Counts>
void count_up(Counts& counts, std::uint32_t category, float fade) {
  bool found = false;
  for (auto& entry : counts) {
    entry.count *= fade;
    if (entry.category == category) {
      entry.count += 1;
      found = true;
    }
  }
  if (!found) counts.push_back({static_cast<std::uint16_t>(category), 1.0f});
}

}  // namespace

void FeatureScan::see(const HistoryRow& row) {
  const std::uint32_t category = std::min(row.category, static_cast<std::uint32_t>(categories_));
  if (category < categories_) {
    count_up(all_, category, 1.0f);
    count_up(slow_, category, kSlowFade);
    count_up(fast_, category, kFastFade);
    if (rows_ > 0) {
      count_up(after_category_[last_], category, kTransitionFade);
      if (last_merchant_ != 0) count_up(after_merchant_[last_merchant_], category, kTransitionFade);
    }
    if (rows_ > 1) count_up(after_two_[std::uint64_t{before_last_} << 32 | last_], category, kTransitionFade);
  }
  run_ = category == last_ ? run_ + 1 : 1;
  before_last_ = last_;
  last_ = category;
  last_merchant_ = row.merchant_hash;
  ++rows_;
}

void FeatureScan::write_numeric(std::span<const HistoryRow> history, std::size_t i, Step& step) {
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
  x[12] = bounded(std::log1p(static_cast<double>(i)) / 4, 4);
  x[13] = bounded(std::log1p(static_cast<double>(run_)) / 2, 4);
  x[14] = i > 1 && row.merchant_hash != 0 && row.merchant_hash == history[i - 2].merchant_hash ? 1.0f : 0.0f;
  x[15] = bounded(std::log1p(static_cast<double>(all_.size())) / 2, 4);
}

void FeatureScan::write_past(Steps& out) const {
  const auto write = [&out](std::uint16_t kind, const Counts& counts) {
    for (const Count& entry : counts) {
      if (entry.count < 1e-3f) continue;
      out.past.push_back({kind, entry.category, std::log1p(entry.count / kPastSmoothing)});
    }
  };
  write(kPastAll, all_);
  write(kPastSlow, slow_);
  write(kPastFast, fast_);
  if (rows_ == 0) return;
  write(kPastAfterCategory, after_category_[last_]);
  if (rows_ > 1) {
    if (const auto found = after_two_.find(std::uint64_t{before_last_} << 32 | last_); found != after_two_.end()) {
      write(kPastAfterTwo, found->second);
    }
  }
  if (last_merchant_ != 0) {
    if (const auto found = after_merchant_.find(last_merchant_); found != after_merchant_.end()) {
      write(kPastAfterMerchant, found->second);
    }
  }
}

void FeatureScan::scan(std::span<const HistoryRow> history, std::size_t first, Steps& out) {
  forget();
  out.clear();
  out.steps.resize(history.size() + 1);
  for (std::size_t i = 0; i <= history.size(); ++i) {
    if (i > 0) see(history[i - 1]);
    Step& step = out.steps[i];
    step.category = last_;
    if (last_merchant_ != 0) step.merchant = static_cast<std::int32_t>(last_merchant_ % merchant_buckets_);
    if (i < history.size() && history[i].category < categories_) step.target = static_cast<std::int32_t>(history[i].category);
    write_numeric(history, i, step);
    step.past_begin = static_cast<std::uint32_t>(out.past.size());
    if (i >= first) write_past(out);
    step.past_end = static_cast<std::uint32_t>(out.past.size());
  }
}

}  // namespace fedspend::models
