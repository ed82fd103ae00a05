#include "models/categoriser/categoriser_features.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <unordered_map>

#include "common/check.h"
#include "models/day_features.h"
#include "models/next_category/next_category_features.h"

namespace fedspend::models {
namespace {

// How much of a row is left in a count for each row that came since.
constexpr float kMerchantFade = 0.9f;
constexpr float kFrequentFade = 0.998f;
constexpr float kNewestFade = 0.8f;
constexpr float kLeastCount = 1e-3f;
constexpr float kSmoothing = 0.2f;
const float kOfOne = kPastScale * std::log1p(1 / kSmoothing);

// Counts of categories, few of them above zero.
class Counts {
 public:
  void add(std::uint32_t category, float fade) {
    for (auto& [known, count] : counts_) count *= fade;
    std::erase_if(counts_, [](const auto& entry) { return entry.second < kLeastCount; });
    const auto found = std::ranges::find(counts_, category, &std::pair<std::uint32_t, float>::first);
    if (found != counts_.end()) found->second += 1;
    else counts_.emplace_back(category, 1.0f);
  }
  void write(CategoriserPast kind, std::vector<CategoriserEntry>& out) const {
    for (const auto& [category, count] : counts_) out.push_back({kind, static_cast<std::uint16_t>(category), kPastScale * std::log1p(count / kSmoothing)});
  }

 private:
  std::vector<std::pair<std::uint32_t, float>> counts_;
};

std::array<float, kCategoriserNumeric> numeric_of(const HistoryRow& row, std::size_t past) {
  static const auto weekdays = circle<7>();
  static const auto month_days = circle<31>();
  const float amount = std::log1p(static_cast<float>(std::max<std::int64_t>(0, row.amount_minor)));
  const std::int64_t day = day_of(row.time_s);
  const std::size_t weekday = weekday_of(day);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  const std::size_t month_day = static_cast<unsigned>(date.day()) - 1;
  const auto bump = [amount](float at) { return std::clamp(1 - std::abs(amount - at) / 1.5f, -1.0f, 1.0f); };
  return {std::clamp((amount - 8) / 2, -4.0f, 4.0f), bump(6), bump(8), bump(10), row.amount_minor % 100 == 0 ? 1.0f : 0.0f, row.direction == Direction::credit ? 1.0f : 0.0f,
          std::min(std::log1p(static_cast<float>(past)) / 4, 4.0f), 1.0f, weekdays[weekday][0], weekdays[weekday][1], month_days[month_day][0], month_days[month_day][1]};
}

}  // namespace

void keep_groups(const CategoriserStep& step, const CategoriserSteps& of, std::uint32_t kept, CategoriserSteps& out) {
  constexpr std::array<CategoriserGroup, kCategoriserNumeric> kOfNumeric = {kGroupPaid, kGroupPaid, kGroupPaid, kGroupPaid, kGroupPaid, kGroupPaid,
                                                                            kGroupUsual, kCategoriserGroups, kGroupDay, kGroupDay, kGroupDay, kGroupDay};
  constexpr std::array<CategoriserGroup, kCategoriserPasts> kOfPast = {kGroupSameMerchant, kGroupSameMerchant, kGroupSameMerchant, kGroupUsual, kGroupLately, kGroupLately};
  const auto keeps = [kept](CategoriserGroup group) { return group == kCategoriserGroups || (kept >> group & 1u) != 0; };
  out.clear();
  CategoriserStep made = step;
  for (std::size_t i = 0; i < kCategoriserNumeric; ++i)
    if (!keeps(kOfNumeric[i])) made.numeric[i] = 0.0f;
  if (keeps(kGroupName)) out.grams.assign(of.grams.begin() + step.gram_begin, of.grams.begin() + step.gram_end);
  for (std::uint32_t e = step.past_begin; e < step.past_end; ++e)
    if (keeps(kOfPast[of.past[e].kind])) out.past.push_back(of.past[e]);
  made.gram_begin = made.past_begin = 0;
  made.gram_end = static_cast<std::uint32_t>(out.grams.size());
  made.past_end = static_cast<std::uint32_t>(out.past.size());
  out.steps.push_back(made);
}

void CategoriserScan::append(std::span<const HistoryRow> history, std::size_t first, std::size_t end, std::size_t counted, CategoriserSteps& out) const {
  FEDSPEND_CHECK(first <= end && end <= history.size(), "rows of this history");
  std::unordered_map<std::uint64_t, Counts> by_merchant, by_word;
  std::unordered_map<std::uint64_t, std::uint32_t> corrected;
  Counts frequent, recent;
  std::size_t past = 0;
  std::uint32_t last = static_cast<std::uint32_t>(categories);
  for (std::size_t i = 0; i < end; ++i) {
    const HistoryRow& row = history[i];
    const std::uint64_t word = row.text == nullptr ? 0 : row.text->first_word;
    if (i >= first) {
      CategoriserStep step;
      step.target = row.category < categories ? static_cast<std::int32_t>(row.category) : -1;
      step.gram_begin = static_cast<std::uint32_t>(out.grams.size());
      step.past_begin = static_cast<std::uint32_t>(out.past.size());
      if (row.text != nullptr)
        for (const std::uint32_t gram : row.text->grams) out.grams.push_back(static_cast<std::uint32_t>(gram % gram_buckets));
      if (const auto known = by_merchant.find(row.merchant_hash); row.merchant_hash != 0 && known != by_merchant.end()) known->second.write(kOwnMerchant, out.past);
      if (const auto known = by_word.find(word); word != 0 && known != by_word.end()) known->second.write(kOwnFirstWord, out.past);
      if (const auto known = corrected.find(row.merchant_hash); row.merchant_hash != 0 && known != corrected.end())
        out.past.push_back({kOwnCorrected, static_cast<std::uint16_t>(known->second), kOfOne});
      frequent.write(kOwnFrequent, out.past);
      recent.write(kOwnRecent, out.past);
      if (last < categories) out.past.push_back({kOwnLast, static_cast<std::uint16_t>(last), kOfOne});
      step.gram_end = static_cast<std::uint32_t>(out.grams.size());
      step.past_end = static_cast<std::uint32_t>(out.past.size());
      step.numeric = numeric_of(row, past);
      out.steps.push_back(step);
    }
    if (row.category >= categories) continue;  // a row of "other" says nothing of what there is to learn
    recent.add(row.category, kNewestFade);
    last = row.category;
    if (i >= counted) continue;
    ++past;
    frequent.add(row.category, kFrequentFade);
    if (row.merchant_hash != 0) by_merchant[row.merchant_hash].add(row.category, kMerchantFade);
    if (row.merchant_hash != 0 && row.corrected) corrected.insert_or_assign(row.merchant_hash, row.category);
    if (word != 0) by_word[word].add(row.category, kMerchantFade);
  }
}

}  // namespace fedspend::models
