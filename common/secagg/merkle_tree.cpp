#include "common/secagg/merkle_tree.h"

#include <utility>

#include "common/check.h"

namespace fedspend {
namespace {

Hash256 root_of(std::uint64_t count, const Hash256& top) { return Hasher("merkle").u64(count).field(top).finish(); }

std::vector<Hash256> parents_of(const std::vector<Hash256>& row) {
  std::vector<Hash256> parents;
  parents.reserve((row.size() + 1) / 2);
  for (std::size_t i = 0; i + 1 < row.size(); i += 2) parents.push_back(merkle_node_hash(row[i], row[i + 1]));
  if (row.size() % 2 != 0) parents.push_back(row.back());
  return parents;
}

}  // namespace

MerkleTree::MerkleTree(std::vector<Hash256> leaves) {
  FEDSPEND_CHECK(!leaves.empty() && leaves.size() <= std::size_t{1} << 31, "1 to 2^31 leaves");
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) levels_.push_back(parents_of(levels_.back()));
  root_ = root_of(size(), levels_.back().front());
}

const Hash256& MerkleTree::leaf(std::uint32_t index) const {
  FEDSPEND_CHECK(index < size(), "a leaf that is there");
  return levels_.front()[index];
}

std::vector<Hash256> MerkleTree::proof(std::span<const std::uint32_t> indices) const {
  FEDSPEND_CHECK(!indices.empty() && indices.back() < size(), "places in the tree");
  for (std::size_t i = 1; i < indices.size(); ++i) FEDSPEND_CHECK(indices[i - 1] < indices[i], "places that rise");
  std::vector<Hash256> hashes;
  std::vector<std::uint32_t> known(indices.begin(), indices.end());
  for (const std::vector<Hash256>& row : levels_) {
    if (row.size() == 1) break;
    std::vector<std::uint32_t> above;
    for (std::size_t i = 0; i < known.size(); ++i) {
      above.push_back(known[i] / 2);
      const std::uint32_t sibling = known[i] ^ 1;
      if (i + 1 < known.size() && known[i + 1] == sibling) ++i;  // both are known
      else if (sibling < row.size()) hashes.push_back(row[sibling]);
    }
    known = std::move(above);
  }
  return hashes;
}

Status verify_leaves(const Hash256& root, std::uint32_t count, std::span<const PlacedLeaf> leaves, std::span<const Hash256> proof) {
  if (leaves.empty()) return fail(ErrorCode::malformed, "Merkle proof: for no leaf");
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].index >= count) return fail(ErrorCode::malformed, "Merkle proof: a place beyond the last leaf");
    if (i > 0 && leaves[i - 1].index >= leaves[i].index) return fail(ErrorCode::malformed, "Merkle proof: places that do not rise");
  }
  std::vector<PlacedLeaf> known(leaves.begin(), leaves.end());
  std::size_t used = 0;
  for (std::uint64_t width = count; width > 1; width = (width + 1) / 2) {
    std::size_t kept = 0;  // parents overwrite the front of `known`, never ahead of what is still to be read
    for (std::size_t i = 0; i < known.size(); ++i) {
      const std::uint32_t index = known[i].index;
      const std::uint32_t sibling = index ^ 1;
      Hash256 parent = known[i].hash;  // promoted, unless there is a sibling
      if (i + 1 < known.size() && known[i + 1].index == sibling) {
        parent = merkle_node_hash(known[i].hash, known[i + 1].hash);
        ++i;
      } else if (sibling < width) {
        if (used == proof.size()) return fail(ErrorCode::malformed, "Merkle proof: too short");
        const Hash256& other = proof[used++];
        parent = index % 2 == 0 ? merkle_node_hash(parent, other) : merkle_node_hash(other, parent);
      }
      known[kept++] = {.index = index / 2, .hash = parent};
    }
    known.resize(kept);
  }
  if (used != proof.size()) return fail(ErrorCode::malformed, "Merkle proof: too long");
  if (root_of(count, known.front().hash) != root) return fail(ErrorCode::unauthorized, "Merkle proof: not of this root");
  return {};
}

}  // namespace fedspend
