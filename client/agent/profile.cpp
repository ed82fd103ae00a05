#include "client/agent/profile.h"

#include <algorithm>

#include "common/program/files.h"
#include "common/protocol/enrolment_request.h"
#include "models/transactions/transaction_csv.h"

namespace fedspend::client {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHistory = "transactions.csv";
constexpr const char* kStore = "device.db";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

bool has_store(const fs::path& folder) { return is_there(folder / kStore); }
bool has_transactions(const fs::path& folder) { return is_there(folder / kHistory); }

Result<std::vector<fs::path>> find_profiles(const fs::path& root) {
  std::error_code error;
  if (!fs::is_directory(root, error)) return fail(ErrorCode::not_found, root.string() + " is not a folder", "give the folder that `fedspend-sim profiles` wrote for this process");
  const auto is_profile = [](const fs::path& folder) { return has_transactions(folder) || has_store(folder); };
  std::vector<fs::path> folders;
  if (is_profile(root)) folders.push_back(root);
  for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && is_profile(entry->path())) folders.push_back(entry->path());
  }
  if (error) return fail(ErrorCode::io, root.string() + " cannot be read: " + error.message());
  if (folders.empty())
    return fail(ErrorCode::not_found, root.string() + " holds no client: neither it nor a folder in it has a transactions.csv or a device.db", "write profiles with `fedspend-sim profiles`");
  std::sort(folders.begin(), folders.end());
  return folders;
}

Result<std::vector<models::Transaction>> read_transactions(const fs::path& folder) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / kHistory, models::TransactionCsvLimits{}.max_bytes));
  Result<std::vector<models::Transaction>> transactions = models::parse_transaction_csv(bytes);
  if (!transactions) return fail(transactions.error().code, (folder / kHistory).string() + ": " + transactions.error().message, transactions.error().hint);
  return transactions;
}

Result<std::string> read_label(const fs::path& folder) {
  if (!is_there(folder / "label")) return std::string();
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / "label", kMaxDeviceLabelBytes + 2));
  std::string label(as_text(bytes));
  while (!label.empty() && (label.back() == '\n' || label.back() == '\r')) label.pop_back();
  if (const Status checked = check_device_label(label); !checked)
    return fail(ErrorCode::malformed, (folder / "label").string() + ": " + checked.error().message, "write the client's name in one line, or remove the file");
  return label;
}

}  // namespace fedspend::client
