#include "client/profile.h"

#include <algorithm>
#include <utility>

#include "common/program/files.h"
#include "common/program/key_files.h"
#include "models/transaction_csv.h"

namespace fedspend::client {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHistory = "transactions.csv";
constexpr const char* kIdentity = "identity.key";
constexpr const char* kCurve = "curve.key";
constexpr std::size_t kMaxLabelBytes = 256;

Result<std::string> read_label(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder / "label", ignored)) return std::string();
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / "label", kMaxLabelBytes));
  std::string label(as_text(bytes));
  while (!label.empty() && (label.back() == '\n' || label.back() == '\r')) label.pop_back();
  if (std::any_of(label.begin(), label.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }))
    return fail(ErrorCode::malformed, (folder / "label").string() + " is not one line", "write the client's name in one line, or remove the file");
  return label;
}

}  // namespace

Result<std::vector<fs::path>> find_profiles(const fs::path& root) {
  std::error_code error;
  if (!fs::is_directory(root, error)) return fail(ErrorCode::not_found, root.string() + " is not a folder", "give the folder that `fedspend-sim profiles` wrote for this process");
  std::vector<fs::path> folders;
  if (fs::exists(root / kHistory, error)) folders.push_back(root);
  for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && fs::exists(entry->path() / kHistory, ignored)) folders.push_back(entry->path());
  }
  if (error) return fail(ErrorCode::io, root.string() + " cannot be read: " + error.message());
  if (folders.empty())
    return fail(ErrorCode::not_found, root.string() + " holds no client: neither it nor a folder in it has a transactions.csv", "write profiles with `fedspend-sim profiles`");
  std::sort(folders.begin(), folders.end());
  return folders;
}

Result<Profile> load_profile(const fs::path& folder) {
  FEDSPEND_ASSIGN(IdentityKey identity, program::read_identity_key(folder / kIdentity, "identity"));
  FEDSPEND_ASSIGN(CurveKeyPair curve, program::read_curve_key(folder / kCurve));
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / kHistory, models::TransactionCsvLimits{}.max_bytes));
  Result<std::vector<models::Transaction>> transactions = models::parse_transaction_csv(bytes);
  if (!transactions) return fail(transactions.error().code, (folder / kHistory).string() + ": " + transactions.error().message, transactions.error().hint);
  return Profile{folder, std::move(identity), std::move(curve), std::move(*transactions)};
}

Result<std::string> ensure_keys(const fs::path& folder, RandomSource& random) {
  std::error_code ignored;
  if (!fs::exists(folder / kIdentity, ignored)) FEDSPEND_TRY(program::write_identity_key(folder / kIdentity, "identity", IdentityKey::generate(random)));
  if (!fs::exists(folder / kCurve, ignored)) FEDSPEND_TRY(program::write_curve_key(folder / kCurve, CurveKeyPair::generate(random)));
  FEDSPEND_ASSIGN(const IdentityKey identity, program::read_identity_key(folder / kIdentity, "identity"));
  FEDSPEND_ASSIGN(const CurveKeyPair curve, program::read_curve_key(folder / kCurve));
  FEDSPEND_ASSIGN(const std::string label, read_label(folder));
  return to_hex(identity.public_key().bytes) + ' ' + to_hex(curve.public_key.bytes) + (label.empty() ? "" : ' ' + label);
}

}  // namespace fedspend::client
