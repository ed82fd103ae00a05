#include "coordinator/revocation_file.h"

#include <charconv>
#include <string>

#include "common/program/files.h"

namespace fedspend::coordinator {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "revocations.seen";
constexpr std::size_t kKeyDigits = 64;

// 0: this authority's list was never given here.
Result<std::uint64_t> read_seen(const fs::path& path, const IdentityPublicKey& authority) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::uint64_t{0};
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, 256));
  std::string_view text = as_text(bytes);
  if (text.ends_with('\n')) text.remove_suffix(1);
  IdentityPublicKey key;
  std::uint64_t sequence = 0;
  const bool formed = text.size() > kKeyDigits + 1 && text[kKeyDigits] == ' ' && from_hex(text.substr(0, kKeyDigits), key.bytes).has_value();
  const std::string_view number = formed ? text.substr(kKeyDigits + 1) : std::string_view();
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), sequence);
  if (!formed || error != std::errc() || end != number.data() + number.size())
    return fail(ErrorCode::malformed, path.string() + " does not hold the number of a revocation list", "restore it from a backup, or remove it if you are sure that --revocations is the newest list");
  return key == authority ? sequence : std::uint64_t{0};
}

}  // namespace

Result<RevocationList> read_revocation_file(const fs::path& path, const IdentityPublicKey& authority) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxRevocationListBytes));
  Result<RevocationList> list = RevocationList::parse(as_text(bytes), authority);
  if (list) return list;
  Error error = list.error();
  // The file is what is wrong here, not a peer: exit code 4.
  if (error.code == ErrorCode::unauthorized) error.code = ErrorCode::refused;
  error.message = path.string() + ": " + error.message;
  return fail(std::move(error));
}

Status accept_revocations(const fs::path& state, const IdentityPublicKey& authority, const RevocationList* list) {
  const fs::path path = state / kFile;
  FEDSPEND_ASSIGN(const std::uint64_t seen, read_seen(path, authority));
  const std::uint64_t given = list == nullptr ? 0 : list->sequence();
  if (given < seen)
    return fail(ErrorCode::refused,
                (list == nullptr ? "no revocation list" : "revocation list " + std::to_string(given)) + " is given, and this coordinator has worked with list " + std::to_string(seen),
                "give --revocations the newest list of the authority");
  if (given == seen) return {};
  return program::write_file_atomically(path, as_bytes(to_hex(authority.bytes) + ' ' + std::to_string(given) + '\n'));
}

}  // namespace fedspend::coordinator
