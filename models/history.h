#pragma once
// A client's past as the models see it: compact rows, oldest first. Made from canonical transactions (transaction.h) with the
// plan's vocabulary, so that no device has to tell which categories or merchants it has seen. Never leaves the device.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/merchant_text.h"

namespace fedspend::models {

enum class Direction : std::uint8_t { debit = 0, credit = 1 };

// One transaction as any source gives it. A credit is money that comes in, a refund among them.
struct Transaction {
  std::int64_t time_s = 0;       // seconds since 1970-01-01T00:00:00Z
  std::int64_t amount_minor = 0; // hundredths of the currency unit, >= 0
  Direction direction = Direction::debit;
  std::string category;          // empty: none given
  std::string merchant;          // empty: none given
  std::string currency;          // empty: not given
  bool corrected = false;        // the customer gave this category in place of another
};

struct HistoryRow {
  std::int64_t time_s = 0;
  std::int64_t amount_minor = 0;
  std::uint64_t merchant_hash = 0;  // merchant_hash(); 0: none given
  std::uint32_t category = 0;       // index into the plan's categories; categories.size(): other
  Direction direction = Direction::debit;
  bool corrected = false;
  std::shared_ptr<const MerchantText> text = {};  // of the merchant; none: none given, or the model does not read it
};

// FNV-1a 64 over the lower-cased ASCII letters and digits of the name, so that spacing and punctuation do not matter.
// Not a secret and not private: it stays on the device. (Fowler, Noll, Vo; draft-eastlake-fnv)
std::uint64_t merchant_hash(std::string_view merchant);

class Vocabulary {
 public:
  explicit Vocabulary(std::span<const std::string> categories);
  std::uint32_t index_of(std::string_view category) const;  // other() for an unknown one
  std::uint32_t other() const { return other_; }

 private:
  std::unordered_map<std::string, std::uint32_t> index_;
  std::uint32_t other_;
};

// Without the merchant's text, which row_maker.h gives where a model reads it.
HistoryRow to_history_row(const Transaction& transaction, const Vocabulary& vocabulary);

// How many of n rows are trained on: n - ceil(holdout_fraction * n), and all the later ones are held out. (DESIGN.md, evaluation)
std::size_t training_rows(std::size_t n, double holdout_fraction);
// Of n rows the first of the newest max_rows; of all with a max_rows of 0. (TrainingSpec)
std::size_t first_trained_row(std::size_t n, std::size_t max_rows);

}  // namespace fedspend::models
