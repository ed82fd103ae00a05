#pragma once
// The roster of a session as the coordinator builds it (SECAGG.md, "Keys", "Rounds"): the clients that advertised keys, sorted by
// ClientId, under a Merkle root that every signature and key of the round depends on. A client's position in it stands for the
// client in the graph and in the bitmaps of survivors. A leaf is the hash of the client's signed keys as they were advertised, so
// that a proof binds position, identity and keys together. Thread-safe once made.

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/crypto/hash.h"
#include "common/ids.h"
#include "common/result.h"
#include "common/secagg/merkle_tree.h"

namespace fedspend {

struct RosterEntry {
  ClientId id;
  Hash256 leaf{};  // merkle_leaf_hash() of the signed keys
};

class Roster {
 public:
  // In any order. malformed: no entry, or an id twice (case 5; that no key is there twice is the aggregator's check, who has them).
  static Result<Roster> create(std::vector<RosterEntry> entries);

  std::uint32_t size() const { return tree_.size(); }
  const Hash256& root() const { return tree_.root(); }
  const ClientId& id(std::uint32_t position) const;                      // position < size()
  std::optional<std::uint32_t> position(const ClientId& id) const;       // nothing: not on the roster
  const Hash256& leaf(std::uint32_t position) const { return tree_.leaf(position); }
  // For positions that rise; verify_leaves() checks it.
  std::vector<Hash256> proof(std::span<const std::uint32_t> positions) const { return tree_.proof(positions); }

 private:
  Roster(std::vector<ClientId> ids, MerkleTree tree) : ids_(std::move(ids)), tree_(std::move(tree)) {}
  std::vector<ClientId> ids_;
  MerkleTree tree_;
};

}  // namespace fedspend
