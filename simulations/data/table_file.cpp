#include "simulations/data/table_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace fedspend::simulations {
namespace {

constexpr std::size_t kBlockBytes = 128 << 10;

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path) : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

class TableRows final : public models::CsvRowHandler {
 public:
  explicit TableRows(const TableFile::Form& form) : form_(form) {}

  bool on_row(const models::CsvRow& row) override {
    if (columns_.empty()) return bind(row);
    if (row.field_count < needed_) {
      error = Error{ErrorCode::malformed, "line " + std::to_string(row.line) + ": " + std::to_string(row.field_count) + " fields where at least " + std::to_string(needed_) + " are expected", "mend the row"};
      return false;
    }
    std::vector<std::string> values;
    for (std::size_t i = 1; i < columns_.size(); ++i) values.emplace_back(row.fields[columns_[i]]);
    rows.emplace_back(row.fields[columns_[0]], std::move(values));
    return true;
  }

  std::optional<Error> error;
  std::vector<std::pair<std::string, std::vector<std::string>>> rows;
  bool has_header() const { return !columns_.empty(); }

 private:
  bool bind(const models::CsvRow& row) {
    std::vector<std::string> names = {form_.key};
    names.insert(names.end(), form_.columns.begin(), form_.columns.end());
    for (const std::string& name : names) {
      const auto found = std::find(row.fields.begin(), row.fields.end(), name);
      if (found == row.fields.end()) {
        error = Error{ErrorCode::not_found, "there is no column \"" + name + "\"", "name the columns of the file in the data description"};
        return false;
      }
      columns_.push_back(static_cast<std::size_t>(found - row.fields.begin()));
    }
    needed_ = *std::max_element(columns_.begin(), columns_.end()) + 1;
    return true;
  }

  const TableFile::Form& form_;
  std::vector<std::size_t> columns_;  // of the key, then of Form::columns
  std::size_t needed_ = 0;
};

}  // namespace

Status tokenize_file(const std::filesystem::path& path, models::CsvTokenizer& tokenizer, std::size_t max_bytes) {
  const Descriptor file(path);
  const auto unreadable = [&] { return fail(ErrorCode::not_found, path.string() + ": cannot be read (" + std::strerror(errno) + ")", "give a CSV file that may be read"); };
  if (file.get() < 0) return unreadable();
  const auto placed = [&](Error error) {
    error.message = path.string() + ": " + error.message;
    return fail(std::move(error));
  };
  Bytes block(kBlockBytes);
  for (std::size_t total = 0;;) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable();
    if (count == 0 && total == 0) return placed({ErrorCode::malformed, "the file is empty", "give a CSV file with a header line, or leave the file out"});
    if (count == 0) break;
    total += static_cast<std::size_t>(count);
    if (max_bytes > 0 && total > max_bytes) return placed({ErrorCode::limit, "the file has more than " + std::to_string(max_bytes) + " bytes", "a joined file is held in memory: give a smaller one"});
    if (auto status = tokenizer.feed(ByteSpan(block).first(static_cast<std::size_t>(count))); !status) return placed(std::move(status).error());
    if (tokenizer.stopped()) return {};
  }
  if (auto status = tokenizer.finish(); !status) return placed(std::move(status).error());
  return {};
}

Result<TableFile> TableFile::read(const std::filesystem::path& path, const Form& form) {
  TableRows rows(form);
  models::CsvTokenizer tokenizer({.delimiter = form.delimiter, .encoding = form.encoding, .limits = {}}, rows);
  FEDSPEND_TRY(tokenize_file(path, tokenizer, kMaxBytes));
  if (rows.error) return fail(rows.error->code, path.string() + ": " + rows.error->message, rows.error->hint);
  if (!rows.has_header()) return fail(ErrorCode::malformed, path.string() + ": there is no header line", "give a CSV file with a header line");
  TableFile table;
  for (auto& [key, values] : rows.rows) table.add(std::move(key), std::move(values));
  return table;
}

const std::vector<std::string>* TableFile::find(std::string_view key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

}  // namespace fedspend::simulations
