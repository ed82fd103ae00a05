#pragma once
// A Merkle tree over a list of leaves, and proofs that some of them stand at their places in it (SECAGG.md, "Keys", "Rounds"): the
// roster is one over the clients' signed keys, the survivors' digests H(y) are another.
//   level 0 is the leaf hashes; the next level holds the node hash of each pair, an odd last one is promoted as it is
//   (common/crypto/merkle_hash.h: prefixes 0x00 and 0x01); the last level is one hash, the top
//   root = H("merkle", number of leaves (u64), top)
// SECAGG.md's root is the top alone. With it the same root could be shown with different numbers of leaves to different clients,
// and a proof for a place can be as long under several numbers; n decides the graph, so it belongs under the root.
//
// One proof for many leaves. For the places asked for, in rising order, it lists the hashes that cannot be computed from what is
// known already: level by level from the leaves, left to right. It is as strong as a proof for each leaf: verify_leaves()
// computes every node on the way from each leaf to the root, and each sibling there is a hash of the proof or was computed
// from other leaves, so whoever makes it accept has, by writing these siblings down, a single proof for every one of the leaves; a
// false leaf would be a collision of BLAKE2b-256 in either. It is merely shorter (551 of 1,000 leaves: about 330 hashes in place of
// 5,500) and hashes each inner node once. Test vectors: tests/vectors/merkle.txt. Thread-safe once made.

#include <cstdint>
#include <span>
#include <vector>

#include "common/crypto/hash.h"
#include "common/crypto/merkle_hash.h"
#include "common/result.h"

namespace fedspend {

class MerkleTree {
 public:
  explicit MerkleTree(std::vector<Hash256> leaves);  // hashes of 1 ... 2^31 leaves; 64 bytes a leaf

  std::uint32_t size() const { return static_cast<std::uint32_t>(levels_.front().size()); }
  const Hash256& root() const { return root_; }
  const Hash256& leaf(std::uint32_t index) const;
  // The proof for these places: at least one, rising, below size() (a programmer's mistake otherwise).
  std::vector<Hash256> proof(std::span<const std::uint32_t> indices) const;

 private:
  std::vector<std::vector<Hash256>> levels_;
  Hash256 root_{};
};

struct PlacedLeaf {
  std::uint32_t index = 0;
  Hash256 hash{};  // of the contents, by merkle_leaf_hash()
};

// That each of the leaves stands at its place among `count` under `root`. malformed: no leaf, places that do not rise or are not
// below count, or a proof of the wrong length; unauthorized: another root. At most 32 hashes a leaf are computed.
Status verify_leaves(const Hash256& root, std::uint32_t count, std::span<const PlacedLeaf> leaves, std::span<const Hash256> proof);

}  // namespace fedspend
