#pragma once
// One transaction file: which of its columns feeds which part of a transaction, and the conversion of its rows, packed into
// batches. The inner half of canonical_reader. One object per file; one thread at a time.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "models/transactions/csv_rows.h"
#include "simulations/data/canonical_reader.h"
#include "simulations/data/table_file.h"

namespace fedspend::simulations {

// Where a value is found: a column of the file, or of the lookup.
struct FieldSource {
  int column = -1;
  int lookup = -1;
  bool given() const { return column >= 0 || lookup >= 0; }
};

struct FileBinding {
  std::vector<std::string> header;
  std::vector<bool> wanted;
  FieldSource client, time, amount, merchant, currency, label, direction;
  std::vector<FieldSource> category, distinguishing;
  int lookup_key = -1;
};

// Reads the header line and finds every column. not_found names the column that is missing and those that are there.
Result<FileBinding> bind_file(const std::filesystem::path& path, const DataDescription& description);

struct PackedRow {
  std::int64_t time_s;
  std::int64_t amount_minor;
  std::uint64_t line;
  std::uint64_t fingerprint;
  std::uint32_t begin;        // in Batch::text: client, category, merchant, currency, label, one after the other
  std::array<std::uint32_t, 5> sizes;
  models::Direction direction;
};

struct Batch {
  static constexpr std::size_t kRows = 1024;
  static constexpr std::size_t kTextBytes = 256 << 10;
  std::vector<PackedRow> rows;
  std::string text;
  bool full() const { return rows.size() >= kRows || text.size() >= kTextBytes; }
};

class FileRows final : public models::CsvRowHandler {
 public:
  // `deliver` takes a full batch and gives an empty one back; nullptr ends the reading.
  using Deliver = std::function<std::unique_ptr<Batch>(std::unique_ptr<Batch>)>;
  FileRows(const DataDescription& description, const FileBinding& binding, const TableFile* lookup, std::string name, Deliver deliver);

  bool on_row(const models::CsvRow& row) override;
  // Delivers what is left and completes the statistics.
  void finish();

  ReadStatistics statistics;   // of this file, without repeated
  std::optional<Error> error;

 private:
  struct Problem {
    SkipReason reason;
    const FieldSource* where;
    std::string_view value;
    std::string_view must_be;
  };
  std::optional<Problem> convert(const models::CsvRow& row);
  std::string_view value_of(const models::CsvRow& row, const FieldSource& source) const;
  bool give_up_or_skip(const models::CsvRow& row, const Problem& problem);
  void count_month(std::int64_t time_s);

  const DataDescription& description_;
  const FileBinding& binding_;
  const TableFile* lookup_;
  const std::vector<std::string>* joined_ = nullptr;  // of the row at hand
  std::string name_;
  Deliver deliver_;
  std::unique_ptr<Batch> batch_;
  std::string category_;                              // where it is put together
  bool header_passed_ = false;
  std::unordered_map<std::int64_t, std::uint64_t> month_counts_;
  std::int64_t month_begin_s_ = 0, month_end_s_ = 0;
  std::uint64_t* month_count_ = nullptr;
};

// "?" for what cannot be printed, and at most 40 characters.
std::string shown_value(std::string_view value);

}  // namespace fedspend::simulations
