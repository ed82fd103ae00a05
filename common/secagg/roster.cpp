#include "common/secagg/roster.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace fedspend {

Result<Roster> Roster::create(std::vector<RosterEntry> entries) {
  if (entries.empty()) return fail(ErrorCode::malformed, "roster: nobody is on it");
  std::ranges::sort(entries, {}, &RosterEntry::id);
  const auto repeated = std::ranges::adjacent_find(entries, {}, &RosterEntry::id);
  if (repeated != entries.end()) return fail(ErrorCode::malformed, "roster: the client " + repeated->id.hex() + " is on it twice");
  std::vector<ClientId> ids;
  std::vector<Hash256> leaves;
  ids.reserve(entries.size());
  leaves.reserve(entries.size());
  for (const RosterEntry& entry : entries) {
    ids.push_back(entry.id);
    leaves.push_back(entry.leaf);
  }
  return Roster(std::move(ids), MerkleTree(std::move(leaves)));
}

const ClientId& Roster::id(std::uint32_t position) const {
  FEDSPEND_CHECK(position < size(), "a position of the roster");
  return ids_[position];
}

std::optional<std::uint32_t> Roster::position(const ClientId& id) const {
  const auto found = std::ranges::lower_bound(ids_, id);
  if (found == ids_.end() || *found != id) return std::nullopt;
  return static_cast<std::uint32_t>(found - ids_.begin());
}

}  // namespace fedspend
