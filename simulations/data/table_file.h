#pragma once
// A small CSV table held in memory whole: the far side of a join (products to categories, clients to age bands), keyed by one
// of its columns. Of several rows with one key the first counts. Read-only once made, so any thread may look things up.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/result.h"
#include "models/transactions/csv_rows.h"

namespace fedspend::simulations {

class TableFile {
 public:
  struct Form {
    std::string key;
    std::vector<std::string> columns;
    char delimiter = ',';
    models::TextEncoding encoding = models::TextEncoding::utf8;
  };
  static constexpr std::size_t kMaxBytes = 256 << 20;

  // Errors name the file and the line.
  static Result<TableFile> read(const std::filesystem::path& path, const Form& form);

  // For a table that is in memory already; of several rows with one key the first counts.
  void add(std::string key, std::vector<std::string> values) { rows_.try_emplace(std::move(key), std::move(values)); }
  // The values of Form::columns, in that order, or nullptr.
  const std::vector<std::string>* find(std::string_view key) const;
  std::size_t size() const { return rows_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, std::vector<std::string>, Hash, std::equal_to<>> rows_;
};

// Feeds a file to the tokenizer in blocks; errors name the file. `max_bytes` 0: no cap.
Status tokenize_file(const std::filesystem::path& path, models::CsvTokenizer& tokenizer, std::size_t max_bytes = 0);

}  // namespace fedspend::simulations
