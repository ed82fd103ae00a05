#include "models/unusual_activity/unusual_activity_features.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "common/check.h"

namespace fedspend::models {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 3'600, kDay = 86'400;
constexpr std::int64_t kMostAmount = 1'000'000'000'000;
constexpr float kShareFade = 0.98f;  // of what is left in a share for every row that came since
constexpr float kGapFade = 0.7f;

float log_amount(const HistoryRow& row) { return std::log1p(static_cast<float>(std::clamp<std::int64_t>(row.amount_minor, 0, kMostAmount))); }
float log_count(double count) { return std::min(static_cast<float>(std::log1p(std::max(count, 0.0))) / 3, 4.0f); }
// Clocks jump: what lies in the future is now.
float log_days(std::int64_t seconds) { return log_count(static_cast<double>(std::max<std::int64_t>(seconds, 0)) / kDay); }
float log_seconds(std::int64_t seconds) { return log_count(static_cast<double>(std::max<std::int64_t>(seconds, 0))) / 2; }
std::int64_t apart(std::int64_t later_s, std::int64_t earlier_s) {  // without overflow, whatever a clock said
  const double seconds = static_cast<double>(later_s) - static_cast<double>(earlier_s);
  return seconds <= 0 ? 0 : seconds > 1e12 ? 1'000'000'000'000 : static_cast<std::int64_t>(seconds);
}
std::int64_t second_of_day(std::int64_t time_s) { return ((time_s % kDay) + kDay) % kDay; }
float fade(float share, bool now) { return kShareFade * share + (1 - kShareFade) * (now ? 1.0f : 0.0f); }

double unit(RandomSource& random) { return static_cast<double>(random.next_u64() >> 11) * 0x1p-53; }
double normal(RandomSource& random) {
  const double radius = std::sqrt(-2 * std::log1p(-unit(random)));
  return radius * std::cos(2 * std::numbers::pi * unit(random));
}
std::int64_t amount_of(double log_of_amount) { return static_cast<std::int64_t>(std::clamp(std::expm1(std::min(log_of_amount, 40.0)), 0.0, static_cast<double>(kMostAmount))); }
std::int64_t later(std::int64_t time_s, double seconds) {
  constexpr auto kLatest = static_cast<double>(std::int64_t{1} << 60);
  return static_cast<std::int64_t>(std::clamp(static_cast<double>(time_s) + seconds, -kLatest, kLatest));
}

}  // namespace

UnusualStep empty_unusual_step(std::size_t categories) {
  UnusualStep step;
  for (auto& numeric : step.numeric) numeric.back() = 1;
  step.category.fill(static_cast<std::uint32_t>(categories + 1));
  return step;
}

UnusualStep keep_parts(const UnusualStep& step, std::uint32_t kept, std::size_t categories) {
  UnusualStep made = empty_unusual_step(categories);
  for (std::size_t part = 0; part < kUnusualParts; ++part) {
    if ((kept >> part & 1u) == 0) continue;
    made.numeric[part] = step.numeric[part];
    made.category[part] = step.category[part];
  }
  return made;
}

void UnusualPast::Statistics::add(float amount, const HistoryRow& row) {
  const float before = mean;
  if (count > 0) {
    const float gap = static_cast<float>(apart(row.time_s, last_s)) / kDay;
    mean_gap_days = count == 1 ? gap : kGapFade * mean_gap_days + (1 - kGapFade) * gap;
  }
  ++count;
  mean += (amount - mean) / static_cast<float>(count);
  squares += (amount - before) * (amount - mean);
  highest = count == 1 ? amount : std::max(highest, amount);
  newest = amount;
  last_s = row.time_s;
  category = row.category;
}

float UnusualPast::Statistics::deviation(float amount, float prior_mean, float prior_weight, float prior_spread) const {
  const auto n = static_cast<float>(count);
  const float center = (prior_weight * prior_mean + n * mean) / (prior_weight + n);
  const float spread = std::sqrt((2 * prior_spread * prior_spread + std::max(squares, 0.0f)) / (2 + n));
  return std::clamp((amount - center) / spread, -8.0f, 8.0f);
}

UnusualPast::UnusualPast(std::size_t categories) : categories_(categories), by_category_(categories + 1) {}

const UnusualPast::Statistics* UnusualPast::of_merchant(const HistoryRow& row) const {
  if (row.merchant_hash == 0) return nullptr;
  const auto found = by_merchant_.find(row.merchant_hash);
  return found == by_merchant_.end() ? nullptr : &found->second;
}

bool UnusualPast::is_repeat(const HistoryRow& row, std::int64_t within_s) const {
  for (std::size_t i = 0; i < newest_.filled; ++i) {
    const Recent& one = newest_.rows[i];
    if (one.merchant == row.merchant_hash && one.amount_minor == row.amount_minor && one.category == row.category && apart(row.time_s, one.time_s) <= within_s) return true;
  }
  return false;
}

UnusualStep UnusualPast::step(const HistoryRow& row) const {
  UnusualStep step;
  const std::uint32_t category = std::min(row.category, static_cast<std::uint32_t>(categories_));
  step.category.fill(category);
  const Statistics& own = by_category_[category];
  const Statistics* merchant = of_merchant(row);
  const auto known_word = row.text == nullptr || row.text->first_word == 0 ? by_word_.end() : by_word_.find(row.text->first_word);
  const std::uint32_t word_count = known_word == by_word_.end() ? 0 : known_word->second;
  const float amount = log_amount(row);
  const auto seen = static_cast<float>(all_.count);
  const float credit = row.direction == Direction::credit ? 1.0f : 0.0f;
  std::size_t in_hour = 0, in_day = 0, of_category = 0, of_category_hour = 0, of_category_lately = 0, new_merchants = 0, since_repeat_rows = 0;
  float since_repeat = 2;
  std::int64_t last_s = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < newest_.filled; ++i) {
    const Recent& one = newest_.rows[(newest_.next + kRecent - 1 - i) % kRecent];  // newest first
    const std::int64_t ago = apart(row.time_s, one.time_s);
    last_s = std::max(last_s, one.time_s);
    in_hour += ago < kHour ? 1u : 0u;
    in_day += ago < kDay ? 1u : 0u;
    of_category_lately += one.category == category && i < 16 ? 1u : 0u;
    if (ago < 2 * kDay) {
      new_merchants += one.new_merchant ? 1u : 0u;
      of_category += one.category == category ? 1u : 0u;
      of_category_hour += one.category == category && ago < kHour ? 1u : 0u;
    }
    if (one.merchant == row.merchant_hash && one.amount_minor == row.amount_minor && one.category == category && since_repeat_rows == 0) {
      since_repeat_rows = i + 1;
      since_repeat = log_seconds(ago);
    }
  }
  const bool is_first = newest_.filled == 0;
  const std::int64_t ago = is_first ? 0 : apart(row.time_s, last_s);
  const float days = std::max(1.0f, static_cast<float>(apart(row.time_s, first_s_)) / kDay), per_day = seen / days;
  const auto count = static_cast<float>(own.count);
  const float share = std::clamp(std::log((count + 0.5f) / (seen + 1)), -8.0f, 0.0f);
  const auto hour = static_cast<std::size_t>(second_of_day(row.time_s) / kHour);
  const float at_hour = has_times_ ? std::log((static_cast<float>(hours_[(hour + 23) % 24] + 2 * hours_[hour] + hours_[(hour + 1) % 24]) / 4 + 0.5f) / (seen + 12) * 24) : 0.0f;
  const bool fresh = own.count <= of_category;  // all of it came in the last two days

  step.numeric[kUnusualCategory] = {log_count(own.count), own.count == 0 ? 1.0f : 0.0f, share / 4, static_cast<float>(of_category_lately) / 4,
                                    own.count == 0 ? 0.0f : log_days(apart(row.time_s, own.last_s)), newest_.new_categories * 4, log_count(seen) - 1, credit,
                                    category == categories_ ? 1.0f : 0.0f, log_count(static_cast<double>(of_category)), fresh && of_category > 0 ? 1.0f : 0.0f, log_count(distinct_),
                                    fresh ? log_count(static_cast<double>(of_category)) : 0.0f, std::max(0.0f, -share - 4) / 2, own.count == 0 ? log_count(seen) - 1 : 0.0f, 1.0f};

  const float by_own = own.deviation(amount, all_.count == 0 ? 8.0f : all_.mean, 0.5f, 1.0f), by_all = all_.deviation(amount, 8.0f, 1.0f, 1.5f);
  const float by_merchant = merchant == nullptr ? by_own : merchant->deviation(amount, own.count == 0 ? amount : own.mean, 0.2f, 0.3f);
  const float over_highest = own.count == 0 ? 0.0f : std::clamp(amount - own.highest, -4.0f, 5.0f);
  const float since_newest = merchant == nullptr ? 0.0f : std::min(std::abs(amount - merchant->newest), 4.0f);
  step.numeric[kUnusualAmount] = {std::clamp((amount - 8) / 2, -4.0f, 6.0f), by_own / 2, std::max(by_own - 1, 0.0f), by_merchant / 2, std::max(by_merchant - 1, 0.0f),
                                  std::max(over_highest, 0.0f), since_newest, merchant != nullptr && since_newest == 0 ? 1.0f : 0.0f,
                                  merchant == nullptr ? 0.0f : log_count(merchant->count), log_count(count), row.amount_minor % 100 == 0 ? 1.0f : 0.0f, credit, by_all / 2,
                                  std::max(by_all - 2, 0.0f), std::max(-by_own - 1, 0.0f), 1.0f};

  step.numeric[kUnusualMerchant] = {merchant != nullptr ? 1.0f : 0.0f, merchant == nullptr ? 0.0f : log_count(merchant->count),
                                    merchant == nullptr ? 0.0f : log_days(apart(row.time_s, merchant->last_s)), newest_.new_merchants * 2, log_count(count),
                                    row.merchant_hash == 0 ? 1.0f : 0.0f, merchant == nullptr ? log_count(static_cast<double>(new_merchants)) : 0.0f,
                                    merchant != nullptr && merchant->category == category ? 1.0f : 0.0f, word_count > 0 ? 1.0f : 0.0f, log_count(word_count), log_count(seen) - 1,
                                    own.count == 0 ? 1.0f : 0.0f, merchant == nullptr ? log_count(static_cast<double>(in_hour)) : 0.0f, log_count(static_cast<double>(new_merchants)),
                                    merchant == nullptr ? newest_.new_merchants * 2 : 0.0f, 1.0f};

  step.numeric[kUnusualRhythm] = {is_first ? 1.0f : log_seconds(ago), ago == 0 ? 1.0f : 0.0f, is_repeat(row, kDay) ? 1.0f : 0.0f, since_repeat, is_repeat(row, 10 * kMinute) ? 1.0f : 0.0f,
                                  std::clamp(at_hour, -4.0f, 2.0f), log_count(static_cast<double>(in_hour)), log_count(static_cast<double>(in_day)), log_count(per_day),
                                  std::clamp(std::log((static_cast<float>(in_day) + 1) / (per_day + 1)), -3.0f, 4.0f),
                                  own.count < 2 ? 0.0f : std::clamp(log_days(apart(row.time_s, own.last_s)) - log_count(own.mean_gap_days), -2.0f, 2.0f),
                                  has_times_ && hour < 6 ? 1.0f : 0.0f, log_count(static_cast<double>(of_category_hour)), has_times_ ? 1.0f : 0.0f,
                                  newest_.repeats * 4, 1.0f};
  return step;
}

void UnusualPast::add(const HistoryRow& row, bool counted) {
  const std::uint32_t category = std::min(row.category, static_cast<std::uint32_t>(categories_));
  Statistics& own = by_category_[category];
  const auto known = row.merchant_hash == 0 ? by_merchant_.end() : by_merchant_.find(row.merchant_hash);
  const bool is_new = row.merchant_hash != 0 && known == by_merchant_.end();
  const bool repeat = is_repeat(row, kDay);
  newest_.rows[newest_.next] = {.time_s = row.time_s, .amount_minor = row.amount_minor, .merchant = row.merchant_hash, .category = category, .word = row.text == nullptr ? 0 : row.text->first_word, .new_merchant = is_new};
  newest_.next = (newest_.next + 1) % kRecent;
  newest_.filled = std::min(newest_.filled + 1, kRecent);
  if (!counted) {  // when it last came is sequence, too
    if (own.count > 0) own.last_s = row.time_s;
    if (known != by_merchant_.end()) known->second.last_s = row.time_s;
    return;
  }
  newest_.new_merchants = fade(newest_.new_merchants, is_new);
  newest_.new_categories = fade(newest_.new_categories, own.count == 0);
  newest_.repeats = fade(newest_.repeats, repeat);
  const float amount = log_amount(row);
  if (all_.count == 0) first_s_ = row.time_s;
  distinct_ += own.count == 0 ? 1u : 0u;
  own.add(amount, row);
  all_.add(amount, row);
  if (row.merchant_hash != 0) by_merchant_[row.merchant_hash].add(amount, row);
  if (row.text != nullptr && row.text->first_word != 0) ++by_word_[row.text->first_word];
  const std::int64_t second = second_of_day(row.time_s);
  has_times_ = has_times_ || second != 0;
  ++hours_[static_cast<std::size_t>(second / kHour)];
}

UnusualStep UnusualPast::made_unusual(const HistoryRow& row, RandomSource& random) {
  const std::uint64_t kind = random.below(10);
  if (kind < 2) {  // another amount
    HistoryRow other = row;
    const double factor = std::exp(std::log(4.0) + unit(random) * std::log(25.0));
    const double amount = static_cast<double>(std::clamp<std::int64_t>(row.amount_minor, 100, kMostAmount));
    other.amount_minor = static_cast<std::int64_t>(std::min(random.below(5) == 0 ? amount / factor : amount * factor, static_cast<double>(kMostAmount)));
    UnusualStep made = step(other);
    made.way = kWrongAmount;
    return made;
  }
  const Newest newest = newest_;
  const Statistics all = all_;
  const auto hours = hours_;
  const std::uint32_t distinct = distinct_;
  const bool has_times = has_times_;
  std::vector<std::pair<std::uint32_t, Statistics>> categories;
  std::vector<std::pair<std::uint64_t, std::optional<Statistics>>> merchants;
  std::vector<std::uint32_t> words;
  const auto pass = [&](const HistoryRow& one) {  // as if it had come
    const std::uint32_t category = std::min(one.category, static_cast<std::uint32_t>(categories_));
    categories.emplace_back(category, by_category_[category]);
    const Statistics* known = of_merchant(one);
    if (one.text != nullptr) words.push_back(one.text->first_word);
    if (one.merchant_hash != 0) merchants.emplace_back(one.merchant_hash, known == nullptr ? std::nullopt : std::optional(*known));
    add(one, true);
  };
  HistoryRow last = row;
  if (kind < 4) {  // charged again
    pass(row);
    if (has_times) last.time_s = later(row.time_s, 1 + 299 * unit(random));
  } else {  // purchases from anywhere
    std::uint64_t left = random.below(3) == 0 ? 1 : 1 + random.below(6);
    // The r-th of the plan's categories with a chance in proportion to 1 / r: a drafted plan has them by how often they come.
    const auto anywhere = [&] { return static_cast<std::uint32_t>(std::min(std::exp(unit(random) * std::log(static_cast<double>(categories_) + 1)) - 1, static_cast<double>(categories_) - 1)); };
    const std::uint32_t category = anywhere();
    // Half of the merchants are nobody the client knows; of the others the name begins like that of one of its newest rows, or is that one.
    const auto meet = [&](HistoryRow& one) {
      const std::uint64_t how = newest.filled == 0 ? 0 : random.below(4);
      const Recent& known = newest.rows[newest.filled == 0 ? 0 : random.below(newest.filled)];
      one.merchant_hash = how == 3 ? known.merchant : random.next_u64() | 1;
      MerchantText text;
      text.first_word = how >= 2 ? known.word : static_cast<std::uint32_t>(random.next_u64() | 1);
      one.text = row.text == nullptr ? nullptr : std::make_shared<const MerchantText>(std::move(text));
    };
    HistoryRow merchant;
    meet(merchant);
    const double level = all.count == 0 ? 8.0 : static_cast<double>(all.mean), wide = random.below(2) == 0 ? 1.0 : 2.0;
    std::int64_t time_s = has_times ? later(row.time_s, 2.0 * kDay * unit(random)) : row.time_s;
    last = {};
    for (;; --left) {
      last = {.time_s = time_s, .amount_minor = amount_of(level + wide * normal(random)), .merchant_hash = merchant.merchant_hash,
              .category = random.below(4) == 0 ? anywhere() : category, .text = merchant.text};
      if (random.below(3) != 0) meet(last);
      if (left == 1) break;
      pass(last);
      time_s = has_times ? later(time_s, std::exp(std::log(20.0) + unit(random) * std::log(900.0))) : later(time_s, random.below(4) == 0 ? kDay : 0);
    }
  }
  UnusualStep made = step(last);
  made.way = kind < 4 ? kChargedAgain : kOutOfPlace;
  newest_ = newest;
  all_ = all;
  hours_ = hours;
  distinct_ = distinct;
  has_times_ = has_times;
  for (std::size_t i = categories.size(); i-- > 0;) by_category_[categories[i].first] = categories[i].second;
  for (std::size_t i = merchants.size(); i-- > 0;) {
    if (merchants[i].second) by_merchant_[merchants[i].first] = *merchants[i].second;
    else by_merchant_.erase(merchants[i].first);
  }
  for (const std::uint32_t word : words)
    if (word != 0 && --by_word_[word] == 0) by_word_.erase(word);
  return made;
}

void append_unusual_steps(std::span<const HistoryRow> history, std::size_t categories, std::size_t first, std::size_t counted, std::vector<UnusualStep>& usual, std::vector<UnusualStep>* made_up,
                          RandomSource* random) {
  FEDSPEND_CHECK(first <= history.size(), "rows of this history");
  UnusualPast past(categories);
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (i >= first) {
      usual.push_back(past.step(history[i]));
      if (made_up != nullptr) made_up->push_back(past.made_unusual(history[i], *random));
    }
    past.add(history[i], i < counted);
  }
}

}  // namespace fedspend::models
