#include "common/crypto/hash.h"

#include <sodium.h>

#include "common/check.h"
#include "common/crypto/random.h"
#include "common/crypto/secret.h"

namespace fedspend {
namespace {

constexpr std::string_view kPrefix = "fedspend/v1/";

}  // namespace

struct Hasher::State {
  crypto_generichash_state blake{};
  bool finished = false;

  ~State() { sodium_memzero(&blake, sizeof blake); }

  void append(ByteSpan bytes) {
    FEDSPEND_CHECK(!finished, "a hash is finished once");
    if (bytes.empty()) return;  // an empty span may have no address
    FEDSPEND_CHECK(crypto_generichash_update(&blake, bytes.data(), bytes.size()) == 0, "BLAKE2b accepts input");
  }
  void append_length(std::size_t length) {
    std::array<std::uint8_t, 8> bytes;
    store_u64(bytes, length);
    append(bytes);
  }
};

Hasher::Hasher(std::string_view label) : state_(std::make_unique<State>()) {
  initialize_crypto();
  FEDSPEND_CHECK(crypto_generichash_init(&state_->blake, nullptr, 0, std::tuple_size_v<Hash256>) == 0, "BLAKE2b starts");
  state_->append_length(kPrefix.size() + label.size());
  state_->append(as_bytes(kPrefix));
  state_->append(as_bytes(label));
}

Hasher::~Hasher() = default;

Hasher& Hasher::field(ByteSpan bytes) {
  state_->append_length(bytes.size());
  state_->append(bytes);
  return *this;
}

Hasher& Hasher::u8(std::uint8_t value) { return field(ByteSpan(&value, 1)); }

Hasher& Hasher::u32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes;
  store_u32(bytes, value);
  return field(bytes);
}

Hasher& Hasher::u64(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  store_u64(bytes, value);
  return field(bytes);
}

Hash256 Hasher::finish() {
  FEDSPEND_CHECK(!state_->finished, "a hash is finished once");
  Hash256 digest;
  FEDSPEND_CHECK(crypto_generichash_final(&state_->blake, digest.data(), digest.size()) == 0, "BLAKE2b ends");
  state_->finished = true;
  return digest;
}

}  // namespace fedspend
