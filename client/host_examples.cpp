#include "client/host_examples.h"

#include <algorithm>
#include <string>
#include <utility>

namespace fedspend::client {
namespace {

constexpr std::int64_t kDay_s = 86'400;

}  // namespace

Result<std::vector<models::Transaction>> host_examples(const DeviceOptions& options, std::int64_t now_s, std::uint32_t retention_days, std::stop_token stop) {
  FEDSPEND_ASSIGN(std::vector<models::Transaction> rows, options.examples({.stop = std::move(stop), .now_s = now_s}));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (Status checked = check_transaction(rows[i], now_s); !checked) {
      checked.error().message = "the host's example " + std::to_string(i) + ": " + checked.error().message;
      return fail(checked.error());
    }
  }
  if (!std::ranges::is_sorted(rows, {}, &models::Transaction::time_s)) return fail(ErrorCode::invalid_argument, "the host's examples are not oldest first");
  if (rows.empty()) return rows;
  // The clock is believed as far as the rows support it, as for those that are ingested (transaction_store.h).
  const std::int64_t cutoff_s = std::min(now_s, rows.back().time_s + kClockSupport_s) - std::int64_t{retention_days} * kDay_s;
  std::erase_if(rows, [cutoff_s](const models::Transaction& row) { return row.time_s < cutoff_s; });
  return rows;
}

}  // namespace fedspend::client
