#include "coordinator/beacon_signer.h"

#include <charconv>
#include <utility>

#include "common/program/file_lock.h"
#include "common/program/files.h"
#include "common/program/key_files.h"

namespace fedspend::coordinator {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kHeader = "fedspend-beacon-v1\n";
constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kMaxLedgerBytes = kHeader.size() + kMaxBeaconEntries * (2 * kIdDigits + 2 + 20 + 1);

fs::path beside(fs::path key_path, const char* ending) { return key_path += ending; }

Status read_entry(std::string_view line, BeaconLedger& ledger) {
  SessionId assignment;
  BeaconLedger::Entry entry;
  const std::size_t time_at = 2 * kIdDigits + 2;
  if (line.size() <= time_at || line[kIdDigits] != ' ' || line[time_at - 1] != ' ') return fail(ErrorCode::malformed, "a line has three fields");
  FEDSPEND_TRY(from_hex(line.substr(0, kIdDigits), assignment.bytes));
  FEDSPEND_TRY(from_hex(line.substr(kIdDigits + 1, kIdDigits), entry.root));
  const auto [end, error] = std::from_chars(line.data() + time_at, line.data() + line.size(), entry.signed_at_s);
  if (error != std::errc() || end != line.data() + line.size()) return fail(ErrorCode::malformed, "a time is a number");
  if (!ledger.entries.emplace(assignment, entry).second) return fail(ErrorCode::malformed, "an attempt that is there already");
  return {};
}

}  // namespace

std::string BeaconLedger::text() const {
  std::string text(kHeader);
  for (const auto& [assignment, entry] : entries) text += assignment.hex() + ' ' + to_hex(entry.root) + ' ' + std::to_string(entry.signed_at_s) + '\n';
  return text;
}

Result<BeaconLedger> BeaconLedger::parse(std::string_view text) {
  BeaconLedger ledger;
  std::size_t number = 1;
  const auto broken = [&](const std::string& what) {
    return fail(ErrorCode::malformed, "beacon ledger, line " + std::to_string(number) + ": " + what, "take it back from a copy, or make another beacon key");
  };
  if (!text.starts_with(kHeader)) return broken("not \"" + std::string(kHeader.substr(0, kHeader.size() - 1)) + "\"");
  if (!text.ends_with('\n')) return broken("the file is cut off");
  text.remove_prefix(kHeader.size());
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (const Status entry = read_entry(text.substr(0, end), ledger); !entry) return broken(entry.error().message);
    text.remove_prefix(end + 1);
  }
  return ledger;
}

Status BeaconLedger::enter(const SessionId& assignment, const Hash256& roster_root, std::uint64_t now_s) {
  if (const auto found = entries.find(assignment); found != entries.end()) {
    if (found->second.root == roster_root) return {};
    return fail(ErrorCode::refused, "another roster of the attempt " + assignment.hex() + " was signed before", "nobody needs a second one: who asks for it tries out graphs");
  }
  std::erase_if(entries, [&](const auto& item) { return now_s > item.second.signed_at_s && now_s - item.second.signed_at_s > kBeaconMemory_s; });
  if (entries.size() >= kMaxBeaconEntries)
    return fail(ErrorCode::limit, "the ledger holds " + std::to_string(entries.size()) + " attempts of the last " + std::to_string(kBeaconMemory_s / 86'400) + " days, the most there may be",
                "find out who asks for so many; the oldest are forgotten by and by");
  entries.emplace(assignment, Entry{.root = roster_root, .signed_at_s = now_s});
  return {};
}

Status create_beacon(const fs::path& key_path, RandomSource& random) {
  const fs::path ledger = beside(key_path, ".ledger");
  std::error_code ignored;
  for (const fs::path& path : {key_path, ledger})
    if (fs::exists(path, ignored)) return fail(ErrorCode::conflict, path.string() + " is there already", "keys and ledgers are never overwritten: give another --out folder");
  // The ledger first: a key that is there can sign.
  FEDSPEND_TRY(program::write_file_atomically(ledger, as_bytes(BeaconLedger{}.text()), 0600));
  const Status written = program::write_identity_key(key_path, "beacon", IdentityKey::generate(random));
  if (!written) fs::remove(ledger, ignored);
  return written;
}

Result<BeaconDraw> sign_once(const fs::path& key_path, const SessionId& assignment, const Hash256& roster_root, std::uint64_t now_s) {
  FEDSPEND_ASSIGN(const IdentityKey key, program::read_identity_key(key_path, "beacon"));
  FEDSPEND_ASSIGN(const program::FileLock lock, program::FileLock::take(beside(key_path, ".lock"), key_path));
  const fs::path path = beside(key_path, ".ledger");
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxLedgerBytes));
  Result<BeaconLedger> ledger = BeaconLedger::parse(as_text(bytes));
  if (!ledger) return fail(ledger.error().code, path.string() + ": " + ledger.error().message, ledger.error().hint);
  FEDSPEND_TRY(ledger->enter(assignment, roster_root, now_s));
  FEDSPEND_TRY(program::write_file_atomically(path, as_bytes(ledger->text()), 0600));
  return open_beacon(key.public_key(), assignment, roster_root, sign_beacon(key, assignment, roster_root));
}

}  // namespace fedspend::coordinator
