#include "common/protocol/revocation_list.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/check.h"
#include "common/crypto/hash.h"

namespace fedspend {
namespace {

constexpr std::string_view kHeader = "fedspend-revocations-v1";
constexpr std::string_view kSequence = "sequence ";
constexpr std::string_view kSignature = "signature ";

Hash256 digest_of(std::uint64_t sequence, const std::vector<ClientId>& ids) {
  Bytes together;
  together.reserve(ids.size() * ClientId::kSize);
  for (const ClientId& id : ids) together.insert(together.end(), id.bytes.begin(), id.bytes.end());
  Hasher hasher("revocations");
  return hasher.u64(sequence).field(together).finish();
}

tl::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorCode::malformed, "revocation list: " + what, "take the file again as `fedspend-admin revoke` wrote it");
}

// The text up to the next line end, which is taken too; empty where no whole line is left (the form has no empty lines).
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return {};
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

}  // namespace

Result<RevocationList> RevocationList::create(std::vector<ClientId> ids, std::uint64_t sequence, const IdentityKey& authority) {
  FEDSPEND_CHECK(sequence != 0, "a sequence from 1");
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (ids.size() > kMaxRevocations)
    return fail(ErrorCode::limit, "revocation list: more than " + std::to_string(kMaxRevocations) + " devices", "make a new authority and enrol the devices that stay");
  RevocationList list;
  list.signature_ = authority.sign(digest_of(sequence, ids));
  list.sequence_ = sequence;
  list.ids_ = std::move(ids);
  return list;
}

Result<RevocationList> RevocationList::parse(std::string_view text, const IdentityPublicKey& authority) {
  if (text.size() > kMaxRevocationListBytes)
    return fail(ErrorCode::limit, "revocation list: " + std::to_string(text.size()) + " bytes, at most " + std::to_string(kMaxRevocationListBytes));
  RevocationList list;
  std::string_view rest = text;
  if (take_line(rest) != kHeader) return broken("its first line is not \"" + std::string(kHeader) + "\"");
  std::string_view line = take_line(rest);
  if (!line.starts_with(kSequence)) return broken("no sequence in its second line");
  line.remove_prefix(kSequence.size());
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), list.sequence_);
  if (error != std::errc() || end != line.data() + line.size() || list.sequence_ == 0) return broken("its sequence is not a number from 1");
  for (line = take_line(rest); line.size() == 2 * ClientId::kSize; line = take_line(rest)) {
    const Result<ClientId> id = ClientId::parse(line);
    if (!id) return broken("line " + std::to_string(list.ids_.size() + 3) + " is not an id");
    if (!list.ids_.empty() && *id <= list.ids_.back()) return broken("line " + std::to_string(list.ids_.size() + 3) + " is not in ascending order");
    if (list.ids_.size() == kMaxRevocations) return fail(ErrorCode::limit, "revocation list: more than " + std::to_string(kMaxRevocations) + " devices");
    list.ids_.push_back(*id);
  }
  if (!line.starts_with(kSignature)) return broken("line " + std::to_string(list.ids_.size() + 3) + " is neither an id nor the signature");
  if (!from_hex(line.substr(kSignature.size()), list.signature_)) return broken("its signature is not 128 hexadecimal digits");
  if (!rest.empty()) return broken("something follows its signature");
  if (list.text() != text) return broken("numbers with leading zeros, or digits in upper case");  // one form for one list
  if (!verify(authority, digest_of(list.sequence_, list.ids_), list.signature_))
    return fail(ErrorCode::unauthorized, "revocation list: not signed by the enrolment authority", "give the list of the authority whose key is pinned");
  return list;
}

std::string RevocationList::text() const {
  std::string text = std::string(kHeader) + '\n' + std::string(kSequence) + std::to_string(sequence_) + '\n';
  text.reserve(text.size() + ids_.size() * (2 * ClientId::kSize + 1) + 256);
  for (const ClientId& id : ids_) text += id.hex() + '\n';
  return text + std::string(kSignature) + to_hex(signature_) + '\n';
}

bool RevocationList::contains(const ClientId& id) const { return std::binary_search(ids_.begin(), ids_.end(), id); }

}  // namespace fedspend
