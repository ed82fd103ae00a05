#include "simulations/data/canonical_reader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "simulations/data/file_rows.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kBatchesPerFile = 16;            // that wait for the sink
constexpr std::size_t kMaxDistinctRows = 1 << 22;      // remembered to count the repeated ones: 64 MB

// Fingerprints met so far, by open addressing.
class SeenRows {
 public:
  SeenRows() : slots_(1 << 16, 0) {}

  bool seen_before(std::uint64_t fingerprint) {
    fingerprint += fingerprint == 0 ? 1 : 0;  // 0 marks a free slot
    std::size_t slot = fingerprint & (slots_.size() - 1);
    while (slots_[slot] != 0) {
      if (slots_[slot] == fingerprint) return true;
      slot = (slot + 1) & (slots_.size() - 1);
    }
    if (full()) return false;
    slots_[slot] = fingerprint;
    if (2 * ++used_ > slots_.size()) grow();
    return false;
  }
  bool full() const { return used_ >= kMaxDistinctRows; }

 private:
  void grow() {
    std::vector<std::uint64_t> old(2 * slots_.size(), 0);
    old.swap(slots_);
    for (const std::uint64_t fingerprint : old) {
      if (fingerprint == 0) continue;
      std::size_t slot = fingerprint & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = fingerprint;
    }
  }

  std::vector<std::uint64_t> slots_;
  std::size_t used_ = 0;
};

// What the threads share. A file is taken in order and its batches wait in its own queue, so that the sink sees file after file;
// the file that the sink waits for is always one that a thread has taken, so nobody waits for ever.
class Conveyor {
 public:
  explicit Conveyor(std::size_t files) : files_(files) {}

  std::optional<std::size_t> take_file() {
    const std::lock_guard lock(mutex_);
    if (stopped_ || next_ == files_.size()) return std::nullopt;
    return next_++;
  }

  // Queues a batch (none: only asks for an empty one) and gives an empty one back; nullptr: the reading has ended.
  std::unique_ptr<Batch> exchange(std::size_t file, std::unique_ptr<Batch> full) {
    std::unique_lock lock(mutex_);
    if (full != nullptr) {
      room_.wait(lock, [&] { return stopped_ || files_[file].batches.size() < kBatchesPerFile; });
      if (stopped_) return nullptr;
      files_[file].batches.push_back(std::move(full));
      filled_.notify_one();
    }
    if (stopped_) return nullptr;
    if (spare_.empty()) return std::make_unique<Batch>();
    auto batch = std::move(spare_.back());
    spare_.pop_back();
    return batch;
  }

  void finish_file(std::size_t file, const ReadStatistics& statistics, std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    files_[file].statistics = statistics;
    files_[file].error = std::move(error);
    files_[file].done = true;
    filled_.notify_one();
  }

  // The next batch of a file, or nullptr when there is none left.
  std::unique_ptr<Batch> next_batch(std::size_t file, std::unique_ptr<Batch> used) {
    std::unique_lock lock(mutex_);
    if (used != nullptr) {
      used->rows.clear();
      used->text.clear();
      spare_.push_back(std::move(used));
    }
    filled_.wait(lock, [&] { return files_[file].done || !files_[file].batches.empty(); });
    if (files_[file].batches.empty()) return nullptr;
    auto batch = std::move(files_[file].batches.front());
    files_[file].batches.pop_front();
    room_.notify_all();
    return batch;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    room_.notify_all();
  }

  const ReadStatistics& statistics(std::size_t file) const { return files_[file].statistics; }  // once next_batch gave nullptr
  const std::optional<Error>& error(std::size_t file) const { return files_[file].error; }

 private:
  struct File {
    std::deque<std::unique_ptr<Batch>> batches;
    ReadStatistics statistics;
    std::optional<Error> error;
    bool done = false;
  };
  std::mutex mutex_;
  std::condition_variable room_, filled_;
  std::vector<File> files_;
  std::vector<std::unique_ptr<Batch>> spare_;
  std::size_t next_ = 0;
  bool stopped_ = false;
};

struct Input {
  std::vector<std::filesystem::path> files;
  std::vector<FileBinding> bindings;
  std::optional<TableFile> lookup;
};

// An optional column may be missing from a file, but one that is in none is a misspelling.
Status check_optional(const Input& input, const DataDescription& description, const ColumnChoice& choice, std::string_view key, FieldSource FileBinding::*member) {
  if (choice.empty()) return {};
  for (const FileBinding& binding : input.bindings)
    if ((binding.*member).given()) return {};
  return fail(ErrorCode::not_found, description.source + ": no file has a column \"" + choice.front() + "\", which is named for columns." + std::string(key), "correct the name, or leave the key out");
}

Result<Input> open_input(const DataDescription& description) {
  Input input;
  FEDSPEND_ASSIGN(input.files, find_transaction_files(description));
  for (const std::filesystem::path& file : input.files) {
    FEDSPEND_ASSIGN(FileBinding binding, bind_file(file, description));
    input.bindings.push_back(std::move(binding));
  }
  const ColumnRules& rules = description.columns;
  FEDSPEND_TRY(check_optional(input, description, rules.merchant, "merchant", &FileBinding::merchant));
  FEDSPEND_TRY(check_optional(input, description, rules.currency, "currency", &FileBinding::currency));
  FEDSPEND_TRY(check_optional(input, description, rules.label, "label", &FileBinding::label));
  for (std::size_t i = 0; i < rules.distinguishing.size(); ++i) {
    const bool found = std::any_of(input.bindings.begin(), input.bindings.end(), [&](const FileBinding& binding) { return binding.distinguishing[i].given(); });
    if (!found) return fail(ErrorCode::not_found, description.source + ": no file has a column \"" + rules.distinguishing[i].front() + "\", which columns.distinguishing names", "correct the name, or leave it out");
  }
  if (description.lookup) {
    const LookupRules& lookup = *description.lookup;
    FEDSPEND_ASSIGN(input.lookup, TableFile::read(description.data_root / lookup.file, {.key = lookup.key, .columns = lookup.columns, .delimiter = description.delimiter, .encoding = description.encoding}));
  }
  return input;
}

void read_files(const DataDescription& description, const Input& input, Conveyor& conveyor) {
  while (const auto file = conveyor.take_file()) {
    const std::filesystem::path& path = input.files[*file];
    FileRows rows(description, input.bindings[*file], input.lookup ? &*input.lookup : nullptr, path.string(),
                  [&](std::unique_ptr<Batch> batch) { return conveyor.exchange(*file, std::move(batch)); });
    models::CsvTokenizer tokenizer({.delimiter = description.delimiter, .encoding = description.encoding, .limits = {}}, rows);
    tokenizer.select_columns(input.bindings[*file].wanted);
    const auto status = tokenize_file(path, tokenizer);
    rows.finish();
    rows.statistics.bytes = tokenizer.bytes_fed();
    std::optional<Error> error = rows.error;
    if (!error && !status) error = status.error();
    conveyor.finish_file(*file, rows.statistics, std::move(error));
  }
}

void add(ReadStatistics& sum, const ReadStatistics& part) {
  sum.files += part.files;
  sum.bytes += part.bytes;
  sum.rows += part.rows;
  sum.kept += part.kept;
  for (std::size_t i = 0; i < kSkipReasons; ++i) sum.skipped[i] += part.skipped[i];
  sum.without_category += part.without_category;
  sum.credits += part.credits;
  sum.stray += part.stray;
  sum.monthly_files += part.monthly_files;
  sum.first_time_s = std::min(sum.first_time_s, part.first_time_s);
  sum.last_time_s = std::max(sum.last_time_s, part.last_time_s);
}

void unpack(const PackedRow& packed, const Batch& batch, CanonicalRow& row) {
  std::string_view text = std::string_view(batch.text).substr(packed.begin);
  std::array<std::string*, 5> targets = {&row.client, &row.transaction.category, &row.transaction.merchant, &row.transaction.currency, &row.label};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    targets[i]->assign(text.data(), packed.sizes[i]);
    text.remove_prefix(packed.sizes[i]);
  }
  row.line = packed.line;
  row.transaction.time_s = packed.time_s;
  row.transaction.amount_minor = packed.amount_minor;
  row.transaction.direction = packed.direction;
}

Status deliver(Conveyor& conveyor, std::size_t files, const RowSink& sink, ReadStatistics& statistics) {
  CanonicalRow row;
  SeenRows seen;
  for (std::size_t file = 0; file < files; ++file) {
    row.file = static_cast<std::uint32_t>(file);
    std::unique_ptr<Batch> batch;
    while ((batch = conveyor.next_batch(file, std::move(batch))) != nullptr) {
      for (const PackedRow& packed : batch->rows) {
        unpack(packed, *batch, row);
        if (seen.seen_before(packed.fingerprint)) ++statistics.repeated;
        FEDSPEND_TRY(sink(row));
      }
    }
    if (conveyor.error(file)) return fail(*conveyor.error(file));
    add(statistics, conveyor.statistics(file));
  }
  statistics.repeated_is_lower_bound = seen.full();
  return {};
}

}  // namespace

std::string_view to_string(SkipReason reason) {
  switch (reason) {
    case SkipReason::missing_client: return "no client";
    case SkipReason::bad_date: return "bad date";
    case SkipReason::bad_amount: return "bad amount";
    case SkipReason::bad_direction: return "unknown direction";
    case SkipReason::field_count: return "wrong number of fields";
  }
  return "?";
}

std::uint64_t ReadStatistics::skipped_in_all() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : skipped) sum += count;
  return sum;
}

Result<ReadStatistics> read_transactions(const DataDescription& description, const RowSink& sink, const ReadOptions& options) {
  FEDSPEND_ASSIGN(const Input input, open_input(description));
  Conveyor conveyor(input.files.size());
  std::vector<std::jthread> threads;
  const std::size_t count = std::clamp<std::size_t>(options.threads, 1, input.files.size());
  for (std::size_t i = 0; i < count; ++i) threads.emplace_back([&] { read_files(description, input, conveyor); });
  ReadStatistics statistics;
  const Status status = deliver(conveyor, input.files.size(), sink, statistics);
  conveyor.stop();
  threads.clear();
  if (!status) return fail(status.error());
  return statistics;
}

}  // namespace fedspend::simulations
