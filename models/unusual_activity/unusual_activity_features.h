#pragma once
// What the model unusual_activity sees of a row: how it stands to the client's own rows before it, in four parts (its category, its amount given
// category and merchant, its merchant, its rhythm). All of it is computed on the device from rows up to this one, bounded, and finite for every row.
// And what the model is trained against: a row as it was, made unusual by dice (MadeUnusual), since nobody labels a customer's rows. Telling the two
// apart is estimating how much likelier a row is under each of the dice than under the customer (Gutmann and Hyvarinen 2010, "Noise-contrastive
// estimation"; with such dice for alarms: Hendrycks, Mazeika, Dietterich 2019, "Deep anomaly detection with outlier exposure"). One object per thread.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/random_source.h"
#include "models/history.h"

namespace fedspend::models {

enum UnusualPart : std::uint32_t { kUnusualCategory, kUnusualAmount, kUnusualMerchant, kUnusualRhythm, kUnusualParts };
inline constexpr std::size_t kUnusualNumeric = 16;  // of each part; [15] is 1 always

// What a row can be. The ways of being unusual are those of the dice (UnusualPast::made_unusual).
enum UnusualWay : std::uint8_t { kWrongAmount, kChargedAgain, kOutOfPlace, kUnusualWays, kAsItWas = kUnusualWays };

// Of an empty history: nothing but the ones. `category` below the number of categories, or that (other), or one more: none.
struct UnusualStep {
  std::array<std::array<float, kUnusualNumeric>, kUnusualParts> numeric{};
  std::array<std::uint32_t, kUnusualParts> category{};
  UnusualWay way = kAsItWas;
};
UnusualStep empty_unusual_step(std::size_t categories);
// `step` with the parts that are not in `kept` (bit p: part p) as of an empty history.
UnusualStep keep_parts(const UnusualStep& step, std::uint32_t kept, std::size_t categories);

// The client's own rows so far.
class UnusualPast {
 public:
  explicit UnusualPast(std::size_t categories);

  UnusualStep step(const HistoryRow& row) const;
  // `counted`: it enters the counts and statistics; otherwise only what is sequence, the newest rows, goes on.
  void add(const HistoryRow& row, bool counted);

  // The row after `row` as dice make it, which may be a whole run of rows of which the last is meant: an amount many times larger or smaller, a purchase charged
  // again, or purchases in a category and at merchants drawn from anywhere, one or several in a row. Its step sees the run's earlier rows.
  UnusualStep made_unusual(const HistoryRow& row, RandomSource& random);

 private:
  struct Statistics {  // of the logs of amounts
    std::uint32_t count = 0;
    float mean = 0, squares = 0, highest = 0, newest = 0;
    std::int64_t last_s = 0;
    float mean_gap_days = 0;  // of neighbours, fading
    std::uint32_t category = 0;  // of the newest, for a merchant
    void add(float amount, const HistoryRow& row);
    // How many standard deviations away, by a spread that begins at `prior_spread` as if of two rows, around a mean that begins at `prior_mean`.
    float deviation(float amount, float prior_mean, float prior_weight, float prior_spread) const;
  };
  struct Recent {
    std::int64_t time_s = 0, amount_minor = 0;
    std::uint64_t merchant = 0;
    std::uint32_t category = 0;
    std::uint32_t word = 0;
    bool new_merchant = false;
  };
  static constexpr std::size_t kRecent = 32;
  // What a run of rows that are made up changes, and that is put back after it.
  struct Newest {
    std::array<Recent, kRecent> rows{};
    std::size_t next = 0, filled = 0;
    float new_merchants = 0.5f, new_categories = 0.5f, repeats = 0;  // shares, fading
    std::uint64_t seen = 0;                                           // rows in all
  };
  bool is_repeat(const HistoryRow& row, std::int64_t within_s) const;
  const Statistics* of_merchant(const HistoryRow& row) const;

  std::size_t categories_;
  std::vector<Statistics> by_category_;
  std::unordered_map<std::uint64_t, Statistics> by_merchant_;
  std::unordered_map<std::uint32_t, std::uint32_t> by_word_;  // rows whose merchant's name begins with it
  Statistics all_;
  std::array<std::uint32_t, 24> hours_{};
  std::uint32_t distinct_ = 0;
  std::int64_t first_s_ = 0;
  bool has_times_ = false;  // of the day: some data give dates alone
  Newest newest_;
};

// The rows [first, end) as they were and, where `made_up` is not null, each made unusual beside it, in the order of the rows. From `counted` on rows
// enter no counts. `made_up` and `random` go together.
void append_unusual_steps(std::span<const HistoryRow> history, std::size_t categories, std::size_t first, std::size_t counted, std::vector<UnusualStep>& usual, std::vector<UnusualStep>* made_up,
                          RandomSource* random);

}  // namespace fedspend::models
