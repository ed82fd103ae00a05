#include "models/transactions/transaction_csv.h"

#include <algorithm>
#include <optional>

#include "common/check.h"
#include "models/transactions/csv_rows.h"
#include "models/transactions/transaction_fields.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kColumns = 6;

// Quoted where RFC 4180 asks for it, and where blanks at an end would be lost.
void append_field(std::string_view field, std::string& out) {
  FEDSPEND_CHECK(field.find('\0') == std::string_view::npos, "text without NUL bytes");
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const bool quote = field.find_first_of(",\"\r\n") != std::string_view::npos || (!field.empty() && (blank(field.front()) || blank(field.back())));
  if (!quote) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

class Reader final : public CsvRowHandler {
 public:
  explicit Reader(const TransactionCsvLimits& limits) : limits_(limits) {}

  bool on_row(const CsvRow& row) override {
    const auto outcome = header_seen_ ? transaction(row) : header(row);
    if (!outcome) error = outcome.error();
    return outcome.has_value();
  }
  bool header_seen() const { return header_seen_; }

  std::vector<Transaction> rows;
  std::optional<Error> error;

 private:
  Status header(const CsvRow& row) {
    std::string joined;
    for (const std::string_view name : row.fields) (joined += joined.empty() ? "" : ",") += name;
    if (joined != kTransactionCsvHeader)
      return fail(ErrorCode::malformed, "line 1: the header is not that of a transaction file", "it must be: " + std::string(kTransactionCsvHeader));
    header_seen_ = true;
    return {};
  }

  static tl::unexpected<Error> wrong(const CsvRow& row, std::string_view column, std::string_view must_be) {
    return fail(ErrorCode::malformed, "line " + std::to_string(row.line) + ", column " + std::string(column) + ": not of the form it must have", std::string(must_be));
  }

  Status transaction(const CsvRow& row) {
    if (row.field_count != kColumns)
      return fail(ErrorCode::malformed, "line " + std::to_string(row.line) + ": " + std::to_string(row.field_count) + " fields where 6 are expected",
                  "the columns are: " + std::string(kTransactionCsvHeader));
    if (rows.size() == limits_.max_rows)
      return fail(ErrorCode::limit, "line " + std::to_string(row.line) + ": more than " + std::to_string(limits_.max_rows) + " transactions", "give the newest ones only");
    const auto time = parse_rfc3339_utc(row.fields[0]);
    if (!time) return wrong(row, "time", "a UTC time such as 2017-01-28T19:06:53Z");
    const auto amount = parse_amount_minor(row.fields[1]);
    if (!amount || *amount < 0) return wrong(row, "amount", "a decimal number that is not negative, such as 12.34; the direction says which way the money went");
    if (row.fields[2] != "debit" && row.fields[2] != "credit") return wrong(row, "direction", "debit or credit");
    rows.push_back({.time_s = *time,
                    .amount_minor = *amount,
                    .direction = row.fields[2] == "debit" ? Direction::debit : Direction::credit,
                    .category = std::string(row.fields[3]),
                    .merchant = std::string(row.fields[4]),
                    .currency = std::string(row.fields[5])});
    return {};
  }

  TransactionCsvLimits limits_;
  bool header_seen_ = false;
};

}  // namespace

void append_transaction_csv(const Transaction& transaction, std::string& out) {
  FEDSPEND_CHECK(transaction.amount_minor >= 0 && transaction.amount_minor <= kMaxAmountMinor, "an amount in range");
  out += format_rfc3339(transaction.time_s);
  out += ',';
  out += format_amount(transaction.amount_minor);
  out += transaction.direction == Direction::debit ? ",debit," : ",credit,";
  append_field(transaction.category, out);
  out += ',';
  append_field(transaction.merchant, out);
  out += ',';
  append_field(transaction.currency, out);
  out += '\n';
}

Result<std::vector<Transaction>> parse_transaction_csv(ByteSpan bytes, const TransactionCsvLimits& limits) {
  if (bytes.empty()) return fail(ErrorCode::malformed, "the transaction file is empty", "its first line must be: " + std::string(kTransactionCsvHeader));
  if (bytes.size() > limits.max_bytes) return fail(ErrorCode::limit, "the transaction file has more than " + std::to_string(limits.max_bytes) + " bytes", "give the newest transactions only");
  Reader reader(limits);
  CsvTokenizer tokenizer({.limits = {.max_field_bytes = limits.max_field_bytes, .max_row_bytes = limits.max_field_bytes * kColumns, .max_fields = 64}}, reader);
  auto status = tokenizer.feed(bytes);
  if (status) status = tokenizer.finish();
  if (reader.error) return fail(*reader.error);
  if (!status) return fail(status.error());
  if (!reader.header_seen()) return fail(ErrorCode::malformed, "the transaction file has no header", "its first line must be: " + std::string(kTransactionCsvHeader));
  std::stable_sort(reader.rows.begin(), reader.rows.end(), [](const Transaction& a, const Transaction& b) { return a.time_s < b.time_s; });
  return std::move(reader.rows);
}

}  // namespace fedspend::models
