#pragma once
// A stream of bytes cut into CSV rows, by RFC 4180 (libcsv in strict mode does the cutting): quotes, line ends inside quotes, LF, CRLF
// or CR, a byte order mark. Blank lines are passed over. Deviation from RFC 4180: blanks around a field that is not quoted are
// dropped. Bytes are checked before they are cut: text without NUL, in UTF-8 or Latin-1 (handed on as UTF-8).
// Memory is bounded by the limits, whatever the file holds. Feeds rows to a handler; one tokenizer per file, one thread at a time.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend::models {

enum class TextEncoding { utf8, latin1 };

struct CsvLimits {
  std::size_t max_field_bytes = 64 << 10;
  std::size_t max_row_bytes = 256 << 10;  // of the selected fields
  std::size_t max_fields = 4096;
};

struct CsvRow {
  std::uint64_t line = 0;                     // on which the row starts; the first line of a file is 1
  std::size_t field_count = 0;
  std::size_t filled_count = 0;               // index of the last field that is not empty, plus one
  std::span<const std::string_view> fields;   // field_count of them; those not selected are empty. Valid during the call.
};

class CsvRowHandler {
 public:
  virtual ~CsvRowHandler() = default;
  // False ends the reading: no further row is handed over.
  virtual bool on_row(const CsvRow& row) = 0;
};

class CsvTokenizer {
 public:
  struct Options {
    char delimiter = ',';
    TextEncoding encoding = TextEncoding::utf8;
    CsvLimits limits = {};
  };
  CsvTokenizer(const Options& options, CsvRowHandler& handler);
  ~CsvTokenizer();
  CsvTokenizer(const CsvTokenizer&) = delete;
  CsvTokenizer& operator=(const CsvTokenizer&) = delete;

  // Only these columns are copied from now on (by index; beyond the end: not selected). Before the first call all are.
  // May be called from on_row.
  void select_columns(std::vector<bool> wanted);

  // Errors (malformed, limit) name the line and how to mend it, not the file; after one the tokenizer is of no further use.
  Status feed(ByteSpan block);
  Status finish();              // the end of the file: the last row need not end with a line break
  bool stopped() const;         // on_row returned false
  std::uint64_t bytes_fed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fedspend::models
