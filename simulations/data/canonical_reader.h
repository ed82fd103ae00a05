#pragma once
// Any CSV files as canonical transactions, by a data description: streaming, in bounded memory, in a fixed order (files sorted by
// name, rows by line) whatever the number of threads. Files are tokenized and converted side by side; the sink runs on the
// calling thread alone.
// Nothing is dropped in silence: the statistics count what was skipped and why. With on_error = "stop" the first bad row ends the
// reading; its message shows the value (at most 40 characters), the one place where the project does, because the reader runs on
// the data scientist's own machine, on data that are there already. A device reads transaction_csv.h, which never shows values.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "models/history.h"
#include "simulations/data/data_description.h"

namespace fedspend::simulations {

enum class SkipReason { missing_client, bad_date, bad_amount, bad_direction, field_count };
inline constexpr std::size_t kSkipReasons = 5;
std::string_view to_string(SkipReason reason);

struct CanonicalRow {
  std::string client;
  models::Transaction transaction;
  std::string label;
  std::uint32_t file = 0;     // index into the files
  std::uint64_t line = 0;     // on which the row starts
};

struct ReadStatistics {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;                                  // below the headers
  std::uint64_t kept = 0;                                  // handed to the sink
  std::array<std::uint64_t, kSkipReasons> skipped{};       // by SkipReason; all zero with on_error = "stop"
  std::uint64_t without_category = 0;                      // kept; those who train on categories leave them out
  std::uint64_t credits = 0;                               // money that came in: refunds among them
  // Kept rows that equal an earlier one, of any file, in client, time, amount, direction, category, merchant and the
  // description's distinguishing columns. They are two purchases as likely as one entered twice, and stay.
  std::uint64_t repeated = 0;
  bool repeated_is_lower_bound = false;                    // more distinct rows than are remembered
  // Kept rows of another month than most of their file, for the files that hold mostly one month. They stay.
  std::uint64_t stray = 0;
  std::uint64_t monthly_files = 0;
  std::int64_t first_time_s = std::numeric_limits<std::int64_t>::max();  // of the kept rows
  std::int64_t last_time_s = std::numeric_limits<std::int64_t>::min();

  std::uint64_t skipped_in_all() const;
};

// An error of the sink ends the reading and is handed on. The row is reused: copy what is to stay.
using RowSink = std::function<Status(const CanonicalRow&)>;

struct ReadOptions {
  unsigned threads = 2;  // that tokenize and convert; at least 1
};

// Memory: per thread some 10 MB, up to 64 MB for the repeated rows, and the lookup file.
Result<ReadStatistics> read_transactions(const DataDescription& description, const RowSink& sink, const ReadOptions& options = {});

}  // namespace fedspend::simulations
