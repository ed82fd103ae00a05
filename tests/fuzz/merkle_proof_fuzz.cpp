// Merkle proofs, valid ones and then changed: a byte for the number of leaves, eight for those that are shown, then changes of five
// bytes each (what, which one, its place, and what is written there). The property: what is accepted is what was true.
#include <vector>

#include "common/secagg/merkle_tree.h"
#include "tests/fuzz/fuzz_target.h"

namespace fedspend {
namespace {

constexpr std::uint32_t kMostLeaves = 64;

const MerkleTree& tree_of(std::uint32_t count) {
  static const std::vector<MerkleTree> trees = [] {
    std::vector<MerkleTree> made;
    std::vector<Hash256> leaves;
    for (std::uint8_t i = 0; i < kMostLeaves; ++i) {
      leaves.push_back(merkle_leaf_hash(Bytes{i}));
      made.emplace_back(leaves);
    }
    return made;
  }();
  return trees[count - 1];
}

struct Claim {
  Hash256 root{};
  std::uint32_t count = 0;
  std::vector<PlacedLeaf> leaves;
  std::vector<Hash256> proof;
};

void change(Claim& claim, fuzz::Decisions& decisions) {
  const unsigned what = decisions.u8() % 8;
  const std::size_t which = decisions.u8();
  const std::size_t place = decisions.u8() % 32;
  const std::uint16_t value = decisions.u16();
  const auto byte = static_cast<std::uint8_t>(value);
  if (what == 0) claim.root[place] ^= byte;
  if (what == 1) claim.count = value;
  if (what == 2) claim.count ^= std::uint32_t{value} << 16;
  if (what == 3 && !claim.leaves.empty()) claim.leaves[which % claim.leaves.size()].index = value;
  if (what == 4 && !claim.leaves.empty()) claim.leaves[which % claim.leaves.size()].hash[place] ^= byte;
  if (what == 5 && !claim.proof.empty()) claim.proof[which % claim.proof.size()][place] ^= byte;
  if (what == 6 && !claim.leaves.empty()) {
    const PlacedLeaf again = claim.leaves[value % claim.leaves.size()];
    claim.leaves.insert(claim.leaves.begin() + static_cast<std::ptrdiff_t>(which % claim.leaves.size()), again);
  }
  if (what == 7 && !claim.proof.empty()) {
    const auto at = claim.proof.begin() + static_cast<std::ptrdiff_t>(which % claim.proof.size());
    const Hash256 again = claim.proof[value / 2 % claim.proof.size()];
    if (value % 2 == 0) claim.proof.erase(at);
    else claim.proof.insert(at, again);
  }
}

// Of every leaf that is claimed, that it stands there in the tree that the root is of.
bool is_true(const Claim& claim, std::uint32_t count) {
  if (claim.root != tree_of(count).root() || claim.count != count) return false;
  return std::ranges::all_of(claim.leaves, [&](const PlacedLeaf& leaf) { return leaf.index < count && tree_of(count).leaf(leaf.index) == leaf.hash; });
}

void check_claim(fuzz::Decisions decisions) {
  const std::uint32_t count = 1 + decisions.u8() % kMostLeaves;
  std::uint64_t shown = decisions.u32();
  shown |= std::uint64_t{decisions.u32()} << 32;
  std::vector<std::uint32_t> indices;
  Claim claim{.root = tree_of(count).root(), .count = count, .leaves = {}, .proof = {}};
  for (std::uint32_t i = 0; i < count; ++i) {
    if ((shown >> i & 1) == 0) continue;
    indices.push_back(i);
    claim.leaves.push_back({i, tree_of(count).leaf(i)});
  }
  if (!indices.empty()) claim.proof = tree_of(count).proof(indices);
  const bool untouched = decisions.empty();
  while (!decisions.empty()) change(claim, decisions);
  const Status status = verify_leaves(claim.root, claim.count, claim.leaves, claim.proof);
  if (status) FEDSPEND_CHECK(is_true(claim, count) && !claim.leaves.empty(), "what is accepted is true");
  if (untouched && !indices.empty()) FEDSPEND_CHECK(status.has_value(), "a proof is accepted");
  if (!status) FEDSPEND_CHECK(status.error().code == ErrorCode::malformed || status.error().code == ErrorCode::unauthorized, "the two errors of the header");
}

}  // namespace
}  // namespace fedspend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fedspend::check_claim(fedspend::fuzz::Decisions(fedspend::ByteSpan(data, size)));
  return 0;
}
