#include "coordinator/authority.h"

#include <utility>
#include <vector>

#include "common/program/key_files.h"

namespace fedspend::coordinator {
namespace fs = std::filesystem;
namespace {

constexpr const char* kKey = "authority.key";
constexpr const char* kTokens = "tokens";
constexpr const char* kRevocations = "revocations";
constexpr const char* kLock = "lock";

Error at(const fs::path& path, Error error) {
  error.message = path.string() + ": " + error.message;
  return error;
}

}  // namespace

Authority::Authority(fs::path folder, program::FileLock lock, IdentityKey key) : folder_(std::move(folder)), lock_(std::move(lock)), key_(std::move(key)) {}
Authority::Authority(Authority&&) noexcept = default;
Authority::~Authority() = default;

Status Authority::create(const fs::path& folder, RandomSource& random) {
  std::error_code ignored;
  for (const char* name : {kKey, kTokens, kRevocations})
    if (fs::exists(folder / name, ignored))
      return fail(ErrorCode::conflict, (folder / name).string() + " is there already", "an authority is never overwritten: give another --out folder");
  FEDSPEND_TRY(program::ensure_writable_directory(folder));
  // The ledger first: a folder with a key is whole.
  FEDSPEND_TRY(program::write_file_atomically(folder / kTokens, as_bytes(TokenLedger{}.text()), 0600));
  const Status written = program::write_identity_key(folder / kKey, "authority", IdentityKey::generate(random));
  if (!written) fs::remove(folder / kTokens, ignored);
  return written;
}

Result<Authority> Authority::open(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder / kKey, ignored))
    return fail(ErrorCode::not_found, folder.string() + " holds no enrolment authority: there is no " + kKey + " in it", "make one with `fedspend-admin authority --out DIR`");
  FEDSPEND_ASSIGN(program::FileLock lock, program::FileLock::take(folder / kLock, folder));
  FEDSPEND_ASSIGN(IdentityKey key, program::read_identity_key(folder / kKey, "authority"));
  Authority authority(folder, std::move(lock), std::move(key));
  FEDSPEND_ASSIGN(const Bytes tokens, program::read_file(folder / kTokens, kMaxLedgerBytes));
  Result<TokenLedger> ledger = TokenLedger::parse(as_text(tokens));
  if (!ledger) return fail(at(folder / kTokens, ledger.error()));
  authority.ledger_ = std::move(*ledger);
  if (fs::exists(folder / kRevocations, ignored)) {
    FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / kRevocations, kMaxRevocationListBytes));
    Result<RevocationList> list = RevocationList::parse(as_text(bytes), authority.key_.public_key());
    if (!list) return fail(at(folder / kRevocations, list.error()));
    authority.revocations_ = std::move(*list);
  }
  return authority;
}

Status Authority::save(TokenLedger ledger, std::span<const program::FileToWrite> others) {
  const std::string text = ledger.text();
  std::vector<program::FileToWrite> files = {{folder_ / kTokens, as_bytes(text), 0600}};
  files.insert(files.end(), others.begin(), others.end());
  FEDSPEND_TRY(program::write_files_together(files));
  ledger_ = std::move(ledger);
  return {};
}

Status Authority::save(RevocationList revocations, const fs::path& copy) {
  const std::string text = revocations.text();
  const std::vector<program::FileToWrite> files = {{folder_ / kRevocations, as_bytes(text)}, {copy, as_bytes(text)}};
  FEDSPEND_TRY(program::write_files_together(files));
  revocations_ = std::move(revocations);
  return {};
}

}  // namespace fedspend::coordinator
