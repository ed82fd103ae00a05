#include "simulations/data/file_rows.h"

#include <algorithm>
#include <cstring>

#include "models/transactions/transaction_fields.h"

namespace fedspend::simulations {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Multiply and fold, eight bytes at a time: for counting equal rows, not for anything that an adversary could profit from.
class Fingerprint {
 public:
  void add(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x9e3779b97f4a7c15;
    value_ ^= value_ >> 29;
  }
  void add(std::string_view text) {
    add(text.size());
    while (text.size() >= 8) {
      std::uint64_t word;
      std::memcpy(&word, text.data(), 8);
      add(word);
      text.remove_prefix(8);
    }
    if (text.empty()) return;  // its data may be null, which memcpy does not take
    std::uint64_t rest = 0;
    std::memcpy(&rest, text.data(), text.size());
    add(rest);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0x243f6a8885a308d3;
};

// Stops at the header.
class HeaderRow final : public models::CsvRowHandler {
 public:
  bool on_row(const models::CsvRow& row) override {
    for (const std::string_view name : row.fields) names.emplace_back(trimmed(name));
    return false;
  }
  std::vector<std::string> names;
};

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (name.empty()) continue;
    if (list.size() > 400) return list + ", ...";
    (list += list.empty() ? "\"" : ", \"") += shown_value(name) + "\"";
  }
  return list;
}

class Binder {
 public:
  Binder(FileBinding& binding, const DataDescription& description, std::string file) : binding_(binding), description_(description), file_(std::move(file)) {
    binding_.wanted.assign(binding_.header.size(), false);
  }

  // A repeated name means its first column; a blank one is no name.
  FieldSource find(const ColumnChoice& choice) {
    FieldSource source;
    for (const std::string& name : choice) {
      source.column = column_of(name);
      if (source.column >= 0) return source;
      if (!description_.lookup) continue;
      const auto& columns = description_.lookup->columns;
      const auto joined = std::find(columns.begin(), columns.end(), name);
      if (joined == columns.end()) continue;
      source.lookup = static_cast<int>(joined - columns.begin());
      return source;
    }
    return source;
  }

  Result<FieldSource> require(const ColumnChoice& choice, std::string_view key) {
    const FieldSource source = find(choice);
    if (source.given()) return source;
    return fail(ErrorCode::not_found, file_ + ": there is no column " + list_of(choice) + ", which " + description_.source + " names for " + std::string(key),
                "the file has: " + list_of(binding_.header));
  }

  int column_of(const std::string& name) {
    const auto found = std::find(binding_.header.begin(), binding_.header.end(), name);
    if (found == binding_.header.end() || name.empty()) return -1;
    const auto column = static_cast<std::size_t>(found - binding_.header.begin());
    binding_.wanted[column] = true;
    return static_cast<int>(column);
  }

 private:
  FileBinding& binding_;
  const DataDescription& description_;
  std::string file_;
};

}  // namespace

std::string shown_value(std::string_view value) {
  constexpr std::size_t kMostShown = 40;
  std::string shown;
  for (const char c : value) {
    if (shown.size() == kMostShown) {
      shown.replace(kMostShown - 3, 3, "...");
      break;
    }
    shown += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return shown;
}

Result<FileBinding> bind_file(const std::filesystem::path& path, const DataDescription& description) {
  HeaderRow header;
  models::CsvTokenizer tokenizer({.delimiter = description.delimiter, .encoding = description.encoding, .limits = {}}, header);
  FEDSPEND_TRY(tokenize_file(path, tokenizer));
  if (header.names.empty()) return fail(ErrorCode::malformed, path.string() + ": there is no header line", "give a CSV file with a header line, or leave the file out");
  FileBinding binding;
  binding.header = std::move(header.names);
  Binder binder(binding, description, path.string());
  const ColumnRules& rules = description.columns;
  FEDSPEND_ASSIGN(binding.client, binder.require(rules.client, "columns.client"));
  FEDSPEND_ASSIGN(binding.time, binder.require(rules.time, "columns.time"));
  FEDSPEND_ASSIGN(binding.amount, binder.require(rules.amount, "columns.amount"));
  for (const ColumnChoice& choice : rules.category) {
    FEDSPEND_ASSIGN(const FieldSource source, binder.require(choice, rules.category.size() > 1 ? "columns.category_from" : "columns.category"));
    binding.category.push_back(source);
  }
  if (!rules.direction.column.empty()) {
    FEDSPEND_ASSIGN(binding.direction, binder.require(rules.direction.column, "columns.direction"));
  }
  if (description.lookup) {
    FEDSPEND_ASSIGN(const FieldSource key, binder.require({description.lookup->key}, "lookup.key"));
    binding.lookup_key = key.column;
  }
  binding.merchant = binder.find(rules.merchant);
  binding.currency = binder.find(rules.currency);
  binding.label = binder.find(rules.label);
  for (const ColumnChoice& choice : rules.distinguishing) binding.distinguishing.push_back(binder.find(choice));
  return binding;
}

FileRows::FileRows(const DataDescription& description, const FileBinding& binding, const TableFile* lookup, std::string name, Deliver deliver)
    : description_(description), binding_(binding), lookup_(lookup), name_(std::move(name)), deliver_(std::move(deliver)), batch_(deliver_(nullptr)) {}

bool FileRows::on_row(const models::CsvRow& row) {
  if (!header_passed_) return header_passed_ = true;
  if (batch_ == nullptr) return false;
  ++statistics.rows;
  if (const auto problem = convert(row)) return give_up_or_skip(row, *problem);
  if (batch_->full()) batch_ = deliver_(std::move(batch_));
  return batch_ != nullptr;
}

void FileRows::finish() {
  if (batch_ != nullptr && !batch_->rows.empty()) batch_ = deliver_(std::move(batch_));
  ++statistics.files;
  std::uint64_t most = 0, all = 0;
  for (const auto& [month, count] : month_counts_) {
    most = std::max(most, count);
    all += count;
  }
  if (2 * most <= all) return;
  ++statistics.monthly_files;
  statistics.stray += all - most;
}

std::string_view FileRows::value_of(const models::CsvRow& row, const FieldSource& source) const {
  if (source.column >= 0) return trimmed(row.fields[static_cast<std::size_t>(source.column)]);
  if (source.lookup >= 0 && joined_ != nullptr) return trimmed((*joined_)[static_cast<std::size_t>(source.lookup)]);
  return {};
}

std::optional<FileRows::Problem> FileRows::convert(const models::CsvRow& row) {
  const std::size_t columns = binding_.header.size();
  // Empty fields beyond the last column are common (a comma at each line's end) and harmless.
  if (row.field_count < columns || row.filled_count > columns) return Problem{SkipReason::field_count, nullptr, {}, {}};
  joined_ = lookup_ == nullptr ? nullptr : lookup_->find(trimmed(row.fields[static_cast<std::size_t>(binding_.lookup_key)]));

  const std::string_view client = value_of(row, binding_.client);
  if (client.empty()) return Problem{SkipReason::missing_client, &binding_.client, client, "the client's id"};
  const std::string_view time_text = value_of(row, binding_.time);
  const auto time_s = description_.columns.time_format.read(time_text);
  if (!time_s) return Problem{SkipReason::bad_date, &binding_.time, time_text, "a date of the form that columns.time_format says"};
  const std::string_view amount_text = value_of(row, binding_.amount);
  const auto amount = models::parse_amount_minor(amount_text);
  if (!amount) return Problem{SkipReason::bad_amount, &binding_.amount, amount_text, "a decimal number such as 1234.56 or 1,234.56"};

  const DirectionRule& rule = description_.columns.direction;
  bool credit = (*amount < 0) == rule.negative_is_credit && *amount != 0;
  if (!rule.column.empty()) {
    const std::string_view kind = value_of(row, binding_.direction);
    credit = std::find(rule.credit.begin(), rule.credit.end(), kind) != rule.credit.end();
    if (!credit && std::find(rule.debit.begin(), rule.debit.end(), kind) == rule.debit.end())
      return Problem{SkipReason::bad_direction, &binding_.direction, kind, "one of the values that columns.direction lists"};
  }

  std::string_view category = value_of(row, binding_.category[0]);
  if (binding_.category.size() > 1) {
    category_ = category;
    for (std::size_t i = 1; i < binding_.category.size(); ++i) (category_ += '/') += value_of(row, binding_.category[i]);
    const bool nothing = category_.size() == binding_.category.size() - 1;
    category = nothing ? std::string_view() : std::string_view(category_);
  }

  const std::array<std::string_view, 5> texts = {client, category, value_of(row, binding_.merchant), value_of(row, binding_.currency), value_of(row, binding_.label)};
  PackedRow packed{.time_s = *time_s, .amount_minor = *amount < 0 ? -*amount : *amount, .line = row.line, .fingerprint = 0,
                   .begin = static_cast<std::uint32_t>(batch_->text.size()), .sizes = {}, .direction = credit ? models::Direction::credit : models::Direction::debit};
  Fingerprint fingerprint;
  fingerprint.add(static_cast<std::uint64_t>(packed.time_s));
  fingerprint.add(static_cast<std::uint64_t>(packed.amount_minor) * 2 + (credit ? 1 : 0));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    packed.sizes[i] = static_cast<std::uint32_t>(texts[i].size());
    batch_->text += texts[i];
    if (i < 3) fingerprint.add(texts[i]);
  }
  for (const FieldSource& source : binding_.distinguishing) fingerprint.add(value_of(row, source));
  packed.fingerprint = fingerprint.value();
  batch_->rows.push_back(packed);

  ++statistics.kept;
  if (credit) ++statistics.credits;
  if (category.empty()) ++statistics.without_category;
  statistics.first_time_s = std::min(statistics.first_time_s, packed.time_s);
  statistics.last_time_s = std::max(statistics.last_time_s, packed.time_s);
  count_month(packed.time_s);
  return std::nullopt;
}

bool FileRows::give_up_or_skip(const models::CsvRow& row, const Problem& problem) {
  if (description_.on_error == OnError::skip) {
    ++statistics.skipped[static_cast<std::size_t>(problem.reason)];
    return true;
  }
  std::string message = name_ + ":" + std::to_string(row.line) + ": ";
  if (problem.where == nullptr) {
    message += std::to_string(row.field_count) + " fields where the header has " + std::to_string(binding_.header.size());
  } else {
    const std::string column = problem.where->column >= 0 ? binding_.header[static_cast<std::size_t>(problem.where->column)]
                                                          : description_.lookup->columns[static_cast<std::size_t>(problem.where->lookup)];
    message += "column \"" + shown_value(column) + "\": \"" + shown_value(problem.value) + "\" is not " + std::string(problem.must_be);
  }
  error = Error{ErrorCode::malformed, std::move(message), "mend the row, or leave such rows out with on_error = \"skip\" under [files]"};
  return false;
}

void FileRows::count_month(std::int64_t time_s) {
  if (month_count_ == nullptr || time_s < month_begin_s_ || time_s >= month_end_s_) {
    const models::CalendarMonth month = models::month_of(time_s);
    month_begin_s_ = models::seconds_of_day(month.year, month.month, 1);
    month_end_s_ = month.month == 12 ? models::seconds_of_day(month.year + 1, 1, 1) : models::seconds_of_day(month.year, month.month + 1, 1);
    month_count_ = &month_counts_[month_begin_s_];
  }
  ++*month_count_;
}

}  // namespace fedspend::simulations
