#include "common/crypto/merkle_hash.h"

#include <sodium.h>

#include <algorithm>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {

Hash256 merkle_leaf_hash(ByteSpan contents) {
  initialize_crypto();
  const std::uint8_t prefix = 0x00;
  Hash256 digest;
  crypto_generichash_state state;
  FEDSPEND_CHECK(crypto_generichash_init(&state, nullptr, 0, digest.size()) == 0, "BLAKE2b starts");
  FEDSPEND_CHECK(crypto_generichash_update(&state, &prefix, 1) == 0, "BLAKE2b accepts input");
  if (!contents.empty()) FEDSPEND_CHECK(crypto_generichash_update(&state, contents.data(), contents.size()) == 0, "BLAKE2b accepts input");
  FEDSPEND_CHECK(crypto_generichash_final(&state, digest.data(), digest.size()) == 0, "BLAKE2b ends");
  return digest;
}

Hash256 merkle_node_hash(const Hash256& left, const Hash256& right) {
  initialize_crypto();
  std::array<std::uint8_t, 65> input;
  input.front() = 0x01;
  std::ranges::copy(left, input.begin() + 1);
  std::ranges::copy(right, input.begin() + 33);
  Hash256 digest;
  FEDSPEND_CHECK(crypto_generichash(digest.data(), digest.size(), input.data(), input.size(), nullptr, 0) == 0, "BLAKE2b hashes");
  return digest;
}

}  // namespace fedspend
