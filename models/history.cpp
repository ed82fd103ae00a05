#include "models/history.h"

#include <cmath>

#include "common/check.h"

namespace fedspend::models {

std::uint64_t merchant_hash(std::string_view merchant) {
  constexpr std::uint64_t kOffset = 0xcbf29ce484222325;
  constexpr std::uint64_t kPrime = 0x100000001b3;
  std::uint64_t hash = kOffset;
  bool any = false;
  for (char c : merchant) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) continue;
    hash = (hash ^ static_cast<std::uint8_t>(c)) * kPrime;
    any = true;
  }
  if (!any) return 0;
  return hash == 0 ? 1 : hash;  // 0 says that no merchant was given
}

Vocabulary::Vocabulary(std::span<const std::string> categories) : other_(static_cast<std::uint32_t>(categories.size())) {
  FEDSPEND_CHECK(categories.size() < 0xffffffff, "categories are counted in 32 bits");
  for (std::uint32_t i = 0; i < other_; ++i) index_.try_emplace(categories[i], i);
}

std::uint32_t Vocabulary::index_of(std::string_view category) const {
  const auto found = index_.find(std::string(category));
  return found == index_.end() ? other_ : found->second;
}

HistoryRow to_history_row(const Transaction& transaction, const Vocabulary& vocabulary) {
  return {.time_s = transaction.time_s,
          .amount_minor = transaction.amount_minor,
          .merchant_hash = merchant_hash(transaction.merchant),
          .category = vocabulary.index_of(transaction.category),
          .direction = transaction.direction,
          .corrected = transaction.corrected};
}

std::size_t training_rows(std::size_t n, double holdout_fraction) {
  FEDSPEND_CHECK(holdout_fraction >= 0 && holdout_fraction <= 1, "a holdout fraction lies in [0, 1]");
  // A product that is a whole number but for rounding (0.2 * 5) must not be taken one up.
  const double held_out = std::ceil(holdout_fraction * static_cast<double>(n) - 1e-9);
  const auto count = static_cast<std::size_t>(held_out < 0 ? 0 : held_out);
  return count >= n ? 0 : n - count;
}

std::size_t first_trained_row(std::size_t n, std::size_t max_rows) { return max_rows > 0 && n > max_rows ? n - max_rows : 0; }

}  // namespace fedspend::models
