#include "common/crypto/merkle_hash.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace fedspend {
namespace {

// hashlib.blake2b(b'\0' + contents, digest_size=32), and b'\1' + left + right, of Python's standard library.
TEST_CASE("leaves and nodes are BLAKE2b-256 with their prefixes") {
  CHECK(to_hex(merkle_leaf_hash({})) == "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314");
  CHECK(to_hex(merkle_leaf_hash(as_bytes("abc"))) == "4b44b5a5f9e6fafead231e4d609a8e88053a6053c087b68e24e31faf0fb8dfe7");
  Hash256 left, right;
  left.fill(0x11);
  right.fill(0x22);
  CHECK(to_hex(merkle_node_hash(left, right)) == "da49cb31db2893bfb633ce0c94548e2f0dbf3f7fd33a0d9fc6c2ef1b92f6db5e");
}

TEST_CASE("a node is not the leaf that holds its children") {
  Hash256 left, right;
  left.fill(0x11);
  right.fill(0x22);
  Bytes both(left.size() + right.size(), 0x22);
  std::fill_n(both.begin(), left.size(), std::uint8_t{0x11});
  CHECK(merkle_node_hash(left, right) != merkle_leaf_hash(both));
  CHECK(merkle_node_hash(left, right) != merkle_node_hash(right, left));
}

}  // namespace
}  // namespace fedspend
