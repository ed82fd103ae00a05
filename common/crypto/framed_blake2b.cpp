#include "common/crypto/framed_blake2b.h"

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {
namespace {

constexpr std::string_view kPrefix = "fedspend/v1/";

}  // namespace

FramedBlake2b::FramedBlake2b(std::string_view label, ByteSpan key) {
  initialize_crypto();
  FEDSPEND_CHECK(crypto_generichash_init(&blake_, key.empty() ? nullptr : key.data(), key.size(), 32) == 0, "BLAKE2b starts");
  append_length(kPrefix.size() + label.size());
  append(as_bytes(kPrefix));
  append(as_bytes(label));
}

FramedBlake2b::~FramedBlake2b() { sodium_memzero(&blake_, sizeof blake_); }

void FramedBlake2b::field(ByteSpan bytes) {
  append_length(bytes.size());
  append(bytes);
}

void FramedBlake2b::finish(std::span<std::uint8_t, 32> digest) {
  FEDSPEND_CHECK(!finished_, "a hash is finished once");
  FEDSPEND_CHECK(crypto_generichash_final(&blake_, digest.data(), digest.size()) == 0, "BLAKE2b ends");
  finished_ = true;
}

void FramedBlake2b::append(ByteSpan bytes) {
  FEDSPEND_CHECK(!finished_, "a hash is finished once");
  if (bytes.empty()) return;  // an empty span may have no address
  FEDSPEND_CHECK(crypto_generichash_update(&blake_, bytes.data(), bytes.size()) == 0, "BLAKE2b accepts input");
}

void FramedBlake2b::append_length(std::size_t length) {
  std::array<std::uint8_t, 8> bytes;
  store_u64(bytes, length);
  append(bytes);
}

}  // namespace fedspend
