#include "client/profile.h"

#include <algorithm>
#include <map>
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
constexpr const char* kCertificate = "certificate";
constexpr std::size_t kMaxCertificateFileBytes = 1024;

Result<std::string> read_label(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder / "label", ignored)) return std::string();
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / "label", kMaxDeviceLabelBytes + 2));
  std::string label(as_text(bytes));
  while (!label.empty() && (label.back() == '\n' || label.back() == '\r')) label.pop_back();
  if (const Status checked = check_device_label(label); !checked)
    return fail(ErrorCode::malformed, (folder / "label").string() + ": " + checked.error().message, "write the client's name in one line, or remove the file");
  return label;
}

// The file is what is wrong here, not a peer: exit code 4.
Status check_certificate(const fs::path& folder, const Certificate& certificate, const IdentityPublicKey& own, const PinnedEnrolment& enrolment) {
  const fs::path path = folder / kCertificate;
  if (certificate.identity != own) return fail(ErrorCode::refused, path.string() + " is another device's", "put the device's own there with `fedspend-device certificate`");
  const Status valid = verify_certificate(certificate, enrolment.authority, enrolment.population, enrolment.now_s);
  if (!valid) return fail(ErrorCode::refused, path.string() + ": " + valid.error().message, valid.error().hint);
  return {};
}

Result<Certificate> read_certificate(const fs::path& folder, const IdentityPublicKey& own, const PinnedEnrolment& enrolment) {
  const fs::path path = folder / kCertificate;
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    return fail(ErrorCode::not_found, path.string() + " is not there: this device is not enrolled", "enrol it (`fedspend-admin enrol`), then `fedspend-device certificate`");
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxCertificateFileBytes));
  std::string_view line = as_text(bytes);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  Result<Certificate> certificate = parse_certificate_line(line);
  if (!certificate) return fail(certificate.error().code, path.string() + ": " + certificate.error().message, "put it there again with `fedspend-device certificate`");
  FEDSPEND_TRY(check_certificate(folder, *certificate, own, enrolment));
  return certificate;
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

Result<Profile> load_profile(const fs::path& folder, const PinnedEnrolment& enrolment) {
  FEDSPEND_ASSIGN(IdentityKey identity, program::read_identity_key(folder / kIdentity, "identity"));
  FEDSPEND_ASSIGN(CurveKeyPair curve, program::read_curve_key(folder / kCurve));
  FEDSPEND_ASSIGN(const Certificate certificate, read_certificate(folder, identity.public_key(), enrolment));
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / kHistory, models::TransactionCsvLimits{}.max_bytes));
  Result<std::vector<models::Transaction>> transactions = models::parse_transaction_csv(bytes);
  if (!transactions) return fail(transactions.error().code, (folder / kHistory).string() + ": " + transactions.error().message, transactions.error().hint);
  return Profile{folder, std::move(identity), std::move(curve), certificate, std::move(*transactions)};
}

Result<EnrolmentRequest> request_enrolment(const fs::path& folder, std::string_view population, const EnrolmentToken& token, RandomSource& random) {
  std::error_code ignored;
  if (!fs::exists(folder / kIdentity, ignored)) FEDSPEND_TRY(program::write_identity_key(folder / kIdentity, "identity", IdentityKey::generate(random)));
  if (!fs::exists(folder / kCurve, ignored)) FEDSPEND_TRY(program::write_curve_key(folder / kCurve, CurveKeyPair::generate(random)));
  FEDSPEND_ASSIGN(const IdentityKey identity, program::read_identity_key(folder / kIdentity, "identity"));
  FEDSPEND_ASSIGN(const CurveKeyPair curve, program::read_curve_key(folder / kCurve));
  FEDSPEND_ASSIGN(std::string label, read_label(folder));
  return make_enrolment_request(population, identity, curve.public_key, token, std::move(label));
}

Status install_certificates(const std::vector<fs::path>& folders, const std::vector<Certificate>& certificates, const PinnedEnrolment& enrolment) {
  std::map<IdentityPublicKey, const Certificate*> of_identity;
  for (const Certificate& certificate : certificates) of_identity[certificate.identity] = &certificate;
  std::vector<std::string> lines(folders.size());
  std::vector<program::FileToWrite> files;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    FEDSPEND_ASSIGN(const IdentityKey identity, program::read_identity_key(folders[i] / kIdentity, "identity"));
    const auto found = of_identity.find(identity.public_key());
    if (found == of_identity.end()) return fail(ErrorCode::not_found, "there is no certificate for the client in " + folders[i].string(), "enrol it with `fedspend-admin enrol`");
    FEDSPEND_TRY(check_certificate(folders[i], *found->second, identity.public_key(), enrolment));
    lines[i] = certificate_line(*found->second) + '\n';
    files.push_back({folders[i] / kCertificate, as_bytes(lines[i])});
  }
  return program::write_files_together(files);
}

}  // namespace fedspend::client
