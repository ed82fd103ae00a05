#pragma once
// What the model next_category sees of a client's past, fixed by the plan and by this file: no device tells which categories or
// merchants it has seen. Step i of a client holds what is known just before its row i: row i - 1 (step 0: a start mark) and the
// client's own past up to and including row i - 1. Nothing of row i is used, not even its date. Not thread-safe.
//
// The own past (PastKind) is a handful of counts, computed here and weighed by the model: how often each category came lately,
// after the last category, after the last two, and after the last merchant. This is what a per-client Markov table would hold,
// as an input instead of as parameters (cf. the cache of Grave, Joulin and Usunier, "Improving neural language models with a
// continuous cache", 2017). A count enters as kPastScale log(1 + count / s), so that a trust of 1 / kPastScale in one count alone
// gives its frequencies, smoothed by s a category; and it enters twice, with the two s of kPastSmoothing. Between them the model
// chooses how much a first row says, and how much a tenth adds.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/history.h"
#include "models/kernels.h"

namespace fedspend::models {

enum PastKind : std::uint16_t {
  kPastSlow,           // each category's rows, a row fading by kSlowFade for every row since: by less where past_rows exceeds 128
  kPastMiddle,         // the same by kMiddleFade
  kPastRecent,         // the last kRecentRows rows, fading by kRecentFade: sequence rather than a count
  kPastAfterCategory,  // what followed earlier rows of the last category; from here on fading by kTransitionFade, as slowly
  kPastAfterTwo,       // what followed the last two categories
  kPastAfterMerchant,  // what followed the last merchant
  kPastCounts,
  kPastKinds = 2 * kPastCounts,  // kind k + kPastCounts: the count of kind k with the second smoothing
};

inline constexpr std::size_t kNumericFeatures = 16;
inline constexpr std::size_t kRecentRows = 16;
inline constexpr float kPastScale = 0.1f;  // the trusts then learn at the pace of the other weights
inline constexpr std::array<float, 2> kPastSmoothing = {0.02f, 2.0f};

struct PastEntry {
  std::uint16_t kind = 0;      // PastKind
  std::uint16_t category = 0;  // below the number of categories
  float value = 0;             // kPastScale log(1 + count / kPastSmoothing[kind / kPastCounts])
};

struct Step {
  std::uint32_t category = 0;          // of row i - 1; categories: other; categories + 1: start
  std::int32_t merchant = -1;          // bucket; -1: none
  std::int32_t target = -1;            // category of row i; -1: other, which is never a target
  std::uint32_t past_begin = 0, past_end = 0;  // into Steps::past
  std::array<float, kNumericFeatures> numeric{};
};

struct Steps {
  std::vector<Step> steps;
  std::vector<PastEntry> past;
  void clear() {
    steps.clear();
    past.clear();
  }
};

// The groups that an explanation tells apart (Trainer::feature_groups).
enum FeatureGroup : std::uint32_t {
  kGroupLastCategory,   // of the last row
  kGroupMerchant,       // of the last row: which, whether the one before had it, and what followed it earlier
  kGroupAmount,         // of the last row, and whether it came in or went out
  kGroupTiming,         // weekday, day of the month, days since the row before, rows of that day
  kGroupSequence,       // the rows before the last in their order: the recurrent state, the newest rows' counts, how long a category has been repeated
  kGroupOwnFrequency,   // how often each category comes, and how much past there is
  kGroupOwnFollowers,   // what followed the last category, and the last two
  kFeatureGroups,
};
// `step` with the groups that are not in `kept` (bit g: group g) as they are at the start of a history, in place of what `out` holds. The
// recurrent state is the caller's.
void keep_groups(const Step& step, std::span<const PastEntry> past, std::uint32_t kept, std::size_t categories, Steps& out);

class FeatureScan {
 public:
  FeatureScan(std::size_t categories, std::size_t merchant_buckets, std::size_t past_rows);

  // The steps of all rows, and one more for the row that is still to come (its target is -1): history.size() + 1 steps.
  // Only steps at or after `first` get their past entries written (the earlier ones have an empty range): a saving.
  // Rows from `counted` on enter no count: for a later step the counts are those of the past_rows rows before `counted`, of what
  // followed the true last rows among them. What is sequence, kPastRecent included, goes on.
  void scan(std::span<const HistoryRow> history, std::size_t first, std::size_t counted, Steps& out);
  // Appends the steps begin ... end - 1 (end <= history.size()) as scan(history, begin, history.size()) has them, to the bit, but
  // reads no more than the past_rows + 2 rows before them.
  void append_window(std::span<const HistoryRow> history, std::size_t begin, std::size_t end, Steps& out);

 private:
  struct Row {  // what is needed of a row, packed
    std::uint32_t category = 0;   // categories_: other
    std::int32_t merchant = -1;   // numbered in the order they come in; -1: none
    std::int32_t same_category = -1, same_merchant = -1;  // the row before it that is like it, once it was linked; -1: none
    std::int64_t day = 0;
    std::uint32_t month_day = 0;       // from 0
    std::uint32_t run = 1, today = 1;  // rows of its category, of its day, that end with it
  };

  void prepare(std::span<const HistoryRow> history, std::size_t from, std::size_t to);
  void link_until(std::size_t end);
  void write_step(std::span<const HistoryRow> history, std::size_t i, Step& step) const;
  void write_numeric(std::span<const HistoryRow> history, std::size_t i, Step& step) const;
  void write_amounts(std::span<const HistoryRow> history, std::size_t from, std::span<Step> steps);
  void count(std::size_t i, std::size_t counted, Steps& out, Step& step);
  void count_recent(std::size_t rows);
  void count_past(std::size_t end);
  void count_followers(std::size_t rows, std::size_t end);
  std::array<float, kPastCounts>& counts_of(std::uint32_t category) {
    auto& counts = counts_[category];
    if (counts[kPastSlow] == 0 && counts[kPastRecent] == 0) seen_[seen_count_++] = static_cast<std::uint16_t>(category);
    return counts;
  }
  void write_past(Steps& out);
  void finish_past(Steps& out, std::size_t from);
  const Row& row(std::size_t i) const { return rows_[i - base_]; }
  std::int32_t place(std::size_t i) const { return static_cast<std::int32_t>(i - base_); }  // in rows_
  double log_of_count(std::size_t count) const;

  std::size_t categories_;
  std::size_t merchant_buckets_;
  std::size_t past_rows_;
  std::size_t middle_rows_;                             // beyond them a row counts for less than kLeastCount
  std::size_t base_ = 0;                                // the row that rows_ starts with
  std::size_t linked_ = 0;                              // rows before it are linked
  std::size_t past_count_ = 0;                          // entries written; the vector is larger while a scan runs
  std::vector<Row> rows_;
  std::vector<std::int32_t> last_of_category_, last_of_merchant_;  // among the linked rows
  std::vector<std::uint64_t> merchant_keys_;            // open addressing, by the merchant's hash; 0: free
  std::vector<std::int32_t> merchant_numbers_;
  std::vector<std::array<float, kPastCounts>> fade_;     // by the rows since
  std::vector<std::array<float, kPastCounts>> counts_;   // by category; zero between steps
  std::vector<std::uint16_t> seen_;                     // the first seen_count_: the categories that counts_ holds
  std::size_t seen_count_ = 0;
  std::vector<double> log_of_count_;                    // log(1 + n)
  kernels::Buffer values_;
};

}  // namespace fedspend::models
