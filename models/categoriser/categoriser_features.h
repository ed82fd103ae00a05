#pragma once
// What the model categoriser sees of a row whose category it gives: the row's merchant, amount, direction and day, and the client's own past
// up to the row before, with its categories. Fixed by the plan and by this file: no device tells which merchants or categories it has seen.
// Nothing of the row's own category is used, and nothing of later rows. Not thread-safe.
//
// The own past (CategoriserPast) is a handful of counts, computed here and weighed by the model: what a table "this merchant is that category"
// of the client's own would hold, as an input instead of as parameters. A row whose category the customer changed counts apart, too:
// from the next row on it decides, whatever the name would say. Counts enter as kPastScale log(1 + count / 0.2), cf. next_category_features.h.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/history.h"

namespace fedspend::models {

enum CategoriserPast : std::uint16_t {
  kOwnMerchant,   // rows of this very merchant; of those, one fades by kMerchantFade for every later one
  kOwnFirstWord,  // rows whose merchant's name begins with the same word, fading as slowly
  kOwnCorrected,  // the customer's last correction of a row of this very merchant: one, for that category
  kOwnFrequent,   // each category's rows, fading by kFrequentFade a row
  kOwnRecent,     // the last rows, fading by kNewestFade: sequence rather than a count
  kOwnLast,       // of the row before
  kCategoriserPasts,
};

inline constexpr std::size_t kCategoriserNumeric = 12;  // [7] is 1 always

struct CategoriserEntry {
  std::uint16_t kind = 0;      // CategoriserPast
  std::uint16_t category = 0;  // below the number of categories
  float value = 0;
};

struct CategoriserStep {
  std::int32_t target = -1;  // -1: other, which is never a target
  std::uint32_t gram_begin = 0, gram_end = 0;  // into CategoriserSteps::grams
  std::uint32_t past_begin = 0, past_end = 0;  // into CategoriserSteps::past
  std::array<float, kCategoriserNumeric> numeric{};
};

struct CategoriserSteps {
  std::vector<CategoriserStep> steps;
  std::vector<std::uint32_t> grams;  // hashes mod gram_buckets; the same bucket twice counts twice
  std::vector<CategoriserEntry> past;
  void clear() {
    steps.clear();
    grams.clear();
    past.clear();
  }
};

// The groups that an explanation tells apart (Trainer::feature_groups).
enum CategoriserGroup : std::uint32_t {
  kGroupName,         // the words and letters of the merchant's name
  kGroupPaid,         // the amount, and whether it came in or went out
  kGroupDay,          // weekday, and day of the month
  kGroupSameMerchant, // what the customer's rows of this merchant, or of one whose name begins alike, were
  kGroupUsual,        // how often each category comes, and how much past there is
  kGroupLately,       // the newest rows
  kCategoriserGroups,
};
// `step` with the groups that are not in `kept` (bit g: group g) as they are for a row without a merchant, of nothing, at the start of a
// history, in place of what `out` holds.
void keep_groups(const CategoriserStep& step, const CategoriserSteps& of, std::uint32_t kept, CategoriserSteps& out);

// Appends the steps of the rows [first, end) to `out`. Rows from `counted` on enter no count: only the newest rows go on.
struct CategoriserScan {
  std::size_t categories = 0;
  std::size_t gram_buckets = 1;

  void append(std::span<const HistoryRow> history, std::size_t first, std::size_t end, std::size_t counted, CategoriserSteps& out) const;
};

}  // namespace fedspend::models
