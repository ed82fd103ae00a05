#pragma once
// The two hashes of a Merkle tree (SECAGG.md, "Keys"; RFC 9162, section 2.1.1, with BLAKE2b-256 in place of SHA-256):
//   leaf  BLAKE2b-256(0x00 || contents)        node  BLAKE2b-256(0x01 || left || right)
// The prefixes keep a node from being passed for a leaf. Thread-safe (no state).

#include "common/bytes.h"
#include "common/crypto/hash.h"

namespace fedspend {

Hash256 merkle_leaf_hash(ByteSpan contents);
Hash256 merkle_node_hash(const Hash256& left, const Hash256& right);

}  // namespace fedspend
