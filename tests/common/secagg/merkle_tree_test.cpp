#include "common/secagg/merkle_tree.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

Hash256 leaf_of(std::uint32_t index) { return merkle_leaf_hash(as_bytes("leaf " + std::to_string(index))); }

MerkleTree tree_of(std::uint32_t count) {
  std::vector<Hash256> leaves;
  for (std::uint32_t i = 0; i < count; ++i) leaves.push_back(leaf_of(i));
  return MerkleTree(std::move(leaves));
}

std::vector<PlacedLeaf> placed(const std::vector<std::uint32_t>& indices) {
  std::vector<PlacedLeaf> leaves;
  for (const std::uint32_t index : indices) leaves.push_back({index, leaf_of(index)});
  return leaves;
}

Bytes joined(const std::vector<Hash256>& hashes) {
  Bytes bytes;
  for (const Hash256& hash : hashes) bytes.insert(bytes.end(), hash.begin(), hash.end());
  return bytes;
}

ErrorCode code_of(const Status& status) { return status ? ErrorCode::internal : status.error().code; }

std::vector<std::uint32_t> some_indices(std::uint32_t count) {
  auto picked = *rc::gen::nonEmpty(rc::gen::unique<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, count)));
  std::ranges::sort(picked);
  return picked;
}

TEST_CASE("roots and proofs are those of an independent computation") {
  const auto records = tests::read_vectors("merkle.txt");
  CHECK(records.size() == 9);
  for (const auto& record : records) {
    CAPTURE(record.text("leaves"));
    const MerkleTree tree = tree_of(static_cast<std::uint32_t>(std::stoul(record.text("leaves"))));
    CHECK(to_hex(tree.root()) == record.text("root"));
    for (const std::string& line : record.all("proof")) {
      const std::vector<std::uint32_t> index{static_cast<std::uint32_t>(std::stoul(line))};
      const std::size_t space = line.find(' ');
      CHECK(to_hex(joined(tree.proof(index))) == (space == std::string::npos ? "" : line.substr(space + 1)));
    }
    std::istringstream words(record.text("indices"));
    std::vector<std::uint32_t> indices;
    for (std::uint32_t index = 0; words >> index;) indices.push_back(index);
    CHECK(to_hex(joined(tree.proof(indices))) == record.text("multiproof"));
    CHECK(verify_leaves(tree.root(), tree.size(), placed(indices), tree.proof(indices)).has_value());
  }
}

TEST_CASE("a proof of any leaves of any tree is accepted, and of all of them it is empty") {
  CHECK(rc::check([] {
    const auto count = *rc::gen::inRange<std::uint32_t>(1, 200);
    const MerkleTree tree = tree_of(count);
    const auto indices = some_indices(count);
    RC_ASSERT(verify_leaves(tree.root(), count, placed(indices), tree.proof(indices)).has_value());
  }));
  std::vector<std::uint32_t> all(100);
  for (std::uint32_t i = 0; i < 100; ++i) all[i] = i;
  CHECK(tree_of(100).proof(all).empty());
}

TEST_CASE("one proof for many leaves holds a single proof for each of them") {
  // The header's argument, carried out: the siblings of each leaf are hashes of the proof or computed from other leaves.
  CHECK(rc::check([] {
    const auto count = *rc::gen::inRange<std::uint32_t>(1, 100);
    const MerkleTree tree = tree_of(count);
    const auto indices = some_indices(count);
    for (const std::uint32_t index : indices) {
      const std::vector<std::uint32_t> one{index};
      RC_ASSERT(verify_leaves(tree.root(), count, placed(one), tree.proof(one)).has_value());
    }
    std::size_t apart = 0;
    for (const std::uint32_t index : indices) apart += tree.proof(std::vector<std::uint32_t>{index}).size();
    RC_ASSERT(tree.proof(indices).size() <= apart);
  }));
}

TEST_CASE("a changed leaf, place or hash is refused") {
  CHECK(rc::check([] {
    const auto count = *rc::gen::inRange<std::uint32_t>(2, 100);
    const MerkleTree tree = tree_of(count);
    const auto indices = some_indices(count);
    const auto proof = tree.proof(indices);
    const std::size_t which = *rc::gen::inRange<std::size_t>(0, indices.size());

    auto leaves = placed(indices);
    leaves[which].hash[0] ^= 1;
    RC_ASSERT(code_of(verify_leaves(tree.root(), count, leaves, proof)) == ErrorCode::unauthorized);

    for (std::size_t i = 0; i < proof.size(); ++i) {
      auto changed = proof;
      changed[i][31] ^= 0x80;
      RC_ASSERT(code_of(verify_leaves(tree.root(), count, placed(indices), changed)) == ErrorCode::unauthorized);
    }

    // The same leaf at another place: of the right shape or not, it must not pass.
    leaves = placed(indices);
    leaves[which].index = *rc::gen::inRange<std::uint32_t>(0, count);
    RC_PRE(leaves[which].index != indices[which]);
    RC_ASSERT_FALSE(verify_leaves(tree.root(), count, leaves, proof).has_value());
  }));
}

TEST_CASE("a proof passes under one number of leaves alone") {
  for (std::uint32_t count = 1; count <= 40; ++count) {
    const MerkleTree tree = tree_of(count);
    const std::vector<std::uint32_t> first{0};
    for (std::uint32_t other = 1; other <= 80; ++other)
      CHECK(verify_leaves(tree.root(), other, placed(first), tree.proof(first)).has_value() == (other == count));
  }
  // Without the number under the root, 3 leaves and 4 would have proofs of one length for the first.
  const std::vector<std::uint32_t> first{0};
  CHECK(tree_of(3).proof(first).size() == tree_of(4).proof(first).size());
}

TEST_CASE("malformed proofs are told from false ones") {
  const MerkleTree tree = tree_of(13);
  const std::vector<std::uint32_t> indices{2, 3, 7, 12};
  const auto proof = tree.proof(indices);
  const auto leaves = placed(indices);
  const auto malformed = [&](std::uint32_t count, const std::vector<PlacedLeaf>& given, const std::vector<Hash256>& hashes) {
    return code_of(verify_leaves(tree.root(), count, given, hashes)) == ErrorCode::malformed;
  };
  CHECK(malformed(13, {}, {}));
  CHECK(malformed(13, {}, proof));
  CHECK(malformed(0, leaves, proof));
  CHECK(malformed(12, leaves, proof));  // 12 is beyond the last
  CHECK(malformed(13, placed({3, 2, 7, 12}), proof));
  CHECK(malformed(13, placed({2, 2, 7, 12}), proof));
  CHECK(malformed(13, leaves, {proof.begin(), proof.end() - 1}));
  CHECK(malformed(13, leaves, {}));
  auto longer = proof;
  longer.push_back(proof.front());
  CHECK(malformed(13, leaves, longer));
  CHECK(malformed(13, placed({0xffffffff}), proof));
  CHECK(malformed(0xffffffff, placed({0xfffffffe}), {}));  // a claimed number costs nothing before the proof runs out
}

// Were places allowed to repeat, a proof that gives each sibling twice would make one leaf count as two: a quorum of one signer.
TEST_CASE("a leaf cannot be counted twice with a proof made for that") {
  const MerkleTree tree = tree_of(13);
  const auto single = tree.proof(std::vector<std::uint32_t>{5});
  std::vector<Hash256> doubled;
  for (const Hash256& hash : single) doubled.insert(doubled.end(), 2, hash);
  CHECK(code_of(verify_leaves(tree.root(), 13, placed({5, 5}), doubled)) == ErrorCode::malformed);
  CHECK(code_of(verify_leaves(tree.root(), 13, placed({5, 5}), single)) == ErrorCode::malformed);
}

TEST_CASE("an inner node cannot be passed for a leaf") {
  const MerkleTree tree = tree_of(4);
  const Hash256 left = merkle_node_hash(leaf_of(0), leaf_of(1));
  const Hash256 right = merkle_node_hash(leaf_of(2), leaf_of(3));
  // The tree of two "leaves" has the same top; the number of leaves and the leaf prefix each keep it out.
  CHECK_FALSE(verify_leaves(tree.root(), 2, std::vector<PlacedLeaf>{{0, left}}, std::vector<Hash256>{right}).has_value());
  const Hash256 first = leaf_of(0), second = leaf_of(1);
  Bytes contents(first.begin(), first.end());
  contents.insert(contents.end(), second.begin(), second.end());
  CHECK(merkle_leaf_hash(contents) != left);
}

TEST_CASE("trees differ by any leaf and by their order") {
  const std::vector<Hash256> leaves{leaf_of(0), leaf_of(1), leaf_of(2)};
  CHECK(MerkleTree(leaves).root() != MerkleTree({leaf_of(1), leaf_of(0), leaf_of(2)}).root());
  CHECK(MerkleTree(leaves).root() != MerkleTree({leaf_of(0), leaf_of(1)}).root());
  CHECK(MerkleTree(leaves).root() != MerkleTree({leaf_of(0), leaf_of(1), leaf_of(2), leaf_of(2)}).root());
  CHECK(tests::aborts([] { MerkleTree({}); }));
  CHECK(tests::aborts([] { tree_of(3).proof(std::vector<std::uint32_t>{3}); }));
  CHECK(tests::aborts([] { tree_of(3).proof(std::vector<std::uint32_t>{1, 1}); }));
}

}  // namespace
}  // namespace fedspend
