#pragma once
// The canonical CSV: the form in which a host hands a client's transactions to a device, one file per client, UTF-8, RFC 4180.
//   time,amount,direction,category,merchant,currency
//   2017-01-28T19:06:53Z,3.86,debit,EGGS,"The ""Corner"" Shop",USD
// time: RFC 3339 in UTC; amount: decimal, not negative, two digits after the point; direction: debit | credit;
// the other three may be empty. What differs from this form is refused, with the line and the column, never with a value.
// Pure functions.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "models/history.h"

namespace fedspend::models {

inline constexpr std::string_view kTransactionCsvHeader = "time,amount,direction,category,merchant,currency";

struct TransactionCsvLimits {
  std::size_t max_bytes = 64 << 20;
  std::size_t max_rows = 1'000'000;
  std::size_t max_field_bytes = 1024;
};

// One row and its line break, appended to `out`. amount_minor within 0 ... kMaxAmountMinor, time within the years 1 ... 9999,
// text without NUL bytes: anything else is a programmer's mistake.
void append_transaction_csv(const Transaction& transaction, std::string& out);

// The rows, stable by time. malformed, or limit; a file without rows is an empty vector.
Result<std::vector<Transaction>> parse_transaction_csv(ByteSpan bytes, const TransactionCsvLimits& limits = {});

}  // namespace fedspend::models
