#pragma once
// A data description says how any CSV files map to canonical transactions (DESIGN, last paragraph; the form with every key is
// in simulations/README.md). Unknown keys are errors, so that a misspelt option is not silently without effect.
// Values only; reads files, no shared state.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "models/transactions/csv_rows.h"
#include "models/transactions/transaction_fields.h"

namespace fedspend::simulations {

enum class OnError { stop, skip };

// Header names; the first that a file has is used. Empty: not mapped.
using ColumnChoice = std::vector<std::string>;

struct DirectionRule {
  ColumnChoice column;               // empty: the sign of the amount says it
  std::vector<std::string> credit;
  std::vector<std::string> debit;
  bool negative_is_credit = true;    // without a column; false: the other way round, as many bank exports have it
};

struct ColumnRules {
  ColumnChoice client;
  ColumnChoice time;
  models::TimeFormat time_format;
  ColumnChoice amount;
  std::vector<ColumnChoice> category;  // one choice; several with category_from, joined with "/"
  ColumnChoice merchant;               // optional, and may be absent from some of the files; so are the next two
  ColumnChoice currency;
  ColumnChoice label;
  std::vector<ColumnChoice> distinguishing;  // further columns that tell two purchases apart, for the count of repeated rows
  DirectionRule direction;
};

struct AttributeRules {
  std::string file;
  std::string client;
  std::vector<std::string> columns;
};

struct LookupRules {
  std::string file;
  std::string key;                   // by this name in the transactions and in the file
  std::vector<std::string> columns;  // usable in [columns] like those of the transactions
};

// Clients that are made, not read (simulations/population/synthetic.h).
struct SyntheticRules {
  std::uint64_t clients = 0;
  std::uint64_t seed = 1;
  unsigned months = 12;
  std::uint64_t sample = 1'000;      // the first so many are what plans, baselines and evaluations look at
};

struct DataDescription {
  std::string source;                // where it was read, for messages
  std::filesystem::path data_root;   // globs and files are relative to it
  std::vector<std::string> transactions;
  char delimiter = ',';
  models::TextEncoding encoding = models::TextEncoding::utf8;
  OnError on_error = OnError::stop;
  ColumnRules columns;
  std::optional<AttributeRules> attributes;
  std::optional<LookupRules> lookup;
  std::optional<SyntheticRules> synthetic;  // then nothing above but source and data_root is set
};

// Messages name the key and the line. `source` is what they call the text; data_root is left empty.
Result<DataDescription> parse_data_description(std::string_view toml_text, const std::string& source);
// data_root: by default the folder of the file.
Result<DataDescription> read_data_description(const std::filesystem::path& path, const std::optional<std::filesystem::path>& data_root);

// The files that the globs name, each once, sorted by their bytes. not_found if a glob names none.
Result<std::vector<std::filesystem::path>> find_transaction_files(const DataDescription& description);

}  // namespace fedspend::simulations
